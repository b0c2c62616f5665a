/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in texts: of phones and of identity cards. */
#include "common/ascii.h"
#include "common/glyph.h"
#include "common/looks.h"
#include "common/mem.h"

#include <string.h>

#define SEPARATORS_MAX 3 /* in a row, as is usual within one number */
#define OVERLAP_DIGITS 20u
#define PHONE_DIGITS_MIN 7
#define PHONE_DIGITS_MAX 15

/* -- digits -- */

/* One group while it is read. */
struct reading {
    struct digit_group *group;
    uint32_t at[DIGITS_MAX]; /* where in the text each digit stands */
    unsigned separators;     /* since the last digit */
    bool plus, wide;         /* among these; the plus is the last of them */
};

/* Letters of scripts that set no blanks between words. */
static bool is_wide_letter(const char *text, size_t size, size_t at)
{
    return at < size && (unsigned char)text[at] >= 0x80;
}

static bool add_digit(struct reading *reading, size_t at, char digit, bool numeral)
{
    struct digit_group *group = reading->group;
    bool begins = reading->separators > 0 || group->run_count == 0 ||
                  group->runs[group->run_count - 1].numeral != numeral;
    if (group->size == DIGITS_MAX || (begins && group->run_count == RUNS_MAX))
        return false;
    if (begins)
        group->runs[group->run_count++] = (struct digit_run){.plus = reading->plus,
            .wide = reading->wide || reading->separators > SEPARATORS_MAX,
            .numeral = numeral};
    reading->at[group->size] = (uint32_t)at;
    group->digits[group->size++] = digit;
    group->runs[group->run_count - 1].end = (uint8_t)group->size;
    reading->separators = 0;
    reading->plus = reading->wide = false;
    return true;
}

/* Where the group that follows a full one begins: at a run that a number may begin with, which is not lost
 * then; within a very long run at a digit. */
static size_t overlap(const struct reading *reading)
{
    const struct digit_group *group = reading->group;
    for (unsigned run = 0; run + 1 < group->run_count; run++)
        if (group->runs[run].end + OVERLAP_DIGITS >= group->size)
            return reading->at[group->runs[run].end];
    return reading->at[group->size - OVERLAP_DIGITS];
}

/* A round that stands for 〇 behind another numeral, and is a mark elsewhere. */
static bool is_round_zero(const struct reading *reading, const char *text, size_t bytes)
{
    const struct digit_group *group = reading->group;
    return bytes == 3 && reading->separators == 0 && group->runs[group->run_count - 1].numeral &&
           memcmp(text, "\xe2\x97\x8b", 3) == 0;
}

/* The letter that may be an identity card's last character, where no word begins with it. */
static bool is_check_letter(const char *text, size_t size, size_t at)
{
    size_t bytes = 1;
    if (size - at >= 3 && memcmp(text + at, "\xef\xbc\xb8", 3) == 0)
        bytes = 3;
    else if (at == size || (text[at] | 0x20) != 'x')
        return false;
    return at + bytes == size || (!ascii_is_letter(text[at + bytes]) && !ascii_is_digit(text[at + bytes]));
}

/* Reads one group that begins at `at` with a digit; returns where the next one is looked for. */
static size_t read_group(const char *text, size_t size, size_t at, bool plus, struct digit_group *group)
{
    struct reading reading; /* its places are written before they are read */
    reading.group = group;
    reading.separators = 0;
    reading.plus = plus;
    reading.wide = false;
    group->run_count = 0;
    group->size = 0;
    group->word_behind = group->check_letter = false;
    while (at < size) {
        size_t bytes;
        char digit;
        bool numeral;
        enum glyph glyph = glyph_number_at(text + at, size - at, &bytes, &digit, &numeral);
        if (glyph == GLYPH_MARK && is_round_zero(&reading, text + at, bytes)) {
            glyph = GLYPH_DIGIT;
            digit = '0';
            numeral = true;
        }
        if (glyph == GLYPH_DIGIT) {
            if (!add_digit(&reading, at, digit, numeral))
                return overlap(&reading);
        } else if (glyph_separates(glyph)) {
            reading.separators++;
            reading.plus = glyph == GLYPH_PLUS;
            reading.wide |= glyph == GLYPH_MARK;
        } else {
            group->word_behind = reading.separators == 0 && is_wide_letter(text, size, at);
            group->check_letter = reading.separators == 0 && is_check_letter(text, size, at);
            break;
        }
        at += bytes;
    }
    return at;
}

bool digits_next(const char *text, size_t size, size_t *cursor, struct digit_group *ret_group)
{
    size_t at = *cursor;
    bool plus = false, word = false;
    while (at < size) {
        size_t bytes;
        char digit;
        bool numeral;
        enum glyph glyph = glyph_number_at(text + at, size - at, &bytes, &digit, &numeral);
        if (glyph == GLYPH_DIGIT) {
            at = read_group(text, size, at, plus, ret_group);
            ret_group->word_before = word;
            if (ret_group->size >= PHONE_DIGITS_MIN) {
                *cursor = at;
                return true;
            }
            plus = word = false;
            continue;
        }
        plus = glyph == GLYPH_PLUS;
        word = glyph == GLYPH_OTHER && is_wide_letter(text, size, at);
        at += bytes;
    }
    *cursor = size;
    return false;
}

/* -- phone -- */

bool digits_are_mobile(const char *digits, size_t size)
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
    return run ? group->runs[run - 1].end : 0;
}

static unsigned run_size(const struct digit_group *group, unsigned run)
{
    return group->runs[run].end - run_begin(group, run);
}

/* Runs `first` to `last` as somebody groups a landline or a number from elsewhere. */
static bool is_grouped(const struct digit_group *group, unsigned first, unsigned last)
{
    const char *digits = group->digits + run_begin(group, first);
    unsigned size = group->runs[last].end - run_begin(group, first);
    unsigned head = run_size(group, first);
    if (last > first && digits[0] == '0' && digits[1] != '0' && head >= 3 && head <= 5)
        return size >= 10 && size <= 12; /* 021-64376688, 07911 123456 */
    return last == first + 2 && head == 3 && run_size(group, first + 1) == 3 && run_size(group, last) == 4 &&
           digits[0] >= '2'; /* 415-555-2671 */
}

/* The last three runs are of 3, 4 and 4 digits: as mobile numbers are written. */
static bool ends_as_mobile(const struct digit_group *group, unsigned first, unsigned last)
{
    if (last < 2 || last - 2 < first)
        return false;
    return run_size(group, last) == 4 && run_size(group, last - 1) == 4 && run_size(group, last - 2) == 3;
}

/* Runs `first` to `last`, all of them; `wide`: with an unusual separator between two of them. */
static bool runs_are_phone(const struct digit_group *group, unsigned first, unsigned last, bool wide)
{
    unsigned begin = run_begin(group, first);
    unsigned size = group->runs[last].end - begin;
    bool mobile = digits_are_mobile(group->digits + begin, size);
    if (wide)
        return mobile && ends_as_mobile(group, first, last);
    return mobile || is_grouped(group, first, last) || (group->runs[first].plus && size >= 8);
}

/* -- identity card -- */

static bool is_province(unsigned code)
{
    return (code >= 11 && code <= 15) || (code >= 21 && code <= 23) || (code >= 31 && code <= 37) ||
           (code >= 41 && code <= 46) || (code >= 50 && code <= 54) || (code >= 61 && code <= 65) ||
           code == 71 || (code >= 81 && code <= 83) || code == 91;
}

static unsigned two_digits(const char *digits)
{
    return (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
}

bool digits_are_identity_card(const char digits[IDENTITY_CARD_DIGITS - 1], char check)
{
    static const unsigned weights[IDENTITY_CARD_DIGITS - 1] = {
        7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned century = two_digits(digits + 6), month = two_digits(digits + 10), day = two_digits(digits + 12);
    if (!is_province(two_digits(digits)) || (century != 19 && century != 20) || month < 1 || month > 12 ||
        day < 1 || day > 31)
        return false;
    unsigned sum = 0;
    for (size_t i = 0; i < COUNT_OF(weights); i++)
        sum += weights[i] * (unsigned)(digits[i] - '0');
    return "10X98765432"[sum % 11] == check;
}

/* Runs `first` to `last`: 18 digits, or 17 and the letter behind the group. */
static bool runs_are_card(const struct digit_group *group, unsigned first, unsigned last)
{
    unsigned begin = run_begin(group, first);
    unsigned size = group->runs[last].end - begin;
    const char *digits = group->digits + begin;
    if (size == IDENTITY_CARD_DIGITS)
        return digits_are_identity_card(digits, digits[IDENTITY_CARD_DIGITS - 1]);
    return size == IDENTITY_CARD_DIGITS - 1 && last + 1 == group->run_count && group->check_letter &&
           digits_are_identity_card(digits, 'X');
}

/* -- all -- */

/* 一 in "统一" and "一件": a numeral alone beside digits, that touches a letter, is of that word. */
static bool edge_is_word(const struct digit_group *group, unsigned first, unsigned last)
{
    if (first == last)
        return false;
    bool before = first == 0 && group->word_before && group->runs[0].numeral && run_size(group, 0) == 1 &&
                  !group->runs[1].numeral;
    bool behind = last + 1 == group->run_count && group->word_behind && group->runs[last].numeral &&
                  run_size(group, last) == 1 && !group->runs[last - 1].numeral;
    return before || behind;
}

static bool group_is_number(const struct digit_group *group, bool cards)
{
    unsigned most = cards ? IDENTITY_CARD_DIGITS : PHONE_DIGITS_MAX;
    for (unsigned first = 0; first < group->run_count; first++) {
        bool wide = false;
        for (unsigned last = first; last < group->run_count; last++) {
            unsigned size = group->runs[last].end - run_begin(group, first);
            wide |= last > first && group->runs[last].wide;
            if (size > most)
                break;
            bool found = size <= PHONE_DIGITS_MAX ? runs_are_phone(group, first, last, wide)
                                                  : !wide && runs_are_card(group, first, last);
            if (found && !edge_is_word(group, first, last))
                return true;
        }
    }
    return false;
}

static bool holds_number(const char *text, size_t size, bool cards)
{
    struct digit_group group;
    for (size_t cursor = 0; digits_next(text, size, &cursor, &group);)
        if (group_is_number(&group, cards))
            return true;
    return false;
}

bool looks_like_phone(const char *text, size_t size)
{
    return holds_number(text, size, false);
}

bool looks_like_number(const char *text, size_t size)
{
    return holds_number(text, size, true);
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
