/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON into a buffer: commas and quotes are put where they belong. Errors are the buffer's. */
#ifndef QY_COMMON_JSON_H
#define QY_COMMON_JSON_H

#include "common/buffer.h"

#include <yyjson.h>

struct json {
    struct buffer *out;
    bool comma; /* the next value needs one before it */
};

static inline struct json json_to(struct buffer *out)
{
    return (struct json){.out = out};
}

void json_open(struct json *json, char bracket);  /* '{' or '[' */
void json_close(struct json *json, char bracket); /* '}' or ']' */
void json_name(struct json *json, const char *name);
void json_text(struct json *json, const char *text);
void json_text_n(struct json *json, const char *text, size_t size);
void json_integer(struct json *json, int64_t value);
void json_unsigned(struct json *json, uint64_t value);
void json_unsigned_text(struct json *json, uint64_t value); /* in quotes: not every reader holds 64 bits */
void json_decimal(struct json *json, double value); /* a JSON number, 15 digits; null when not finite */
void json_bool(struct json *json, bool value);
void json_null(struct json *json);
void json_time(struct json *json, int64_t ms); /* RFC 3339 */
/* Bytes that are JSON already; `empty` where there are none. */
void json_raw(struct json *json, const void *data, size_t size, const char *empty);

/* Name and value in one. */
void json_field_text(struct json *json, const char *name, const char *text);
void json_field_integer(struct json *json, const char *name, int64_t value);
void json_field_unsigned(struct json *json, const char *name, uint64_t value);
void json_field_bool(struct json *json, const char *name, bool value);
void json_field_time(struct json *json, const char *name, int64_t ms);
/* As a text: not every JSON reader keeps all digits of 64 bits. */
void json_field_number(struct json *json, const char *name, uint64_t number);
/* Left out where the text is empty or NULL. */
void json_field_optional(struct json *json, const char *name, const char *text);

/* A page of a list: {"<member>":[ … ],"next_cursor":…}, null where `next` is "". */
void json_open_page(struct json *json, const char *member);
void json_close_page(struct json *json, const char *next);

#endif
