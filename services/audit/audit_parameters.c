/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_parameters.h"

#include "common/clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES 512
#define CURSOR_VERSION 1

enum parameter { ACTOR, SUBJECT, ACTION, FROM, TO, LIMIT, CURSOR, PARAMETER_COUNT };
static const char *const names[PARAMETER_COUNT] = {
    [ACTOR] = "actor",
    [SUBJECT] = "subject",
    [ACTION] = "action",
    [FROM] = "from",
    [TO] = "to",
    [LIMIT] = "limit",
    [CURSOR] = "cursor",
};

bool audit_parameter_number(const char *text, uint64_t *ret_number)
{
    size_t size = strlen(text);
    if (size == 0 || size > 19 || strspn(text, "0123456789") != size)
        return false;
    *ret_number = strtoull(text, NULL, 10);
    return true;
}

/* -- cursors: opaque to clients, so that what is in them can change -- */

const char *audit_cursor_format(uint64_t before, char text[CURSOR_BYTES])
{
    uint8_t bytes[9] = {CURSOR_VERSION};
    put_be64(bytes + 1, before);
    return sodium_bin2base64(
        text, CURSOR_BYTES, bytes, sizeof(bytes), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool audit_cursor_parse(const char *text, uint64_t *ret_before)
{
    uint8_t bytes[9];
    size_t size;
    if (sodium_base642bin(bytes, sizeof(bytes), text, strlen(text), NULL, &size, NULL,
            sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
        size != sizeof(bytes) || bytes[0] != CURSOR_VERSION)
        return false;
    *ret_before = get_be64(bytes + 1);
    return *ret_before > 0;
}

/* -- values -- */

static const char *take_text(const char *value, struct arena *arena, const char **ret_text)
{
    if (!*value)
        return "must not be empty";
    *ret_text = arena_text(arena, value, strlen(value));
    return *ret_text ? NULL : "cannot be taken: out of memory";
}

static const char *take_time(const char *value, int64_t *ret_ms)
{
    if (!time_parse(value, strlen(value), true, ret_ms))
        return "must be an RFC 3339 time or date (a + in a query is written %2B)";
    return *ret_ms > 0 ? NULL : "must be after 1970-01-01T00:00:00Z";
}

static const char *take_limit(const char *value, unsigned *ret_limit)
{
    uint64_t limit;
    if (!audit_parameter_number(value, &limit) || limit == 0 || limit > SEARCH_ROWS_MAX)
        return "must be a number from 1 to 1000";
    *ret_limit = (unsigned)limit;
    return NULL;
}

_Static_assert(SEARCH_ROWS_MAX == 1000, "the message above says so");

static const char *take_value(
    enum parameter parameter, const char *value, struct arena *arena, struct audit_search *search)
{
    switch (parameter) {
    case ACTOR:
        return take_text(value, arena, &search->actor);
    case SUBJECT:
        return take_text(value, arena, &search->subject);
    case ACTION:
        return take_text(value, arena, &search->action);
    case FROM:
        return take_time(value, &search->from_ms);
    case TO:
        return take_time(value, &search->to_ms);
    case LIMIT:
        return take_limit(value, &search->limit);
    case CURSOR:
        return audit_cursor_parse(value, &search->before) ? NULL : "is not a cursor that was given out here";
    default:
        return "is unknown";
    }
}

/* -- the query's names -- */

static enum parameter find_parameter(const char *name, size_t size)
{
    unsigned i = 0;
    while (i < PARAMETER_COUNT && (strlen(names[i]) != size || memcmp(names[i], name, size) != 0))
        i++;
    return i;
}

static void set_field(char ret_field[PARAMETER_NAME_BYTES], const char *name, size_t size)
{
    size = size < PARAMETER_NAME_BYTES ? size : PARAMETER_NAME_BYTES - 1;
    memcpy(ret_field, name, size);
    ret_field[size] = '\0';
}

const char *audit_parameters_search(const struct http_request *request, struct arena *arena,
    struct audit_search *ret_search, char ret_field[PARAMETER_NAME_BYTES])
{
    struct audit_search search = {.limit = SEARCH_ROWS_DEFAULT};
    unsigned seen = 0;
    for (const char *pair = http_query(request); *pair;) {
        size_t size = strcspn(pair, "=&");
        enum parameter parameter = find_parameter(pair, size);
        char value[VALUE_BYTES];
        set_field(ret_field, pair, size);
        if (parameter == PARAMETER_COUNT)
            return "is not a parameter; there are actor, subject, action, from, to, limit and cursor";
        if (seen & 1u << parameter)
            return "is given twice";
        seen |= 1u << parameter;
        if (http_parameter(request, names[parameter], value, sizeof(value)))
            return "is malformed or too long";
        const char *problem = take_value(parameter, value, arena, &search);
        if (problem)
            return problem;
        pair += strcspn(pair, "&");
        pair += *pair == '&';
    }
    set_field(ret_field, "to", 2);
    if (search.to_ms && search.to_ms <= search.from_ms)
        return "must be later than from";
    *ret_search = search;
    return NULL;
}

const char *audit_parameters_none(const struct http_request *request, char ret_field[PARAMETER_NAME_BYTES])
{
    const char *query = http_query(request);
    set_field(ret_field, query, strcspn(query, "=&"));
    return *query ? "is not a parameter; there are none here" : NULL;
}
