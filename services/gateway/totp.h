/* SPDX-License-Identifier: Apache-2.0 */
/* One-time codes by time, RFC 6238: HMAC-SHA1, 30 seconds, 6 digits, a step early or late. */
#ifndef QY_GATEWAY_TOTP_H
#define QY_GATEWAY_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOTP_KEY_BYTES 20
#define TOTP_DIGITS 6
#define TOTP_STEP_SECONDS 30
#define TOTP_SECRET_TEXT_BYTES 33 /* of the key, in base32, with its NUL */

/* The code of a step, of 6 to 8 digits. */
uint32_t totp_code(const uint8_t *key, size_t size, uint64_t step, unsigned digits);
/* Whether `code` is that of the step at `seconds` (since 1970) or next to it, and later than `last`: each counts once. */
bool totp_check(
    const uint8_t key[TOTP_KEY_BYTES], const char *code, int64_t seconds, uint64_t last, uint64_t *ret_step);
/* The key as authenticators take it. */
void totp_secret(const uint8_t key[TOTP_KEY_BYTES], char ret_text[TOTP_SECRET_TEXT_BYTES]);

#endif
