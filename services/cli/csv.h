/* SPDX-License-Identifier: Apache-2.0 */
/* Reads delimited text, record by record: RFC 4180 with any one-byte separator, or columns parted by white space. */
#ifndef QY_CLI_CSV_H
#define QY_CLI_CSV_H

#include "common/buffer.h"

#include <stdio.h>

#define CSV_COLUMNS_MAX 512
#define CSV_RECORD_BYTES_MAX ((size_t)1 << 20)

enum csv_encoding { CSV_UTF8, CSV_LATIN1 };

struct csv {
    FILE *file;
    char separator; /* 0: runs of white space */
    enum csv_encoding encoding;
    uint64_t line; /* physical line on which the present record began, from 1 */
    uint64_t lines_read;
    uint64_t bytes_read;
    struct buffer text; /* the fields, each with a NUL */
    size_t starts[CSV_COLUMNS_MAX];
    size_t count;
    const char *error; /* of the present record; NULL: it is well-formed */
};

/* The file stays the caller's. */
void csv_open(struct csv *csv, FILE *file, char separator, enum csv_encoding encoding);
void csv_close(struct csv *csv);
/* False at the end of the file. A malformed record is yielded too, with csv->error set. Empty lines are passed over. */
bool csv_next(struct csv *csv);
/* UTF-8; valid until the next csv_next(). */
const char *csv_field(const struct csv *csv, size_t column);

#endif
