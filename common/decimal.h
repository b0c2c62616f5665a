/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal numbers, exact: as units of a power of ten, as digits of any length, and sums of those. Never
 * through floating point. */
#ifndef QY_COMMON_DECIMAL_H
#define QY_COMMON_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits to units of 10^-`scale`: "99.90", "-3", "1e2" is refused, more digits than `scale` are
 * refused unless they are zeros, or rounded half away from zero with `round`. False on anything else or on
 * overflow. */
bool decimal_parse(const char *text, size_t size, unsigned scale, bool round, int64_t *ret_units);
/* As decimal_parse, for a raw JSON number: exponents are taken too. */
bool decimal_parse_json(const char *text, size_t size, unsigned scale, bool round, int64_t *ret_units);
/* "-12.30" for -1230 at scale 2; `scale` is at most 9. */
#define DECIMAL_TEXT_BYTES 48
const char *decimal_format(__int128 units, unsigned scale, char text[DECIMAL_TEXT_BYTES]);
/* a / b, half away from zero; b > 0. */
__int128 divide_half_away(__int128 a, int64_t b);
/* The nearest that fits. */
int64_t saturate(__int128 a);

/* A number as the digits of the text it was read from, which must live as long: 0.d1d2d3… times 10^magnitude.
 */
struct decimal {
    const char
        *digits; /* from the first digit that counts to the last one that does; a point may stand between */
    size_t size; /* 0: the number is zero */
    int64_t magnitude;
    bool negative;
};
enum decimal_syntax { DECIMAL_PLAIN, DECIMAL_JSON }; /* JSON's has exponents */
/* False when it is no such number, or its exponent has more than 15 digits. Leading zeros are no fault. */
bool decimal_read(const char *text, size_t size, enum decimal_syntax syntax, struct decimal *ret_decimal);
/* The digits of a whole number, whatever its sign and however it is written: spreadsheets and data frames make "13800138000.0" or
 * "1.3800138e10" of a phone. Yields how many; 0 for zero, a fraction, and more than any number that means something has. */
#define DECIMAL_WHOLE_BYTES 640
size_t decimal_whole(const char *number, size_t size, char ret_digits[DECIMAL_WHOLE_BYTES]);
/* Below, equal or above 0, as a is to b. */
int decimal_compare(const struct decimal *a, const struct decimal *b);
/* The largest number of units that is not above the decimal (at the ends of int64_t, the end); true when that
 * is the decimal. */
bool decimal_floor(const struct decimal *decimal, unsigned scale, int64_t *ret_units);

/* A sum of numbers with at most DECIMAL_SUM_DIGITS digits before the point and as many behind it. Zeroed, it
 * is 0. */
#define DECIMAL_SUM_DIGITS 324
#define DECIMAL_SUM_LIMBS 74
struct decimal_sum {
    int64_t limbs[DECIMAL_SUM_LIMBS]; /* of nine digits, lowest first, carried only when the sum is read */
};
/* False, and nothing added, when the number has more digits than that. */
bool decimal_sum_add(struct decimal_sum *sum, const struct decimal *decimal);
/* The sum; its digits are in `text`. */
#define DECIMAL_SUM_TEXT_BYTES (9 * DECIMAL_SUM_LIMBS + 3)
struct decimal decimal_sum_read(struct decimal_sum *sum, char text[DECIMAL_SUM_TEXT_BYTES]);

#endif
