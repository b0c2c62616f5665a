/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords, after NIST SP 800-63B: long enough, not among what is tried first, anything else goes; no composition rules, and none is
 * ever too old. Stored as argon2id with its parameters.
 *
 * Any Unicode will do, as it is: a text is not normalised, but for characters of full width and the ideographic blank, which an
 * input method may put in place of ASCII; they count as ASCII. */
#ifndef QY_GATEWAY_PASSWORD_H
#define QY_GATEWAY_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_CHARACTERS 15u            /* at least */
#define PASSWORD_CHARACTERS_WITH_FACTOR 8u /* at least, beside a second factor */
#define PASSWORD_CHARACTERS_MAX 256u
#define PASSWORD_HASH_BYTES 128

size_t password_characters(const char *password);
/* What is wrong with it, NULL where nothing is. `words` are the member's own, which it must not be made of: login, name, brand. */
const char *password_problem(const char *password, size_t least, const char *const *words, size_t word_count);

/* Takes 64 MiB and about a tenth of a second. -QY_ENOMEM. */
int password_hash(const char *password, char ret_hash[PASSWORD_HASH_BYTES]);
/* False also, after as long, where `hash` is "": nobody's. */
bool password_matches(const char *hash, const char *password);

#define PASSWORD_OPERATIONS 3
#define PASSWORD_MEMORY ((size_t)64 * 1024 * 1024)
/* A hash of no password, as dear to look at as any: of who has none or is not there. */
extern const char password_nobody[];

/* What is tried first (password_common.c): passwords and the words that they are made of, in small letters; NULL-terminated. */
extern const char *const password_common[];

#endif
