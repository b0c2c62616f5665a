/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a text holds something that looks like a phone number or an email address, whoever's it is. */
#ifndef QY_COMMON_LOOKS_H
#define QY_COMMON_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address anywhere in the text, also as people hide it from programs: "li(at)example.com", "li @
 * example.com", "li.lei at example dot com". */
bool looks_like_email(const char *text, size_t size);

/* A number anywhere in the text: Chinese mobile numbers and landlines, international ones with their plus,
 * and the groupings that others write; separators, and digits of other scripts, as people type them. Where
 * unusual separators stand in a number, its grouping must be the usual one (139*1234*5678). */
bool looks_like_phone(const char *text, size_t size);
/* A bare run of 11 or 12 digits that begins with 0: a landline, or a product code. */
bool looks_like_bare_landline(const char *text, size_t size);

#define DIGITS_MAX 64
#define RUNS_MAX 48

struct digit_run {
    uint8_t end; /* index behind its last digit; the first run begins at 0 */
    bool plus;   /* a plus sign stands right before its first digit */
    bool wide;   /* what stands before it is not usual within numbers */
};

/* Digits with nothing but separators between them. */
struct digit_group {
    unsigned run_count;
    unsigned size;
    struct digit_run runs[RUNS_MAX];
    char digits[DIGITS_MAX];
};

/* Finds the next group of seven digits or more at or behind *cursor, and moves *cursor behind it; false at
 * the end. What does not fit into one group begins another, which overlaps it by more than a number's length.
 */
bool digits_next(const char *text, size_t size, size_t *cursor, struct digit_group *ret_group);

#endif
