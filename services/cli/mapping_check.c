/* SPDX-License-Identifier: Apache-2.0 */
/* What a mapping must look like, found out before a line is read. */
#include "common/clock.h"
#include "common/decimal.h"
#include "services/cli/mapping_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEPTH_MAX 8
#define FACTORS_MAX 8
#define DECIMALS_MAX 9
#define SKIPS_MAX 32

static const char *const condition_members[] = {
    "column", "is", "is_not", "in", "starts_with", "empty", "gt", "gte", "lt", "lte", NULL};
static const char *const skip_members[] = {"where", "reason", NULL};
static const char *const event_members[] = {"where", "type", "event", "name", "user_id", "anonymous_id",
    "group_id", "time", "properties", "traits", "context", NULL};
static const char *const time_members[] = {"column", "format", NULL};

static int complain(char error[300], const char *pointer, const char *reason)
{
    snprintf(error, 300, "%s: %s", pointer, reason);
    return -1;
}

static const char *name_of(yyjson_val *key)
{
    const char *name = yyjson_get_str(key);
    return name ? name : "";
}

static bool is_one_of(yyjson_val *text, const char *const *allowed)
{
    for (const char *const *name = allowed; *name; name++)
        if (yyjson_equals_str(text, *name))
            return true;
    return false;
}

int mapping_check_members(
    yyjson_val *object, const char *const *allowed, const char *pointer, char error[300])
{
    size_t index, count;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(object))
        return complain(error, pointer, "must be an object");
    yyjson_obj_foreach(object, index, count, key, value)
    {
        (void)value;
        if (is_one_of(key, allowed))
            continue;
        snprintf(error, 300, "%s/%.100s: there is no such member", pointer, name_of(key));
        return -1;
    }
    return 0;
}

/* -- conditions -- */

static bool is_text_list(yyjson_val *list)
{
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, count, item)
    {
        if (!yyjson_is_str(item))
            return false;
    }
    return yyjson_arr_size(list) > 0;
}

static bool is_decimal(yyjson_val *value)
{
    int64_t units;
    const char *text = yyjson_is_raw(value) ? yyjson_get_raw(value) : yyjson_get_str(value);
    return text && decimal_parse(text, yyjson_get_len(value), MAPPING_SCALE, false, &units);
}

static int check_operand(yyjson_val *name, yyjson_val *operand, const char *pointer, char error[300])
{
    static const char *const texts[] = {"column", "is", "is_not", "starts_with", NULL};
    if (is_one_of(name, texts))
        return yyjson_is_str(operand) ? 0 : complain(error, pointer, "must be a text");
    if (yyjson_equals_str(name, "in"))
        return is_text_list(operand) ? 0 : complain(error, pointer, "must be a list of texts");
    if (yyjson_equals_str(name, "empty"))
        return yyjson_is_bool(operand) ? 0 : complain(error, pointer, "must be true or false");
    return is_decimal(operand) ? 0
                               : complain(error, pointer, "must be a decimal number with at most 4 places");
}

static int check_condition(yyjson_val *condition, const char *pointer, char error[300])
{
    size_t index, count;
    yyjson_val *key, *operand;
    char below[160];
    if (mapping_check_members(condition, condition_members, pointer, error))
        return -1;
    yyjson_obj_foreach(condition, index, count, key, operand)
    {
        snprintf(below, sizeof(below), "%.100s/%.40s", pointer, name_of(key));
        if (check_operand(key, operand, below, error))
            return -1;
    }
    if (!yyjson_obj_get(condition, "column") || yyjson_obj_size(condition) < 2)
        return complain(error, pointer, "must name a column and what holds of it");
    return 0;
}

static int check_where(yyjson_val *where, bool required, const char *pointer, char error[300])
{
    size_t index, count;
    yyjson_val *condition;
    char below[128];
    if (!where && !required)
        return 0;
    if (!yyjson_is_arr(where))
        return complain(error, pointer, "must be a list of conditions");
    yyjson_arr_foreach(where, index, count, condition)
    {
        snprintf(below, sizeof(below), "%.100s/%zu", pointer, index);
        if (check_condition(condition, below, error))
            return -1;
    }
    return 0;
}

int mapping_check_skips(yyjson_val *skips, char error[300])
{
    size_t index, count;
    yyjson_val *skip;
    char pointer[64], where[80];
    if (yyjson_arr_size(skips) > SKIPS_MAX)
        return complain(error, "/skip", "must have at most 32 entries");
    yyjson_arr_foreach(skips, index, count, skip)
    {
        snprintf(pointer, sizeof(pointer), "/skip/%zu", index);
        snprintf(where, sizeof(where), "%s/where", pointer);
        if (mapping_check_members(skip, skip_members, pointer, error))
            return -1;
        if (!yyjson_is_str(yyjson_obj_get(skip, "reason")))
            return complain(error, pointer, "reason, a text, is required");
        if (check_where(yyjson_obj_get(skip, "where"), true, where, error))
            return -1;
    }
    return 0;
}

/* -- values -- */

struct value_kind {
    const char *member; /* by which it is told */
    const char *const members[5];
};

static const struct value_kind value_kinds[] = {
    {"text", {"text", "unless", NULL}},
    {"column", {"column", "as", "unless", NULL}},
    {"sum", {"sum", "absolute", "decimals", "unless", NULL}},
    {"count", {"count", "unless", NULL}},
    {"each", {"each", "unless", NULL}},
    {"value", {"value", "unless", NULL}},
};

static int check_sum(yyjson_val *value, const char *pointer, char error[300])
{
    yyjson_val *factors = yyjson_obj_get(value, "sum"), *places = yyjson_obj_get(value, "decimals");
    yyjson_val *absolute = yyjson_obj_get(value, "absolute");
    int64_t decimals = 0;
    if (!is_text_list(factors) || yyjson_arr_size(factors) > FACTORS_MAX)
        return complain(error, pointer, "sum must be a list of one to 8 columns");
    if (absolute && !yyjson_is_bool(absolute))
        return complain(error, pointer, "absolute must be true or false");
    if (places && (!yyjson_is_raw(places) ||
                      !decimal_parse(yyjson_get_raw(places), yyjson_get_len(places), 0, false, &decimals)))
        decimals = -1;
    return decimals >= 0 && decimals <= DECIMALS_MAX ? 0
                                                     : complain(error, pointer, "decimals must be 0 to 9");
}

static int check_values(yyjson_val *values, const char *pointer, unsigned depth, char error[300]);

static int check_kind(
    yyjson_val *value, const struct value_kind *kind, const char *pointer, unsigned depth, char error[300])
{
    static const char *const forms[] = {"number", "boolean", "text", NULL};
    yyjson_val *unless = yyjson_obj_get(value, "unless"), *as = yyjson_obj_get(value, "as");
    yyjson_val *own = yyjson_obj_get(value, kind->member);
    bool is_text = strcmp(kind->member, "text") == 0 || strcmp(kind->member, "column") == 0;
    if (mapping_check_members(value, kind->members, pointer, error))
        return -1;
    if (unless && !yyjson_is_str(unless))
        return complain(error, pointer, "unless must name a column");
    if (is_text && !yyjson_is_str(own))
        return complain(error, pointer, "must be a text");
    if (as && !is_one_of(as, forms))
        return complain(error, pointer, "as must be number, boolean or text");
    if (strcmp(kind->member, "sum") == 0)
        return check_sum(value, pointer, error);
    if (strcmp(kind->member, "count") == 0 && !yyjson_is_true(own))
        return complain(error, pointer, "count must be true");
    return strcmp(kind->member, "each") == 0 ? check_values(own, pointer, depth + 1, error) : 0;
}

static int check_value(yyjson_val *value, const char *pointer, unsigned depth, char error[300])
{
    if (!yyjson_is_obj(value))
        return 0;
    for (size_t i = 0; i < COUNT_OF(value_kinds); i++)
        if (yyjson_obj_get(value, value_kinds[i].member))
            return check_kind(value, &value_kinds[i], pointer, depth, error);
    return complain(error, pointer, "must have one of text, column, sum, count, each and value");
}

static int check_values(yyjson_val *values, const char *pointer, unsigned depth, char error[300])
{
    size_t index, count;
    yyjson_val *key, *value;
    char below[160];
    if (depth > DEPTH_MAX)
        return complain(error, pointer, "nested more than 8 deep");
    if (!yyjson_is_obj(values))
        return complain(error, pointer, "must be an object");
    yyjson_obj_foreach(values, index, count, key, value)
    {
        snprintf(below, sizeof(below), "%.100s/%.40s", pointer, name_of(key));
        if (check_value(value, below, depth, error))
            return -1;
    }
    return 0;
}

/* -- events -- */

/* A format that reads what it writes, and learns at least the year from it. */
static bool is_format(const char *format)
{
    const struct tm moment = {.tm_year = 101,
        .tm_mon = 1,
        .tm_mday = 3,
        .tm_hour = 4,
        .tm_min = 5,
        .tm_sec = 6,
        .tm_wday = 6,
        .tm_yday = 33};
    char text[200];
    int64_t ms;
    if (strftime(text, sizeof(text), format, &moment) == 0 || !mapping_parse_time(text, format, &ms))
        return false;
    return ms >= clock_local_ms(2001, 1, 1, 0, 0, 0) && ms <= clock_local_ms(2001, 2, 3, 4, 5, 6);
}

static int check_time(yyjson_val *time, const char *pointer, char error[300])
{
    char below[128];
    if (!time)
        return 0;
    if (mapping_check_members(time, time_members, pointer, error))
        return -1;
    const char *format = yyjson_get_str(yyjson_obj_get(time, "format"));
    if (!yyjson_is_str(yyjson_obj_get(time, "column")) || !format)
        return complain(error, pointer, "must be {\"column\":…,\"format\":…}");
    snprintf(below, sizeof(below), "%s/format", pointer);
    if (strstr(format, "%z") || strstr(format, "%Z") || strstr(format, "%s"))
        return complain(
            error, below, "times are local, in the mapping's time_zone: %z, %Z and %s are not known");
    return is_format(format)
               ? 0
               : complain(error, below,
                     "must be a format of strptime(3) with the year at least, such as %Y-%m-%d %H:%M");
}

/* A type that comes out of a column is found wrong by the gateway, line by line. */
static int check_type(yyjson_val *event, const char *pointer, char error[300])
{
    static const char *const types[] = {"track", "identify", "page", "screen", "group", NULL};
    char below[96];
    yyjson_val *type = yyjson_obj_get(event, "type");
    if (!yyjson_is_str(type))
        return complain(error, pointer, "type is required: track, identify, page, screen or group");
    snprintf(below, sizeof(below), "%s/type", pointer);
    if (!strchr(yyjson_get_str(type), '{') && !is_one_of(type, types))
        return complain(error, below, "must be track, identify, page, screen or group");
    if (yyjson_equals_str(type, "track") && !yyjson_obj_get(event, "event"))
        return complain(error, pointer, "event, the name of what was done, is required with the type track");
    if (yyjson_equals_str(type, "group") && !yyjson_obj_get(event, "group_id"))
        return complain(error, pointer, "group_id is required with the type group");
    return 0;
}

static int check_event(yyjson_val *event, const char *pointer, char error[300])
{
    static const char *const single[] = {"type", "event", "name", "user_id", "anonymous_id", "group_id"};
    static const char *const objects[] = {"properties", "traits", "context"};
    char below[96];
    if (mapping_check_members(event, event_members, pointer, error))
        return -1;
    snprintf(below, sizeof(below), "%s/where", pointer);
    if (check_type(event, pointer, error) || check_where(yyjson_obj_get(event, "where"), false, below, error))
        return -1;
    snprintf(below, sizeof(below), "%s/time", pointer);
    if (check_time(yyjson_obj_get(event, "time"), below, error))
        return -1;
    for (size_t i = 0; i < COUNT_OF(single); i++) {
        snprintf(below, sizeof(below), "%s/%s", pointer, single[i]);
        if (check_value(yyjson_obj_get(event, single[i]), below, 0, error))
            return -1;
    }
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
        snprintf(below, sizeof(below), "%s/%s", pointer, objects[i]);
        yyjson_val *values = yyjson_obj_get(event, objects[i]);
        if (values && check_values(values, below, 0, error))
            return -1;
    }
    return 0;
}

int mapping_check_events(yyjson_val *events, char error[300])
{
    size_t index, count;
    yyjson_val *event;
    char pointer[64];
    yyjson_arr_foreach(events, index, count, event)
    {
        snprintf(pointer, sizeof(pointer), "/events/%zu", index);
        if (check_event(event, pointer, error))
            return -1;
    }
    return 0;
}
