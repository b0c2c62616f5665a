/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_match.h"

#include "common/ascii.h"
#include "common/decimal.h"
#include "common/looks.h"
#include "common/mem.h"

#include <string.h>

#define DEPTH_MAX 128 /* deeper than any event that an honest sender makes: it is taken for the person's */
#define WORD_MIN 6
#define DIGITS_MIN 7
#define FOREIGN_DIGITS 9 /* behind a country code of unknown length */

/* -- what is wanted -- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **text, size_t *size)
{
    while (*size > 0 && is_blank(**text)) {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && is_blank((*text)[*size - 1]))
        (*size)--;
}

static size_t simplify(const char *text, size_t size, char *out, size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        char c = ascii_lower(text[i]);
        if (c == '_' || c == '-' || c == '.' || c == ' ' || c == '$')
            continue;
        if (count + 1 == capacity)
            return 0;
        out[count++] = c;
    }
    out[count] = '\0';
    return count;
}

static void keep_last(struct wanted *wanted, const char *digits, size_t count, size_t most)
{
    size_t kept = count < most ? count : most;
    if (kept < DIGITS_MIN)
        return;
    memcpy(wanted->digits, digits + count - kept, kept);
    wanted->digits[kept] = '\0';
}

/* A national number stands at the end of each way to write it, without the zeros of trunk and exit codes. */
static void want_number(struct wanted *wanted)
{
    struct digit_group group;
    size_t cursor = 0;
    if (!digits_next(wanted->value, wanted->size, &cursor, &group))
        return;
    const char *digits = group.digits;
    size_t count = group.size;
    bool country = group.run_count > 0 && group.runs[0].plus;
    size_t zeros = 0;
    while (zeros < count && digits[zeros] == '0')
        zeros++;
    country |= zeros >= 2;
    digits += zeros;
    count -= zeros;
    bool chinese = count >= 12 && digits[0] == '8' && digits[1] == '6';
    digits += chinese ? 2 : 0;
    count -= chinese ? 2 : 0;
    keep_last(wanted, digits, count, country && !chinese ? FOREIGN_DIGITS : MATCH_DIGITS_MAX);
    if (count < sizeof(wanted->number))
        memcpy(wanted->number, digits, count);
}

bool match_add(struct match *match, const char *kind, const char *value)
{
    struct wanted wanted = {.value = value, .size = strlen(value)};
    trim(&wanted.value, &wanted.size);
    if (wanted.size == 0 || match->count == MATCH_IDENTIFIERS_MAX)
        return false;
    (void)simplify(kind, strlen(kind), wanted.kind, sizeof(wanted.kind));
    if (strcmp(wanted.kind, "phone") == 0)
        want_number(&wanted);
    const char *colon = strstr(wanted.kind, "openid") ? memchr(wanted.value, ':', wanted.size) : NULL;
    if (colon) {
        wanted.part = colon + 1;
        wanted.part_size = wanted.size - (size_t)(colon + 1 - wanted.value);
    }
    match->wanted[match->count++] = wanted;
    match_add_digests(match, &wanted);
    return true;
}

/* -- texts -- */

static bool same(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

static bool is_word(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c);
}

static bool holds_word(const char *text, size_t size, const char *word, size_t word_size)
{
    for (size_t at = 0; at + word_size <= size; at++) {
        if (!same(text + at, word, word_size))
            continue;
        bool begins = at == 0 || !is_word(text[at - 1]) || !is_word(word[0]);
        size_t end = at + word_size;
        if (begins && (end == size || !is_word(text[end]) || !is_word(word[word_size - 1])))
            return true;
    }
    return false;
}

static bool is_value(const char *text, size_t size, const char *value, size_t value_size, bool place)
{
    if (value_size == 0)
        return false;
    if (value_size >= WORD_MIN && holds_word(text, size, value, value_size))
        return true;
    trim(&text, &size);
    return place && size == value_size && same(text, value, size);
}

static bool holds_digits(const struct match *match, const char *text, size_t size)
{
    struct digit_group group;
    size_t cursor = 0;
    while (digits_next(text, size, &cursor, &group))
        for (size_t i = 0; i < match->count; i++) {
            const char *digits = match->wanted[i].digits;
            if (*digits && memmem(group.digits, group.size, digits, strlen(digits)))
                return true;
        }
    return false;
}

/* Where a member of this name has an identifier of this kind. */
static bool is_place(const struct wanted *wanted, const char *key, size_t size)
{
    static const char *const places[] = {"id", "userid", "anonymousid", "previousid", "openid", "unionid"};
    char plain[MATCH_KIND_BYTES];
    if (simplify(key, size, plain, sizeof(plain)) == 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (strcmp(plain, places[i]) == 0)
            return true;
    return strcmp(plain, wanted->kind) == 0;
}

static bool fits(const struct match *match, const char *text, size_t size, const char *key, size_t key_size)
{
    for (size_t i = 0; i < match->count; i++) {
        const struct wanted *wanted = &match->wanted[i];
        bool place = key && is_place(wanted, key, key_size);
        if (is_value(text, size, wanted->value, wanted->size, place) ||
            is_value(text, size, wanted->part, wanted->part_size, place))
            return true;
    }
    return holds_digits(match, text, size);
}

struct place {
    const struct match *match;
    const char *key;
    size_t size;
};

static bool fits_part(void *self, const char *text, size_t size)
{
    const struct place *place = self;
    return fits(place->match, text, size, place->key, place->size);
}

static bool fits_digest(void *self, const struct digest *digest)
{
    const struct place *place = self;
    return match_has_digest(place->match, digest);
}

/* As it stands, and what it may encode. */
static bool fits_text(
    const struct match *match, const char *text, size_t size, const char *key, size_t key_size)
{
    char plain[DISGUISE_TEXT_MAX];
    size_t plain_size;
    struct place place = {match, key, key_size};
    return fits(match, text, size, key, key_size) ||
           (disguise_decode(text, size, plain, &plain_size) &&
               fits(match, plain, plain_size, key, key_size)) ||
           disguise_parts(text, size, plain, fits_part, &place) ||
           disguise_digests(text, size, fits_digest, &place);
}

bool match_text(const struct match *match, const char *text, size_t size)
{
    return fits_text(match, text, size, NULL, 0);
}

/* -- events -- */

static bool fits_number(
    const struct match *match, const char *number, size_t size, const char *key, size_t key_size)
{
    char digits[DECIMAL_WHOLE_BYTES];
    size_t count = decimal_whole(number, size, digits);
    return fits(match, number, size, key, key_size) || fits(match, digits, count, key, key_size);
}

static bool fits_value(
    const struct match *match, yyjson_val *value, const char *key, size_t key_size, unsigned depth)
{
    if (yyjson_is_str(value))
        return fits_text(match, yyjson_get_str(value), yyjson_get_len(value), key, key_size);
    if (yyjson_is_raw(value))
        return fits_number(match, yyjson_get_raw(value), yyjson_get_len(value), key, key_size);
    if (!yyjson_is_ctn(value))
        return false;
    if (depth > DEPTH_MAX)
        return true;
    yyjson_arr_iter items = yyjson_arr_iter_with(value);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items));)
        if (fits_value(match, item, key, key_size, depth + 1))
            return true;
    yyjson_obj_iter members = yyjson_obj_iter_with(value);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&members));)
        if (match_text(match, yyjson_get_str(name), yyjson_get_len(name)) ||
            fits_value(
                match, yyjson_obj_iter_get_val(name), yyjson_get_str(name), yyjson_get_len(name), depth + 1))
            return true;
    return false;
}

bool match_event(const struct match *match, yyjson_val *event)
{
    return fits_value(match, event, NULL, 0, 0);
}
