/* SPDX-License-Identifier: Apache-2.0 */
/* Reads delimited text, record by record: RFC 4180 with any one-byte separator, or columns parted by white space. */
#ifndef QY_COMMON_CSV_H
#define QY_COMMON_CSV_H

#include "common/buffer.h"

#include <stdio.h>

#define CSV_COLUMNS_MAX 512
#define CSV_RECORD_BYTES_MAX ((size_t)1 << 20)
#define CSV_QUOTED_LINES_MAX 1000

enum csv_encoding { CSV_UTF8, CSV_LATIN1 };

struct csv {
    FILE *file;
    char separator; /* 0: runs of white space */
    enum csv_encoding encoding;
    uint64_t line; /* physical line on which the present record began, from 1 */
    uint64_t lines_read;
    uint64_t bytes_read;
    uint64_t
        second_line;    /* where the line behind the first one of the present record begins; 0: not reached */
    bool misquoted;     /* the present record: it may have taken in lines that are none of it */
    struct buffer text; /* the fields, each with a NUL */
    size_t starts[CSV_COLUMNS_MAX];
    size_t count;
    const char *error; /* of the present record; NULL: it is well-formed */
};

/* The file stays the caller's; it stands at its beginning. */
void csv_open(struct csv *csv, FILE *file, char separator, enum csv_encoding encoding);
void csv_close(struct csv *csv);
/* False at the end of the file. A malformed record is yielded too, with csv->error set. Empty lines are passed over.
 * Where a quote has no end, or none within 1,000 lines and 1 MiB, or text stands behind its end some lines later, the
 * record's first line is what is malformed: reading goes on with the next one (in a file that can be sought in). */
bool csv_next(struct csv *csv);
/* UTF-8; valid until the next csv_next(). */
const char *csv_field(const struct csv *csv, size_t column);

#endif
