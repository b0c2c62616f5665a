/* SPDX-License-Identifier: Apache-2.0 */
/* What the API hands to audit: looks before they are answered, and attempts that are refused. */
#include "common/deadline.h"
#include "common/exact_set.h"
#include "common/http_target.h"
#include "common/utf8.h"
#include "proto/identity.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/purpose.h"

#include <stdio.h>
#include <string.h>

#define PURPOSE "X-Purpose"
#define TASK "X-Task"
#define FIELDS_MAX 16
#define ID_LETTERS_MAX 4u
#define ID_DIGITS_MAX 10u

/* -- handing over -- */

static int refuse_unrecorded(struct api_call *call, const char *what, const char *why)
{
    call->error_status = 0;
    call->error_kind = NULL;
    call->audit_away = true;
    return api_refuse(call, -QY_EUNAVAILABLE, NULL,
        "the audit log cannot record this now, so it is not %s (%s)", what, why);
}

static bool is_away(int error)
{
    return error == -QY_EUNAVAILABLE || error == -QY_ETIMEOUT || error == -QY_EFULL ||
           error == -QY_ESTOPPED || error == -QY_ENOMEM;
}

/* As api_ask(), of audit alone: it is given less time, and none while it has just failed. *ret_why is static, or in the arena. That it
 * answers a question does not say that it can record. */
static int ask_audit(struct api_call *call, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *reply_type, bool records, const char **ret_why)
{
    struct audit_gate *gate = &call->gateway->audit_gate;
    struct rpc_call options = {.request_id = http_request_id(call->request),
        .actor = &call->actor,
        .timeout_ms = call->gateway->audit_wait_ms};
    struct rpc_error wrong = {0};
    ProtobufCMessage *reply;
    int64_t entered_ms = monotonic_ms();
    *ret_why = "it has just failed to";
    if (!audit_gate_enter(gate))
        return -QY_EUNAVAILABLE;
    int error = rpc_call(call->client, "audit", &options, request, reply_type, call->arena, &reply, &wrong);
    if (records || is_away(error))
        audit_gate_leave(gate, entered_ms, !is_away(error));
    *ret_why = error == -QY_ETIMEOUT             ? "it does not answer"
               : wrong.message && *wrong.message ? wrong.message
                                                 : error_text(error);
    return error;
}

static void add_fields(const struct api_call *call, Quanyu__AuditRecord *record, char *room[FIELDS_MAX])
{
    const char *const *fields = call->on_record ? call->on_record->fields : NULL;
    if (!fields || record->n_fields || strcmp(record->outcome, "ok") != 0)
        return;
    while (fields[record->n_fields] && record->n_fields < FIELDS_MAX) {
        room[record->n_fields] = (char *)(uintptr_t)fields[record->n_fields];
        record->n_fields++;
    }
    record->fields = room;
}

/* `set`: what record->set_hash names, where it names one. */
static int hand_over(struct api_call *call, Quanyu__AuditRecord *record, ProtobufCBinaryData *set)
{
    char *fields[FIELDS_MAX];
    const char *why;
    record->actor = &call->actor;
    record->request_id = (char *)(uintptr_t)http_request_id(call->request);
    record->service = (char *)"gateway";
    if (!*record->outcome)
        record->outcome = (char *)"ok";
    if (!*record->purpose)
        record->purpose = (char *)(uintptr_t)call->purpose;
    record->purpose = (char *)(uintptr_t)api_recordable(call, record->purpose);
    record->task = (char *)(uintptr_t)call->task;
    add_fields(call, record, fields);
    Quanyu__AppendRequest append = QUANYU__APPEND_REQUEST__INIT;
    append.n_records = 1;
    append.records = &record;
    append.n_sets = set ? 1 : 0;
    append.sets = set;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_APPEND;
    request.append = &append;
    int error = ask_audit(call, &request.base, &quanyu__audit_reply__descriptor, true, &why);
    if (error)
        return refuse_unrecorded(call, "shown", why);
    call->refusal_recorded |= strcmp(record->outcome, "ok") != 0;
    return 0;
}

int api_record(struct api_call *call, Quanyu__AuditRecord *record)
{
    return hand_over(call, record, NULL);
}

int api_record_set(struct api_call *call, Quanyu__AuditRecord *record, ProtobufCBinaryData set)
{
    uint8_t hash[EXACT_SET_HASH_BYTES];
    exact_set_hash((struct bytes){set.data, set.len}, hash);
    record->set_hash = (ProtobufCBinaryData){.data = hash, .len = sizeof(hash)};
    return hand_over(call, record, &set);
}

int api_need_audit(struct api_call *call)
{
    Quanyu__StatusRequest status = QUANYU__STATUS_REQUEST__INIT;
    Quanyu__RuntimeRequest request = QUANYU__RUNTIME_REQUEST__INIT;
    const char *why;
    request.call_case = QUANYU__RUNTIME_REQUEST__CALL_STATUS;
    request.status = &status;
    int error = ask_audit(call, &request.base, &quanyu__runtime_reply__descriptor, false, &why);
    return error ? refuse_unrecorded(call, "done", why) : 0;
}

/* -- what is shown -- */

int api_record_count(struct api_call *call, const char *action, uint64_t persons, const char *detail)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)(uintptr_t)action;
    record.count = persons;
    record.detail = (char *)(uintptr_t)detail;
    return detail ? api_record(call, &record) : -QY_ENOMEM;
}

int api_record_page(
    struct api_call *call, const char *action, uint32_t *numbers, char **one_ids, size_t count)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)(uintptr_t)action;
    record.count = count;
    record.n_persons = count;
    record.persons = one_ids;
    record.n_numbers = count;
    record.numbers = numbers;
    record.detail = (char *)(uintptr_t)(call->parameters[0] ? call->parameters[0] : "");
    return api_record(call, &record);
}

/* -- what is refused -- */

const char *api_outcome(int error)
{
    switch (error) {
    case 0:
        return "ok";
    case -QY_ENOTFOUND:
        return "not_found";
    case -QY_EDENIED:
    case -QY_EUNAUTHENTIC:
        return "denied";
    case -QY_ECONFLICT:
    case -QY_EEXISTS:
        return "conflict";
    case -QY_EOVERTAKEN:
        return "overtaken";
    case -QY_EINVAL:
    case -QY_ETOOLARGE:
        return "invalid";
    case -QY_EUNAVAILABLE:
    case -QY_ETIMEOUT:
        return "unknown";
    default:
        return "failed";
    }
}

/* NULL: no refusal that is put on record. */
static const char *refusal_of(const struct api_call *call, int error)
{
    int status = !error ? call->status : call->error_status ? call->error_status : http_status_of(error);
    switch (status) {
    case 403:
        return call->error_kind ? call->error_kind : "denied";
    case 404:
        return call->hidden ? "denied" : "not_found";
    case 409:
        return "conflict";
    case 412:
        return "overtaken";
    case 422:
        return "invalid";
    case 429:
        return "limited";
    default:
        return error == -QY_ETIMEOUT && !call->audit_away ? "unknown" : NULL;
    }
}

/* "s_7", "st_12": an id of ours, and nothing that somebody may have written in its place. */
static bool is_id(const char *text)
{
    size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    size_t digits = letters && text[letters] == '_' ? strspn(text + letters + 1, "0123456789") : 0;
    return letters <= ID_LETTERS_MAX && digits > 0 && digits <= ID_DIGITS_MAX && !text[letters + 1 + digits];
}

/* The fields of answers are names of members, of parameters, and pointers; in the latter may stand what the caller has written. */
static const char *plain_field(const struct api_call *call)
{
    const char *field = call->error_field;
    return field && *field && !strchr(field, '/') ? field : "";
}

static char *describe(struct api_call *call)
{
    const char *id = call->parameters[0];
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_field_optional(&json, "id", id && is_id(id) ? id : "");
    json_field_optional(&json, "field", plain_field(call));
    json_close(&json, '}');
    return buffer_error(&text) ? NULL : arena_text(call->arena, (const char *)text.data, text.size);
}

/* -- why -- */

static int read_purpose(struct api_call *call, const char *header)
{
    char value[4 * PURPOSE_CHARACTERS_MAX + 1];
    const char *query = arena_printf(call->arena, "purpose=%s", header);
    if (!query)
        return -QY_ENOMEM;
    int error = http_query_parameter(query, "purpose", value, sizeof(value));
    if (error == -QY_ETOOLARGE)
        return api_refuse(call, -QY_EINVAL, PURPOSE, "must have 10 to 500 characters");
    if (error || !utf8_is_text(value))
        return api_refuse(call, -QY_EINVAL, PURPOSE, "must be percent-encoded UTF-8");
    const char *problem = purpose_problem(value);
    if (!problem)
        problem = reason_problem(value);
    if (problem)
        return api_refuse(call, -QY_EINVAL, PURPOSE, "%s", problem);
    call->purpose = arena_text(call->arena, value, strlen(value));
    return call->purpose ? 0 : -QY_ENOMEM;
}

int api_read_why(struct api_call *call)
{
    const char *purpose = call->on_record ? http_header(call->request, PURPOSE) : NULL;
    const char *task = call->on_record ? http_header(call->request, TASK) : NULL;
    if (task && !is_id(task))
        return api_refuse(call, -QY_EINVAL, TASK, "must be a task's id");
    if (task)
        call->task = task;
    return purpose ? read_purpose(call, purpose) : 0;
}

char *api_stated(struct api_call *call)
{
    const char *purpose = yyjson_get_str(yyjson_obj_get(call->body, "purpose"));
    const char *reason = yyjson_get_str(yyjson_obj_get(call->body, "reason"));
    if (!*call->purpose && !purpose && !reason)
        return arena_text(call->arena, "", 0);
    return arena_printf(
        call->arena, "%s\n%s\n%s", call->purpose, purpose ? purpose : "", reason ? reason : "");
}

const char *api_recordable(const struct api_call *call, const char *stated)
{
    return call->stated_personal && *stated ? "[personal]" : stated;
}

/* What was stated, where it could have been accepted. */
static const char *stated(const struct api_call *call)
{
    const char *purpose = yyjson_get_str(yyjson_obj_get(call->body, "purpose"));
    const char *reason = yyjson_get_str(yyjson_obj_get(call->body, "reason"));
    if (purpose && !purpose_problem(purpose) && !reason_problem(purpose))
        return purpose;
    return reason && !reason_problem(reason) ? reason : "";
}

static void add_about(Quanyu__AuditRecord *record, const Quanyu__PersonView *about, char **room)
{
    if (!about)
        return;
    *room = about->one_id;
    record->persons = room;
    record->n_persons = record->count = 1;
    record->numbers = about->nodes;
    record->n_numbers = about->n_nodes;
}

static int record_refusal(struct api_call *call, const char *outcome)
{
    char *one_id;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)(uintptr_t)call->on_record->action;
    record.outcome = (char *)(uintptr_t)outcome;
    record.purpose = (char *)(uintptr_t)stated(call);
    record.detail = describe(call);
    add_about(&record, call->about, &one_id);
    return record.detail ? api_record(call, &record) : -QY_ENOMEM;
}

/* Each is its kind, a colon and a keyed hash. */
static int add_missed(struct api_call *call, Quanyu__AuditRecord *record, const Quanyu__PersonView *person)
{
    _cleanup_(buffer_free) struct buffer all = BUFFER_INIT;
    if (!person || person->n_missed == 0)
        return 0;
    for (size_t i = 0; i < person->n_missed; i++)
        buffer_printf(&all, "%s%s", i ? " " : "", person->missed[i]);
    if (buffer_error(&all))
        return buffer_error(&all);
    record->missed = arena_text(call->arena, (const char *)all.data, all.size);
    record->missed_kind = arena_text(call->arena, person->missed[0], strcspn(person->missed[0], ":"));
    return record->missed && record->missed_kind ? 0 : -QY_ENOMEM;
}

int api_record_miss(
    struct api_call *call, const char *action, const Quanyu__PersonView *person, const char *detail)
{
    char *one_id;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)(uintptr_t)action;
    record.outcome = (char *)(uintptr_t)(call->about ? "denied" : "not_found");
    record.purpose = (char *)(uintptr_t)stated(call);
    record.detail = (char *)(uintptr_t)(call->about ? "" : detail);
    add_about(&record, call->about, &one_id);
    int error = add_missed(call, &record, person);
    return error ? error : api_record(call, &record);
}

int api_record_refusal(struct api_call *call, int error)
{
    const char *outcome = call->on_record && !call->refusal_recorded ? refusal_of(call, error) : NULL;
    if (!outcome)
        return error;
    const struct api_call before = *call;
    int unrecorded = record_refusal(call, outcome);
    if (unrecorded)
        return unrecorded;
    call->error_field = before.error_field;
    call->error_message = before.error_message;
    call->error_status = before.error_status;
    call->error_kind = before.error_kind;
    return error;
}
