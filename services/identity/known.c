/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/known.h"

#include "common/ascii.h"
#include "common/glyph.h"

#include <string.h>

#define TEXT_MIN 6
#define DIGITS_MIN 7
#define NUMBER_MIN 10 /* digits that mean something wherever they stand: dates have fewer */

static bool is_word(char c)
{
    return ascii_is_digit(c) || ascii_is_letter(c);
}

void known_reset(struct known *known)
{
    known->count = 0;
    known->text_used = 0;
    known->has_digits = false;
    memset(known->first, 0, sizeof(known->first));
}

static bool is_within(enum known_use use)
{
    return use == KNOWN_NAME || use == KNOWN_TEXT;
}

static bool is_there(const struct known *known, enum known_use use, const char *value, size_t size)
{
    for (unsigned i = 0; i < known->count; i++)
        if (known->values[i].use == use && known->values[i].size == size &&
            memcmp(known->text + known->values[i].at, value, size) == 0)
            return true;
    return false;
}

static size_t characters_of(const char *value, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)value[i] & 0xc0) != 0x80;
    return count;
}

void known_trim(const char **value, size_t *size)
{
    while (*size > 0 && (unsigned char)(*value)[0] <= ' ') {
        (*value)++;
        (*size)--;
    }
    while (*size > 0 && (unsigned char)(*value)[*size - 1] <= ' ')
        (*size)--;
}

/* What of a text may be there or not. */
static bool is_skipped(enum known_use use, enum glyph glyph)
{
    return use == KNOWN_NAME ? glyph == GLYPH_GAP : glyph_separates(glyph);
}

/* Leaves separators out; those that make an email stay. */
static size_t squeeze(enum known_use use, const char *value, size_t size, char *out)
{
    bool email = use == KNOWN_TEXT && memchr(value, '@', size);
    size_t used = 0, bytes;
    bool digits = true;
    for (size_t at = 0; at < size; at += bytes) {
        char digit;
        enum glyph glyph = glyph_at(value + at, size - at, &bytes, &digit);
        bool kept = email && (value[at] == '@' || value[at] == '.');
        if (is_skipped(use, glyph) && !kept)
            continue;
        digits &= glyph == GLYPH_DIGIT;
        memcpy(out + used, value + at, bytes);
        used += bytes;
    }
    if (!digits || used >= NUMBER_MIN)
        return used;
    memcpy(out, value, size); /* a date: as it is written */
    return size;
}

static void put(struct known *known, enum known_use use, const char *value, size_t size)
{
    size_t least = use == KNOWN_DIGITS ? DIGITS_MIN : use == KNOWN_NAME ? 2 : TEXT_MIN;
    if (size < least || (use == KNOWN_NAME && characters_of(value, size) < 2))
        return;
    if (known->count == KNOWN_MAX || size > sizeof(known->text) - known->text_used ||
        is_there(known, use, value, size))
        return;
    char *text = known->text + known->text_used;
    memcpy(text, value, size);
    struct known_value *added = &known->values[known->count];
    *added =
        (struct known_value){.at = (uint16_t)known->text_used, .size = (uint16_t)size, .use = (uint8_t)use};
    known->text_used += (unsigned)size;
    known->count++;
    if (is_within(use)) {
        uint8_t *first = &known->first[(unsigned char)text[0]];
        added->next = *first;
        *first = (uint8_t)known->count;
    }
    known->has_digits |= use == KNOWN_DIGITS;
}

void known_add(struct known *known, enum known_use use, const char *value, size_t size)
{
    char folded[KNOWN_VALUE_BYTES], squeezed[KNOWN_VALUE_BYTES];
    known_trim(&value, &size);
    if (size > sizeof(folded))
        return;
    size = glyph_fold(value, size, folded);
    if (!is_within(use)) {
        put(known, use, folded, size);
        return;
    }
    size_t left = squeeze(use, folded, size, squeezed);
    if (use == KNOWN_TEXT && left < TEXT_MIN)
        put(known, KNOWN_WHOLE, folded, size);
    else
        put(known, use, squeezed, left);
}

void known_add_number(struct known *known, const char *value, size_t size)
{
    struct digit_group group;
    size_t cursor = 0;
    if (!digits_next(value, size, &cursor, &group))
        return;
    const char *digits = group.digits;
    size_t count = group.size;
    if (count == 15 && memcmp(digits, "0086", 4) == 0) {
        digits += 4;
        count -= 4;
    } else if (count == 13 && memcmp(digits, "86", 2) == 0) {
        digits += 2;
        count -= 2;
    }
    while (count > 0 && *digits == '0') {
        digits++;
        count--;
    }
    known_add(known, KNOWN_DIGITS, digits, count);
}

void known_add_identifier(struct known *known, const struct identifier *identifier)
{
    switch (identifier->kind->form) {
    case FORM_PHONE:
        known_add(known, KNOWN_DIGITS, identifier->phone.national, strlen(identifier->phone.national));
        break;
    case FORM_EMAIL:
        known_add(known, KNOWN_TEXT, identifier->value, identifier->size);
        break;
    case FORM_OPENID: {
        const char *colon = memchr(identifier->value, ':', identifier->size);
        if (colon) /* shops write it with and without its app */
            known_add(
                known, KNOWN_WHOLE, colon + 1, identifier->size - (size_t)(colon + 1 - identifier->value));
        known_add(known, KNOWN_WHOLE, identifier->value, identifier->size);
        break;
    }
    default:
        known_add(known, KNOWN_WHOLE, identifier->value, identifier->size);
        break;
    }
}

static bool equals(const char *lowered, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (lowered[i] != ascii_lower(text[i]))
            return false;
    return true;
}

static bool is_word_at(const char *word, const char *text, size_t size)
{
    size_t length = strlen(word);
    return size >= length && equals(word, text, length);
}

/* Bytes of the word that stands for an email's sign, where separators have been read since the last character
 * (`mark`: other than blanks and dashes). A mark alone may stand for a dot. */
static bool is_sign(char sign, bool mark, const char *text, size_t size, size_t *ret_bytes)
{
    *ret_bytes = 2;
    if (sign == '@')
        return is_word_at("at", text, size);
    *ret_bytes = 3;
    if (sign == '.' && is_word_at("dot", text, size))
        return true;
    *ret_bytes = 0;
    return sign == '.' && mark;
}

/* Where the value ends that begins at `at`; 0: it does not. */
static size_t match_at(
    const struct known_value *value, const char *lowered, const char *text, size_t size, size_t at)
{
    bool gap = false, mark = false;
    size_t i = 0, bytes;
    while (i < value->size) {
        char digit;
        if (at < size && lowered[i] == ascii_lower(text[at])) {
            i++;
            at++;
            gap = mark = false;
            continue;
        }
        if (i == 0 || at == size)
            return 0;
        enum glyph glyph = glyph_at(text + at, size - at, &bytes, &digit);
        if (is_skipped((enum known_use)value->use, glyph)) {
            gap = true;
            mark |= glyph == GLYPH_MARK;
        } else if (gap && value->use == KNOWN_TEXT &&
                   is_sign(lowered[i], mark, text + at, size - at, &bytes)) {
            i++;
            gap = mark = false;
        } else {
            return 0;
        }
        at += bytes;
    }
    return at;
}

/* Few digits, with their separators: as squeeze() left them. */
static bool is_date(const char *value, size_t size)
{
    bool separated = false;
    for (size_t i = 0; i < size; i++) {
        if (ascii_is_letter(value[i]) || (unsigned char)value[i] >= 0x80)
            return false;
        separated |= !ascii_is_digit(value[i]);
    }
    return separated;
}

/* A name in Latin letters must not begin or end within another word, nor a date within another number. */
static bool stands_alone(const struct known *known, const struct known_value *value, const char *text,
    size_t size, size_t begin, size_t end)
{
    bool name = value->use == KNOWN_NAME;
    if (!name && !is_date(known->text + value->at, value->size))
        return true;
    if (begin > 0 &&
        (name ? is_word(text[begin]) && is_word(text[begin - 1]) : ascii_is_digit(text[begin - 1])))
        return false;
    if (end == size)
        return true;
    return name ? !is_word(text[end - 1]) || !is_word(text[end]) : !ascii_is_digit(text[end]);
}

static bool matches_within(const struct known *known, const char *text, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        unsigned next = known->first[(unsigned char)ascii_lower(text[at])];
        for (; next; next = known->values[next - 1].next) {
            const struct known_value *value = &known->values[next - 1];
            size_t end = match_at(value, known->text + value->at, text, size, at);
            if (end && stands_alone(known, value, text, size, at, end))
                return true;
        }
    }
    return false;
}

static bool matches_whole(const struct known *known, const char *text, size_t size)
{
    known_trim(&text, &size);
    for (unsigned i = 0; i < known->count; i++) {
        const struct known_value *value = &known->values[i];
        if (value->use == KNOWN_WHOLE && value->size == size && equals(known->text + value->at, text, size))
            return true;
    }
    return false;
}

static bool matches_digits(const struct known *known, const char *text, size_t size)
{
    struct digit_group group;
    for (size_t cursor = 0; digits_next(text, size, &cursor, &group);)
        for (unsigned i = 0; i < known->count; i++) {
            const struct known_value *value = &known->values[i];
            if (value->use == KNOWN_DIGITS &&
                memmem(group.digits, group.size, known->text + value->at, value->size))
                return true;
        }
    return false;
}

bool known_matches(const struct known *known, const char *text, size_t size, unsigned where)
{
    if (known->count == 0)
        return false;
    return matches_within(known, text, size) ||
           ((where & KNOWN_OPAQUE) && matches_whole(known, text, size)) ||
           ((where & KNOWN_NUMERIC) && known->has_digits && matches_digits(known, text, size));
}

void known_take(struct known *known, const struct known *others)
{
    for (unsigned i = 0; i < others->count; i++) {
        const struct known_value *value = &others->values[i];
        put(known, (enum known_use)value->use, others->text + value->at, value->size);
    }
}
