/* SPDX-License-Identifier: Apache-2.0 */
/* Exact sums: limbs of nine digits from 10^-324 on, the two highest for what carries over. A limb takes some
 * 2^33 numbers before it would overflow uncarried; nobody has that many. */
#include "common/decimal.h"

#include <string.h>

#define LIMB_DIGITS 9
#define LIMB_BASE INT64_C(1000000000)
#define FRACTION_LIMBS (DECIMAL_SUM_DIGITS / LIMB_DIGITS)

bool decimal_sum_add(struct decimal_sum *sum, const struct decimal *decimal)
{
    static const int64_t powers[LIMB_DIGITS] = {
        1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    if (decimal->size == 0)
        return true;
    int64_t digits = (int64_t)decimal->size - (memchr(decimal->digits, '.', decimal->size) != NULL);
    int64_t place =
        decimal->magnitude - 1 + DECIMAL_SUM_DIGITS; /* of the first digit, the lowest possible being 0 */
    if (place >= INT64_C(2) * DECIMAL_SUM_DIGITS || place - digits < -1)
        return false;
    for (size_t i = 0; i < decimal->size; i++) {
        if (decimal->digits[i] == '.')
            continue;
        int64_t amount = (decimal->digits[i] - '0') * powers[place % LIMB_DIGITS];
        sum->limbs[place / LIMB_DIGITS] += decimal->negative ? -amount : amount;
        place--;
    }
    return true;
}

/* Brings each limb into 0 … base-1 and returns what is carried out: below 0 when the sum is. */
static int64_t carry_over(struct decimal_sum *sum)
{
    int64_t carry = 0;
    for (int i = 0; i < DECIMAL_SUM_LIMBS; i++) {
        int64_t limb = sum->limbs[i] + carry;
        carry = limb / LIMB_BASE - (limb % LIMB_BASE < 0);
        sum->limbs[i] = limb - carry * LIMB_BASE;
    }
    return carry;
}

static char *write_limb(char *out, int64_t limb)
{
    for (int digit = LIMB_DIGITS - 1; digit >= 0; digit--, limb /= 10)
        out[digit] = (char)('0' + limb % 10);
    return out + LIMB_DIGITS;
}

struct decimal decimal_sum_read(struct decimal_sum *sum, char text[DECIMAL_SUM_TEXT_BYTES])
{
    bool negative = carry_over(sum) < 0;
    struct decimal_sum absolute = *sum;
    if (negative) {
        sum->limbs[DECIMAL_SUM_LIMBS - 1] -=
            LIMB_BASE; /* keeps the value: the carry that fell out at the top */
        for (int i = 0; i < DECIMAL_SUM_LIMBS; i++)
            absolute.limbs[i] = -sum->limbs[i];
        (void)carry_over(&absolute);
    }
    int low = 0, high = DECIMAL_SUM_LIMBS - 1;
    while (low < FRACTION_LIMBS && absolute.limbs[low] == 0)
        low++;
    while (high > FRACTION_LIMBS && absolute.limbs[high] == 0)
        high--;
    char *out = text;
    if (negative)
        *out++ = '-';
    for (int i = high; i >= FRACTION_LIMBS; i--)
        out = write_limb(out, absolute.limbs[i]);
    if (low < FRACTION_LIMBS)
        *out++ = '.';
    for (int i = FRACTION_LIMBS - 1; i >= low; i--)
        out = write_limb(out, absolute.limbs[i]);
    *out = '\0';
    struct decimal result = {0};
    (void)decimal_read(text, (size_t)(out - text), DECIMAL_PLAIN, &result);
    return result;
}
