/* SPDX-License-Identifier: Apache-2.0 */
/* Whose people somebody is: shown, listed, and set by hand. */
#include "services/gateway/api_binding.h"

#include "services/gateway/api.h"
#include "services/gateway/organisation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int ask(struct api_call *call, Quanyu__TaggingRequest *request, Quanyu__TaggingReply **ret_reply)
{
    ProtobufCMessage *reply;
    int error = api_ask(call, "tagging", &request->base, &quanyu__tagging_reply__descriptor, &reply);
    if (!error)
        *ret_reply = (Quanyu__TaggingReply *)reply;
    return error;
}

/* -- units and staff in JSON -- */

static void write_bound(struct json *json, const char *name, const char *id, int64_t since_ms)
{
    json_name(json, name);
    if (!id) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    json_field_text(json, "id", id);
    json_field_time(json, "since", since_ms);
    json_close(json, '}');
}

void binding_members(struct json *json, const Quanyu__Binding *binding)
{
    char unit[UNIT_ID_BYTES], guide[STAFF_ID_BYTES];
    bool has_unit = binding && binding->unit, has_guide = binding && binding->guide;
    write_bound(json, "home_unit", has_unit ? unit_id(binding->unit, unit) : NULL,
        has_unit ? binding->unit_since_ms : 0);
    write_bound(json, "guide", has_guide ? staff_id(binding->guide, guide) : NULL,
        has_guide ? binding->guide_since_ms : 0);
}

int binding_unit(struct api_call *call, yyjson_val *value, const char *field, uint32_t *ret_unit)
{
    *ret_unit = 0;
    if (!value || yyjson_is_null(value))
        return 0;
    if (!yyjson_is_str(value))
        return api_refuse(call, -QY_EINVAL, field, "must be a unit's id or code");
    *ret_unit = organisation_find_unit(call->gateway, yyjson_get_str(value));
    return *ret_unit ? 0 : api_refuse(call, -QY_ENOTFOUND, field, "there is no such unit");
}

int binding_staff(struct api_call *call, yyjson_val *value, const char *field, uint32_t *ret_staff)
{
    *ret_staff = 0;
    if (!value || yyjson_is_null(value))
        return 0;
    if (!yyjson_is_str(value))
        return api_refuse(call, -QY_EINVAL, field, "must be the id or code of a member of staff");
    *ret_staff = organisation_find_staff(call->gateway, yyjson_get_str(value), &(uint32_t){0});
    return *ret_staff ? 0 : api_refuse(call, -QY_ENOTFOUND, field, "there is no such member of staff");
}

/* -- one person -- */

static int record_one(struct api_call *call, const char *action, const Quanyu__PersonView *person)
{
    static char *fields[] = {"home_unit", "guide"};
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    char *one_id = person->one_id;
    record.action = (char *)(uintptr_t)action;
    record.n_fields = COUNT_OF(fields);
    record.fields = fields;
    record.n_persons = 1;
    record.persons = &one_id;
    record.n_numbers = person->n_nodes;
    record.numbers = person->nodes;
    record.count = 1;
    return api_record(call, &record);
}

static void write_id(struct json *json, const char *name, const char *id)
{
    json_name(json, name);
    if (id)
        json_text(json, id);
    else
        json_null(json);
}

/* Where somebody has been before may lie beyond the scope. */
static bool sees_unit(const struct api_call *call, uint32_t unit)
{
    return unit && access_covers_unit(call->gateway, &call->access, unit);
}

bool binding_sees_staff(const struct api_call *call, uint32_t staff)
{
    char id[STAFF_ID_BYTES];
    uint32_t unit;
    if (!staff || access_is_whole(&call->access) || staff == call->access.staff)
        return staff != 0;
    return !call->access.role.own_people &&
           organisation_find_staff(call->gateway, staff_id(staff, id), &unit) && sees_unit(call, unit);
}

static void write_history(struct api_call *call, const Quanyu__BindingsReply *page)
{
    char next[API_CURSOR_BYTES], unit[UNIT_ID_BYTES], guide[STAFF_ID_BYTES];
    struct json json = json_to(&call->out);
    json_open_page(&json, "bindings");
    for (size_t i = 0; i < page->n_changes; i++) {
        const Quanyu__BindingsReply__Change *change = page->changes[i];
        json_open(&json, '{');
        write_id(&json, "unit", sees_unit(call, change->unit) ? unit_id(change->unit, unit) : NULL);
        write_id(
            &json, "guide", binding_sees_staff(call, change->guide) ? staff_id(change->guide, guide) : NULL);
        json_field_time(&json, "from", change->from_ms);
        if (change->to_ms)
            json_field_time(&json, "to", change->to_ms);
        json_field_text(&json, "cause", change->cause);
        json_close(&json, '}');
    }
    json_close_page(&json, api_next_cursor(page->next, next));
}

int person_bindings(struct api_call *call)
{
    Quanyu__BindingsRequest question = QUANYU__BINDINGS_REQUEST__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__PersonView *person;
    Quanyu__TaggingReply *reply;
    uint64_t cursor;
    int error = api_limit(call, &question.limit);
    if (!error)
        error = api_cursor(call, &cursor);
    if (!error)
        error = api_find_person(call, "person.bindings", &person);
    if (error)
        return error;
    question.person = person->person;
    question.before = cursor < UINT32_MAX ? (uint32_t)cursor : UINT32_MAX;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_BINDINGS;
    request.bindings = &question;
    error = ask(call, &request, &reply);
    if (!error)
        error = record_one(call, "person.bindings", person);
    if (!error)
        write_history(call, reply->bindings);
    return error;
}

/* What is shown afterwards is what was asked for; who it is about is on record beforehand. */
int person_bind(struct api_call *call)
{
    Quanyu__BindRequest change = QUANYU__BIND_REQUEST__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__PersonView *person;
    Quanyu__TaggingReply *reply;
    const char *reason;
    int error = api_text(call, "reason", true, &reason);
    if (!error)
        error = binding_unit(call, yyjson_obj_get(call->body, "unit"), "unit", &change.unit);
    if (!error)
        error = binding_staff(call, yyjson_obj_get(call->body, "guide"), "guide", &change.guide);
    if (!error)
        error = api_find_person(call, "binding.change", &person);
    if (!error)
        error = record_one(call, "binding.change", person);
    if (error)
        return error;
    change.person = person->person;
    change.reason = (char *)(uintptr_t)api_recordable(call, reason);
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_BIND;
    request.bind = &change;
    error = ask(call, &request, &reply);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    binding_members(&json, reply->bind);
    json_close(&json, '}');
    return 0;
}

/* -- people of a unit, of a guide -- */

static int fetch_people(
    struct api_call *call, Quanyu__PeopleRequest *question, Quanyu__PeopleReply **ret_page)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TaggingReply *reply;
    uint64_t cursor;
    int error = api_limit(call, &question->list);
    if (!error)
        error = api_cursor(call, &cursor);
    if (error)
        return error;
    question->after = cursor < UINT32_MAX ? (uint32_t)cursor : UINT32_MAX;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_PEOPLE;
    request.people = question;
    error = ask(call, &request, &reply);
    if (!error)
        *ret_page = reply->people;
    return error;
}

int binding_count_people(struct api_call *call, uint32_t unit, uint32_t guide, uint64_t *ret_count)
{
    Quanyu__PeopleRequest question = QUANYU__PEOPLE_REQUEST__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TaggingReply *reply;
    question.unit = unit;
    question.guide = guide;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_PEOPLE;
    request.people = &question;
    int error = ask(call, &request, &reply);
    if (!error)
        *ret_count = reply->people->count;
    return error;
}

static int list_people(struct api_call *call, const char *action, Quanyu__PeopleRequest *question)
{
    char next[API_CURSOR_BYTES];
    Quanyu__PeopleReply *page;
    char **one_ids;
    int error = fetch_people(call, question, &page);
    if (!error)
        error = api_one_ids(call, page->persons, page->n_persons, &one_ids);
    if (!error)
        error = api_record_page(call, action, page->persons, one_ids, page->n_persons);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    bool more = page->n_persons > 0 && page->n_persons == question->list;
    json_open(&json, '{');
    json_field_unsigned(&json, "count", page->count);
    json_name(&json, "people");
    json_open(&json, '[');
    for (size_t i = 0; i < page->n_persons; i++) {
        json_open(&json, '{');
        json_field_text(&json, "one_id", one_ids[i]);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    write_id(&json, "next_cursor", more ? api_next_cursor(page->persons[page->n_persons - 1], next) : NULL);
    json_close(&json, '}');
    return 0;
}

/* Whom the path names: tagging says the same of who is not there and of who is out of scope. */
static int list_people_of(struct api_call *call, const char *action, Quanyu__PeopleRequest *question)
{
    int error = list_people(call, action, question);
    if (error == -QY_ENOTFOUND)
        call->error_field = "id";
    return error;
}

int unit_people(struct api_call *call)
{
    Quanyu__PeopleRequest question = QUANYU__PEOPLE_REQUEST__INIT;
    question.unit = organisation_find_unit(call->gateway, call->parameters[0]);
    if (question.unit == 0)
        return api_refuse(call, -QY_ENOTFOUND, "id", "there is no such unit");
    return list_people_of(call, "unit.people", &question);
}

int staff_people(struct api_call *call)
{
    Quanyu__PeopleRequest question = QUANYU__PEOPLE_REQUEST__INIT;
    question.guide = organisation_find_staff(call->gateway, call->parameters[0], &(uint32_t){0});
    if (question.guide == 0)
        return api_refuse(call, -QY_ENOTFOUND, "id", "there is no such member of staff");
    return list_people_of(call, "staff.people", &question);
}
