/* SPDX-License-Identifier: Apache-2.0 */
/* The parser's tools: places, refusals, and the small things that stand in many places of a rule. */
#include "common/rule_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct place place_key(const struct place *parent, yyjson_val *key)
{
    return (struct place){.parent = parent, .key = yyjson_get_str(key), .size = yyjson_get_len(key)};
}

struct place place_named(const struct place *parent, const char *key)
{
    return (struct place){.parent = parent, .key = key, .size = strlen(key)};
}

struct place place_index(const struct place *parent, size_t index)
{
    return (struct place){.parent = parent, .index = index};
}

static void write_place(struct buffer *out, const struct place *at)
{
    if (!at)
        return;
    write_place(out, at->parent);
    if (!at->key) {
        buffer_printf(out, "/%zu", at->index);
        return;
    }
    buffer_byte(out, '/');
    for (size_t i = 0; i < at->size; i++) {
        if (at->key[i] == '~')
            buffer_text(out, "~0");
        else if (at->key[i] == '/')
            buffer_text(out, "~1");
        else
            buffer_byte(out, (uint8_t)at->key[i]);
    }
}

const char *place_pointer(struct arena *arena, const struct place *at)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    write_place(&text, at);
    return buffer_error(&text) ? NULL : arena_text(arena, (const char *)text.data, text.size);
}

/* Copies what fits, and no half of a character. */
static void copy_text(char *out, size_t room, const char *text)
{
    size_t size = strnlen(text, room);
    if (size == room) {
        size--;
        while (size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80)
            size--;
    }
    memcpy(out, text, size);
    out[size] = '\0';
}

int parser_refuse(struct parser *parser, const struct place *at, const char *format, ...)
{
    _cleanup_(buffer_free) struct buffer pointer = BUFFER_INIT;
    write_place(&pointer, at);
    copy_text(parser->problem->pointer, sizeof(parser->problem->pointer), buffer_c_str(&pointer));
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parser->problem->message, sizeof(parser->problem->message), format, arguments);
    va_end(arguments);
    return -QY_EINVAL;
}

int parser_keys(struct parser *parser, const struct reading *reading, const char *const *others)
{
    size_t index, size;
    yyjson_val *key, *json;
    yyjson_obj_foreach(reading->object, index, size, key, json)
    {
        struct place here = place_key(reading->at, key);
        bool known = yyjson_equals_str(key, reading->key);
        for (const char *const *other = others; *other && !known; other++)
            known = yyjson_equals_str(key, *other);
        if (!known)
            return parser_refuse(parser, &here, "unknown key beside \"%s\"", reading->key);
        if (yyjson_obj_getn(reading->object, here.key, here.size) != json)
            return parser_refuse(parser, &here, "is given twice");
    }
    return 0;
}

int parser_name(struct parser *parser, const struct place *at, yyjson_val *json, const char **ret_name)
{
    if (!yyjson_is_str(json))
        return parser_refuse(parser, at, "must be a text");
    const char *name = yyjson_get_str(json);
    size_t size = yyjson_get_len(json);
    if (size == 0)
        return parser_refuse(parser, at, "must not be empty");
    if (size > RULE_NAME_MAX)
        return parser_refuse(parser, at, "must have at most %d bytes", RULE_NAME_MAX);
    if (memchr(name, '\0', size))
        return parser_refuse(parser, at, "must not contain the character U+0000");
    *ret_name = arena_text(parser->arena, name, size);
    return *ret_name ? 0 : -QY_ENOMEM;
}

int parser_path(struct parser *parser, const struct place *at, yyjson_val *json, const char **ret_path)
{
    int error = parser_name(parser, at, json, ret_path);
    if (error)
        return error;
    size_t parts = 1, part_size = 0;
    for (const char *c = *ret_path;; c++) {
        if (*c != '.' && *c != '\0') {
            part_size++;
            continue;
        }
        if (part_size == 0)
            return parser_refuse(parser, at, "has an empty part beside a dot");
        if (*c == '\0')
            break;
        parts++;
        part_size = 0;
    }
    if (parts > RULE_PATH_MAX)
        return parser_refuse(parser, at, "must have at most %d parts", RULE_PATH_MAX);
    return 0;
}

int parser_time(struct parser *parser, const struct place *at, yyjson_val *json, int64_t *ret_ms)
{
    if (!yyjson_is_str(json) || !time_parse(yyjson_get_str(json), yyjson_get_len(json), true, ret_ms))
        return parser_refuse(
            parser, at, "must be a time, such as \"2026-03-01T08:30:00Z\" (RFC 3339) or \"2026-03-01\"");
    return 0;
}

int parser_duration(struct parser *parser, const struct place *at, yyjson_val *json, int64_t *ret_ms)
{
    if (!yyjson_is_str(json) || !duration_parse(yyjson_get_str(json), yyjson_get_len(json), ret_ms))
        return parser_refuse(parser, at,
            "must be a duration, such as \"90s\", \"15m\", \"36h\", \"30d\" or \"6w\", of at most 100 years");
    return 0;
}
