/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/rule_names.h"

#include "proto/tagging.pb-c.h"
#include "services/gateway/organisation.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64 /* rules are bounded far below */

/* Where the walk is: keys, and places in lists where `key` is NULL. */
struct spot {
    const struct spot *above;
    const char *key;
    size_t index;
};

static void write_spot(struct buffer *out, const struct spot *spot)
{
    if (!spot)
        return;
    write_spot(out, spot->above);
    if (!spot->key)
        buffer_printf(out, "/%zu", spot->index);
    else
        buffer_printf(out, "%s%s", *spot->key == '/' ? "" : "/", spot->key);
}

static int refuse(struct api_call *call, const struct spot *spot, const char *message)
{
    _cleanup_(buffer_free) struct buffer pointer = BUFFER_INIT;
    write_spot(&pointer, spot);
    return api_refuse(call, -QY_EINVAL, buffer_c_str(&pointer), "%s", message);
}

/* -- one name -- */

static int resolve_unit(struct api_call *call, yyjson_val *name, const struct spot *spot)
{
    char room[UNIT_ID_BYTES];
    uint32_t unit = organisation_find_unit(call->gateway, yyjson_get_str(name));
    if (!unit || !access_covers_unit(call->gateway, &call->access, unit))
        return refuse(call, spot, "no such unit");
    const char *id = arena_printf(call->arena, "%s", unit_id(unit, room));
    return id && yyjson_set_str(name, id) ? 0 : -QY_ENOMEM;
}

static int resolve_staff(struct api_call *call, yyjson_val *name, const struct spot *spot)
{
    char room[STAFF_ID_BYTES];
    uint32_t unit, staff = organisation_find_staff(call->gateway, yyjson_get_str(name), &unit);
    if (!staff || !access_covers_unit(call->gateway, &call->access, unit))
        return refuse(call, spot, "no such member of staff");
    const char *id = arena_printf(call->arena, "%s", staff_id(staff, room));
    return id && yyjson_set_str(name, id) ? 0 : -QY_ENOMEM;
}

typedef int resolve_fn(struct api_call *call, yyjson_val *name, const struct spot *spot);

static int resolve_text(struct api_call *call, yyjson_val *name, const struct spot *spot, resolve_fn *resolve)
{
    bool text = yyjson_is_str(name) && strlen(yyjson_get_str(name)) == yyjson_get_len(name);
    return text ? resolve(call, name, spot) : 0;
}

/* One, or a list of them. */
static int resolve_names(
    struct api_call *call, yyjson_val *names, const struct spot *spot, resolve_fn *resolve)
{
    size_t index, count;
    yyjson_val *name;
    int error = resolve_text(call, names, spot, resolve);
    yyjson_arr_foreach(names, index, count, name)
    {
        const struct spot here = {.above = spot, .index = index};
        if (!error)
            error = resolve_text(call, name, &here, resolve);
    }
    return error;
}

/* What the caller may not see of tags, stages and segments is not there either. */
static int check_readable(struct api_call *call, const char *key, yyjson_val *names, const struct spot *spot)
{
    const struct spot first = {.above = spot};
    static const struct {
        const char *key;
        enum permission permission;
    } kinds[] = {
        {"segment", PERMISSION_SEGMENT_READ}, {"tag", PERMISSION_TAG_READ}, {"stage", PERMISSION_STAGE_READ}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(key, kinds[i].key) == 0 && !permission_in(call->permissions, kinds[i].permission))
            return refuse(
                call, yyjson_is_arr(names) ? &first : spot, arena_printf(call->arena, "no such %s", key));
    return 0;
}

/* -- the tree -- */

static int resolve_rule(struct api_call *call, yyjson_val *rule, const struct spot *spot, unsigned depth);

static int resolve_children(struct api_call *call, yyjson_val *rules, const struct spot *spot, unsigned depth)
{
    size_t index, count;
    yyjson_val *rule;
    int error = 0;
    yyjson_arr_foreach(rules, index, count, rule)
    {
        const struct spot here = {.above = spot, .index = index};
        if (!error)
            error = resolve_rule(call, rule, &here, depth);
    }
    return error;
}

static int resolve_rule(struct api_call *call, yyjson_val *rule, const struct spot *spot, unsigned depth)
{
    size_t index, count;
    yyjson_val *key, *value;
    int error = 0;
    if (depth > DEPTH_MAX || !yyjson_is_obj(rule))
        return 0;
    yyjson_obj_foreach(rule, index, count, key, value)
    {
        const struct spot here = {.above = spot, .key = yyjson_get_str(key)};
        if (error)
            break;
        if (yyjson_equals_str(key, "unit"))
            error = resolve_names(call, value, &here, resolve_unit);
        else if (yyjson_equals_str(key, "guide"))
            error = resolve_names(call, value, &here, resolve_staff);
        else if (yyjson_equals_str(key, "not"))
            error = resolve_rule(call, value, &here, depth + 1);
        else if (yyjson_equals_str(key, "all") || yyjson_equals_str(key, "any"))
            error = resolve_children(call, value, &here, depth + 1);
        else
            error = check_readable(call, yyjson_get_str(key), value, &here);
    }
    return error;
}

int rule_names_resolve(struct api_call *call, yyjson_val *rule, const char *pointer)
{
    const struct spot spot = {.key = pointer};
    return resolve_rule(call, rule, &spot, 0);
}

/* -- what holds rules -- */

/* A member of each item of a list in the body. */
static int resolve_items(struct api_call *call, const char *list, const char *member)
{
    size_t index, count;
    yyjson_val *item;
    int error = 0;
    yyjson_arr_foreach(yyjson_obj_get(call->body, list), index, count, item)
    {
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/%s/%zu/%s", list, index, member);
        if (!error)
            error = rule_names_resolve(call, yyjson_obj_get(item, member), pointer);
    }
    return error;
}

int rule_names_resolve_stages(struct api_call *call)
{
    return resolve_items(call, "stages", "rule");
}

int rule_names_resolve_journey(struct api_call *call)
{
    yyjson_val *entry = yyjson_obj_get(call->body, "entry");
    int error = rule_names_resolve(call, yyjson_obj_get(entry, "rule"), "/entry/rule");
    if (!error)
        error = rule_names_resolve(call, yyjson_obj_get(call->body, "exit_when"), "/exit_when");
    return error ? error : resolve_items(call, "steps", "rule");
}

int rule_names_check(struct api_call *call, struct bytes rule, const char *pointer)
{
    yyjson_doc *doc = yyjson_read((const char *)rule.data, rule.size, YYJSON_READ_NUMBER_AS_RAW);
    int error = doc ? rule_names_resolve(call, yyjson_doc_get_root(doc), pointer) : 0;
    yyjson_doc_free(doc);
    return error;
}

/* -- the other way round -- */

int rule_names_referrer(struct api_call *call, uint32_t unit, const char **ret_name)
{
    Quanyu__ReferrerRequest question = QUANYU__REFERRER_REQUEST__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    ProtobufCMessage *reply;
    question.unit = unit;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_REFERRER;
    request.referrer = &question;
    int error = api_ask(call, "tagging", &request.base, &quanyu__tagging_reply__descriptor, &reply);
    if (!error)
        *ret_name = ((Quanyu__TaggingReply *)reply)->referrer->name;
    return error;
}
