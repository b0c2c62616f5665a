/* SPDX-License-Identifier: Apache-2.0 */
/* Applying a mapping: conditions on a line, values of an event. */
#include "common/clock.h"
#include "common/json.h"
#include "services/cli/mapping_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A group on its way to an event. */
struct making {
    const struct mapping *mapping;
    const struct line *lines;
    size_t count;
    struct buffer *out;
    char *error;       /* 300 bytes; "" while all is well */
    uint64_t bad_line; /* where the error is */
};

static const char *field(const struct mapping *mapping, const struct line *line, yyjson_val *name)
{
    int column = mapping_column(mapping, yyjson_get_str(name), yyjson_get_len(name));
    return column < 0 ? "" : line->fields[column];
}

static bool refuse(char error[300], const char *column, const char *value, const char *reason)
{
    snprintf(error, 300, "column %s: \"%.80s\" %s", column, value, reason);
    return false;
}

/* -- conditions -- */

static bool compare(
    const char *text, yyjson_val *operand, int *ret_order, const char *column, char error[300])
{
    int64_t a, b;
    const char *other = yyjson_is_raw(operand) ? yyjson_get_raw(operand) : yyjson_get_str(operand);
    if (!decimal_parse(text, strlen(text), MAPPING_SCALE, false, &a))
        return refuse(error, column, text, "is not a decimal number");
    if (!other || !decimal_parse(other, strlen(other), MAPPING_SCALE, false, &b))
        return refuse(error, column, other ? other : "", "(the operand) is not a decimal number");
    *ret_order = (a > b) - (a < b);
    return true;
}

static bool is_in(const char *text, yyjson_val *list)
{
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, count, item)
    {
        if (yyjson_equals_str(item, text))
            return true;
    }
    return false;
}

/* Whether one operator of a condition holds; sets `error` where it cannot be told. */
static bool operator_holds(
    const char *text, const char *name, yyjson_val *operand, const char *column, char error[300])
{
    int order = 0;
    if (strcmp(name, "is") == 0)
        return yyjson_equals_str(operand, text);
    if (strcmp(name, "is_not") == 0)
        return !yyjson_equals_str(operand, text);
    if (strcmp(name, "in") == 0)
        return is_in(text, operand);
    if (strcmp(name, "starts_with") == 0)
        return yyjson_is_str(operand) && strncmp(text, yyjson_get_str(operand), yyjson_get_len(operand)) == 0;
    if (strcmp(name, "empty") == 0)
        return (*text == 0) == yyjson_get_bool(operand);
    if (!compare(text, operand, &order, column, error))
        return false;
    if (strcmp(name, "gt") == 0)
        return order > 0;
    if (strcmp(name, "gte") == 0)
        return order >= 0;
    if (strcmp(name, "lt") == 0)
        return order < 0;
    if (strcmp(name, "lte") == 0)
        return order <= 0;
    snprintf(error, 300, "the mapping has a condition with an unknown operator \"%s\"", name);
    return false;
}

static bool condition_holds(
    const struct mapping *mapping, const struct line *line, yyjson_val *condition, char error[300])
{
    size_t index, count;
    yyjson_val *key, *operand, *name = yyjson_obj_get(condition, "column");
    const char *text = field(mapping, line, name);
    yyjson_obj_foreach(condition, index, count, key, operand)
    {
        if (!yyjson_equals_str(key, "column") &&
            !operator_holds(text, yyjson_get_str(key), operand, yyjson_get_str(name), error))
            return false;
    }
    return true;
}

static bool all_hold(
    const struct mapping *mapping, const struct line *line, yyjson_val *where, char error[300])
{
    size_t index, count;
    yyjson_val *condition;
    yyjson_arr_foreach(where, index, count, condition)
    {
        if (!condition_holds(mapping, line, condition, error))
            return false;
    }
    return true;
}

const char *mapping_skips(const struct mapping *mapping, const struct line *line, char error[300])
{
    size_t index, count;
    yyjson_val *skip;
    yyjson_arr_foreach(mapping->skip, index, count, skip)
    {
        if (all_hold(mapping, line, yyjson_obj_get(skip, "where"), error))
            return yyjson_get_str(yyjson_obj_get(skip, "reason"));
        if (error[0])
            return NULL;
    }
    return NULL;
}

bool mapping_group(const struct mapping *mapping, const struct line *line, struct buffer *key)
{
    size_t index, count;
    yyjson_val *name;
    yyjson_arr_foreach(mapping->group_by, index, count, name)
    {
        const char *text = field(mapping, line, name);
        buffer_append(key, text, strlen(text) + 1);
    }
    return mapping->group_by != NULL;
}

/* -- values -- */

static void blame(
    struct making *making, const struct line *line, yyjson_val *column, const char *value, const char *reason)
{
    if (making->error[0])
        return;
    making->bad_line = line->number;
    (void)refuse(making->error, yyjson_get_str(column), value, reason);
}

/* Replaces the placeholders; false when one of the columns is empty. */
static bool fill(const struct making *making, const struct line *line, const char *text, struct buffer *out)
{
    for (;;) {
        size_t plain = strcspn(text, "{");
        buffer_append(out, text, plain);
        text += plain;
        if (!*text)
            return true;
        size_t size = strcspn(text + 1, "}");
        int column = mapping_column(making->mapping, text + 1, size);
        const char *value = column < 0 ? "" : line->fields[column];
        if (!*value)
            return false;
        buffer_text(out, value);
        text += size + 2;
    }
}

static bool write_text(
    struct making *making, struct json *json, const char *name, const struct line *line, const char *text)
{
    _cleanup_(buffer_free) struct buffer filled = BUFFER_INIT;
    if (!fill(making, line, text, &filled))
        return false;
    if (name)
        json_name(json, name);
    json_text_n(json, (const char *)filled.data, filled.size);
    return true;
}

static bool write_column(
    struct making *making, struct json *json, const char *name, const struct line *line, yyjson_val *value)
{
    yyjson_val *column = yyjson_obj_get(value, "column");
    const char *text = field(making->mapping, line, column),
               *as = yyjson_get_str(yyjson_obj_get(value, "as"));
    int64_t units;
    if (!*text)
        return false;
    if (name)
        json_name(json, name);
    if (!as || strcmp(as, "text") == 0) {
        json_text(json, text);
    } else if (strcmp(as, "boolean") == 0) {
        json_bool(
            json, strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0);
    } else if (decimal_parse(text, strlen(text), MAPPING_SCALE, false, &units)) {
        char number[DECIMAL_TEXT_BYTES];
        decimal_format(units, MAPPING_SCALE, number);
        size_t size = strlen(number);
        while (number[size - 1] == '0')
            size--;
        size -= number[size - 1] == '.';
        json_raw(json, number, size, "0");
    } else {
        blame(making, line, column, text, "is not a decimal number with at most 4 places");
    }
    return true;
}

/* The product of the columns of one line, at the scale of all its factors. */
static bool product(
    struct making *making, const struct line *line, yyjson_val *columns, __int128 *ret_product)
{
    size_t index, count;
    yyjson_val *column;
    __int128 result = 1;
    yyjson_arr_foreach(columns, index, count, column)
    {
        int64_t units;
        const char *text = field(making->mapping, line, column), *problem = NULL;
        if (!decimal_parse(text, strlen(text), MAPPING_SCALE, false, &units))
            problem = "is not a decimal number with at most 4 places";
        else if (__builtin_mul_overflow(result, units, &result))
            problem = "makes the product too large";
        if (problem) {
            blame(making, line, column, text, problem);
            return false;
        }
    }
    *ret_product = result;
    return true;
}

static void write_sum(struct making *making, struct json *json, const char *name, yyjson_val *value)
{
    yyjson_val *columns = yyjson_obj_get(value, "sum"), *places = yyjson_obj_get(value, "decimals");
    int64_t decimals = 2;
    __int128 sum = 0, one, divisor = 1;
    if (places && !decimal_parse(yyjson_get_raw(places), yyjson_get_len(places), 0, false, &decimals))
        decimals = 2;
    for (size_t i = 0; i < making->count; i++) {
        if (!product(making, &making->lines[i], columns, &one))
            return;
        if (__builtin_add_overflow(sum, one, &sum)) {
            snprintf(making->error, 300, "%s: the sum is too large", name ? name : "sum");
            return;
        }
    }
    if (sum < 0 && yyjson_get_bool(yyjson_obj_get(value, "absolute")))
        sum = -sum;
    for (int64_t scale = MAPPING_SCALE * (int64_t)yyjson_arr_size(columns); scale > decimals; scale--)
        divisor *= 10;
    __int128 units = sum / divisor;
    if (units * divisor != sum || units > INT64_MAX || units < INT64_MIN) {
        snprintf(making->error, 300, "%s: the sum has more than %" PRId64 " decimal places, or is too large",
            name ? name : "sum", decimals);
        return;
    }
    char number[DECIMAL_TEXT_BYTES];
    if (name)
        json_name(json, name);
    decimal_format((int64_t)units, (unsigned)decimals, number);
    json_raw(json, number, strlen(number), "0");
}

static void write_members(
    struct making *making, struct json *json, const struct line *line, yyjson_val *members);

static void write_each(struct making *making, struct json *json, const char *name, yyjson_val *members)
{
    if (name)
        json_name(json, name);
    json_open(json, '[');
    for (size_t i = 0; i < making->count; i++) {
        json_open(json, '{');
        write_members(making, json, &making->lines[i], members);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_constant(struct json *json, const char *name, yyjson_val *value)
{
    size_t size;
    _cleanup_(free_pointer) char *text = yyjson_val_write(value, 0, &size);
    if (name)
        json_name(json, name);
    json_raw(json, text, text ? size : 0, "null");
}

/* False when there is nothing to write. */
static bool write_value(
    struct making *making, struct json *json, const char *name, const struct line *line, yyjson_val *value)
{
    if (yyjson_is_str(value))
        return write_text(making, json, name, line, yyjson_get_str(value));
    if (!yyjson_is_obj(value)) {
        write_constant(json, name, value);
        return true;
    }
    yyjson_val *unless = yyjson_obj_get(value, "unless"), *inner;
    if (unless && *field(making->mapping, line, unless))
        return false;
    if ((inner = yyjson_obj_get(value, "text")))
        return yyjson_is_str(inner) && write_text(making, json, name, line, yyjson_get_str(inner));
    if (yyjson_obj_get(value, "column"))
        return write_column(making, json, name, line, value);
    if (yyjson_obj_get(value, "sum")) {
        write_sum(making, json, name, value);
        return true;
    }
    if (yyjson_obj_get(value, "count")) {
        if (name)
            json_name(json, name);
        json_unsigned(json, making->count);
        return true;
    }
    if ((inner = yyjson_obj_get(value, "each"))) {
        write_each(making, json, name, inner);
        return true;
    }
    write_constant(json, name, yyjson_obj_get(value, "value"));
    return true;
}

static void write_members(
    struct making *making, struct json *json, const struct line *line, yyjson_val *members)
{
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(members, index, count, key, value)
    {
        (void)write_value(making, json, yyjson_get_str(key), line, value);
    }
}

static void write_object(struct making *making, struct json *json, const char *name, yyjson_val *members)
{
    if (!members)
        return;
    json_name(json, name);
    json_open(json, '{');
    write_members(making, json, &making->lines[0], members);
    json_close(json, '}');
}

/* -- time -- */

#define YEAR_LEAST 1000

/* strptime() takes the 30th of February, which then is some day in March, and "26" for %Y, which is the year 26. */
static bool is_real(const struct tm *parts)
{
    struct tm real = *parts;
    real.tm_isdst = 0;
    return parts->tm_year + 1900 >= YEAR_LEAST && timegm(&real) != (time_t)-1 &&
           real.tm_year == parts->tm_year && real.tm_mon == parts->tm_mon && real.tm_mday == parts->tm_mday &&
           real.tm_hour == parts->tm_hour && real.tm_min == parts->tm_min && parts->tm_sec <= 60;
}

bool mapping_parse_time(const char *text, const char *format, int64_t *ret_ms)
{
    struct tm parts = {.tm_mday = 1};
    const char *end = strptime(text, format, &parts);
    if (!end || *end || !is_real(&parts))
        return false;
    *ret_ms = clock_local_ms(
        parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    return true;
}

/* The earliest of the group's lines. */
static void write_time(struct making *making, struct json *json, yyjson_val *time)
{
    if (!time)
        return;
    yyjson_val *column = yyjson_obj_get(time, "column");
    int64_t earliest = INT64_MAX, ms;
    for (size_t i = 0; i < making->count; i++) {
        const char *text = field(making->mapping, &making->lines[i], column);
        if (!mapping_parse_time(text, yyjson_get_str(yyjson_obj_get(time, "format")), &ms)) {
            blame(making, &making->lines[i], column, text,
                "is not a time in the mapping's format, or there is no such day");
            return;
        }
        earliest = ms < earliest ? ms : earliest;
    }
    json_field_time(json, "timestamp", earliest);
}

/* -- the event -- */

static yyjson_val *event_for(const struct mapping *mapping, const struct line *line, char error[300])
{
    size_t index, count;
    yyjson_val *event;
    yyjson_arr_foreach(mapping->events, index, count, event)
    {
        if (all_hold(mapping, line, yyjson_obj_get(event, "where"), error))
            return event;
        if (error[0])
            return NULL;
    }
    snprintf(error, 300, "no event of the mapping fits this line");
    return NULL;
}

static void write_optional(struct making *making, struct json *json, const char *name, yyjson_val *value)
{
    if (value)
        (void)write_value(making, json, name, &making->lines[0], value);
}

bool mapping_event(const struct mapping *mapping, const struct line *lines, size_t count,
    const char *message_id, struct buffer *out, uint64_t *ret_bad_line, char error[300])
{
    size_t before = out->size;
    struct making making = {.mapping = mapping,
        .lines = lines,
        .count = count,
        .out = out,
        .error = error,
        .bad_line = lines[0].number};
    struct json json = json_to(out);
    error[0] = 0;
    *ret_bad_line = making.bad_line;
    yyjson_val *event = event_for(mapping, &lines[0], error);
    if (!event)
        return false;
    json_open(&json, '{');
    json_field_text(&json, "messageId", message_id);
    write_optional(&making, &json, "type", yyjson_obj_get(event, "type"));
    write_optional(&making, &json, "event", yyjson_obj_get(event, "event"));
    write_optional(&making, &json, "name", yyjson_obj_get(event, "name"));
    write_optional(&making, &json, "userId", yyjson_obj_get(event, "user_id"));
    write_optional(&making, &json, "anonymousId", yyjson_obj_get(event, "anonymous_id"));
    write_optional(&making, &json, "groupId", yyjson_obj_get(event, "group_id"));
    write_time(&making, &json, yyjson_obj_get(event, "time"));
    write_object(&making, &json, "properties", yyjson_obj_get(event, "properties"));
    write_object(&making, &json, "traits", yyjson_obj_get(event, "traits"));
    write_object(&making, &json, "context", yyjson_obj_get(event, "context"));
    json_close(&json, '}');
    if (!error[0] && buffer_error(out))
        snprintf(error, 300, "out of memory");
    if (error[0])
        out->size = before;
    *ret_bad_line = making.bad_line;
    return !error[0];
}
