/* SPDX-License-Identifier: Apache-2.0 */
/* Letters and digits of ASCII, whatever the locale says; other bytes are neither. */
#ifndef QY_COMMON_ASCII_H
#define QY_COMMON_ASCII_H

#include <stdbool.h>

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline char ascii_lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

static inline bool ascii_is_letter(char c)
{
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

#endif
