/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer with a sticky error: append freely, look at buffer_error() once at the end. */
#ifndef QY_COMMON_BUFFER_H
#define QY_COMMON_BUFFER_H

#include "common/mem.h"
#include <stdbool.h>

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    int error; /* first error, 0 or -QY_ENOMEM; later appends do nothing */
};

#define BUFFER_INIT ((struct buffer){0})

void buffer_free(struct buffer *buffer);  /* for _cleanup_; leaves an empty buffer */
void buffer_clear(struct buffer *buffer); /* keeps the memory, forgets content and error */
int buffer_error(const struct buffer *buffer);
uint8_t *buffer_grow(struct buffer *buffer, size_t size); /* for buffer_reserve() */
/* Room for `size` more bytes at the end, not yet counted in `size`; NULL on error. Valid until the next
 * append. */
static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    bool fits = !buffer->error && size < buffer->capacity - buffer->size;
    return fits ? buffer->data + buffer->size : buffer_grow(buffer, size);
}
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
static inline void buffer_byte(struct buffer *buffer, uint8_t byte)
{
    uint8_t *room = buffer_reserve(buffer, 1);
    if (!room)
        return;
    *room = byte;
    buffer->size++;
}
void buffer_varint(struct buffer *buffer, uint64_t value);   /* LEB128, as protobuf's */
void buffer_unsigned(struct buffer *buffer, uint64_t value); /* decimal digits */
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void buffer_json_string(struct buffer *buffer, const char *text, size_t size);
/* The content with a NUL behind it that is not counted; "" on error. */
const char *buffer_c_str(struct buffer *buffer);

/* Reads one varint and moves *cursor past it; false when it is cut off or longer than 64 bits. */
bool bytes_varint(struct bytes *cursor, uint64_t *ret_value);

static inline void put_be32(uint8_t *out, uint32_t value)
{
    for (int i = 3; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

static inline void put_be64(uint8_t *out, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

static inline uint32_t get_be32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static inline uint64_t get_be64(const uint8_t *in)
{
    return (uint64_t)get_be32(in) << 32 | get_be32(in + 4);
}

#endif
