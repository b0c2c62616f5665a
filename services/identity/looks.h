/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a text holds something that looks like a phone number or an email address, whoever's it is. */
#ifndef QY_IDENTITY_LOOKS_H
#define QY_IDENTITY_LOOKS_H

#include <stdbool.h>
#include <stddef.h>

/* An address anywhere in the text. */
bool looks_like_email(const char *text, size_t size);

/* A number anywhere in the text: Chinese mobile numbers and landlines, international ones with their plus,
 * and the groupings that others write; separators, and digits of full width, as people type them. */
bool looks_like_phone(const char *text, size_t size);
/* A bare run of 11 or 12 digits that begins with 0: a landline, or a product code. */
bool looks_like_bare_landline(const char *text, size_t size);

#define DIGITS_MAX 64
#define RUNS_MAX 24

/* Digits with nothing but separators between them. */
struct digit_group {
    bool plus; /* a plus sign stands right before the first digit */
    unsigned run_count;
    unsigned size;
    unsigned char run_end[RUNS_MAX]; /* index behind the run's last digit; the first run begins at 0 */
    char digits[DIGITS_MAX];
};

/* Finds the next group of seven digits or more at or behind *cursor, and moves *cursor behind it; false at
 * the end. What does not fit into one group begins another. */
bool digits_next(const char *text, size_t size, size_t *cursor, struct digit_group *ret_group);

#endif
