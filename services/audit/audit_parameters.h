/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the audit port may ask, from its query. */
#ifndef QY_AUDIT_PARAMETERS_H
#define QY_AUDIT_PARAMETERS_H

#include "common/http.h"
#include "services/audit/audit_search.h"

/* NULL when all is well, else what is wrong (a static text), with the parameter's name in `ret_field`. */
#define PARAMETER_NAME_BYTES 64

/* The search that the query asks for; its texts are in the arena. Every parameter must be known, well-formed
 * and given once. */
const char *audit_parameters_search(const struct http_request *request, struct arena *arena,
    struct audit_search *ret_search, char ret_field[PARAMETER_NAME_BYTES]);
/* Where nothing may be asked. */
const char *audit_parameters_none(const struct http_request *request, char ret_field[PARAMETER_NAME_BYTES]);

/* Digits to a number, all of it. */
bool audit_parameter_number(const char *text, uint64_t *ret_number);

#define CURSOR_BYTES 16
const char *audit_cursor_format(uint64_t before, char text[CURSOR_BYTES]);
bool audit_cursor_parse(const char *text, uint64_t *ret_before);

#endif
