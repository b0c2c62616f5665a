/* SPDX-License-Identifier: Apache-2.0 */
/* How lines of a file become events: a mapping in JSON (README, "Import").
 *
 * {"format": {"separator":",", "encoding":"utf-8", "header":true, "columns":[…]},
 *  "time_zone": "Europe/London",
 *  "skip": [{"where":[CONDITION,…], "reason":"stock write-off"}],
 *  "group_by": ["InvoiceNo"],
 *  "events": [{"where":[CONDITION,…], "type":"track", "event":"Order Completed",
 *              "user_id":VALUE, "anonymous_id":VALUE,
 *              "time":{"column":"InvoiceDate","format":"%Y-%m-%d %H:%M"},
 *              "properties":{NAME:VALUE,…}, "traits":{…}, "context":{…}}]}
 *
 * CONDITION is {"column":C, OP:operand}: "is", "is_not", "in", "starts_with", "empty", and for decimals "gt",
 * "gte", "lt", "lte"; all must hold. Lines that a "skip" entry fits are counted under its reason. The first
 * event whose conditions fit (a group's first line) is what a line, or a group of lines that agree in the
 * "group_by" columns, becomes.
 *
 * VALUE is "text with {Column}" (left out when a column in it is empty), or an object:
 *
 * {"column":C,"as":A}: as "number", "boolean" or "text";
 *
 * {"text":T,"unless":C}: only when column C is empty;
 *
 * {"sum":[C,…],"absolute":true,"decimals":2}: over the group's lines, the product of the columns, exact;
 *
 * {"count":true}: lines of the group;
 *
 * {"each":{NAME:VALUE,…}}: a list with an object per line;
 *
 * {"value":JSON}. */
#ifndef QY_CLI_MAPPING_H
#define QY_CLI_MAPPING_H

#include "common/csv.h"

#include <yyjson.h>

struct mapping {
    yyjson_doc *doc;
    char separator;
    enum csv_encoding encoding;
    bool header;
    yyjson_val *columns; /* names, where the file has none of its own */
    yyjson_val *skip;
    yyjson_val *events;
    yyjson_val *group_by;
    char names[CSV_COLUMNS_MAX][64]; /* of the columns, once they are known */
    size_t name_count;
};

/* Reads and checks the file; sets the process's time zone. `error` says what is wrong, with a JSON pointer. 0
 * or -1. */
int mapping_open(const char *path, struct mapping *mapping, char error[300]);
void mapping_close(struct mapping *mapping);

/* Appends what decides which events come out: all of it but the description and the reasons for leaving lines out. */
void mapping_essence(const struct mapping *mapping, struct buffer *out);

/* The columns' names, from the header's record or from the mapping itself (`header` NULL). Checks that every
 * column that is referred to is there. */
int mapping_set_columns(struct mapping *mapping, const struct csv *header, char error[300]);

/* One line, kept: its fields by column. */
struct line {
    uint64_t number;
    char **fields; /* name_count of them */
};

/* The reason of the first "skip" that fits, or NULL. */
const char *mapping_skips(const struct mapping *mapping, const struct line *line, char error[300]);
/* The key of the line's group, in `key`; false when lines are not grouped. */
bool mapping_group(const struct mapping *mapping, const struct line *line, struct buffer *key);
/* Writes the event of a group (of one line where lines are not grouped). False with `error` when a value does
 * not fit, or no event does; `ret_bad_line` is where then. */
bool mapping_event(const struct mapping *mapping, const struct line *lines, size_t count,
    const char *message_id, struct buffer *out, uint64_t *ret_bad_line, char error[300]);

#endif
