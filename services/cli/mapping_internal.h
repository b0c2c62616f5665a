/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the mapping share. */
#ifndef QY_CLI_MAPPING_INTERNAL_H
#define QY_CLI_MAPPING_INTERNAL_H

#include "services/cli/mapping.h"

#define MAPPING_SCALE 4 /* decimal places of a number in a file; a product of two has twice as many */

/* The index of a column, -1 when there is none. */
int mapping_column(const struct mapping *mapping, const char *name, size_t size);

/* A local time, whole and of a day and an hour that there are. */
bool mapping_parse_time(const char *text, const char *format, int64_t *ret_ms);

/* Checks of a mapping's parts, mapping_check.c. 0, or -1 with `error`. */
int mapping_check_members(
    yyjson_val *object, const char *const *allowed, const char *pointer, char error[300]);
int mapping_check_skips(yyjson_val *skips, char error[300]);
int mapping_check_events(yyjson_val *events, char error[300]);

#endif
