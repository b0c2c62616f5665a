/* SPDX-License-Identifier: Apache-2.0 */
/* Likely duplicates: a search is started and looked at, its pairs are listed, and dismissed. Each look at pairs is on record. */
#include "services/gateway/disclosure.h"
#include "services/gateway/identity_json.h"
#include "services/gateway/identity_ref.h"
#include "services/gateway/purpose.h"
#include "services/gateway/visible_page.h"

#include <inttypes.h>
#include <string.h>

#define PAIR_ID_BYTES 32
#define TIE '~' /* between the two One IDs of a pair */

/* -- searches -- */

static void write_model(struct json *json, const Quanyu__DuplicateModel *model)
{
    json_open(json, '{');
    json_name(json, "prior");
    json_decimal(json, model->prior);
    json_field_unsigned(json, "pairs", model->pairs);
    json_name(json, "fields");
    json_open(json, '[');
    for (size_t i = 0; i < model->n_fields; i++) {
        json_open(json, '{');
        json_field_text(json, "name", model->fields[i]->name);
        json_name(json, "levels");
        json_open(json, '[');
        for (size_t k = 0; k < model->fields[i]->n_levels; k++) {
            const Quanyu__DuplicateModel__Level *level = model->fields[i]->levels[k];
            json_open(json, '{');
            json_field_text(json, "level", level->name);
            json_name(json, "m");
            json_decimal(json, level->m);
            json_name(json, "u");
            json_decimal(json, level->u);
            json_name(json, "weight");
            json_decimal(json, level->weight);
            json_close(json, '}');
        }
        json_close(json, ']');
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void write_run(struct json *json, const Quanyu__DuplicateRun *run)
{
    if (!run) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    json_field_number(json, "number", run->number);
    json_field_time(json, "begun_at", run->begun_ms);
    json_field_time(json, "ended_at", run->ended_ms);
    json_field_unsigned(json, "persons", run->persons);
    json_field_unsigned(json, "comparisons", run->comparisons);
    json_field_unsigned(json, "found", run->found);
    json_field_unsigned(json, "blocks_passed_over", run->passed_over);
    json_field_bool(json, "complete", run->complete);
    json_field_optional(json, "error", run->error);
    if (run->model) {
        json_name(json, "model");
        write_model(json, run->model);
    }
    json_close(json, '}');
}

static void write_progress(struct api_call *call, const Quanyu__DuplicateProgress *progress)
{
    struct json json = json_to(&call->out);
    bool runs = strcmp(progress->state, "running") == 0;
    json_open(&json, '{');
    json_field_text(&json, "state", progress->state);
    if (progress->number) {
        json_field_number(&json, "number", progress->number);
        json_field_time(&json, "asked_at", progress->asked_ms);
    }
    if (runs) {
        json_field_text(&json, "phase", progress->phase);
        json_field_unsigned(&json, "persons", progress->persons);
        json_field_unsigned(&json, "persons_read", progress->persons_read);
        json_field_unsigned(&json, "comparisons", progress->comparisons);
        json_name(&json, "share");
        json_decimal(&json, progress->share);
        json_field_unsigned(&json, "found", progress->found);
    }
    json_name(&json, "ended");
    write_run(&json, progress->ended);
    json_close(&json, '}');
}

int duplicate_search_start(struct api_call *call)
{
    Quanyu__DuplicateSearchRequest question = QUANYU__DUPLICATE_SEARCH_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DUPLICATE_SEARCH;
    request.duplicate_search = &question;
    int error = api_need_audit(call);
    if (!error)
        error = api_ask_identity(call, &request, &reply);
    if (!error)
        error = api_record_count(call, "identity.duplicates.search", 0, "");
    if (error)
        return error;
    call->status = 202;
    write_progress(call, reply->duplicate_search);
    return 0;
}

int duplicate_search_show(struct api_call *call)
{
    Quanyu__DuplicateProgressRequest question = QUANYU__DUPLICATE_PROGRESS_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DUPLICATE_PROGRESS;
    request.duplicate_progress = &question;
    int error = api_ask_identity(call, &request, &reply);
    if (!error)
        write_progress(call, reply->duplicate_progress);
    return error;
}

/* -- pairs -- */

static void write_person(struct json *json, const Quanyu__PersonView *person, bool personal)
{
    json_open(json, '{');
    json_field_text(json, "one_id", person->one_id);
    if (personal) {
        identity_json_identifiers(json, "identifiers", person->identifiers, person->n_identifiers, personal);
        json_name(json, "traits");
        json_raw(json, person->traits.data, person->traits.len, "{}");
    }
    json_close(json, '}');
}

static void write_pair(struct json *json, const Quanyu__DuplicatesReply__Pair *pair, bool personal)
{
    char id[PAIR_ID_BYTES];
    snprintf(id, sizeof(id), "%s%c%s", pair->one->one_id, TIE, pair->other->one_id);
    json_open(json, '{');
    json_field_text(json, "id", id);
    json_name(json, "score");
    json_decimal(json, pair->score);
    json_name(json, "probability");
    json_decimal(json, pair->probability);
    json_name(json, "fields");
    json_open(json, '[');
    for (size_t i = 0; i < pair->n_fields; i++) {
        json_open(json, '{');
        json_field_text(json, "name", pair->fields[i]->name);
        json_field_text(json, "level", pair->fields[i]->level);
        json_name(json, "weight");
        json_decimal(json, pair->fields[i]->weight);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_name(json, "persons");
    json_open(json, '[');
    write_person(json, pair->one, personal);
    write_person(json, pair->other, personal);
    json_close(json, ']');
    json_close(json, '}');
}

static int ask_pairs(
    struct api_call *call, Quanyu__DuplicatesRequest *question, const Quanyu__DuplicatesReply **ret_page)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    question->personal = disclosure_of(call->permissions).personal;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DUPLICATES;
    request.duplicates = question;
    int error = api_ask_identity(call, &request, &reply);
    if (!error)
        *ret_page = reply->duplicates;
    return error;
}

/* Pairs of which the caller may see both. */
struct pair_page {
    struct visible_page page;
    const Quanyu__DuplicatesReply *last;
    const Quanyu__DuplicatesReply__Pair **pairs;
    size_t count;
    struct persons persons;
};

static int ask_pair_page(struct visible_page *page, uint64_t cursor, uint32_t limit)
{
    struct pair_page *own = (struct pair_page *)page;
    Quanyu__DuplicatesRequest question = QUANYU__DUPLICATES_REQUEST__INIT;
    struct visible visible;
    question.after = cursor;
    question.limit = limit;
    int error = ask_pairs(page->call, &question, &own->last);
    if (!error)
        error = visible_page_rows(page, own->last->n_pairs, own->last->next);
    uint32_t *numbers =
        error ? NULL : arena_alloc(page->call->arena, (2 * page->count + 1) * sizeof(*numbers));
    if (!numbers)
        return error ? error : -QY_ENOMEM;
    for (size_t i = 0; i < page->count; i++) {
        numbers[2 * i] = own->last->pairs[i]->one->person;
        numbers[2 * i + 1] = own->last->pairs[i]->other->person;
    }
    error = visible_find(page->call, numbers, 2 * page->count, &visible);
    for (size_t i = 0; !error && i < page->count; i++)
        page->seen[i] = visible_has(&visible, numbers[2 * i]) && visible_has(&visible, numbers[2 * i + 1]);
    return error;
}

static void take_pair(struct visible_page *page, size_t row)
{
    struct pair_page *own = (struct pair_page *)page;
    const Quanyu__DuplicatesReply__Pair *pair = own->last->pairs[row];
    own->pairs[own->count++] = pair;
    persons_add(&own->persons, pair->one->person, pair->one->one_id);
    persons_add(&own->persons, pair->other->person, pair->other->one_id);
}

int duplicate_list(struct api_call *call)
{
    char next[API_CURSOR_BYTES];
    struct pair_page own = {.page = {.ask = ask_pair_page, .take = take_pair, .call = call}};
    uint32_t limit;
    uint64_t cursor, after;
    int error = api_limit(call, &limit);
    if (!error)
        error = api_cursor(call, &cursor);
    if (!error)
        error = persons_make(call, 2 * (size_t)limit, &own.persons);
    own.pairs = error ? NULL : arena_alloc(call->arena, (limit + 1) * sizeof(void *));
    if (!own.pairs)
        return error ? error : -QY_ENOMEM;
    error = visible_page_fill(&own.page, cursor, limit, &after);
    if (!error)
        error = api_record_page(
            call, "identity.duplicates", own.persons.numbers, own.persons.one_ids, own.persons.count);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open_page(&json, "duplicates");
    for (size_t i = 0; i < own.count; i++)
        write_pair(&json, own.pairs[i], disclosure_of(call->permissions).personal);
    json_close_page(&json, api_next_cursor(after, next));
    return 0;
}

/* -- dismissing -- */

static int refuse_pair(struct api_call *call)
{
    return api_refuse(call, -QY_ENOTFOUND, "id", "there is no such pair of persons");
}

/* The One IDs in a pair's id, of persons whom the caller may see. */
static int read_pair(struct api_call *call, char **ret_one, char **ret_other)
{
    const char *id = call->parameters[0], *tie = strchr(id, TIE);
    if (!tie)
        return refuse_pair(call);
    *ret_one = arena_text(call->arena, id, (size_t)(tie - id));
    *ret_other = arena_text(call->arena, tie + 1, strlen(tie + 1));
    return *ret_one && *ret_other ? 0 : -QY_ENOMEM;
}

static int find_numbers(struct api_call *call, char *one_ids[2], const uint32_t **ret_numbers)
{
    Quanyu__NumbersRequest question = QUANYU__NUMBERS_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    question.n_one_ids = 2;
    question.one_ids = one_ids;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_NUMBERS;
    request.numbers = &question;
    int error = api_ask_identity(call, &request, &reply);
    if (error == -QY_ENOTFOUND)
        return refuse_pair(call);
    if (!error && reply->numbers->n_persons != 2)
        error = -QY_ECORRUPT;
    if (!error)
        *ret_numbers = reply->numbers->persons;
    return error;
}

static int check_scope(struct api_call *call, char *one_ids[2])
{
    const uint32_t *numbers = NULL;
    struct visible visible;
    int error = find_numbers(call, one_ids, &numbers);
    if (!error)
        error = visible_find(call, numbers, 2, &visible);
    if (error)
        return error;
    bool both = visible_has(&visible, numbers[0]) && visible_has(&visible, numbers[1]);
    return both ? 0 : refuse_pair(call);
}

static int record_dismissal(
    struct api_call *call, const char *reason, const Quanyu__DuplicateDismissal *dismissal)
{
    uint32_t numbers[] = {dismissal->one_person, dismissal->other_person};
    char *one_ids[] = {dismissal->one_one_id, dismissal->other_one_id};
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)"identity.duplicates.dismiss";
    record.outcome = (char *)"ok";
    record.purpose = (char *)(uintptr_t)reason;
    record.n_persons = record.n_numbers = record.count = 2;
    record.persons = one_ids;
    record.numbers = numbers;
    return api_record(call, &record);
}

static void write_dismissal(struct api_call *call, const Quanyu__DuplicateDismissal *dismissal)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_name(&json, "persons");
    json_open(&json, '[');
    json_text(&json, dismissal->one_one_id);
    json_text(&json, dismissal->other_one_id);
    json_close(&json, ']');
    json_field_time(&json, "at", dismissal->at_ms);
    identity_json_by(call, &json, dismissal->actor);
    json_field_text(&json, "reason", dismissal->reason);
    json_field_bool(&json, "unchanged", dismissal->unchanged);
    json_close(&json, '}');
}

int duplicate_dismiss(struct api_call *call)
{
    Quanyu__DuplicateDismissRequest question = QUANYU__DUPLICATE_DISMISS_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    const char *reason, *problem;
    char *one_ids[2];
    int error = api_text(call, "reason", true, &reason);
    if (!error && (problem = reason_problem(reason)))
        error = api_refuse(call, -QY_EINVAL, "reason", "%s", problem);
    if (!error)
        error = read_pair(call, &one_ids[0], &one_ids[1]);
    if (!error)
        error = check_scope(call, one_ids);
    if (!error)
        error = api_need_audit(call);
    if (error)
        return error;
    question.one_one_id = one_ids[0];
    question.other_one_id = one_ids[1];
    question.reason = (char *)(uintptr_t)reason;
    question.at_ms = gateway_now_ms(call->gateway);
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DUPLICATE_DISMISS;
    request.duplicate_dismiss = &question;
    error = api_ask_identity(call, &request, &reply);
    if (!error)
        error = record_dismissal(call, reason, reply->duplicate_dismiss);
    if (!error)
        write_dismissal(call, reply->duplicate_dismiss);
    return error;
}
