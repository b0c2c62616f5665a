/* SPDX-License-Identifier: Apache-2.0 */
/* Persons: looked up by identifiers or One ID, shown as one profile. Each look is on record before it is
 * answered. */
#include "common/clock.h"
#include "proto/tagging.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/api_binding.h"
#include "services/gateway/disclosure.h"
#include "services/gateway/identity_json.h"

#include <string.h>

#define IDENTIFIERS_MAX 20
#define EVENTS_SHOWN 50
#define BOUGHT_DAYS 30 /* who looks at buyers does a guide's work: see audit's alerts, "breadth" */

static int read_identifier(struct api_call *call, yyjson_val *json, size_t index, Quanyu__Identifier **ret)
{
    char field[64];
    snprintf(field, sizeof(field), "identifiers/%zu", index);
    yyjson_val *kind = yyjson_obj_get(json, "kind"), *value = yyjson_obj_get(json, "value");
    if (!yyjson_is_obj(json) || yyjson_obj_size(json) != 2 || !yyjson_is_str(kind) || !yyjson_is_str(value) ||
        yyjson_get_len(kind) == 0 || yyjson_get_len(value) == 0)
        return api_refuse(
            call, -QY_EINVAL, field, "must be {\"kind\":…,\"value\":…}, both non-empty strings");
    Quanyu__Identifier *identifier = arena_alloc(call->arena, sizeof(*identifier));
    if (!identifier)
        return -QY_ENOMEM;
    quanyu__identifier__init(identifier);
    identifier->kind = (char *)(uintptr_t)yyjson_get_str(kind);
    identifier->value = (char *)(uintptr_t)yyjson_get_str(value);
    *ret = identifier;
    return 0;
}

static int read_identifiers(struct api_call *call, Quanyu__LookupRequest *lookup)
{
    yyjson_val *list = yyjson_obj_get(call->body, "identifiers");
    size_t size = yyjson_arr_size(list);
    if (!yyjson_is_arr(list) || size == 0 || size > IDENTIFIERS_MAX)
        return api_refuse(
            call, -QY_EINVAL, "identifiers", "must be a list of 1 to %d identifiers", IDENTIFIERS_MAX);
    lookup->identifiers = arena_alloc(call->arena, sizeof(Quanyu__Identifier *) * size);
    if (!lookup->identifiers)
        return -QY_ENOMEM;
    size_t index, count;
    yyjson_val *json;
    yyjson_arr_foreach(list, index, count, json)
    {
        int error = read_identifier(call, json, index, &lookup->identifiers[index]);
        if (error)
            return error;
        lookup->n_identifiers++;
    }
    return 0;
}

static int ask_identity(struct api_call *call, Quanyu__LookupRequest *lookup, Quanyu__PersonView **ret_person)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_LOOKUP;
    request.lookup = lookup;
    lookup->stated = api_stated(call);
    const Quanyu__IdentityReply *reply;
    int error = lookup->stated ? api_ask_identity(call, &request, &reply) : -QY_ENOMEM;
    if (!error)
        *ret_person = reply->person;
    if (!error)
        call->stated_personal |= reply->person->stated_personal;
    return error;
}

static int ask_tagging(
    struct api_call *call, uint32_t person, bool amounts, Quanyu__ProfileReply **ret_profile)
{
    Quanyu__ProfileRequest profile = QUANYU__PROFILE_REQUEST__INIT;
    profile.person = person;
    profile.events = EVENTS_SHOWN;
    profile.amounts = amounts;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_PROFILE;
    request.profile = &profile;
    ProtobufCMessage *reply;
    int error = api_ask(call, "tagging", &request.base, &quanyu__tagging_reply__descriptor, &reply);
    if (!error)
        *ret_profile = ((Quanyu__TaggingReply *)reply)->profile;
    return error;
}

/* -- records -- */

static int record_about(struct api_call *call, const char *action, const char *outcome,
    const Quanyu__PersonView *person, bool bought, char **fields, size_t field_count)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    char *one_id = person->one_id;
    record.bought = bought;
    record.action = (char *)(uintptr_t)action;
    record.outcome = (char *)(uintptr_t)outcome;
    record.n_fields = field_count;
    record.fields = fields;
    record.n_persons = 1;
    record.persons = &one_id;
    record.n_numbers = person->n_nodes;
    record.numbers = person->nodes;
    record.count = 1;
    return api_record(call, &record);
}

static int record_person(struct api_call *call, const char *action, const Quanyu__PersonView *person,
    const Quanyu__ProfileReply *profile, const struct disclosure *disclosure)
{
    char *fields[DISCLOSURE_FIELDS_MAX];
    int64_t since = gateway_now_ms(call->gateway) - profile->last_order_ms;
    bool bought = profile->last_order_ms && since <= BOUGHT_DAYS * DAY_MS;
    return record_about(call, action, "ok", person, bought, fields, disclosure_fields(disclosure, fields));
}

/* Nothing of the person is shown but that there is such a one. What was done stands in tagging's journal too, so that audit hears
 * of it also where it cannot be told now. */
static int record_tagging(
    struct api_call *call, const char *action, const Quanyu__PersonView *person, int outcome)
{
    static char *fields[] = {"tags"};
    const char *field = call->error_field, *message = call->error_message;
    int error = record_about(call, action, api_outcome(outcome), person, false, fields, COUNT_OF(fields));
    if (error)
        return outcome ? error
                       : api_refuse(
                             call, error, NULL, "it is done, but the audit log cannot record now who asked");
    call->error_field = field;
    call->error_message = message;
    return outcome;
}

static int refuse_one_id(struct api_call *call, const char *action)
{
    int error = api_record_miss(call, action, NULL, "an unknown One ID");
    if (!error)
        (void)api_refuse(call, -QY_ENOTFOUND, "one_id", "there is no such person");
    return error ? error : -QY_ENOTFOUND;
}

static int refuse_identifiers(struct api_call *call, const Quanyu__PersonView *person)
{
    int error = api_record_miss(call, "person.lookup", person, "");
    return error ? error
                 : api_refuse(call, -QY_ENOTFOUND, "identifiers", "nobody has any of these identifiers");
}

/* -- the answer -- */

/* Two JSON objects as one. */
static void write_joined(struct json *json, ProtobufCBinaryData a, ProtobufCBinaryData b)
{
    json_open(json, '{');
    if (a.len > 2)
        json_raw(json, a.data + 1, a.len - 2, "");
    if (b.len > 2)
        json_raw(json, b.data + 1, b.len - 2, "");
    json_close(json, '}');
}

static void write_tags(struct json *json, const Quanyu__ProfileReply *profile)
{
    json_name(json, "tags");
    json_open(json, '[');
    for (size_t i = 0; i < profile->n_tags; i++) {
        const Quanyu__ProfileReply__Tag *tag = profile->tags[i];
        json_open(json, '{');
        json_field_text(json, "tag", tag->name);
        json_field_text(json, "origin", tag->origin);
        json_field_time(json, "since", tag->since_ms);
        if (tag->expires_ms)
            json_field_time(json, "expires_at", tag->expires_ms);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_segments(struct json *json, const Quanyu__ProfileReply *profile)
{
    json_name(json, "segments");
    json_open(json, '[');
    for (size_t i = 0; i < profile->n_segments; i++) {
        json_open(json, '{');
        json_field_text(json, "id", profile->segments[i]->id);
        json_field_text(json, "name", profile->segments[i]->name);
        json_field_time(json, "since", profile->segments[i]->since_ms);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_person(struct api_call *call, const Quanyu__PersonView *person,
    const Quanyu__ProfileReply *profile, const struct disclosure *disclosure)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "one_id", person->one_id);
    if (disclosure->personal)
        identity_json_identifiers(&json, "identifiers", person->identifiers, person->n_identifiers, true);
    json_name(&json, "traits");
    write_joined(&json, person->traits, profile->traits);
    write_tags(&json, profile);
    binding_members(&json, profile->binding);
    json_name(&json, "stage");
    if (*profile->stage)
        json_text(&json, profile->stage);
    else
        json_null(&json);
    write_segments(&json, profile);
    json_name(&json, "metrics");
    json_raw(&json, profile->metrics.data, profile->metrics.len, "{}");
    json_name(&json, "events");
    json_raw(&json, profile->events.data, profile->events.len, "[]");
    json_close(&json, '}');
}

/* Whom the caller may not see is answered, and on record, as one whom nobody knows. */
static int show(struct api_call *call, const char *action, const Quanyu__PersonView *person)
{
    const struct disclosure disclosure = disclosure_of(call->permissions);
    Quanyu__ProfileReply *profile;
    int error = ask_tagging(call, person->person, disclosure.amounts, &profile);
    if (error == -QY_ENOTFOUND)
        return call->body ? refuse_identifiers(call, person) : refuse_one_id(call, action);
    if (!error)
        error = record_person(call, action, person, profile, &disclosure);
    if (!error)
        write_person(call, person, profile, &disclosure);
    return error;
}

/* -- handlers -- */

/* Whom the caller may not see is nobody: the identifiers that follow are looked at, as they would be. */
static int look_in_scope(
    struct api_call *call, const Quanyu__PersonView *person, uint32_t *skip, bool *ret_seen)
{
    uint32_t number = person->person;
    size_t count = number ? 1 : 0;
    if (number)
        call->about = person;
    int error = api_in_scope(call, &number, &count);
    *ret_seen = count > 0 || !person->person;
    if (!*ret_seen)
        *skip = person->place + 1;
    return error;
}

int person_lookup(struct api_call *call)
{
    Quanyu__LookupRequest lookup = QUANYU__LOOKUP_REQUEST__INIT;
    Quanyu__PersonView *person;
    int error = read_identifiers(call, &lookup);
    lookup.personal = disclosure_of(call->permissions).personal;
    for (bool seen = false; !error && !seen;) {
        error = ask_identity(call, &lookup, &person);
        if (!error)
            error = look_in_scope(call, person, &lookup.skip, &seen);
    }
    if (error)
        return error;
    return person->person ? show(call, "person.lookup", person) : refuse_identifiers(call, person);
}

/* The person that the path names; with personal fields where they are wanted. */
static int find_by_path(
    struct api_call *call, const char *action, bool personal, Quanyu__PersonView **ret_person)
{
    Quanyu__LookupRequest lookup = QUANYU__LOOKUP_REQUEST__INIT;
    lookup.one_id = (char *)(uintptr_t)call->parameters[0];
    lookup.personal = personal;
    int error = ask_identity(call, &lookup, ret_person);
    if (!error)
        call->about = *ret_person;
    return error == -QY_ENOTFOUND ? refuse_one_id(call, action) : error;
}

int api_find_person(struct api_call *call, const char *action, Quanyu__PersonView **ret_person)
{
    size_t count = 1;
    int error = find_by_path(call, action, false, ret_person);
    uint32_t number = error ? 0 : (*ret_person)->person;
    if (!error)
        error = api_in_scope(call, &number, &count);
    return error || count > 0 ? error : refuse_one_id(call, action);
}

int person_show(struct api_call *call)
{
    Quanyu__PersonView *person;
    bool personal = disclosure_of(call->permissions).personal;
    int error = find_by_path(call, "person.show", personal, &person);
    return error ? error : show(call, "person.show", person);
}

static int change_tag(
    struct api_call *call, const char *action, const char *tag, bool add, int64_t expires_ms)
{
    Quanyu__PersonView *person;
    int error = api_find_person(call, action, &person);
    if (!error)
        error = api_need_audit(call);
    if (error)
        return error;
    Quanyu__TagPersonRequest change = QUANYU__TAG_PERSON_REQUEST__INIT;
    change.person = person->person;
    change.tag = (char *)(uintptr_t)tag;
    change.add = add;
    change.origin = (char *)"guide";
    change.expires_ms = expires_ms;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_TAG_PERSON;
    request.tag_person = &change;
    ProtobufCMessage *reply;
    error = api_ask(call, "tagging", &request.base, &quanyu__tagging_reply__descriptor, &reply);
    return record_tagging(call, action, person, error);
}

int person_tag(struct api_call *call)
{
    const char *tag;
    int64_t expires_ms;
    int error = api_text(call, "tag", true, &tag);
    if (!error)
        error = api_time(call, "expires_at", &expires_ms);
    return error ? error : change_tag(call, "tag.add", tag, true, expires_ms);
}

int person_untag(struct api_call *call)
{
    return change_tag(call, "tag.remove", call->parameters[1], false, 0);
}
