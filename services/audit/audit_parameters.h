/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the audit port may ask, from its query. */
#ifndef QY_AUDIT_PARAMETERS_H
#define QY_AUDIT_PARAMETERS_H

#include "common/http.h"
#include "services/audit/audit_histogram.h"
#include "services/audit/audit_search.h"

/* NULL when all is well, else what is wrong (a static text), with the parameter's name in `ret_field`. */
#define PARAMETER_NAME_BYTES 64

/* Filters (audit_filter.h), "from", "to" and "timezone" may be asked of everything that asks for records; besides: */
enum parameter_set {
    PARAMETERS_PAGE = 1,   /* "order", "limit", "cursor" */
    PARAMETERS_GROUPS = 2, /* "by", which must be there, "top" */
    PARAMETERS_REPORT = 4, /* "format" */
    PARAMETERS_EXPORT = 8, /* "from_index", "lines" */
};

enum audit_format { FORMAT_JSON, FORMAT_CSV, FORMAT_HTML };

struct audit_asked {
    struct audit_search search;
    struct audit_zone zone;
    struct audit_grouping grouping;
    enum audit_format format;
};

/* What the query asks for; its texts are in the arena. Every name must be known and its values well-formed; filters may be given more
 * than once, others not. */
const char *audit_parameters(const struct http_request *request, unsigned sets, struct arena *arena,
    struct audit_asked *ret_asked, char ret_field[PARAMETER_NAME_BYTES]);
/* Where only these names may be asked, each once; NULL-terminated. */
const char *audit_parameters_known(
    const struct http_request *request, const char *const *names, char ret_field[PARAMETER_NAME_BYTES]);
/* Where nothing may be asked. */
const char *audit_parameters_none(const struct http_request *request, char ret_field[PARAMETER_NAME_BYTES]);

/* Digits to a number, all of it. */
bool audit_parameter_number(const char *text, uint64_t *ret_number);

/* An RFC 3339 time or date; a date begins in the zone. NULL, or what is wrong. */
const char *audit_parameter_time(const struct audit_zone *zone, const char *value, int64_t *ret_ms);
/* Adds a value to a filter. NULL, or what is wrong: what is asked is on record, and must hold no phone number or email. */
const char *audit_parameter_filter(
    struct audit_filter *filter, struct arena *arena, const struct filter_name *name, const char *value);

#define CURSOR_BYTES 16
const char *audit_cursor_format(bool oldest, uint64_t bound, char text[CURSOR_BYTES]);
bool audit_cursor_parse(const char *text, bool *ret_oldest, uint64_t *ret_bound);

#endif
