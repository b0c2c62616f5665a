/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

#include <stddef.h>
#include <stdint.h>

bool utf8_is_text(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    while (*at) {
        if (*at < 0x80) {
            if (*at < 0x20 && *at != '\n' && *at != '\t')
                return false;
            at++;
            continue;
        }
        size_t length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
        uint8_t low = *at == 0xe0 ? 0xa0 : *at == 0xf0 ? 0x90 : 0x80;
        uint8_t high = *at == 0xed ? 0x9f : *at == 0xf4 ? 0x8f : 0xbf;
        if (*at < 0xc2 || *at > 0xf4 || at[1] < low || at[1] > high)
            return false;
        for (size_t i = 2; i < length; i++)
            if ((at[i] & 0xc0) != 0x80)
                return false;
        at += length;
    }
    return true;
}
