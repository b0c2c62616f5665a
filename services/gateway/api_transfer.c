/* SPDX-License-Identifier: Apache-2.0 */
/* Many people's home unit and guide at once, and the rules of bindings. */
#include "common/clock.h"
#include "common/rule_shape.h"
#include "services/gateway/api.h"
#include "services/gateway/api_binding.h"
#include "services/gateway/disclosure.h"
#include "services/gateway/organisation.h"
#include "services/gateway/rule_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERSONS_MAX 1000u

static int ask(struct api_call *call, Quanyu__TaggingRequest *request, Quanyu__TaggingReply **ret_reply)
{
    ProtobufCMessage *reply;
    int error = api_ask(call, "tagging", &request->base, &quanyu__tagging_reply__descriptor, &reply);
    if (!error)
        *ret_reply = (Quanyu__TaggingReply *)reply;
    return error;
}

/* -- from, to -- */

static int read_object(
    struct api_call *call, const char *name, const char *const *members, yyjson_val **ret_object)
{
    *ret_object = yyjson_obj_get(call->body, name);
    if (!yyjson_is_obj(*ret_object))
        return api_refuse(call, -QY_EINVAL, name, "must be an object");
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(*ret_object, index, count, key, value)
    {
        bool known = false;
        for (size_t i = 0; members[i]; i++)
            known |= yyjson_equals_str(key, members[i]);
        if (!known)
            return api_refuse(call, -QY_EINVAL, name, "has a member that is not known");
    }
    return 0;
}

static int read_persons(struct api_call *call, yyjson_val *list, Quanyu__TransferRequest *transfer)
{
    Quanyu__NumbersRequest question = QUANYU__NUMBERS_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    ProtobufCMessage *reply;
    size_t index, count, size = yyjson_arr_size(list);
    yyjson_val *one_id;
    if (!yyjson_is_arr(list) || size == 0 || size > PERSONS_MAX)
        return api_refuse(call, -QY_EINVAL, "from/persons", "must be a list of 1 to %u One IDs", PERSONS_MAX);
    question.one_ids = arena_alloc(call->arena, size * sizeof(char *));
    if (!question.one_ids)
        return -QY_ENOMEM;
    yyjson_arr_foreach(list, index, count, one_id)
    {
        if (!yyjson_is_str(one_id))
            return api_refuse(call, -QY_EINVAL, "from/persons", "must hold One IDs alone");
        question.one_ids[question.n_one_ids++] = (char *)(uintptr_t)yyjson_get_str(one_id);
    }
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_NUMBERS;
    request.numbers = &question;
    int error = api_ask(call, "identity", &request.base, &quanyu__identity_reply__descriptor, &reply);
    if (error == -QY_ENOTFOUND && call->error_field && strncmp(call->error_field, "one_ids", 7) == 0)
        return api_refuse(call, error, arena_printf(call->arena, "from/persons%s", call->error_field + 7),
            "there is no such person");
    if (error)
        return error;
    transfer->persons = ((Quanyu__IdentityReply *)reply)->numbers->persons;
    transfer->n_persons = ((Quanyu__IdentityReply *)reply)->numbers->n_persons;
    return 0;
}

static int read_rule(struct api_call *call, yyjson_val *rule, ProtobufCBinaryData *ret_rule)
{
    size_t size;
    int error = rule_names_resolve(call, rule, "/from/rule");
    if (error)
        return error;
    _cleanup_(free_pointer) char *text = rule ? yyjson_val_write(rule, 0, &size) : NULL;
    if (!rule)
        return 0;
    ret_rule->data = text ? arena_copy(call->arena, text, size) : NULL;
    ret_rule->len = size;
    return ret_rule->data ? 0 : -QY_ENOMEM;
}

static int read_from(struct api_call *call, Quanyu__TransferRequest *transfer)
{
    static const char *const members[] = {"guide", "unit", "rule", "persons", NULL};
    yyjson_val *from;
    int error = read_object(call, "from", members, &from);
    if (!error && yyjson_obj_size(from) != 1)
        error = api_refuse(call, -QY_EINVAL, "from", "give one of guide, unit, rule and persons");
    if (!error)
        error = binding_unit(call, yyjson_obj_get(from, "unit"), "from/unit", &transfer->from_unit);
    if (!error)
        error = binding_staff(call, yyjson_obj_get(from, "guide"), "from/guide", &transfer->from_guide);
    if (!error)
        error = read_rule(call, yyjson_obj_get(from, "rule"), &transfer->rule);
    if (!error && yyjson_obj_get(from, "persons"))
        error = read_persons(call, yyjson_obj_get(from, "persons"), transfer);
    return error;
}

static int read_to(struct api_call *call, Quanyu__TransferRequest *transfer)
{
    static const char *const members[] = {"guide", "unit", NULL};
    yyjson_val *to;
    int error = read_object(call, "to", members, &to);
    if (!error)
        error = binding_unit(call, yyjson_obj_get(to, "unit"), "to/unit", &transfer->unit);
    if (!error)
        error = binding_staff(call, yyjson_obj_get(to, "guide"), "to/guide", &transfer->guide);
    if (!error && !transfer->unit && !transfer->guide)
        error = api_refuse(call, -QY_EINVAL, "to", "give a unit, a guide or both");
    return error;
}

/* -- transfers -- */

#define TRANSFER_ID_BYTES 16
static void write_transfer(struct api_call *call, const Quanyu__Transfer *transfer)
{
    char id[TRANSFER_ID_BYTES], unit[UNIT_ID_BYTES], guide[STAFF_ID_BYTES];
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    if (transfer->number) {
        snprintf(id, sizeof(id), "bt_%" PRIu32, transfer->number);
        json_field_text(&json, "id", id);
        json_field_text(&json, "state", transfer->ended_ms ? "done" : "running");
    }
    json_field_text(&json, "unit", unit_id(transfer->unit, unit));
    json_field_optional(&json, "guide", transfer->guide ? staff_id(transfer->guide, guide) : "");
    json_field_text(&json, "reason", transfer->reason);
    json_field_unsigned(&json, "found", transfer->found);
    json_field_unsigned(&json, "done", transfer->done);
    json_field_unsigned(&json, "moved", transfer->moved);
    if (transfer->started_ms)
        json_field_time(&json, "started_at", transfer->started_ms);
    if (transfer->ended_ms)
        json_field_time(&json, "ended_at", transfer->ended_ms);
    json_close(&json, '}');
}

static int show(struct api_call *call, const Quanyu__Transfer *transfer)
{
    const char *detail = arena_printf(call->arena, "{\"transfer\":%" PRIu32 "}", transfer->number);
    int error = api_record_count(call, "binding.transfer", transfer->found, detail);
    if (!error)
        write_transfer(call, transfer);
    return error;
}

/* Whom it takes: the rule without its operands, of persons how many. */
static char *rule_on_record(struct api_call *call, const Quanyu__TransferRequest *asked)
{
    char unit[UNIT_ID_BYTES], guide[STAFF_ID_BYTES];
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    if (asked->from_guide)
        json_field_text(&json, "guide", staff_id(asked->from_guide, guide));
    if (asked->n_persons)
        json_field_unsigned(&json, "persons", asked->n_persons);
    if (asked->rule.len) {
        json_name(&json, "rule");
        rule_write_shape(&json, yyjson_obj_get(yyjson_obj_get(call->body, "from"), "rule"));
    }
    if (asked->from_unit)
        json_field_text(&json, "unit", unit_id(asked->from_unit, unit));
    json_close(&json, '}');
    return buffer_error(&text) ? NULL : arena_text(call->arena, (const char *)text.data, text.size);
}

static int record_begun(
    struct api_call *call, const Quanyu__TransferRequest *asked, const Quanyu__Transfer *transfer)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)"binding.transfer";
    record.count = transfer->found;
    record.purpose = asked->reason;
    record.rule = rule_on_record(call, asked);
    record.detail = arena_printf(call->arena, "{\"transfer\":%" PRIu32 "}", transfer->number);
    if (!record.rule || !record.detail)
        return -QY_ENOMEM;
    return transfer->persons.len ? api_record_set(call, &record, transfer->persons)
                                 : api_record(call, &record);
}

int transfer_begin(struct api_call *call)
{
    Quanyu__TransferRequest transfer = QUANYU__TRANSFER_REQUEST__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TaggingReply *reply;
    const char *reason;
    bool dry_run;
    if (!disclosure_of(call->permissions).persons)
        return api_refuse(
            call, -QY_EDENIED, NULL, "takes person.read, too: it tells how many people there are");
    int error = api_text(call, "reason", true, &reason);
    if (!error)
        error = api_boolean(call, "dry_run", false, &dry_run);
    if (!error)
        error = read_from(call, &transfer);
    if (!error)
        error = read_to(call, &transfer);
    if (!error)
        error = api_need_audit(call);
    if (error)
        return error;
    transfer.reason = (char *)(uintptr_t)reason;
    transfer.dry_run = dry_run;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_TRANSFER;
    request.transfer = &transfer;
    error = ask(call, &request, &reply);
    if (error)
        return error;
    call->status = dry_run || reply->transfer->ended_ms ? 200 : 202;
    error = record_begun(call, &transfer, reply->transfer);
    if (!error)
        write_transfer(call, reply->transfer);
    return error;
}

int transfer_show(struct api_call *call)
{
    Quanyu__ShowTransferRequest question = QUANYU__SHOW_TRANSFER_REQUEST__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TaggingReply *reply;
    char id[TRANSFER_ID_BYTES];
    const char *asked = call->parameters[0];
    unsigned long number = strncmp(asked, "bt_", 3) == 0 ? strtoul(asked + 3, NULL, 10) : 0;
    snprintf(id, sizeof(id), "bt_%" PRIu32, (uint32_t)number);
    bool told = disclosure_of(call->permissions).persons;
    if (!told || number == 0 || number > UINT32_MAX || strcmp(id, asked) != 0)
        return api_refuse(call, -QY_ENOTFOUND, "id", "there is no such transfer");
    question.number = (uint32_t)number;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_SHOW_TRANSFER;
    request.show_transfer = &question;
    int error = ask(call, &request, &reply);
    return error ? error : show(call, reply->show_transfer);
}

/* -- rules -- */

static const char *const founders[] = {"contact", "purchase"};
static const char *const elsewhere[] = {"keep", "move_unit", "move_both"};

static int read_choice(
    struct api_call *call, const char *name, const char *const *choices, size_t count, size_t *ret_choice)
{
    const char *text;
    int error = api_text(call, name, true, &text);
    for (size_t i = 0; !error && i < count; i++)
        if (strcmp(text, choices[i]) == 0) {
            *ret_choice = i;
            return 0;
        }
    return error ? error
                 : api_refuse(call, -QY_EINVAL, name, "must be %s%s%s", choices[0],
                       count > 2 ? ", move_unit or " : " or ", choices[count - 1]);
}

static int read_keeps(struct api_call *call, int64_t *ret_ms)
{
    yyjson_val *value = yyjson_obj_get(call->body, "guide_keeps_for");
    *ret_ms = 0;
    if (yyjson_is_null(value))
        return 0;
    if (yyjson_is_str(value) && duration_parse(yyjson_get_str(value), yyjson_get_len(value), ret_ms) &&
        *ret_ms > 0)
        return 0;
    return api_refuse(call, -QY_EINVAL, "guide_keeps_for", "must be a duration as 180d, or null: for ever");
}

static int read_rules(struct api_call *call, Quanyu__BindingRules *rules)
{
    size_t unit = 0, guide = 0, away = 0;
    bool outranks;
    int error = read_choice(call, "unit_from", founders, COUNT_OF(founders), &unit);
    if (!error)
        error = read_choice(call, "guide_from", founders, COUNT_OF(founders), &guide);
    if (!error)
        error = read_choice(call, "purchase_elsewhere", elsewhere, COUNT_OF(elsewhere), &away);
    if (!error && !yyjson_obj_get(call->body, "purchase_outranks_contact"))
        error = api_refuse(call, -QY_EINVAL, "purchase_outranks_contact", "is required");
    if (!error)
        error = api_boolean(call, "purchase_outranks_contact", false, &outranks);
    if (!error)
        error = read_keeps(call, &rules->guide_keeps_ms);
    if (!error)
        error = api_read_version(call, &rules->version);
    if (error)
        return error;
    rules->unit_by_purchase = unit != 0;
    rules->guide_by_purchase = guide != 0;
    rules->purchase_outranks = outranks;
    rules->elsewhere = (Quanyu__BindingRules__Elsewhere)away;
    return 0;
}

static void write_keeps(struct json *json, int64_t ms)
{
    static const struct {
        int64_t ms;
        char letter;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
    char text[32];
    json_name(json, "guide_keeps_for");
    snprintf(text, sizeof(text), "%" PRId64 "ms", ms);
    for (size_t i = COUNT_OF(units); i > 0; i--)
        if (ms % units[i - 1].ms == 0)
            snprintf(text, sizeof(text), "%" PRId64 "%c", ms / units[i - 1].ms, units[i - 1].letter);
    if (ms)
        json_text(json, text);
    else
        json_null(json);
}

static int show_rules(struct api_call *call, const Quanyu__BindingRules *rules)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "unit_from", founders[rules->unit_by_purchase != 0]);
    json_field_text(&json, "guide_from", founders[rules->guide_by_purchase != 0]);
    json_field_bool(&json, "purchase_outranks_contact", rules->purchase_outranks);
    json_field_text(&json, "purchase_elsewhere",
        (size_t)rules->elsewhere < COUNT_OF(elsewhere) ? elsewhere[rules->elsewhere] : "");
    write_keeps(&json, rules->guide_keeps_ms);
    json_field_unsigned(&json, "version", rules->version);
    if (rules->since_ms)
        json_field_time(&json, "since", rules->since_ms);
    json_close(&json, '}');
    api_write_version(call, rules->version);
    return 0;
}

int binding_rules_show(struct api_call *call)
{
    Quanyu__BindingRulesRequest question = QUANYU__BINDING_RULES_REQUEST__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TaggingReply *reply;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_BINDING_RULES;
    request.binding_rules = &question;
    int error = ask(call, &request, &reply);
    return error ? error : show_rules(call, reply->binding_rules);
}

int binding_rules_change(struct api_call *call)
{
    Quanyu__BindingRules rules = QUANYU__BINDING_RULES__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TaggingReply *reply;
    int error = read_rules(call, &rules);
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_SET_BINDING_RULES;
    request.set_binding_rules = &rules;
    if (!error)
        error = ask(call, &request, &reply);
    return error ? error : show_rules(call, reply->set_binding_rules);
}
