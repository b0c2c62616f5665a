/* SPDX-License-Identifier: Apache-2.0 */
/* Ids as users know them: a prefix and a number, "u_7". */
#ifndef QY_COMMON_ID_H
#define QY_COMMON_ID_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The number, as it is written: without sign, blanks and leading zeros; 0 where it is none. */
static inline uint32_t id_number(const char *prefix, const char *text, size_t size)
{
    size_t at = strlen(prefix);
    uint64_t number = 0;
    if (size <= at || size > at + 10 || memcmp(text, prefix, at) != 0 || text[at] == '0')
        return 0;
    for (; at < size; at++) {
        if (text[at] < '0' || text[at] > '9')
            return 0;
        number = number * 10 + (uint64_t)(text[at] - '0');
    }
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

#endif
