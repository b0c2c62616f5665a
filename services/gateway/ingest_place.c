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

void ingest_place(const struct event *event, Quanyu__RawEvent *raw, struct parsed *parsed)
{
    const struct ingest_origin *origin = event->origin;
    yyjson_val *unit = ingest_context(event->json, event->batch, "unit");
    yyjson_val *staff = ingest_context(event->json, event->batch, "staff");
    if (unit && origin->units) {
        raw->unit = find_unit(origin->units, unit);
        parsed->unknown_units += raw->unit == 0;
    }
    if (!raw->unit && origin->key)
        raw->unit = origin->key->row->unit;
    if (staff && yyjson_is_str(staff))
        raw->staff = number_of(yyjson_get_str(staff), yyjson_get_len(staff), "st_");
}
