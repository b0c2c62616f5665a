/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include "common/clock.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void before_value(struct json *json)
{
    if (json->comma)
        buffer_byte(json->out, ',');
    json->comma = true;
}

void json_open(struct json *json, char bracket)
{
    before_value(json);
    buffer_byte(json->out, (uint8_t)bracket);
    json->comma = false;
}

void json_close(struct json *json, char bracket)
{
    buffer_byte(json->out, (uint8_t)bracket);
    json->comma = true;
}

void json_name(struct json *json, const char *name)
{
    before_value(json);
    buffer_json_string(json->out, name, strlen(name));
    buffer_byte(json->out, ':');
    json->comma = false;
}

void json_text_n(struct json *json, const char *text, size_t size)
{
    before_value(json);
    buffer_json_string(json->out, text, size);
}

void json_text(struct json *json, const char *text)
{
    json_text_n(json, text, strlen(text));
}

void json_integer(struct json *json, int64_t value)
{
    before_value(json);
    buffer_printf(json->out, "%" PRId64, value);
}

void json_unsigned(struct json *json, uint64_t value)
{
    before_value(json);
    buffer_unsigned(json->out, value);
}

void json_unsigned_text(struct json *json, uint64_t value)
{
    before_value(json);
    buffer_byte(json->out, '"');
    buffer_unsigned(json->out, value);
    buffer_byte(json->out, '"');
}

void json_decimal(struct json *json, double value)
{
    before_value(json);
    if (isfinite(value))
        buffer_printf(json->out, "%.15g", value);
    else
        buffer_text(json->out, "null");
}

void json_bool(struct json *json, bool value)
{
    before_value(json);
    buffer_text(json->out, value ? "true" : "false");
}

void json_null(struct json *json)
{
    before_value(json);
    buffer_text(json->out, "null");
}

void json_time(struct json *json, int64_t ms)
{
    char text[TIME_TEXT_BYTES];
    json_text(json, time_format(ms, text));
}

void json_raw(struct json *json, const void *data, size_t size, const char *empty)
{
    before_value(json);
    if (size > 0)
        buffer_append(json->out, data, size);
    else
        buffer_text(json->out, empty);
}

void json_field_text(struct json *json, const char *name, const char *text)
{
    json_name(json, name);
    json_text(json, text);
}

void json_field_integer(struct json *json, const char *name, int64_t value)
{
    json_name(json, name);
    json_integer(json, value);
}

void json_field_unsigned(struct json *json, const char *name, uint64_t value)
{
    json_name(json, name);
    json_unsigned(json, value);
}

void json_field_bool(struct json *json, const char *name, bool value)
{
    json_name(json, name);
    json_bool(json, value);
}

void json_field_time(struct json *json, const char *name, int64_t ms)
{
    json_name(json, name);
    json_time(json, ms);
}

void json_field_number(struct json *json, const char *name, uint64_t number)
{
    json_name(json, name);
    json_unsigned_text(json, number);
}

void json_field_optional(struct json *json, const char *name, const char *text)
{
    if (text && *text)
        json_field_text(json, name, text);
}

void json_open_page(struct json *json, const char *member)
{
    json_open(json, '{');
    json_name(json, member);
    json_open(json, '[');
}

void json_close_page(struct json *json, const char *next)
{
    json_close(json, ']');
    json_name(json, "next_cursor");
    if (*next)
        json_text(json, next);
    else
        json_null(json);
    json_close(json, '}');
}
