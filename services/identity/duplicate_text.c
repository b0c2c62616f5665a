/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_text.h"

#include "common/glyph.h"

#include <stdlib.h>
#include <string.h>

#define UTF8_BYTES_MAX 512
#define WINKLER_PREFIX 4
#define WINKLER_SCALE 0.1

static bool is_han(uint16_t c)
{
    return (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff);
}

/* One character of well-formed UTF-8; of other bytes the byte. */
static uint16_t decode(const char *utf8, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)utf8;
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = at[0] & first[bytes <= 4 ? bytes : 0];
    for (size_t i = 1; i < bytes; i++)
        c = c << 6 | (at[i] & 0x3f);
    return (uint16_t)c;
}

static void add(struct text *text, uint16_t c)
{
    if (text->size < TEXT_CHARS_MAX)
        text->chars[text->size++] = c;
}

void text_read(const char *utf8, size_t size, struct text *ret_text)
{
    char folded[UTF8_BYTES_MAX];
    bool gap = false;
    ret_text->size = 0;
    size = glyph_fold(utf8, size < sizeof(folded) ? size : sizeof(folded), folded);
    for (size_t at = 0, bytes; at < size; at += bytes) {
        char digit;
        enum glyph glyph = glyph_at(folded + at, size - at, &bytes, &digit);
        if (glyph_separates(glyph)) {
            gap = true;
            continue;
        }
        uint16_t c = decode(folded + at, bytes);
        if (gap && ret_text->size > 0 && !is_han(c) && !is_han(ret_text->chars[ret_text->size - 1]))
            add(ret_text, ' ');
        gap = false;
        add(ret_text, c);
    }
}

void text_join(struct text *text, const struct text *other)
{
    if (text->size > 0 && other->size > 0 && !is_han(text->chars[text->size - 1]) && !is_han(other->chars[0]))
        add(text, ' ');
    for (size_t i = 0; i < other->size; i++)
        add(text, other->chars[i]);
}

bool text_equals(const struct text *one, const struct text *other)
{
    return one->size == other->size &&
           memcmp(one->chars, other->chars, one->size * sizeof(one->chars[0])) == 0;
}

bool text_is_han(const struct text *text)
{
    return text->size > 0 && is_han(text->chars[0]);
}

/* -- words -- */

static int compare_words(const void *left, const void *right)
{
    const struct word *one = left, *other = right;
    for (size_t i = 0; i < one->size && i < other->size; i++)
        if (one->chars[i] != other->chars[i])
            return one->chars[i] < other->chars[i] ? -1 : 1;
    return (one->size > other->size) - (one->size < other->size);
}

size_t text_words(const struct text *text, struct word ret_words[WORDS_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < text->size && count < WORDS_MAX; at++) {
        size_t begin = at;
        while (at < text->size && text->chars[at] != ' ')
            at++;
        ret_words[count++] = (struct word){.chars = text->chars + begin, .size = at - begin};
    }
    return count;
}

void text_sort_words(const struct text *text, struct text *ret_sorted)
{
    struct word words[WORDS_MAX];
    size_t count = text_words(text, words);
    qsort(words, count, sizeof(words[0]), compare_words);
    ret_sorted->size = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            add(ret_sorted, ' ');
        for (size_t k = 0; k < words[i].size; k++)
            add(ret_sorted, words[i].chars[k]);
    }
}

/* -- similarity -- */

bool text_is_turned(const struct text *one, const struct text *other)
{
    size_t size = one->size;
    for (size_t turn = 1; turn < size; turn++)
        if (memcmp(one->chars, other->chars + turn, (size - turn) * sizeof(one->chars[0])) == 0 &&
            memcmp(one->chars + size - turn, other->chars, turn * sizeof(one->chars[0])) == 0)
            return true;
    return false;
}

/* For each character of one the nearest equal one of the other that is not taken yet, within half the longer one's length. */
static unsigned match(
    const struct text *one, const struct text *other, uint64_t *ret_one, uint64_t *ret_other)
{
    unsigned longer = one->size > other->size ? one->size : other->size, count = 0;
    unsigned reach = longer / 2 > 0 ? longer / 2 - 1 : 0;
    *ret_one = *ret_other = 0;
    for (unsigned i = 0; i < one->size; i++) {
        unsigned from = i > reach ? i - reach : 0;
        for (unsigned k = from; k < other->size && k <= i + reach; k++) {
            if (one->chars[i] != other->chars[k] || (*ret_other >> k & 1))
                continue;
            *ret_one |= UINT64_C(1) << i;
            *ret_other |= UINT64_C(1) << k;
            count++;
            break;
        }
    }
    return count;
}

/* Matched characters that stand in another order, halved. */
static double transpositions(
    const struct text *one, const struct text *other, uint64_t in_one, uint64_t in_other)
{
    unsigned moved = 0;
    for (unsigned i = 0, k = 0; i < one->size; i++) {
        if (!(in_one >> i & 1))
            continue;
        while (!(in_other >> k & 1))
            k++;
        moved += one->chars[i] != other->chars[k++];
    }
    return moved / 2.0;
}

double text_jaro_winkler(const struct text *one, const struct text *other)
{
    uint64_t in_one, in_other;
    unsigned count = match(one, other, &in_one, &in_other), prefix = 0;
    if (count == 0)
        return one->size == 0 && other->size == 0;
    double jaro = ((double)count / one->size + (double)count / other->size +
                      (count - transpositions(one, other, in_one, in_other)) / count) /
                  3;
    while (prefix < WINKLER_PREFIX && prefix < one->size && prefix < other->size &&
           one->chars[prefix] == other->chars[prefix])
        prefix++;
    return jaro + prefix * WINKLER_SCALE * (1 - jaro);
}

double text_dice(const struct text *one, const struct text *other)
{
    uint64_t taken = 0;
    unsigned common = 0;
    if (one->size < 2 || other->size < 2)
        return text_equals(one, other);
    for (unsigned i = 0; i + 1 < one->size; i++) {
        for (unsigned k = 0; k + 1 < other->size; k++) {
            if ((taken >> k & 1) || one->chars[i] != other->chars[k] ||
                one->chars[i + 1] != other->chars[k + 1])
                continue;
            taken |= UINT64_C(1) << k;
            common++;
            break;
        }
    }
    return 2.0 * common / (one->size + other->size - 2);
}

bool text_within_one(const struct text *one, const struct text *other)
{
    if (one->size > other->size) {
        const struct text *longer = one;
        one = other;
        other = longer;
    }
    if (other->size - one->size > 1)
        return false;
    unsigned at = 0;
    while (at < one->size && one->chars[at] == other->chars[at])
        at++;
    unsigned left = one->size - at;
    const uint16_t *a = one->chars + at, *b = other->chars + at;
    if (other->size > one->size)
        return memcmp(a, b + 1, left * sizeof(*a)) == 0;
    if (left <= 1 || memcmp(a + 1, b + 1, (left - 1) * sizeof(*a)) == 0)
        return true;
    return a[0] == b[1] && a[1] == b[0] && memcmp(a + 2, b + 2, (left - 2) * sizeof(*a)) == 0;
}
