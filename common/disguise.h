/* SPDX-License-Identifier: Apache-2.0 */
/* Personal values in disguise: base64, hexadecimal and percent encodings, the escapes of JSON and HTML, and what
 * could be a plain hash of one. */
#ifndef QY_COMMON_DISGUISE_H
#define QY_COMMON_DISGUISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISGUISE_TEXT_MAX 2048 /* longer texts are not decoded */

/* The text that this one encodes, in `out`; false when it encodes no text. Rounds of one kind: first percent,
 * then "\u738b" and "&#29579;", then hexadecimal, then base64 (both alphabets, with or without padding). */
bool disguise_decode(const char *text, size_t size, char out[DISGUISE_TEXT_MAX], size_t *ret_size);

/* Calls `look` for each part of the text that encodes one (a part of a path, a word of a sentence), until it
 * returns true; returns that. */
typedef bool disguise_text_fn(void *self, const char *text, size_t size);
bool disguise_parts(
    const char *text, size_t size, char out[DISGUISE_TEXT_MAX], disguise_text_fn *look, void *self);

enum digest_algorithm { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_COUNT };
#define DIGEST_BYTES_MAX 32
#define DIGEST_TEXT_MIN 22 /* characters of the shortest, an MD5 in base64 */

struct digest {
    enum digest_algorithm algorithm; /* by its length */
    uint8_t bytes[DIGEST_BYTES_MAX];
};
size_t digest_size(enum digest_algorithm algorithm);

/* Calls `look` for each part of the text that could be a digest by its length and letters, in hexadecimal or
 * base64, until it returns true; returns that. Few texts hold any, and then it costs something to look. */
typedef bool disguise_look_fn(void *self, const struct digest *digest);
bool disguise_digests(const char *text, size_t size, disguise_look_fn *look, void *self);
/* Whether there is any. */
bool disguise_has_digest(const char *text, size_t size);

#endif
