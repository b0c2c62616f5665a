/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_place.h"

#include "services/gateway/units.h"

#include <string.h>

/* The number in "<prefix><number>", as it is written; 0: it is none. */
static uint32_t number_of(const char *text, size_t size, const char *prefix)
{
    size_t at = strlen(prefix);
    uint64_t number = 0;
    if (size <= at || size > at + 10 || memcmp(text, prefix, at) != 0 || text[at] == '0')
        return 0;
    for (; at < size; at++) {
        if (text[at] < '0' || text[at] > '9')
            return 0;
        number = number * 10 + (uint64_t)(text[at] - '0');
    }
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static uint32_t find_unit(const struct unit_tree *units, yyjson_val *name)
{
    const char *text = yyjson_get_str(name);
    size_t size = yyjson_get_len(name);
    uint32_t number = text ? number_of(text, size, "u_") : 0;
    if (number && unit_tree_has(units, number))
        return number;
    return text ? unit_tree_find(units, text, size) : 0;
}

/* What the contexts name; NULL where they do not. */
struct named {
    yyjson_val *unit, *staff;
};

/* One walk for both: most events name neither. What was found before stays. */
static void read_context(yyjson_val *object, struct named *named)
{
    size_t index, count;
    yyjson_val *context = yyjson_obj_get(object, "context"), *key, *value;
    if (!yyjson_is_obj(context))
        return;
    yyjson_obj_foreach(context, index, count, key, value)
    {
        size_t size = yyjson_get_len(key);
        if (size == strlen("unit") && !named->unit && memcmp(yyjson_get_str(key), "unit", size) == 0)
            named->unit = value;
        else if (size == strlen("staff") && !named->staff && memcmp(yyjson_get_str(key), "staff", size) == 0)
            named->staff = value;
    }
}

static bool is_text_or_null(yyjson_val *value)
{
    return !value || yyjson_is_str(value) || yyjson_is_null(value);
}

bool ingest_place(struct event *event, Quanyu__RawEvent *raw, struct parsed *parsed)
{
    const struct ingest_origin *origin = event->origin;
    struct named named = {0};
    read_context(event->json, &named);
    if (event->batch)
        read_context(event->batch, &named);
    if (!is_text_or_null(named.unit))
        return event_refuse(event, "wrong_type", "/context/unit", "must be a string");
    if (!is_text_or_null(named.staff))
        return event_refuse(event, "wrong_type", "/context/staff", "must be a string");
    if (yyjson_is_str(named.unit) && origin->units) {
        raw->unit = find_unit(origin->units, named.unit);
        parsed->unknown_units += raw->unit == 0;
    }
    if (!raw->unit && origin->key)
        raw->unit = origin->key->row->unit;
    if (yyjson_is_str(named.staff))
        raw->staff = number_of(yyjson_get_str(named.staff), yyjson_get_len(named.staff), "st_");
    return true;
}
