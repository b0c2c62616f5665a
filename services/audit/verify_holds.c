/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/verify_holds.h"

#include "common/clock.h"
#include "common/error.h"

#include <stdlib.h>

struct stated {
    uint32_t number;
    bool by_time; /* alone */
    struct audit_filter *filter;
};

struct verify_holds {
    struct arena *arena;
    struct stated stated[HOLDS_MAX]; /* as many as the service has at once */
    size_t count;
};

int verify_holds_open(struct verify_holds **ret_holds)
{
    _cleanup_(verify_holds_close) struct verify_holds *holds = calloc(1, sizeof(*holds));
    int error = holds ? arena_open(&holds->arena) : -QY_ENOMEM;
    if (!error)
        *ret_holds = TAKE(holds);
    return error;
}

void verify_holds_close(struct verify_holds **holds)
{
    if (!*holds)
        return;
    arena_close(&(*holds)->arena);
    free(*holds);
    *holds = NULL;
}

static int64_t time_of(yyjson_val *filter, const char *name)
{
    yyjson_val *value = yyjson_obj_get(filter, name);
    int64_t ms = 0;
    if (yyjson_is_str(value))
        (void)time_parse(yyjson_get_str(value), yyjson_get_len(value), false, &ms);
    return ms;
}

/* False where it holds something that no filter is. */
static bool add_values(
    struct verify_holds *holds, struct audit_filter *filter, const char *name, yyjson_val *values)
{
    const struct filter_name *found = audit_filter_name(name);
    size_t index, count;
    yyjson_val *value;
    bool good = found && yyjson_is_arr(values);
    yyjson_arr_foreach(values, index, count, value) good =
        good && yyjson_is_str(value) && !audit_filter_add(filter, holds->arena, found, yyjson_get_str(value));
    return good;
}

int verify_holds_add(struct verify_holds *holds, yyjson_val *detail)
{
    yyjson_val *given = yyjson_obj_get(detail, "filter"), *key, *values;
    const char *id = yyjson_get_str(yyjson_obj_get(detail, "id"));
    struct stated stated = {.by_time = true, .filter = arena_alloc(holds->arena, sizeof(*stated.filter))};
    size_t index, count;
    bool good = id && hold_parse_id(id, &stated.number) && yyjson_is_obj(given) && holds->count < HOLDS_MAX;
    if (!stated.filter)
        return -QY_ENOMEM;
    *stated.filter = (struct audit_filter){.from_ms = time_of(given, "from"), .to_ms = time_of(given, "to")};
    yyjson_obj_foreach(given, index, count, key, values)
    {
        const char *name = yyjson_get_str(key);
        if (strcmp(name, "from") == 0 || strcmp(name, "to") == 0)
            continue;
        stated.by_time = false;
        good = good && add_values(holds, stated.filter, name, values);
    }
    for (size_t i = 0; i < stated.filter->condition_count; i++)
        term_values_sort(&stated.filter->conditions[i].values);
    if (good)
        holds->stated[holds->count++] = stated;
    return 0;
}

void verify_holds_release(struct verify_holds *holds, yyjson_val *detail)
{
    const char *id = yyjson_get_str(yyjson_obj_get(detail, "id"));
    uint32_t number;
    for (size_t i = 0; id && hold_parse_id(id, &number) && i < holds->count; i++)
        if (holds->stated[i].number == number) {
            holds->stated[i] = holds->stated[--holds->count];
            return;
        }
}

static bool covers(const struct stated *stated, int64_t least_ms, int64_t most_ms)
{
    return least_ms >= stated->filter->from_ms && (!stated->filter->to_ms || most_ms < stated->filter->to_ms);
}

bool verify_holds_time(const struct verify_holds *holds, int64_t least_ms, int64_t most_ms)
{
    for (size_t i = 0; i < holds->count; i++)
        if (holds->stated[i].by_time && covers(&holds->stated[i], least_ms, most_ms))
            return true;
    return false;
}

uint32_t verify_holds_record(const struct verify_holds *holds, const Quanyu__AuditRecord *record)
{
    for (size_t i = 0; i < holds->count; i++)
        if (covers(&holds->stated[i], record->time_ms, record->time_ms) &&
            audit_filter_fits(holds->stated[i].filter, record))
            return holds->stated[i].number;
    return 0;
}
