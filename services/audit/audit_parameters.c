/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_parameters.h"

#include "common/clock.h"
#include "common/http_target.h"
#include "common/looks.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES 2048
#define CURSOR_VERSION 2

enum parameter {
    FROM,
    TO,
    TIMEZONE,
    ORDER,
    LIMIT,
    CURSOR,
    BY,
    TOP,
    FORMAT,
    FROM_INDEX,
    LINES,
    PARAMETER_COUNT
};
static const struct {
    const char *name;
    unsigned sets; /* 0: everywhere */
} parameters[PARAMETER_COUNT] = {
    [FROM] = {"from", 0},
    [TO] = {"to", 0},
    [TIMEZONE] = {"timezone", 0},
    [ORDER] = {"order", PARAMETERS_PAGE},
    [LIMIT] = {"limit", PARAMETERS_PAGE},
    [CURSOR] = {"cursor", PARAMETERS_PAGE},
    [BY] = {"by", PARAMETERS_GROUPS},
    [TOP] = {"top", PARAMETERS_GROUPS},
    [FORMAT] = {"format", PARAMETERS_REPORT},
    [FROM_INDEX] = {"from_index", PARAMETERS_EXPORT},
    [LINES] = {"lines", PARAMETERS_EXPORT},
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

const char *audit_cursor_format(bool oldest, uint64_t bound, char text[CURSOR_BYTES])
{
    uint8_t bytes[10] = {CURSOR_VERSION, oldest};
    put_be64(bytes + 2, bound);
    return sodium_bin2base64(
        text, CURSOR_BYTES, bytes, sizeof(bytes), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool audit_cursor_parse(const char *text, bool *ret_oldest, uint64_t *ret_bound)
{
    uint8_t bytes[10];
    size_t size;
    if (sodium_base642bin(bytes, sizeof(bytes), text, strlen(text), NULL, &size, NULL,
            sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
        size != sizeof(bytes) || bytes[0] != CURSOR_VERSION || bytes[1] > 1)
        return false;
    *ret_oldest = bytes[1];
    *ret_bound = get_be64(bytes + 2);
    return *ret_bound > 0;
}

/* -- values, as they come; what depends on others is looked at when all are there -- */

/* A query while it is read. */
struct reading {
    struct arena *arena;
    struct audit_asked *asked;
    const char *from, *to;
    bool cursor, cursor_oldest;
    unsigned seen; /* bit by parameter */
};

static const char *take_order(const char *value, bool *ret_oldest)
{
    *ret_oldest = strcmp(value, "oldest") == 0;
    return *ret_oldest || strcmp(value, "newest") == 0 ? NULL : "must be newest or oldest";
}

static const char *take_number(const char *value, unsigned *ret_number)
{
    uint64_t number;
    if (!audit_parameter_number(value, &number) || number == 0 || number > 1000)
        return "must be a number from 1 to 1000";
    *ret_number = (unsigned)number;
    return NULL;
}

_Static_assert(SEARCH_ROWS_MAX == 1000 && GROUPS_TOP_MAX == 1000, "the message above says so");

static const char *take_lines(const char *value, unsigned *ret_lines)
{
    uint64_t rows;
    if (!audit_parameter_number(value, &rows) || rows == 0 || rows > EXPORT_ROWS_MAX)
        return "must be a number from 1 to 10000";
    *ret_lines = (unsigned)rows;
    return NULL;
}

_Static_assert(EXPORT_ROWS_MAX == 10000, "the message above says so");

static const char *take_format(const char *value, enum audit_format *ret_format)
{
    static const char *const formats[] = {
        [FORMAT_JSON] = "json", [FORMAT_CSV] = "csv", [FORMAT_HTML] = "html"};
    for (unsigned i = 0; i < COUNT_OF(formats); i++)
        if (strcmp(formats[i], value) == 0) {
            *ret_format = i;
            return NULL;
        }
    return "must be json, csv or html";
}

static const char *take_later(struct arena *arena, const char *value, const char **ret_text)
{
    *ret_text = arena_text(arena, value, strlen(value));
    return *ret_text ? NULL : "cannot be taken: out of memory";
}

static const char *take_value(struct reading *reading, enum parameter parameter, const char *value)
{
    struct audit_asked *asked = reading->asked;
    switch (parameter) {
    case FROM:
        return take_later(reading->arena, value, &reading->from);
    case TO:
        return take_later(reading->arena, value, &reading->to);
    case TIMEZONE:
        return audit_zone_find(value, reading->arena, &asked->zone)
                   ? NULL
                   : "must be UTC, an offset (+08:00; a + in a query is written %2B) or a name "
                     "(Asia/Shanghai)";
    case ORDER:
        return take_order(value, &asked->search.oldest);
    case LIMIT:
        return take_number(value, &asked->search.limit);
    case TOP:
        return take_number(value, &asked->grouping.top);
    case FROM_INDEX:
        return audit_parameter_number(value, &asked->search.bound) ? NULL : "must be the index of a record";
    case LINES:
        return take_lines(value, &asked->search.limit);
    case FORMAT:
        return take_format(value, &asked->format);
    case BY:
        return audit_grouping_find(value, &asked->grouping)
                   ? NULL
                   : "is nothing that records are counted by; there are hour, day, month and the filters' "
                     "names but "
                     "missed and unmasked";
    default:
        reading->cursor = true;
        return audit_cursor_parse(value, &reading->cursor_oldest, &asked->search.bound)
                   ? NULL
                   : "is not a cursor that was given out here";
    }
}

const char *audit_parameter_time(const struct audit_zone *zone, const char *value, int64_t *ret_ms)
{
    if (!audit_zone_date(zone, value, ret_ms) && !time_parse(value, strlen(value), false, ret_ms))
        return "must be an RFC 3339 time or date (a + in a query is written %2B)";
    return *ret_ms > 0 ? NULL : "must be after 1970-01-01T00:00:00Z";
}

/* -- the query's names -- */

static void set_field(char ret_field[PARAMETER_NAME_BYTES], const char *name, size_t size)
{
    size = size < PARAMETER_NAME_BYTES ? size : PARAMETER_NAME_BYTES - 1;
    memcpy(ret_field, name, size);
    ret_field[size] = '\0';
}

static enum parameter find_parameter(const char *name, unsigned sets)
{
    unsigned i = 0;
    while (i < PARAMETER_COUNT &&
           (strcmp(parameters[i].name, name) != 0 || (parameters[i].sets && !(parameters[i].sets & sets))))
        i++;
    return i;
}

static const char *unknown(unsigned sets)
{
    switch (sets) {
    case PARAMETERS_PAGE:
        return "is not a parameter; there are the filters, from, to, timezone, order, limit and cursor";
    case PARAMETERS_GROUPS:
        return "is not a parameter; there are the filters, from, to, timezone, by and top";
    case PARAMETERS_EXPORT:
        return "is not a parameter; there are the filters, from, to, timezone, from_index and lines";
    case PARAMETERS_REPORT:
        return "is not a parameter; there are the filters, from, to, timezone and format";
    default:
        return "is not a parameter; there are the filters, from, to and timezone";
    }
}

/* What is asked is on record, for good. One of these may be a name or a number that somebody copied; a person's number in digits is
 * no such thing. */
static bool is_personal(const char *name, const char *value)
{
    bool asked = strcmp(name, "subject") == 0 || strcmp(name, "actor") == 0 || strcmp(name, "purpose") == 0;
    size_t size = strlen(value);
    bool number = size <= 10 && strspn(value, "0123456789") == size;
    return asked && !number && looks_personal(value, size);
}

const char *audit_parameter_filter(
    struct audit_filter *filter, struct arena *arena, const struct filter_name *name, const char *value)
{
    if (is_personal(name->name, value))
        return "looks like a phone number or an email, which the log does not hold and must not: ask by a "
               "One ID "
               "or a person's number";
    return audit_filter_add(filter, arena, name, value);
}

/* One name and its value. */
static const char *take_pair(struct reading *reading, const char *name, const char *pair, unsigned sets)
{
    enum parameter parameter = find_parameter(name, sets);
    const struct filter_name *filter = parameter == PARAMETER_COUNT ? audit_filter_name(name) : NULL;
    char value[VALUE_BYTES];
    if (parameter == PARAMETER_COUNT && !filter)
        return unknown(sets);
    if (http_query_parameter(pair, name, value, sizeof(value)))
        return "is malformed or too long";
    if (filter)
        return audit_parameter_filter(&reading->asked->search.filter, reading->arena, filter, value);
    if (reading->seen & 1u << parameter)
        return "is given twice";
    reading->seen |= 1u << parameter;
    return take_value(reading, parameter, value);
}

static const char *finish(struct reading *reading, unsigned sets, char ret_field[PARAMETER_NAME_BYTES])
{
    struct audit_asked *asked = reading->asked;
    struct audit_filter *filter = &asked->search.filter;
    const char *problem = NULL;
    set_field(ret_field, "from", 4);
    if (reading->from)
        problem = audit_parameter_time(&asked->zone, reading->from, &filter->from_ms);
    if (problem)
        return problem;
    set_field(ret_field, "to", 2);
    if (reading->to)
        problem = audit_parameter_time(&asked->zone, reading->to, &filter->to_ms);
    if (!problem && filter->to_ms && filter->to_ms <= filter->from_ms)
        problem = "must be later than from";
    if (problem)
        return problem;
    set_field(ret_field, "cursor", 6);
    if (reading->cursor && reading->cursor_oldest != asked->search.oldest)
        return "belongs to the other order";
    set_field(ret_field, "by", 2);
    return sets & PARAMETERS_GROUPS && !asked->grouping.by ? "is missing: what is counted by" : NULL;
}

const char *audit_parameters(const struct http_request *request, unsigned sets, struct arena *arena,
    struct audit_asked *ret_asked, char ret_field[PARAMETER_NAME_BYTES])
{
    *ret_asked = (struct audit_asked){
        .search = {.limit = sets & PARAMETERS_EXPORT ? SEARCH_ROWS_MAX : SEARCH_ROWS_DEFAULT}};
    struct reading reading = {.arena = arena, .asked = ret_asked};
    for (const char *pair = http_query(request); *pair;) {
        set_field(ret_field, pair, strcspn(pair, "=&"));
        const char *problem = take_pair(&reading, ret_field, pair, sets);
        if (problem)
            return problem;
        pair += strcspn(pair, "&");
        pair += *pair == '&';
    }
    return finish(&reading, sets, ret_field);
}

const char *audit_parameters_known(
    const struct http_request *request, const char *const *names, char ret_field[PARAMETER_NAME_BYTES])
{
    unsigned seen = 0;
    for (const char *pair = http_query(request); *pair;) {
        unsigned i = 0;
        set_field(ret_field, pair, strcspn(pair, "=&"));
        while (names[i] && strcmp(names[i], ret_field) != 0)
            i++;
        if (!names[i])
            return "is not a parameter here";
        if (seen & 1u << i)
            return "is given twice";
        seen |= 1u << i;
        pair += strcspn(pair, "&");
        pair += *pair == '&';
    }
    return NULL;
}

const char *audit_parameters_none(const struct http_request *request, char ret_field[PARAMETER_NAME_BYTES])
{
    const char *query = http_query(request);
    set_field(ret_field, query, strcspn(query, "=&"));
    return *query ? "is not a parameter; there are none here" : NULL;
}
