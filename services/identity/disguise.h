/* SPDX-License-Identifier: Apache-2.0 */
/* Personal values in disguise: base64, hexadecimal and percent encodings, and plain hashes of phone numbers
 * and emails. */
#ifndef QY_IDENTITY_DISGUISE_H
#define QY_IDENTITY_DISGUISE_H

#include "services/identity/identifier.h"

#define DISGUISE_TEXT_MAX 2048 /* longer texts are not decoded */

/* The text that this one encodes, in `out`; false when it encodes no text. Rounds of one kind: first percent,
 * then hexadecimal, then base64 (both alphabets, with or without padding). */
bool disguise_decode(const char *text, size_t size, char out[DISGUISE_TEXT_MAX], size_t *ret_size);

/* Whether the text could be an MD5, SHA-1 or SHA-256, in hexadecimal or base64: by its length and letters. */
bool disguise_is_hash(const char *text, size_t size);
/* Whether it is one of an event's phone numbers (E.164, its digits, the national number) or emails (lower
 * case). */
bool disguise_is_hash_of(const struct identifiers *identifiers, const char *text, size_t size);

#endif
