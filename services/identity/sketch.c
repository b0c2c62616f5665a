/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/sketch.h"

#include "common/ascii.h"
#include "common/glyph.h"
#include "common/looks.h"

#include <sodium.h>
#include <string.h>

#define BEGINNING_MIN 2 /* bytes: one alone begins too many texts */
#define BEGINNING_MAX 6 /* two Chinese characters */
#define DIGITS_BEGIN 7  /* no number that is looked for has fewer */
#define WHOLE_BEGINS 6  /* as short as a whole text may be */
#define BUCKET_BITS 6
#define HASH_BITS (16 - BUCKET_BITS)

/* What a tag is of. */
enum sketched { SKETCHED_WITHIN, SKETCHED_DIGITS, SKETCHED_WHOLE };

void sketch_key_make(struct sketch_key *ret_key)
{
    randombytes_buf(ret_key, sizeof(*ret_key));
    ret_key->factor |= 1;
    for (size_t i = 0; i < sizeof(ret_key->buckets); i++)
        ret_key->buckets[i] &= (1u << BUCKET_BITS) - 1;
}

/* -- tags -- */

static uint64_t hash_of(const struct sketch_key *key, enum sketched what, uint64_t beginning, size_t size)
{
    uint64_t hash = (beginning ^ key->before ^ (uint64_t)what << 62 ^ (uint64_t)size << 48) * key->factor;
    hash = (hash ^ hash >> 32 ^ key->behind) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint16_t tag_of(const struct sketch_key *key, enum sketched what, uint64_t beginning, size_t size)
{
    return (uint16_t)(hash_of(key, what, beginning, size) >> 40);
}

/* Bears the bucket of the first byte, by which most places of a text are passed over. */
static uint16_t within_tag(const struct sketch_key *key, uint8_t first, uint64_t beginning, size_t size)
{
    unsigned hash = tag_of(key, SKETCHED_WITHIN, beginning, size) & ((1u << HASH_BITS) - 1);
    return (uint16_t)((unsigned)key->buckets[first] << HASH_BITS | hash);
}

/* The next byte of a value or text, small, at or behind *at, of those that are no separators: what known_matches() passes over between
 * the bytes of a value is always one of these. False: there is none. */
static bool next_byte(const char *text, size_t size, size_t *at, uint8_t *ret_byte)
{
    while (*at < size) {
        size_t bytes;
        char digit;
        unsigned char c = (unsigned char)text[*at];
        bool inside = (c & 0xc0) == 0x80; /* of a character that was found to be none */
        if (inside || !glyph_separates(glyph_at(text + *at, size - *at, &bytes, &digit))) {
            *ret_byte = (uint8_t)ascii_lower((char)c);
            ++*at;
            return true;
        }
        *at += bytes;
    }
    return false;
}

/* -- of values -- */

static void set_any(struct sketch *sketch)
{
    sketch->count = SKETCH_ANY;
}

static bool has_tag(const struct sketch *sketch, unsigned from, unsigned to, uint16_t tag)
{
    for (unsigned i = from; i < to; i++)
        if (sketch->tags[i] == tag)
            return true;
    return false;
}

static void add_tag(struct sketch *sketch, bool within, uint16_t tag)
{
    unsigned from = within ? 0 : sketch->within, to = within ? sketch->within : sketch->count;
    if (has_tag(sketch, from, to, tag))
        return;
    if (sketch->count == SKETCH_TAGS) {
        set_any(sketch);
        return;
    }
    sketch->tags[sketch->count] = tag;
    if (within) { /* changes places with the first of the others */
        sketch->tags[sketch->count] = sketch->tags[sketch->within];
        sketch->tags[sketch->within++] = tag;
    }
    sketch->count++;
}

/* Of an email as far as nothing stands in it that may be a word: its sign and its dots. */
static size_t sure_size(const struct known_value *value, const char *text)
{
    size_t size = 0;
    while (size < value->size && (value->use == KNOWN_NAME || (text[size] != '@' && text[size] != '.')))
        size++;
    return size;
}

static void add_within(
    struct sketch *sketch, const struct sketch_key *key, const struct known_value *value, const char *text)
{
    size_t size = sure_size(value, text), at = 0, count = 0;
    uint64_t beginning = 0;
    uint8_t byte;
    for (; count < BEGINNING_MAX && next_byte(text, size, &at, &byte); count++)
        beginning = beginning << 8 | byte;
    bool begins = size > 0 && (uint8_t)(beginning >> 8 * (count ? count - 1 : 0)) == (uint8_t)text[0];
    if (count < BEGINNING_MIN || !begins) /* nor may it begin with a separator */
        set_any(sketch);
    else
        add_tag(sketch, true, within_tag(key, (uint8_t)text[0], beginning, count));
}

static uint64_t read_beginning(const char *text, size_t size)
{
    uint64_t beginning = 0;
    for (size_t i = 0; i < size; i++)
        beginning = beginning << 8 | (uint8_t)ascii_lower(text[i]);
    return beginning;
}

static void add_value(
    struct sketch *sketch, const struct sketch_key *key, const struct known_value *value, const char *text)
{
    size_t least = value->use == KNOWN_DIGITS ? DIGITS_BEGIN : WHOLE_BEGINS;
    bool within = value->use == KNOWN_NAME || value->use == KNOWN_TEXT;
    if (within)
        add_within(sketch, key, value, text);
    else if (value->size < least)
        set_any(sketch);
    else if (value->use == KNOWN_DIGITS)
        add_tag(sketch, false, tag_of(key, SKETCHED_DIGITS, read_beginning(text, DIGITS_BEGIN), 0));
    else
        add_tag(sketch, false, tag_of(key, SKETCHED_WHOLE, read_beginning(text, WHOLE_BEGINS), value->size));
}

void sketch_add(struct sketch *sketch, const struct sketch_key *key, const struct known *known)
{
    for (unsigned i = 0; i < known->count && sketch->count != SKETCH_ANY; i++)
        add_value(sketch, key, &known->values[i], known->text + known->values[i].at);
}

/* -- in texts -- */

static bool begins_at(
    const struct sketch *sketch, const struct sketch_key *key, const char *text, size_t size, size_t at)
{
    uint8_t byte, first = (uint8_t)ascii_lower(text[at]);
    uint64_t beginning = 0;
    for (size_t count = 1; count <= BEGINNING_MAX && next_byte(text, size, &at, &byte); count++) {
        beginning = beginning << 8 | byte;
        if (count >= BEGINNING_MIN &&
            has_tag(sketch, 0, sketch->within, within_tag(key, first, beginning, count)))
            return true;
    }
    return false;
}

static bool matches_within(
    const struct sketch *sketch, const struct sketch_key *key, const char *text, size_t size)
{
    uint64_t buckets = 0;
    for (unsigned i = 0; i < sketch->within; i++)
        buckets |= UINT64_C(1) << (sketch->tags[i] >> HASH_BITS);
    for (size_t at = 0; at < size; at++)
        if (buckets >> key->buckets[(uint8_t)ascii_lower(text[at])] & 1 &&
            begins_at(sketch, key, text, size, at))
            return true;
    return false;
}

static bool matches_digits(
    const struct sketch *sketch, const struct sketch_key *key, const char *text, size_t size)
{
    struct digit_group group;
    for (size_t cursor = 0; digits_next(text, size, &cursor, &group);)
        for (size_t at = 0; at + DIGITS_BEGIN <= group.size; at++)
            if (has_tag(sketch, sketch->within, sketch->count,
                    tag_of(key, SKETCHED_DIGITS, read_beginning(group.digits + at, DIGITS_BEGIN), 0)))
                return true;
    return false;
}

static bool matches_whole(
    const struct sketch *sketch, const struct sketch_key *key, const char *text, size_t size)
{
    known_trim(&text, &size);
    return size >= WHOLE_BEGINS && has_tag(sketch, sketch->within, sketch->count,
                                       tag_of(key, SKETCHED_WHOLE, read_beginning(text, WHOLE_BEGINS), size));
}

bool sketch_matches(
    const struct sketch *sketch, const struct sketch_key *key, const char *text, size_t size, unsigned where)
{
    if (sketch->count == 0 || sketch->count == SKETCH_ANY)
        return sketch->count;
    if (sketch->within && matches_within(sketch, key, text, size))
        return true;
    if (sketch->count == sketch->within)
        return false;
    return (where & KNOWN_OPAQUE && matches_whole(sketch, key, text, size)) ||
           (where & KNOWN_NUMERIC && matches_digits(sketch, key, text, size));
}
