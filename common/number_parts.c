/* SPDX-License-Identifier: Apache-2.0 */
#include "common/number_parts.h"

#include "common/glyph.h"
#include "common/key_class.h"
#include "common/looks.h"

#include <string.h>

#define PART_BYTES_MAX 64 /* of digits of any script, with brackets and blanks */
#define ABROAD_DIGITS_MIN 8
#define ABROAD_DIGITS_MAX 15

struct parts {
    unsigned count;
    unsigned sizes[NUMBER_PARTS_MAX];
    unsigned size; /* of all */
    char digits[IDENTITY_CARD_DIGITS];
    bool plus;  /* before all of them */
    bool check; /* an identity card's X is the last of them */
};

/* False when it is no part, or too much. */
static bool add_text(struct parts *parts, const char *text, size_t size)
{
    unsigned before = parts->size;
    if (parts->count == NUMBER_PARTS_MAX || size == 0 || size > PART_BYTES_MAX || parts->check)
        return false;
    for (size_t at = 0, bytes; at < size; at += bytes) {
        char digit;
        bool numeral;
        enum glyph glyph = glyph_number_at(text + at, size - at, &bytes, &digit, &numeral);
        if (glyph == GLYPH_PLUS && parts->size == 0)
            parts->plus = true;
        else if (glyph == GLYPH_OTHER && parts->size > before && (digit | 0x20) == 'x' && at + 1 == size)
            parts->check = true;
        else if (glyph == GLYPH_DIGIT && parts->size < sizeof(parts->digits))
            parts->digits[parts->size++] = digit;
        else if (glyph != GLYPH_GAP)
            return false;
    }
    parts->sizes[parts->count++] = parts->size - before;
    return parts->size > before;
}

/* -- what the parts are -- */

static unsigned two_digits(const char *digits)
{
    return (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
}

static bool is_date(const char digits[8])
{
    unsigned century = two_digits(digits), month = two_digits(digits + 4), day = two_digits(digits + 6);
    return (century == 19 || century == 20) && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* What is dialled before a Chinese number, as a part of its own. */
static bool is_country(const char *digits, unsigned size)
{
    return (size == 2 && memcmp(digits, "86", 2) == 0) || (size == 4 && memcmp(digits, "0086", 4) == 0);
}

/* 3, 4 and 4 digits, or 3 and 8; `named`: also 7 and 4. */
static bool is_mobile(const unsigned *sizes, unsigned count, const char *digits, unsigned size, bool named)
{
    if (size != 11 || !digits_are_mobile(digits, size))
        return false;
    if (count == 3)
        return sizes[0] == 3 && sizes[1] == 4;
    return count == 2 && ((sizes[0] == 3 && !is_date(digits + 3)) || (named && sizes[0] == 7));
}

/* 021 and 64376688, 0755 and 8888 and 8888. */
static bool is_landline(const unsigned *sizes, unsigned count, const char *digits, unsigned size)
{
    unsigned area = sizes[0];
    if (count < 2 || count > 3 || area < 3 || area > 4 || digits[0] != '0' || digits[1] == '0')
        return false;
    unsigned rest = size - area;
    const char *number = digits + area;
    return (rest == 7 || rest == 8) && number[0] >= '2' && (count == 2 || sizes[2] == 4) &&
           !(rest == 8 && is_date(number));
}

static bool is_card(const struct parts *parts)
{
    return (parts->size == IDENTITY_CARD_DIGITS && !parts->check &&
               digits_are_identity_card(parts->digits, parts->digits[IDENTITY_CARD_DIGITS - 1])) ||
           (parts->size == IDENTITY_CARD_DIGITS - 1 && parts->check &&
               digits_are_identity_card(parts->digits, 'X'));
}

static bool is_number(const struct parts *parts, bool named)
{
    unsigned first = parts->count > 2 && is_country(parts->digits, parts->sizes[0]);
    unsigned skipped = first ? parts->sizes[0] : 0;
    const unsigned *sizes = parts->sizes + first;
    const char *digits = parts->digits + skipped;
    unsigned count = parts->count - first, size = parts->size - skipped;
    if (count < 2)
        return false;
    if (is_card(parts))
        return true;
    if (parts->check)
        return false;
    bool abroad = parts->plus && parts->size >= ABROAD_DIGITS_MIN && parts->size <= ABROAD_DIGITS_MAX;
    return abroad || is_mobile(sizes, count, digits, size, named) || is_landline(sizes, count, digits, size);
}

/* -- where they stand -- */

bool number_in_items(yyjson_val *list)
{
    size_t count = yyjson_arr_size(list);
    if (count < 2 || count > NUMBER_PARTS_MAX)
        return false;
    struct parts parts = {0};
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items));)
        if (!yyjson_is_str(item) || !add_text(&parts, yyjson_get_str(item), yyjson_get_len(item)))
            return false;
    return is_number(&parts, false);
}

unsigned number_in_members(yyjson_val *key, yyjson_obj_iter behind)
{
    struct parts parts = {0};
    unsigned found = 0;
    for (; key && key_is_part(yyjson_get_str(key), yyjson_get_len(key));
        key = yyjson_obj_iter_next(&behind)) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        const char *text = yyjson_is_raw(value) ? yyjson_get_raw(value) : yyjson_get_str(value);
        if (!text || !add_text(&parts, text, yyjson_get_len(value)))
            break;
        if (is_number(&parts, true))
            found = parts.count;
    }
    return found;
}
