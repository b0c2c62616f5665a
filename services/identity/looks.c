/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/looks.h"

#include <stdint.h>
#include <string.h>

#define SEPARATORS_MAX 3 /* in a row, within one number */
#define PHONE_DIGITS_MIN 7

/* -- email -- */

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_local(unsigned char c)
{
    return is_letter(c) || is_digit(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

/* Labels and a last one of two letters or more, where letters of other scripts count as well. */
static bool is_domain(const char *text, size_t size)
{
    size_t label = 0;
    bool dot = false, letters = true;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '.') {
            if (label == 0)
                return false;
            if (dot && letters && label >= 2)
                return true; /* whatever follows: "a@b.cn.", "a@b.cn..." */
            dot = true;
            letters = true;
            label = 0;
        } else if (is_letter(c) || c >= 0x80) {
            label++;
        } else if (is_digit(c) || c == '-') {
            label++;
            letters = false;
        } else {
            break;
        }
    }
    return dot && letters && label >= 2;
}

bool looks_like_email(const char *text, size_t size)
{
    const char *end = text + size;
    for (const char *at = size ? memchr(text, '@', size) : NULL; at;
        at = memchr(at, '@', (size_t)(end - at))) {
        if (at > text && is_local((unsigned char)at[-1]) && is_domain(at + 1, (size_t)(end - at) - 1))
            return true;
        at++;
    }
    static const char full_width[] = "\xef\xbc\xa0";
    const char *wide = size > 3 ? memmem(text, size, full_width, 3) : NULL;
    return wide && wide > text && is_domain(wide + 3, (size_t)(end - wide) - 3);
}

/* -- digits -- */

enum glyph { GLYPH_OTHER, GLYPH_DIGIT, GLYPH_SEPARATOR, GLYPH_PLUS };

static bool is_separator(unsigned char c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '-':
    case '.':
    case '(':
    case ')':
    case '/':
    case '_':
        return true;
    default:
        return false;
    }
}

/* The glyph at `text`, its bytes, and its digit. */
static enum glyph glyph_at(const unsigned char *text, size_t size, size_t *ret_bytes, char *ret_digit)
{
    unsigned char c = text[0];
    *ret_bytes = 1;
    if (is_digit(c)) {
        *ret_digit = (char)c;
        return GLYPH_DIGIT;
    }
    if (c == '+')
        return GLYPH_PLUS;
    if (c < 0x80)
        return is_separator(c) ? GLYPH_SEPARATOR : GLYPH_OTHER;
    if (size >= 2 && c == 0xc2 && text[1] == 0xa0) {
        *ret_bytes = 2;
        return GLYPH_SEPARATOR;
    }
    if (size < 3)
        return GLYPH_OTHER;
    if (c == 0xef && text[1] == 0xbc) { /* full width */
        *ret_bytes = 3;
        if (text[2] >= 0x90 && text[2] <= 0x99) {
            *ret_digit = (char)('0' + text[2] - 0x90);
            return GLYPH_DIGIT;
        }
        if (text[2] == 0x8b)
            return GLYPH_PLUS;
        return text[2] == 0x8d || text[2] == 0x88 || text[2] == 0x89 ? GLYPH_SEPARATOR : GLYPH_OTHER;
    }
    if ((c == 0xe2 && text[1] == 0x80 && text[2] >= 0x80 && text[2] <= 0x95) || /* blanks, dashes */
        (c == 0xe3 && text[1] == 0x80 && text[2] == 0x80)) {
        *ret_bytes = 3;
        return GLYPH_SEPARATOR;
    }
    return GLYPH_OTHER;
}

/* Reads one group that begins at `at` with a digit; returns the index behind it. */
static size_t read_group(const char *text, size_t size, size_t at, struct digit_group *group)
{
    unsigned separators = 0;
    while (at < size) {
        size_t bytes = 1;
        char digit = 0;
        enum glyph glyph = glyph_at((const unsigned char *)text + at, size - at, &bytes, &digit);
        if (glyph == GLYPH_DIGIT) {
            if (separators > 0 || group->run_count == 0) {
                if (group->run_count == RUNS_MAX)
                    break;
                group->run_count++;
            }
            if (group->size == DIGITS_MAX)
                break;
            group->digits[group->size++] = digit;
            group->run_end[group->run_count - 1] = (unsigned char)group->size;
            separators = 0;
        } else if (glyph == GLYPH_SEPARATOR && separators < SEPARATORS_MAX) {
            separators++;
        } else {
            break;
        }
        at += bytes;
    }
    return at;
}

bool digits_next(const char *text, size_t size, size_t *cursor, struct digit_group *ret_group)
{
    size_t at = *cursor;
    bool plus = false;
    while (at < size) {
        size_t bytes = 1;
        char digit = 0;
        enum glyph glyph = glyph_at((const unsigned char *)text + at, size - at, &bytes, &digit);
        if (glyph == GLYPH_DIGIT) {
            ret_group->plus = plus;
            ret_group->run_count = 0;
            ret_group->size = 0;
            at = read_group(text, size, at, ret_group);
            if (ret_group->size >= PHONE_DIGITS_MIN) {
                *cursor = at;
                return true;
            }
            plus = false;
            continue;
        }
        plus = glyph == GLYPH_PLUS;
        at += bytes;
    }
    *cursor = size;
    return false;
}

/* -- phone -- */

static bool is_mobile(const char *digits, size_t size)
{
    if (size == 15 && memcmp(digits, "00", 2) == 0) {
        digits += 2;
        size -= 2;
    }
    if (size == 13 && memcmp(digits, "86", 2) == 0) {
        digits += 2;
        size -= 2;
    }
    if (size == 12 && digits[0] == '0') {
        digits++;
        size--;
    }
    return size == 11 && digits[0] == '1' && digits[1] >= '3';
}

static unsigned run_begin(const struct digit_group *group, unsigned run)
{
    return run ? group->run_end[run - 1] : 0;
}

static unsigned run_size(const struct digit_group *group, unsigned run)
{
    return group->run_end[run] - run_begin(group, run);
}

/* Runs `first` to `last` as somebody groups a landline or a number from elsewhere. */
static bool is_grouped(const struct digit_group *group, unsigned first, unsigned last)
{
    const char *digits = group->digits + run_begin(group, first);
    unsigned size = group->run_end[last] - run_begin(group, first);
    unsigned head = run_size(group, first);
    if (last > first && digits[0] == '0' && digits[1] != '0' && head >= 3 && head <= 5)
        return size >= 10 && size <= 12; /* 021-64376688, 07911 123456 */
    return last == first + 2 && head == 3 && run_size(group, first + 1) == 3 && run_size(group, last) == 4 &&
           digits[0] >= '2'; /* 415-555-2671 */
}

static bool group_is_phone(const struct digit_group *group)
{
    for (unsigned first = 0; first < group->run_count; first++)
        for (unsigned last = first; last < group->run_count; last++) {
            unsigned begin = run_begin(group, first);
            unsigned size = group->run_end[last] - begin;
            if (size > 15)
                break;
            if (is_mobile(group->digits + begin, size) || is_grouped(group, first, last))
                return true;
            if (first == 0 && group->plus && size >= 8)
                return true;
        }
    return false;
}

bool looks_like_phone(const char *text, size_t size)
{
    struct digit_group group;
    for (size_t cursor = 0; digits_next(text, size, &cursor, &group);)
        if (group_is_phone(&group))
            return true;
    return false;
}

bool looks_like_bare_landline(const char *text, size_t size)
{
    struct digit_group group;
    for (size_t cursor = 0; digits_next(text, size, &cursor, &group);)
        for (unsigned run = 0; run < group.run_count; run++) {
            const char *digits = group.digits + run_begin(&group, run);
            unsigned count = run_size(&group, run);
            if ((count == 11 || count == 12) && digits[0] == '0' && digits[1] != '0')
                return true;
        }
    return false;
}
