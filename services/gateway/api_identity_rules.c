/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which identifiers become persons: shown, changed, tried out. Identity owns them, and says what is wrong with others. */
#include "services/gateway/api.h"

#include <stdlib.h>
#include <string.h>

#define DRY_RUN "identity_rules.dry_run"

/* The body as it goes on; the call's. */
static int body_document(struct api_call *call, ProtobufCBinaryData *ret_document)
{
    size_t size;
    char *text = yyjson_val_write(call->body, 0, &size);
    if (!text)
        return -QY_ENOMEM;
    ret_document->data = arena_copy(call->arena, text, size);
    ret_document->len = size;
    free(text);
    return ret_document->data ? 0 : -QY_ENOMEM;
}

/* Members behind those of a document: it ends with its bracket. */
static void continue_object(struct api_call *call, const ProtobufCBinaryData *document)
{
    buffer_append(&call->out, document->data, document->len ? document->len - 1 : 0);
}

/* -- what holds -- */

static int show_rules(struct api_call *call, const Quanyu__RulesReply *rules)
{
    continue_object(call, &rules->document);
    struct json json = json_to(&call->out);
    json.comma = true;
    json_field_unsigned(&json, "version", rules->version);
    json_field_text(&json, "state", rules->applying ? "applying" : "applied");
    json_name(&json, "progress");
    json_decimal(&json, rules->all ? (double)rules->done / (double)rules->all : 1);
    json_close(&json, '}');
    api_write_version(call, rules->version);
    return 0;
}

int identity_rules_show(struct api_call *call)
{
    Quanyu__RulesRequest question = QUANYU__RULES_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_RULES;
    request.rules = &question;
    int error = api_ask_identity(call, &request, &reply);
    return error ? error : show_rules(call, reply->rules);
}

/* That it was done is an act in identity's journal. */
int identity_rules_change(struct api_call *call)
{
    Quanyu__RulesRequest change = QUANYU__RULES_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    int error = api_read_version(call, &change.version);
    if (!error)
        error = body_document(call, &change.document);
    if (!error)
        error = api_need_audit(call);
    if (error)
        return error;
    change.whichever = change.version == 0;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_CHANGE_RULES;
    request.change_rules = &change;
    error = api_ask_identity(call, &request, &reply);
    return error ? error : show_rules(call, reply->change_rules);
}

/* -- what others would make -- */

static int record_examples(struct api_call *call, const Quanyu__DryRunReply *run)
{
    size_t count = 0;
    for (size_t i = 0; i < run->n_examples; i++)
        count += run->examples[i]->n_before;
    uint32_t *numbers = arena_alloc(call->arena, (count + 1) * sizeof(*numbers));
    char **one_ids = arena_alloc(call->arena, (count + 1) * sizeof(*one_ids));
    if (!numbers || !one_ids)
        return -QY_ENOMEM;
    count = 0;
    for (size_t i = 0; i < run->n_examples; i++)
        for (size_t k = 0; k < run->examples[i]->n_before; k++) {
            numbers[count] = run->examples[i]->before[k];
            one_ids[count++] = run->examples[i]->before_one_ids[k];
        }
    return api_record_page(call, DRY_RUN, numbers, one_ids, count);
}

static void write_example(struct json *json, const Quanyu__DryRunReply__Example *example)
{
    json_open(json, '{');
    json_name(json, "before");
    json_open(json, '[');
    for (size_t i = 0; i < example->n_before_one_ids; i++)
        json_text(json, example->before_one_ids[i]);
    json_close(json, ']');
    json_name(json, "after");
    json_open(json, '[');
    for (size_t i = 0; i < example->n_identifiers; i++) {
        json_open(json, '{');
        json_field_unsigned(json, "identifiers", example->identifiers[i]);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void write_figures(struct json *json, const Quanyu__DryRunReply *run)
{
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {{"identifiers_done", run->done}, {"identifiers", run->all},
        {"persons", run->persons_before}, {"persons_then", run->persons_after}, {"joins", run->joins},
        {"splits", run->splits}, {"identifiers_moved", run->moved}};
    for (size_t i = 0; i < COUNT_OF(figures); i++)
        json_field_unsigned(json, figures[i].name, figures[i].value);
}

static int show_dry_run(struct api_call *call, const Quanyu__DryRunReply *run)
{
    int error = record_examples(call, run);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "state", run->state);
    json_name(&json, "rules");
    json_raw(&json, run->document.data, run->document.len, "null");
    write_figures(&json, run);
    json_name(&json, "examples");
    json_open(&json, '[');
    for (size_t i = 0; i < run->n_examples; i++)
        write_example(&json, run->examples[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    return 0;
}

static int ask_dry_run(struct api_call *call, Quanyu__DryRunRequest *question)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DRY_RUN;
    request.dry_run = question;
    int error = api_ask_identity(call, &request, &reply);
    return error ? error : show_dry_run(call, reply->dry_run);
}

int identity_dry_run_begin(struct api_call *call)
{
    Quanyu__DryRunRequest question = QUANYU__DRY_RUN_REQUEST__INIT;
    int error = body_document(call, &question.document);
    if (!error)
        error = ask_dry_run(call, &question);
    if (!error)
        call->status = 202;
    return error;
}

int identity_dry_run_show(struct api_call *call)
{
    Quanyu__DryRunRequest question = QUANYU__DRY_RUN_REQUEST__INIT;
    return ask_dry_run(call, &question);
}

int identity_dry_run_cancel(struct api_call *call)
{
    Quanyu__DryRunRequest question = QUANYU__DRY_RUN_REQUEST__INIT;
    question.cancel = true;
    return ask_dry_run(call, &question);
}
