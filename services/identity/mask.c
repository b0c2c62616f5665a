/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/mask.h"

#include "common/looks.h"

#include <ctype.h>
#include <string.h>

/* Bytes of the first `characters` of valid UTF-8. */
static size_t leading(const char *value, size_t size, size_t characters)
{
    size_t at = 0;
    while (at < size && characters > 0) {
        at++;
        while (at < size && ((unsigned char)value[at] & 0xc0) == 0x80)
            at++;
        characters--;
    }
    return at;
}

static size_t characters_of(const char *value, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)value[i] & 0xc0) != 0x80;
    return count;
}

void mask_phone(const char *value, size_t size, struct buffer *out)
{
    if (size == 14 && memcmp(value, "+86", 3) == 0) {
        value += 3;
        size -= 3;
    }
    if (size < 8) {
        buffer_text(out, "****");
        return;
    }
    buffer_append(out, value, 3);
    buffer_text(out, "****");
    buffer_append(out, value + size - 4, size < 11 ? 0 : 4);
}

void mask_email(const char *value, size_t size, struct buffer *out)
{
    const char *at = memchr(value, '@', size);
    if (!at || at == value) {
        buffer_text(out, "***");
        return;
    }
    buffer_append(out, value, leading(value, size, 1));
    buffer_text(out, "***");
    buffer_append(out, at, size - (size_t)(at - value));
}

void mask_name(const char *value, size_t size, struct buffer *out)
{
    buffer_append(out, value, leading(value, size, 1));
    buffer_byte(out, '*');
}

void mask_date(const char *value, size_t size, struct buffer *out)
{
    bool dated = size >= 10 && value[4] == '-' && value[7] == '-';
    for (size_t i = 0; dated && i < 10; i++)
        dated = i == 4 || i == 7 || isdigit((unsigned char)value[i]);
    if (!dated) {
        mask_text(value, size, out);
        return;
    }
    buffer_text(out, "****");
    buffer_append(out, value + 4, 6);
}

void mask_text(const char *value, size_t size, struct buffer *out)
{
    size_t shown = characters_of(value, size) / 4;
    buffer_append(out, value, leading(value, size, shown > 6 ? 6 : shown));
    buffer_text(out, "***");
}

void mask_identifier(const char *kind, const char *value, size_t size, struct buffer *out)
{
    bool email = strcmp(kind, "email") == 0 || (looks_like_email(value, size) && memchr(value, '@', size));
    if (email)
        mask_email(value, size, out);
    else if (strcmp(kind, "phone") == 0 || looks_like_phone(value, size))
        mask_phone(value, size, out);
    else
        buffer_append(out, value, size);
}
