/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buffer.h"

#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = BUFFER_INIT;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    buffer->error = 0;
}

int buffer_error(const struct buffer *buffer)
{
    return buffer->error;
}

uint8_t *buffer_grow(struct buffer *buffer, size_t size)
{
    if (buffer->error)
        return NULL;
    if (size > SIZE_MAX / 4 - buffer->size) {
        buffer->error = -QY_ENOMEM;
        return NULL;
    }
    size_t need = buffer->size + size;
    if (need > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity < need)
            capacity *= 2;
        uint8_t *data = realloc(buffer->data, capacity);
        if (!data) {
            buffer->error = -QY_ENOMEM;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    uint8_t *room = buffer_reserve(buffer, size);
    if (!room)
        return;
    memcpy(room, data, size);
    buffer->size += size;
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_varint(struct buffer *buffer, uint64_t value)
{
    uint8_t *room = buffer_reserve(buffer, 10);
    if (!room)
        return;
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        room[size++] = (uint8_t)(value | 0x80);
    room[size++] = (uint8_t)value;
    buffer->size += size;
}

void buffer_unsigned(struct buffer *buffer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    buffer_append(buffer, digits + at, sizeof(digits) - at);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    uint8_t *room = size < 0 ? NULL : buffer_reserve(buffer, (size_t)size + 1);
    if (!room)
        return;
    va_start(arguments, format);
    vsnprintf((char *)room, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)size;
}

/* Length of the well-formed UTF-8 sequence at `text`, 0 where there is none (RFC 3629). */
static size_t utf8_length(const uint8_t *text, size_t size)
{
    uint8_t lead = text[0];
    if (lead < 0x80)
        return 1;
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || length > size)
        return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Whether one of eight bytes is 0. */
static bool has_zero(uint64_t eight)
{
    return (eight - EACH_BYTE(1)) & ~eight & EACH_BYTE(0x80);
}

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* So many bytes at the start are ASCII that stands for itself in a JSON string. */
static size_t plain_length(const uint8_t *text, size_t size)
{
    size_t at = 0;
    for (uint64_t eight; size - at >= sizeof(eight); at += sizeof(eight)) {
        memcpy(&eight, text + at, sizeof(eight));
        bool below = (eight - EACH_BYTE(0x20)) & ~eight & EACH_BYTE(0x80);
        if ((eight & EACH_BYTE(0x80)) || below || has_zero(eight ^ EACH_BYTE('"')) ||
            has_zero(eight ^ EACH_BYTE('\\')))
            break;
    }
    while (at < size && is_plain(text[at]))
        at++;
    return at;
}

void buffer_json_string(struct buffer *buffer, const char *text, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *bytes = (const uint8_t *)text;
    buffer_byte(buffer, '"');
    for (size_t i = 0; i < size;) {
        uint8_t c = bytes[i];
        size_t plain = plain_length(bytes + i, size - i);
        if (plain > 0) {
            buffer_append(buffer, bytes + i, plain);
            i += plain;
            continue;
        }
        if (c == '"' || c == '\\') {
            buffer_append(buffer, (char[]){'\\', (char)c}, 2);
            i++;
        } else if (c < 0x20) {
            buffer_append(buffer, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
            i++;
        } else {
            size_t length = utf8_length(bytes + i, size - i);
            if (length)
                buffer_append(buffer, bytes + i, length);
            else
                buffer_text(buffer, "\xef\xbf\xbd");
            i += length ? length : 1;
        }
    }
    buffer_byte(buffer, '"');
}

const char *buffer_c_str(struct buffer *buffer)
{
    uint8_t *room = buffer_reserve(buffer, 1);
    if (!room)
        return "";
    *room = 0;
    return (const char *)buffer->data;
}

bool bytes_varint(struct bytes *cursor, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < cursor->size; i++) {
        uint8_t byte = cursor->data[i];
        if (i == 9 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            cursor->data += i + 1;
            cursor->size -= i + 1;
            *ret_value = value;
            return true;
        }
    }
    return false;
}
