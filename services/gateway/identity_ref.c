/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/identity_ref.h"

#include "services/gateway/disclosure.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SCOPE_PERSONS 10000u /* so many are asked about at once */

/* -- reading -- */

static int read(struct api_call *call, yyjson_val *json, const char *field, struct identity_ref *ret_ref)
{
    yyjson_val *id = yyjson_obj_get(json, "id");
    yyjson_val *kind = yyjson_obj_get(json, "kind"), *value = yyjson_obj_get(json, "value");
    bool by_id = yyjson_obj_size(json) == 1 && yyjson_get_len(id) > 0;
    bool by_value = yyjson_obj_size(json) == 2 && yyjson_get_len(kind) > 0 && yyjson_get_len(value) > 0;
    if ((!by_id && !by_value) || !yyjson_is_str(by_id ? id : kind) || !yyjson_is_str(by_id ? id : value))
        return api_refuse(call, -QY_EINVAL, field,
            "must be {\"id\":\"i_…\"} or {\"kind\":…,\"value\":…}, non-empty strings");
    *ret_ref = (struct identity_ref){.field = arena_text(call->arena, field, strlen(field))};
    quanyu__identifier_ref__init(&ret_ref->ref);
    if (by_id) {
        ret_ref->ref.id = (char *)(uintptr_t)yyjson_get_str(id);
    } else {
        ret_ref->ref.kind = (char *)(uintptr_t)yyjson_get_str(kind);
        ret_ref->ref.value = (char *)(uintptr_t)yyjson_get_str(value);
    }
    return ret_ref->field ? 0 : -QY_ENOMEM;
}

int identity_ref_read(struct api_call *call, const char *name, struct identity_ref *ret_ref)
{
    yyjson_val *json = yyjson_obj_get(call->body, name);
    return json ? read(call, json, name, ret_ref) : api_refuse(call, -QY_EINVAL, name, "is required");
}

int identity_refs_read(struct api_call *call, const char *name, size_t least, size_t most,
    struct identity_ref **ret_refs, size_t *ret_count)
{
    yyjson_val *list = yyjson_obj_get(call->body, name), *json;
    size_t size = yyjson_arr_size(list), index, count;
    if (!list)
        return api_refuse(call, -QY_EINVAL, name, "is required");
    if (!yyjson_is_arr(list) || size < least || size > most)
        return least == most ? api_refuse(call, -QY_EINVAL, name, "must be a list of %zu identifiers", least)
                             : api_refuse(call, -QY_EINVAL, name, "must be a list of %zu to %zu identifiers",
                                   least, most);
    struct identity_ref *refs = arena_alloc(call->arena, size * sizeof(*refs));
    if (!refs)
        return -QY_ENOMEM;
    yyjson_arr_foreach(list, index, count, json)
    {
        char field[64];
        snprintf(field, sizeof(field), "%s/%zu", name, index);
        int error = read(call, json, field, &refs[index]);
        if (error)
            return error;
    }
    *ret_refs = refs;
    *ret_count = size;
    return 0;
}

/* -- whose -- */

/* Identity names what is wrong with the first of those that it is asked for. */
static void place_error(struct api_call *call, const struct identity_ref *ref)
{
    static const char first[] = "identifiers/0";
    const char *field = call->error_field;
    if (field && strncmp(field, first, strlen(first)) == 0)
        call->error_field = arena_printf(call->arena, "%s%s", ref->field, field + strlen(first));
}

static int look_up(struct api_call *call, const struct identity_ref *ref, const Quanyu__PersonView **ret)
{
    Quanyu__Identifier identifier = QUANYU__IDENTIFIER__INIT, *asked = &identifier;
    Quanyu__LookupRequest lookup = QUANYU__LOOKUP_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    identifier.id = ref->ref.id;
    identifier.kind = ref->ref.kind;
    identifier.value = ref->ref.value;
    lookup.n_identifiers = 1;
    lookup.identifiers = &asked;
    lookup.personal = disclosure_of(call->permissions).personal;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_LOOKUP;
    request.lookup = &lookup;
    lookup.stated = api_stated(call);
    int error = lookup.stated ? api_ask_identity(call, &request, &reply) : -QY_ENOMEM;
    if (error) {
        place_error(call, ref);
        return error;
    }
    *ret = reply->person;
    call->stated_personal |= reply->person->stated_personal;
    return error;
}

int identity_ref_miss(struct api_call *call, const char *action, const struct identity_ref *ref)
{
    const char *detail = *ref->ref.id ? "an unknown identifier" : "";
    call->about = ref->person && ref->person->person ? ref->person : NULL;
    int error = api_record_miss(call, action, ref->person, detail);
    return error ? error : api_refuse(call, -QY_ENOTFOUND, ref->field, "nobody has this identifier");
}

int identity_ref_find(struct api_call *call, const char *action, struct identity_ref *ref)
{
    size_t count = 1;
    int error = look_up(call, ref, &ref->person);
    if (error)
        return error;
    uint32_t number = ref->person->person;
    if (!number)
        return identity_ref_miss(call, action, ref);
    call->about = ref->person;
    error = api_in_scope(call, &number, &count);
    return error || count > 0 ? error : identity_ref_miss(call, action, ref);
}

/* -- persons for records -- */

int persons_make(struct api_call *call, size_t room, struct persons *ret_persons)
{
    *ret_persons = (struct persons){
        .numbers = arena_alloc(call->arena, (room + 1) * sizeof(uint32_t)),
        .one_ids = arena_alloc(call->arena, (room + 1) * sizeof(char *)),
        .room = room,
    };
    return ret_persons->numbers && ret_persons->one_ids ? 0 : -QY_ENOMEM;
}

void persons_add(struct persons *persons, uint32_t number, char *one_id)
{
    for (size_t i = 0; i < persons->count; i++)
        if (persons->numbers[i] == number)
            return;
    if (!number)
        return;
    assert(persons->count < persons->room);
    persons->numbers[persons->count] = number;
    persons->one_ids[persons->count++] = one_id;
}

/* -- scope -- */

int visible_find(struct api_call *call, const uint32_t *persons, size_t count, struct visible *ret_visible)
{
    *ret_visible = (struct visible){.all = !call->actor.scope};
    if (ret_visible->all)
        return 0;
    uint32_t *seen = arena_alloc(call->arena, (count + 1) * sizeof(*seen));
    if (!seen)
        return -QY_ENOMEM;
    for (size_t at = 0; at < count;) {
        size_t asked = count - at < SCOPE_PERSONS ? count - at : SCOPE_PERSONS, found = asked;
        uint32_t *part = seen + ret_visible->count;
        memcpy(part, persons + at, asked * sizeof(*part));
        int error = api_in_scope(call, part, &found);
        if (error)
            return error;
        ret_visible->count += found;
        at += asked;
    }
    ret_visible->persons = seen;
    return 0;
}

bool visible_has(const struct visible *visible, uint32_t person)
{
    for (size_t i = 0; !visible->all && i < visible->count; i++)
        if (visible->persons[i] == person)
            return true;
    return visible->all;
}
