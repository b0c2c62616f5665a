/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rule_shape.h"

#include <string.h>

static void write_shape(struct json *json, yyjson_val *value, bool operand);

static bool is_operand(const char *name)
{
    static const char *const kept[] = {"all", "any", "not", "trait", "metric", "tag", "stage", "tier",
        "segment", "identifier", "unit", "guide", "event", "property", "where", "count", "sum", "distinct",
        "within", "between"};
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (strcmp(name, kept[i]) == 0)
            return false;
    return true;
}

/* The member whose name comes next behind `last`; NULL: none. Rules have few members, so nothing is sorted beforehand. */
static yyjson_val *next_member(yyjson_val *value, const char *last, yyjson_val **ret_member)
{
    size_t index, count;
    yyjson_val *key, *member, *next = NULL;
    yyjson_obj_foreach(value, index, count, key, member)
    {
        const char *name = yyjson_get_str(key);
        if ((!last || strcmp(name, last) > 0) && (!next || strcmp(name, yyjson_get_str(next)) < 0)) {
            next = key;
            *ret_member = member;
        }
    }
    return next;
}

static void write_members(struct json *json, yyjson_val *value)
{
    const char *name = NULL;
    yyjson_val *key, *member;
    json_open(json, '{');
    while ((key = next_member(value, name, &member))) {
        name = yyjson_get_str(key);
        json_name(json, name);
        write_shape(json, member, is_operand(name));
    }
    json_close(json, '}');
}

static void write_shape(struct json *json, yyjson_val *value, bool operand)
{
    size_t index, count;
    yyjson_val *item;
    if (yyjson_is_obj(value)) {
        write_members(json, value);
    } else if (yyjson_is_arr(value)) {
        json_open(json, '[');
        yyjson_arr_foreach(value, index, count, item)
        {
            write_shape(json, item, operand);
        }
        json_close(json, ']');
    } else if (yyjson_is_str(value) && !operand) {
        json_text_n(json, yyjson_get_str(value), yyjson_get_len(value));
    } else if (yyjson_is_bool(value)) {
        json_bool(json, yyjson_get_bool(value));
    } else {
        json_text(json, "…");
    }
}

void rule_write_shape(struct json *json, yyjson_val *rule)
{
    write_shape(json, rule, false);
}
