/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a text holds something that looks like a phone number, an email address or another number that is somebody's, whoever's it is. */
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
 * unusual separators stand in a number, its grouping must be the usual one (139*1234*5678). Chinese numerals are digits (一三八零零…, 幺, 〇),
 * also beside others; of a word that touches them (统一, 一件) they are not. */
bool looks_like_phone(const char *text, size_t size);
/* A bare run of 11 or 12 digits that begins with 0: a landline, or a product code. */
bool looks_like_bare_landline(const char *text, size_t size);

/* As looks_like_phone(), and also the number of a Chinese identity card: 18 digits, the last one perhaps an X, with a province, a day of
 * birth and a check character that agree. Other digits hardly ever do. */
bool looks_like_number(const char *text, size_t size);

/* A Chinese number plate: 京A·12345, 沪AD12345, 粤Z1234港. Four provinces' signs are adjectives too, which product names put before a
 * model (全新A12345, 黑B20250): without a dot these count only at the beginning of a word, and not in a `code`. */
bool looks_like_plate(const char *text, size_t size, bool code);

/* Any of them. */
bool looks_personal(const char *text, size_t size);

#define DIGITS_MAX 64
#define RUNS_MAX 48

struct digit_run {
    uint8_t end;  /* index behind its last digit; the first run begins at 0 */
    bool plus;    /* a plus sign stands right before its first digit */
    bool wide;    /* what stands before it is not usual within numbers */
    bool numeral; /* Chinese numerals; where these and digits meet, a run ends */
};

/* Digits with nothing but separators between them. */
struct digit_group {
    unsigned run_count;
    unsigned size;
    struct digit_run runs[RUNS_MAX];
    char digits[DIGITS_MAX];
    bool word_before, word_behind; /* letters that words are written of without blanks touch it */
    bool check_letter;             /* an X that ends a word stands right behind it */
};

/* Finds the next group of seven digits or more at or behind *cursor, and moves *cursor behind it; false at
 * the end. What does not fit into one group begins another, which overlaps it by more than a number's length.
 */
bool digits_next(const char *text, size_t size, size_t *cursor, struct digit_group *ret_group);

/* A whole Chinese mobile number, with or without what is dialled before it. */
bool digits_are_mobile(const char *digits, size_t size);
#define IDENTITY_CARD_DIGITS 18
/* `check` is the last character, a digit or 'X'. */
bool digits_are_identity_card(const char digits[IDENTITY_CARD_DIGITS - 1], char check);

#endif
