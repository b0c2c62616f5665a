/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/password.h"

#include "common/ascii.h"
#include "common/error.h"
#include "common/glyph.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#define BYTES_MAX ((size_t)PASSWORD_CHARACTERS_MAX * 4)
#define WORD_MIN 3u /* shorter words stand in anything */
#define RUN_MIN 3u
#define OWN_MIN 4u /* characters that must be the password's own */

const char password_nobody[] =
    "$argon2id$v=19$m=65536,t=3,p=1$bm9ib2R5J3Mgc2FsdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* -- as it is taken -- */

/* U+FF01 to U+FF5E are ASCII in full width, U+3000 is a blank. */
static bool narrow(const unsigned char *text, char *ret_ascii)
{
    unsigned code = 0;
    if (text[0] == 0xe3 && text[1] == 0x80 && text[2] == 0x80)
        code = ' ';
    else if (text[0] == 0xef && (text[1] == 0xbc || text[1] == 0xbd) && text[2] >= 0x80)
        code = (text[1] == 0xbd ? 0x60u : 0x20u) + (text[2] & 0x3fu);
    *ret_ascii = (char)code;
    return code >= ' ' && code <= '~';
}

static size_t fold_width(const char *password, char out[BYTES_MAX + 1])
{
    const unsigned char *at = (const unsigned char *)password;
    size_t size = 0;
    while (*at && size < BYTES_MAX) {
        bool wide = narrow(at, &out[size]);
        if (!wide)
            out[size] = (char)*at;
        at += wide ? 3 : 1;
        size++;
    }
    out[size] = '\0';
    return size;
}

size_t password_characters(const char *password)
{
    size_t count = 0;
    for (; *password; password++)
        count += ((unsigned char)*password & 0xc0) != 0x80;
    return count;
}

/* -- what is easily guessed -- */

/* How many characters from here on go up or down by one, or stay: "abcd", "4321", "aaaa". */
static size_t run_at(const char *text)
{
    size_t best = 0;
    for (int step = -1; step <= 1; step++) {
        size_t size = 1;
        while (text[size - 1] && text[size] && text[size] == text[size - 1] + step)
            size++;
        best = size > best ? size : best;
    }
    return best >= RUN_MIN ? best : 0;
}

static size_t row_at(const char *text)
{
    static const char *const rows[] = {
        "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv", "1234567890"};
    size_t best = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (const char *from = rows[i]; *from; from++) {
            size_t size = 0;
            while (from[size] && from[size] == text[size])
                size++;
            best = size > best ? size : best;
        }
    return best >= RUN_MIN + 1 ? best : 0;
}

static size_t word_at(const char *text, const char *word)
{
    size_t size = strlen(word);
    return size >= WORD_MIN && strncmp(text, word, size) == 0 ? size : 0;
}

/* The longest guessable part that begins here. */
static size_t guessable_at(const char *text, char (*own)[BYTES_MAX + 1], size_t own_count)
{
    size_t best = run_at(text), size = row_at(text);
    best = size > best ? size : best;
    for (size_t i = 0; i < own_count; i++) {
        size = word_at(text, own[i]);
        best = size > best ? size : best;
    }
    for (const char *const *word = password_common; *word; word++) {
        size = word_at(text, *word);
        best = size > best ? size : best;
    }
    return best;
}

/* Characters that are in none of them; blanks and signs between them are nobody's own either. */
static size_t count_own(const char *text, char (*own)[BYTES_MAX + 1], size_t own_count)
{
    size_t count = 0;
    while (*text) {
        size_t size = guessable_at(text, own, own_count);
        if (size == 0) {
            unsigned char c = (unsigned char)*text;
            count += c >= 0xc0 || (c < 0x80 && (ascii_is_letter(*text) || ascii_is_digit(*text)));
            size = 1;
        }
        text += size;
    }
    return count;
}

/* Whether it is one text three times or more. */
static bool repeats(const char *text, size_t size)
{
    for (size_t unit = 1; unit * 3 <= size; unit++)
        if (memcmp(text, text + unit, size - unit) == 0)
            return true;
    return false;
}

static bool is_common(const char *text)
{
    for (const char *const *word = password_common; *word; word++)
        if (strcmp(*word, text) == 0)
            return true;
    return false;
}

#define WORDS_MAX 8u

const char *password_problem(const char *password, size_t least, const char *const *words, size_t word_count)
{
    char text[BYTES_MAX + 1], folded[BYTES_MAX + 1], own[WORDS_MAX][BYTES_MAX + 1];
    size_t characters = password_characters(password), own_count = 0;
    if (characters < least)
        return least == PASSWORD_CHARACTERS
                   ? "must have at least 15 characters; 8 are enough beside a second factor"
                   : "must have at least 8 characters";
    if (characters > PASSWORD_CHARACTERS_MAX)
        return "must have at most 256 characters";
    size_t size = glyph_fold(text, fold_width(password, text), folded);
    folded[size] = '\0';
    if (is_common(folded))
        return "is among the passwords that are tried first";
    if (repeats(folded, size))
        return "is a short text over and over";
    for (size_t i = 0; i < word_count && own_count < WORDS_MAX; i++) {
        size_t bytes = strnlen(words[i], BYTES_MAX);
        own[own_count][glyph_fold(words[i], bytes, own[own_count])] = '\0';
        own_count++;
    }
    if (count_own(folded, own, own_count) < OWN_MIN)
        return "is made of what is guessed first: the login, the name, common words, sequences";
    return NULL;
}

/* -- as it is stored -- */

int password_hash(const char *password, char ret_hash[PASSWORD_HASH_BYTES])
{
    _Static_assert(PASSWORD_HASH_BYTES >= crypto_pwhash_STRBYTES, "room for the hash");
    char text[BYTES_MAX + 1];
    size_t size = fold_width(password, text);
    int failed = crypto_pwhash_str(ret_hash, text, size, PASSWORD_OPERATIONS, PASSWORD_MEMORY);
    sodium_memzero(text, sizeof(text));
    return failed ? -QY_ENOMEM : 0;
}

bool password_matches(const char *hash, const char *password)
{
    char text[BYTES_MAX + 1];
    size_t size = fold_width(password, text);
    bool matches = crypto_pwhash_str_verify(*hash ? hash : password_nobody, text, size) == 0 && *hash;
    sodium_memzero(text, sizeof(text));
    return matches;
}
