/* SPDX-License-Identifier: Apache-2.0 */
/* Personal fields of one person in the clear: for a stated purpose, so often and no more, and on record before they are shown. */
#include "common/waiting_work.h"
#include "proto/identity.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/purpose.h"

#include <string.h>

#define ACTION "person.unmask"
#define FIELDS_MAX 20
#define FIELD_BYTES_MAX 64

static int read_fields(struct api_call *call, Quanyu__UnmaskRequest *asked)
{
    yyjson_val *list = yyjson_obj_get(call->body, "fields"), *item;
    size_t size = yyjson_arr_size(list), index, count;
    if (!yyjson_is_arr(list) || size == 0 || size > FIELDS_MAX)
        return api_refuse(
            call, -QY_EINVAL, "fields", "must be a list of 1 to %d names of fields", FIELDS_MAX);
    asked->fields = arena_alloc(call->arena, size * sizeof(char *));
    if (!asked->fields)
        return -QY_ENOMEM;
    yyjson_arr_foreach(list, index, count, item)
    {
        char pointer[32];
        snprintf(pointer, sizeof(pointer), "fields/%zu", index);
        if (!yyjson_is_str(item) || yyjson_get_len(item) == 0 || yyjson_get_len(item) > FIELD_BYTES_MAX)
            return api_refuse(
                call, -QY_EINVAL, pointer, "must be the name of a field: an identifier's kind, or a trait's");
        for (size_t i = 0; i < asked->n_fields; i++)
            if (strcmp(asked->fields[i], yyjson_get_str(item)) == 0)
                return api_refuse(call, -QY_EINVAL, pointer, "is named twice");
        asked->fields[asked->n_fields++] = (char *)(uintptr_t)yyjson_get_str(item);
    }
    return 0;
}

static int read_body(struct api_call *call, Quanyu__UnmaskRequest *asked)
{
    const char *purpose, *problem;
    int error = read_fields(call, asked);
    if (!error)
        error = api_text(call, "purpose", true, &purpose);
    if (error)
        return error;
    problem = purpose_problem(purpose);
    asked->purpose = (char *)(uintptr_t)purpose;
    return problem ? api_refuse(call, -QY_EINVAL, "purpose", "%s", problem) : 0;
}

/* Fields that the person does not have are not named: who asks may have written anything there. */
static int record(struct api_call *call, const Quanyu__PersonView *person, const Quanyu__UnmaskRequest *asked,
    const Quanyu__UnmaskReply *shown, const char *outcome)
{
    char *fields[FIELDS_MAX], *one_id = person->one_id;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)ACTION;
    record.purpose = asked->purpose;
    record.outcome = (char *)(uintptr_t)outcome;
    record.n_persons = 1;
    record.persons = &one_id;
    record.n_numbers = person->n_nodes;
    record.numbers = person->nodes;
    record.count = 1;
    record.unmasked = shown && shown->n_fields > 0;
    record.fields = fields;
    for (size_t i = 0; shown && i < shown->n_fields; i++)
        fields[record.n_fields++] = shown->fields[i]->name;
    size_t missing = shown ? shown->n_missing : asked->n_fields;
    record.detail = arena_printf(call->arena, "{\"not_shown\":%zu}", missing);
    return record.detail ? api_record(call, &record) : -QY_ENOMEM;
}

struct taking {
    struct waiting_work waiting;
    struct gateway *gateway;
    uint32_t staff;
    int64_t wait_ms;
};

static int apply_taking(struct work *work, struct batch *batch)
{
    struct taking *taking = (struct taking *)work;
    const struct gateway *gateway = taking->gateway;
    taking->wait_ms =
        unmask_take(batch->txn, &gateway->unmask_limits, taking->staff, gateway_now_ms(gateway));
    return store_error(batch->txn);
}

/* Counted, and durably, before anything is asked for: whatever ends the process, nothing was shown that is not counted. It joins the
 * commit that is next anyway. */
static int take_one(
    struct api_call *call, const Quanyu__PersonView *person, const Quanyu__UnmaskRequest *asked)
{
    struct taking taking = {.gateway = call->gateway, .staff = call->access.staff};
    int error = waiting_work_run(call->gateway->service, &taking.waiting, apply_taking);
    if (error || taking.wait_ms == 0)
        return error;
    error = record(call, person, asked, NULL, "limited");
    if (error)
        return error;
    char seconds[24];
    snprintf(seconds, sizeof(seconds), "%lld", (long long)(taking.wait_ms + 999) / 1000);
    http_add_header(call->request, "Retry-After", seconds);
    return api_refuse_as(call, 429, "rate_limited",
        "you have unmasked the fields of as many people as one may within an hour or a day");
}

static int ask(struct api_call *call, Quanyu__UnmaskRequest *asked, Quanyu__UnmaskReply **ret_reply)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_UNMASK;
    request.unmask = asked;
    const Quanyu__IdentityReply *reply;
    int error = api_ask_identity(call, &request, &reply);
    if (!error)
        *ret_reply = reply->unmask;
    return error;
}

static void write_answer(
    struct api_call *call, const Quanyu__PersonView *person, const Quanyu__UnmaskReply *shown)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "one_id", person->one_id);
    json_name(&json, "fields");
    json_open(&json, '{');
    for (size_t i = 0; i < shown->n_fields; i++) {
        json_name(&json, shown->fields[i]->name);
        json_raw(&json, shown->fields[i]->json.data, shown->fields[i]->json.len, "null");
    }
    json_close(&json, '}');
    json_name(&json, "missing");
    json_open(&json, '[');
    for (size_t i = 0; i < shown->n_missing; i++)
        json_text(&json, shown->missing[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    http_add_header(call->request, "Cache-Control", "no-store");
}

int person_unmask(struct api_call *call)
{
    Quanyu__UnmaskRequest asked = QUANYU__UNMASK_REQUEST__INIT;
    Quanyu__PersonView *person;
    Quanyu__UnmaskReply *shown = NULL;
    int error = read_body(call, &asked);
    if (!error)
        error = api_find_person(call, ACTION, &person);
    if (!error)
        error = take_one(call, person, &asked);
    if (error)
        return error;
    asked.person = person->person;
    error = ask(call, &asked, &shown);
    if (!error)
        error = record(call, person, &asked, shown, shown->n_fields ? "ok" : "not_found");
    if (!error)
        write_answer(call, person, shown);
    return error;
}
