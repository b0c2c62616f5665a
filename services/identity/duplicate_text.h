/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as they are compared in search of duplicates: characters in one form each, without what people put between them. */
#ifndef QY_IDENTITY_DUPLICATE_TEXT_H
#define QY_IDENTITY_DUPLICATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_CHARS_MAX 48 /* what is longer is cut off */

/* Small letters, ASCII for its forms of full width, one blank between words. Characters beyond 16 bits lose their upper ones. */
struct text {
    uint8_t size;
    uint16_t chars[TEXT_CHARS_MAX];
};
/* From UTF-8. Between Chinese characters no blank remains. */
void text_read(const char *utf8, size_t size, struct text *ret_text);
/* Adds one behind the other, a blank between. */
void text_join(struct text *text, const struct text *other);
bool text_equals(const struct text *one, const struct text *other);
/* It begins with a Chinese character. */
bool text_is_han(const struct text *text);

#define WORDS_MAX 6
struct word {
    const uint16_t *chars; /* in the text */
    size_t size;
};
/* Its words, which blanks divide; returns how many. Words beyond WORDS_MAX are left out. */
size_t text_words(const struct text *text, struct word ret_words[WORDS_MAX]);
/* Its words in alphabetical order, for names whose parts may be swapped. */
void text_sort_words(const struct text *text, struct text *ret_sorted);

/* The other is its end and then its beginning, as 伟王 and 王伟; both are of one size. */
bool text_is_turned(const struct text *one, const struct text *other);
/* Jaro's similarity with Winkler's weight for a common beginning: 0 to 1 (Winkler, 1990). */
double text_jaro_winkler(const struct text *one, const struct text *other);
/* Dice's coefficient of the pairs of neighbouring characters: 0 to 1. */
double text_dice(const struct text *one, const struct text *other);
/* At most one character is another, is missing or too much, or changed places with its neighbour. */
bool text_within_one(const struct text *one, const struct text *other);

#endif
