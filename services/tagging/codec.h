/* SPDX-License-Identifier: Apache-2.0 */
/* How rows are written: varints, and texts with their NUL, so that a row that was read can be pointed into.
 */
#ifndef QY_TAGGING_CODEC_H
#define QY_TAGGING_CODEC_H

#include "common/buffer.h"

#include <string.h>

static inline void put_signed(struct buffer *out, int64_t value)
{
    buffer_varint(out, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static inline void put_bytes(struct buffer *out, const void *data, size_t size)
{
    buffer_varint(out, size);
    buffer_append(out, data, size);
    buffer_byte(out, 0);
}

static inline void put_text(struct buffer *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

/* Reads a row from its beginning; once something does not fit, all that follows is 0 and "" and `failed` is
 * set. */
struct row_reader {
    struct bytes rest;
    bool failed;
};

static inline uint64_t read_unsigned(struct row_reader *row)
{
    uint64_t value = 0;
    if (!row->failed && !bytes_varint(&row->rest, &value))
        row->failed = true;
    return row->failed ? 0 : value;
}

static inline int64_t read_signed(struct row_reader *row)
{
    uint64_t value = read_unsigned(row);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* A number of things that each take at least a byte: what is left bounds it. */
static inline uint32_t read_count(struct row_reader *row)
{
    uint64_t count = read_unsigned(row);
    if (count > row->rest.size)
        row->failed = true;
    return row->failed ? 0 : (uint32_t)count;
}

static inline struct bytes read_bytes(struct row_reader *row)
{
    uint64_t size = read_unsigned(row);
    if (row->failed || size >= row->rest.size || row->rest.data[size] != 0) {
        row->failed = true;
        return (struct bytes){(const uint8_t *)"", 0};
    }
    struct bytes value = {row->rest.data, (size_t)size};
    row->rest.data += size + 1;
    row->rest.size -= size + 1;
    return value;
}

static inline const char *read_text(struct row_reader *row)
{
    return (const char *)read_bytes(row).data;
}

#endif
