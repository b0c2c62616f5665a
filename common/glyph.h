/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of UTF-8 as they count in numbers and names: digits of any script, and what people put between
 * them.
 *
 * Bytes that are no UTF-8 are one character each, of no kind. */
#ifndef QY_COMMON_GLYPH_H
#define QY_COMMON_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum glyph {
    GLYPH_OTHER, /* letters, and whatever else carries meaning */
    GLYPH_DIGIT, /* decimal, of any script; also of full width, in circles, raised, lowered */
    GLYPH_PLUS,
    GLYPH_GAP,  /* what usually stands within numbers and names: blanks, dashes, dots, brackets */
    GLYPH_MARK, /* any other punctuation, symbol, line break, or character that is not seen */
};

/* What ASCII is: a row for each byte below 0x80. */
extern const uint8_t glyph_ascii[128];
enum glyph glyph_wide(const unsigned char *text, size_t size, size_t *ret_bytes, char *ret_digit);

/* The glyph at `text` (size > 0), its bytes, and of a digit its value as '0' to '9'. */
static inline enum glyph glyph_at(const char *text, size_t size, size_t *ret_bytes, char *ret_digit)
{
    unsigned char c = (unsigned char)*text;
    if (c >= 0x80)
        return glyph_wide((const unsigned char *)text, size, ret_bytes, ret_digit);
    *ret_bytes = 1;
    *ret_digit = (char)c;
    return (enum glyph)glyph_ascii[c];
}

/* The digit that the Chinese numeral of three bytes at `text` stands for; false: it is none. */
bool glyph_numeral(const unsigned char text[3], char *ret_digit);

/* As glyph_at(), and Chinese numerals are digits: for numbers alone, elsewhere they are words. `ret_numeral` tells them from digits. */
enum glyph glyph_wide_number(
    const unsigned char *text, size_t size, size_t *ret_bytes, char *ret_digit, bool *ret_numeral);
static inline enum glyph glyph_number_at(
    const char *text, size_t size, size_t *ret_bytes, char *ret_digit, bool *ret_numeral)
{
    unsigned char c = (unsigned char)*text;
    if (c >= 0x80)
        return glyph_wide_number((const unsigned char *)text, size, ret_bytes, ret_digit, ret_numeral);
    *ret_bytes = 1;
    *ret_digit = (char)c;
    *ret_numeral = false;
    return (enum glyph)glyph_ascii[c];
}

static inline bool glyph_separates(enum glyph glyph)
{
    return glyph >= GLYPH_PLUS;
}

/* Writes the text with small letters, ASCII in place of its forms of full width, and ASCII digits; returns
 * its size, which is `size` at most. `out` may not overlap the text. */
size_t glyph_fold(const char *text, size_t size, char *out);

#endif
