/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decimal.h"

#include <assert.h>
#include <string.h>

#define EXPONENT_MOST INT64_C(999999999999999)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *cursor, const char *end)
{
    while (cursor < end && is_digit(*cursor))
        cursor++;
    return cursor;
}

static bool read_exponent(const char *cursor, const char *end, int64_t *ret_exponent)
{
    bool negative = cursor < end && *cursor == '-';
    if (cursor < end && (*cursor == '-' || *cursor == '+'))
        cursor++;
    if (cursor == end)
        return false;
    int64_t exponent = 0;
    for (; cursor < end; cursor++) {
        if (!is_digit(*cursor))
            return false;
        exponent = exponent * 10 + (*cursor - '0');
        if (exponent > EXPONENT_MOST)
            return false;
    }
    *ret_exponent = negative ? -exponent : exponent;
    return true;
}

/* Trims zeros at both ends; `point` is where the point stands, or where it would. */
static struct decimal from_digits(
    const char *first, const char *point, const char *end, int64_t exponent, bool negative)
{
    while (first < end && (*first == '0' || *first == '.'))
        first++;
    while (end > first && (end[-1] == '0' || end[-1] == '.'))
        end--;
    if (first == end)
        return (struct decimal){0};
    int64_t magnitude = first < point ? point - first : point + 1 - first;
    return (struct decimal){.digits = first,
        .size = (size_t)(end - first),
        .magnitude = magnitude + exponent,
        .negative = negative};
}

bool decimal_read(const char *text, size_t size, enum decimal_syntax syntax, struct decimal *ret_decimal)
{
    if (size == 0)
        return false;
    const char *end = text + size;
    bool negative = *text == '-';
    const char *first = text + (negative ? 1 : 0);
    const char *point = skip_digits(first, end);
    const char *last = point;
    if (point == first)
        return false;
    if (point < end && *point == '.') {
        last = skip_digits(point + 1, end);
        if (last == point + 1)
            return false;
    }
    int64_t exponent = 0;
    if (last < end) {
        bool has_exponent = syntax == DECIMAL_JSON && (*last == 'e' || *last == 'E');
        if (!has_exponent || !read_exponent(last + 1, end, &exponent))
            return false;
    }
    *ret_decimal = from_digits(first, point, last, exponent, negative);
    return true;
}

/* The next digit, 0 after the last one. */
static int next_digit(const char **cursor, const char *end)
{
    if (*cursor < end && **cursor == '.')
        (*cursor)++;
    return *cursor < end ? *(*cursor)++ - '0' : 0;
}

static int compare_digits(const struct decimal *a, const struct decimal *b)
{
    const char *left = a->digits, *left_end = a->digits + a->size;
    const char *right = b->digits, *right_end = b->digits + b->size;
    while (left < left_end || right < right_end) {
        int difference = next_digit(&left, left_end) - next_digit(&right, right_end);
        if (difference)
            return difference;
    }
    return 0;
}

static int sign_of(const struct decimal *decimal)
{
    return decimal->size == 0 ? 0 : decimal->negative ? -1 : 1;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    int sign = sign_of(a);
    if (sign != sign_of(b))
        return sign - sign_of(b);
    if (sign == 0)
        return 0;
    if (a->magnitude != b->magnitude)
        return a->magnitude > b->magnitude ? sign : -sign;
    return sign * compare_digits(a, b);
}

/* Whole units of the absolute value, and what is left: its first digit, and whether there is anything. */
struct whole {
    uint64_t units;
    int next;
    bool rest;
};

/* False when there are more units than 2^63. */
static bool take_whole(const struct decimal *decimal, unsigned scale, struct whole *ret_whole)
{
    struct whole whole = {.rest = decimal->size > 0};
    int64_t places = decimal->magnitude + (int64_t)scale;
    if (decimal->size == 0 || places < 0) {
        *ret_whole = whole;
        return true;
    }
    if (places > 19)
        return false;
    const char *cursor = decimal->digits, *end = decimal->digits + decimal->size;
    for (int64_t i = 0; i < places; i++)
        whole.units = whole.units * 10 + (uint64_t)next_digit(&cursor, end); /* 19 digits are below 2^64 */
    whole.rest = cursor < end;
    whole.next = next_digit(&cursor, end);
    *ret_whole = whole;
    return whole.units <= (uint64_t)INT64_MAX + 1;
}

static bool with_sign(uint64_t units, bool negative, int64_t *ret_units)
{
    if (units > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *ret_units = negative ? (int64_t)(0 - units) : (int64_t)units;
    return true;
}

static bool parse_units(
    const char *text, size_t size, enum decimal_syntax syntax, unsigned scale, bool round, int64_t *ret_units)
{
    struct decimal decimal;
    struct whole whole;
    if (!decimal_read(text, size, syntax, &decimal) || !take_whole(&decimal, scale, &whole))
        return false;
    if (whole.rest && !round)
        return false;
    return with_sign(whole.units + (whole.next >= 5 ? 1 : 0), decimal.negative, ret_units);
}

bool decimal_parse(const char *text, size_t size, unsigned scale, bool round, int64_t *ret_units)
{
    return parse_units(text, size, DECIMAL_PLAIN, scale, round, ret_units);
}

bool decimal_parse_json(const char *text, size_t size, unsigned scale, bool round, int64_t *ret_units)
{
    return parse_units(text, size, DECIMAL_JSON, scale, round, ret_units);
}

bool decimal_floor(const struct decimal *decimal, unsigned scale, int64_t *ret_units)
{
    struct whole whole;
    *ret_units = decimal->negative ? INT64_MIN : INT64_MAX;
    if (!take_whole(decimal, scale, &whole))
        return false;
    uint64_t down = decimal->negative && whole.rest ? 1 : 0;
    return with_sign(whole.units + down, decimal->negative, ret_units) && !whole.rest;
}

const char *decimal_format(__int128 units, unsigned scale, char text[DECIMAL_TEXT_BYTES])
{
    assert(scale <= 9);
    unsigned __int128 rest = units < 0 ? 0 - (unsigned __int128)units : (unsigned __int128)units;
    char *out = text + DECIMAL_TEXT_BYTES - 1;
    *out = '\0';
    for (unsigned written = 0; rest > 0 || written <= scale; written++, rest /= 10) {
        if (written == scale && scale > 0)
            *--out = '.';
        *--out = (char)('0' + rest % 10);
    }
    if (units < 0)
        *--out = '-';
    return memmove(text, out, (size_t)(text + DECIMAL_TEXT_BYTES - out));
}

__int128 divide_half_away(__int128 a, int64_t b)
{
    assert(b > 0);
    __int128 quotient = a / b, rest = a % b;
    __int128 absolute = rest < 0 ? -rest : rest;
    if (absolute >= b - absolute)
        quotient += a < 0 ? -1 : 1;
    return quotient;
}

int64_t saturate(__int128 a)
{
    return a > INT64_MAX ? INT64_MAX : a < INT64_MIN ? INT64_MIN : (int64_t)a;
}

size_t decimal_whole(const char *number, size_t size, char ret_digits[DECIMAL_WHOLE_BYTES])
{
    struct decimal decimal;
    size_t used = 0;
    if (!decimal_read(number, size, DECIMAL_JSON, &decimal) || decimal.magnitude > DECIMAL_WHOLE_BYTES)
        return 0;
    for (size_t i = 0; i < decimal.size; i++) {
        if (decimal.digits[i] == '.')
            continue;
        if ((int64_t)used >= decimal.magnitude)
            return 0;
        ret_digits[used++] = decimal.digits[i];
    }
    while ((int64_t)used < decimal.magnitude)
        ret_digits[used++] = '0';
    return used;
}
