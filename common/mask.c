/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mask.h"

#include "common/glyph.h"
#include "common/key_class.h"
#include "common/looks.h"

#include <ctype.h>
#include <string.h>

#define PHONE_DIGITS_LEAST 7u /* no number has fewer */

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

/* -- phone -- */

#define PHONE_DIGITS_MAX 15 /* E.164's */

struct phone_digits {
    bool plus;
    size_t count;
    char digits[PHONE_DIGITS_MAX];
};

/* The digits up to what does not belong to a number any more (an extension). False where they are too many. */
static bool read_phone(const char *value, size_t size, struct phone_digits *phone)
{
    bool plus = false;
    *phone = (struct phone_digits){0};
    for (size_t at = 0, bytes; at < size; at += bytes) {
        char digit;
        bool numeral;
        enum glyph glyph = glyph_number_at(value + at, size - at, &bytes, &digit, &numeral);
        if (glyph == GLYPH_DIGIT) {
            if (phone->count == PHONE_DIGITS_MAX)
                return false;
            phone->plus |= plus && phone->count == 0;
            phone->digits[phone->count++] = digit;
        } else if (glyph == GLYPH_OTHER && phone->count > 0) {
            break;
        }
        plus = glyph == GLYPH_PLUS;
    }
    return true;
}

static void drop_first(struct phone_digits *phone, size_t count)
{
    phone->count -= count;
    memmove(phone->digits, phone->digits + count, phone->count);
}

static bool begins_with(const struct phone_digits *phone, const char *digits)
{
    return phone->count >= strlen(digits) && memcmp(phone->digits, digits, strlen(digits)) == 0;
}

static bool is_mobile(const struct phone_digits *phone)
{
    return phone->count == 11 && phone->digits[0] == '1' && phone->digits[1] >= '3';
}

/* Leaves the national number of a Chinese mobile, whatever stands before it. */
static bool reduce_to_mobile(struct phone_digits *phone)
{
    struct phone_digits national = *phone;
    bool domestic = !phone->plus;
    if (begins_with(&national, "86") && national.count >= 13) {
        drop_first(&national, 2);
        domestic = true;
    }
    if (domestic && national.count == 12 && national.digits[0] == '0')
        drop_first(&national, 1);
    if (!domestic || !is_mobile(&national))
        return false;
    *phone = national;
    return true;
}

/* The same for every way to write a number; of one whose country is not known the head is not shown. */
void mask_phone(const char *value, size_t size, struct buffer *out)
{
    struct phone_digits phone;
    if (!read_phone(value, size, &phone)) {
        buffer_text(out, "****");
        return;
    }
    if (!phone.plus && begins_with(&phone, "00")) {
        drop_first(&phone, 2);
        phone.plus = true;
    }
    bool mobile = reduce_to_mobile(&phone);
    if (mobile)
        buffer_append(out, phone.digits, 3);
    else if (phone.plus && phone.count >= 7)
        buffer_printf(out, "+%.2s", phone.digits);
    buffer_text(out, "****");
    if (phone.count >= 10)
        buffer_append(out, phone.digits + phone.count - 4, 4);
}

/* -- others -- */

/* Up to what no domain holds: another address or a number may follow. */
static size_t domain_size(const char *at, size_t size)
{
    size_t end = 1;
    while (end < size && (isalnum((unsigned char)at[end]) || at[end] == '.' || at[end] == '-'))
        end++;
    return end;
}

static size_t digits_in(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += isdigit((unsigned char)text[i]) != 0;
    return count;
}

/* Where a domain stands there may be a number. */
void mask_email(const char *value, size_t size, struct buffer *out)
{
    const char *at = memchr(value, '@', size);
    if (!at || at == value) {
        buffer_text(out, "***");
        return;
    }
    buffer_append(out, value, leading(value, size, 1));
    buffer_text(out, "***");
    size_t domain = domain_size(at, size - (size_t)(at - value));
    if (digits_in(at, domain) < PHONE_DIGITS_LEAST)
        buffer_append(out, at, domain);
    else
        buffer_text(out, "@***");
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

void mask_anything(const char *value, size_t size, struct buffer *out)
{
    if (characters_of(value, size) >= 4)
        buffer_append(out, value, leading(value, size, 1));
    buffer_text(out, "***");
}

void mask_identifier(const char *kind, const char *value, size_t size, struct buffer *out)
{
    bool email = strcmp(kind, "email") == 0 || (looks_like_email(value, size) && memchr(value, '@', size));
    if (email)
        mask_email(value, size, out);
    else if (strcmp(kind, "phone") == 0 || looks_like_phone(value, size))
        mask_phone(value, size, out);
    else if (looks_personal(value, size))
        mask_text(value, size, out);
    else
        buffer_append(out, value, size);
}

void mask_trait(const char *name, size_t name_size, const char *value, size_t size, struct buffer *out)
{
    enum key_class class = key_classify(name, name_size);
    switch (class) {
    case KEY_NAME:
    case KEY_BARE_NAME:
        mask_name(value, size, out);
        break;
    case KEY_PHONE:
        mask_phone(value, size, out);
        break;
    case KEY_EMAIL:
        mask_email(value, size, out);
        break;
    default:
        if (key_is_birthday(name, name_size))
            mask_date(value, size, out);
        else if (class == KEY_PERSONAL)
            mask_text(value, size, out);
        else
            mask_anything(value, size, out);
        break;
    }
}
