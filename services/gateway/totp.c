/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/totp.h"

#include "common/buffer.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

uint32_t totp_code(const uint8_t *key, size_t size, uint64_t step, unsigned digits)
{
    uint8_t counter[8], mac[EVP_MAX_MD_SIZE] = {0};
    unsigned mac_size = sizeof(mac);
    uint32_t modulus = 1;
    put_be64(counter, step);
    (void)HMAC(EVP_sha1(), key, (int)size, counter, sizeof(counter), mac, &mac_size);
    uint32_t value = get_be32(mac + (mac[19] & 15)) & 0x7fffffff;
    while (digits--)
        modulus *= 10;
    return value % modulus;
}

bool totp_check(
    const uint8_t key[TOTP_KEY_BYTES], const char *code, int64_t seconds, uint64_t last, uint64_t *ret_step)
{
    char expected[sizeof("4294967295")]; /* room for any number: a code has six digits */
    uint64_t now = (uint64_t)seconds / TOTP_STEP_SECONDS;
    if (seconds < TOTP_STEP_SECONDS || strlen(code) != TOTP_DIGITS)
        return false;
    for (uint64_t step = now - 1; step <= now + 1; step++) {
        snprintf(expected, sizeof(expected), "%0*" PRIu32, TOTP_DIGITS,
            totp_code(key, TOTP_KEY_BYTES, step, TOTP_DIGITS));
        if (step > last && sodium_memcmp(expected, code, TOTP_DIGITS) == 0) {
            *ret_step = step;
            return true;
        }
    }
    return false;
}

void totp_secret(const uint8_t key[TOTP_KEY_BYTES], char ret_text[TOTP_SECRET_TEXT_BYTES])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    for (size_t i = 0; i < TOTP_SECRET_TEXT_BYTES - 1; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)key[bit / 8] << 8 | (bit / 8 + 1 < TOTP_KEY_BYTES ? key[bit / 8 + 1] : 0u);
        ret_text[i] = alphabet[pair >> (11 - bit % 8) & 31];
    }
    ret_text[TOTP_SECRET_TEXT_BYTES - 1] = '\0';
}
