/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_index.h"

#include "common/error.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_VERSION 1
#define PLACE_MASK ((uint64_t)SEGMENT_RECORDS - 1)

static uint64_t term_of(enum term_kind kind, const void *data, size_t size)
{
    /* The kind is the key. Nothing depends on the hash being secret. */
    const uint8_t key[crypto_shorthash_KEYBYTES] = {(uint8_t)kind};
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, data, size, key);
    return get_be64(hash) & ~PLACE_MASK;
}

uint64_t term_of_text(enum term_kind kind, const char *text)
{
    return term_of(kind, text, strlen(text));
}

uint64_t term_of_number(uint32_t number)
{
    uint8_t bytes[4];
    put_be32(bytes, number);
    return term_of(TERM_NUMBER, bytes, sizeof(bytes));
}

void index_words_free(struct index_words *words)
{
    free(words->words);
    *words = (struct index_words){0};
}

void index_words_clear(struct index_words *words)
{
    words->count = 0;
    words->stored = 0;
    words->error = 0;
}

static void add_word(struct index_words *words, uint64_t word)
{
    if (words->count == words->capacity) {
        size_t capacity = words->capacity ? 2 * words->capacity : 4 * (size_t)SEGMENT_RECORDS;
        uint64_t *grown = realloc(words->words, capacity * sizeof(*grown));
        if (!grown) {
            words->error = -QY_ENOMEM;
            return;
        }
        words->words = grown;
        words->capacity = capacity;
    }
    words->words[words->count++] = word;
}

void index_words_add(struct index_words *words, unsigned place, const Quanyu__AuditRecord *record)
{
    if (record->actor)
        add_word(words, term_of_text(TERM_ACTOR, record->actor->id) | place);
    add_word(words, term_of_text(TERM_ACTION, record->action) | place);
    for (size_t i = 0; i < record->n_persons; i++)
        add_word(words, term_of_text(TERM_PERSON, record->persons[i]) | place);
    for (size_t i = 0; i < record->n_numbers; i++)
        add_word(words, term_of_number(record->numbers[i]) | place);
}

static int compare_words(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static int pack(const struct index_words *words, size_t first, struct buffer *out)
{
    size_t count = words->count - first;
    buffer_byte(out, WORDS_VERSION);
    uint8_t *room = buffer_reserve(out, count * 8);
    if (!room)
        return buffer_error(out);
    for (size_t i = 0; i < count; i++)
        put_be64(room + 8 * i, words->words[first + i]);
    out->size += count * 8;
    return 0;
}

int index_words_pack_run(struct index_words *words, struct buffer *out)
{
    int error = words->error ? words->error : pack(words, words->stored, out);
    if (!error)
        words->stored = words->count;
    return error;
}

int index_words_pack_segment(struct index_words *words, struct buffer *out)
{
    if (words->error)
        return words->error;
    qsort(words->words, words->count, sizeof(*words->words), compare_words);
    return pack(words, 0, out);
}

/* The words of a stored run or segment. */
static int open_words(struct bytes stored, const uint8_t **ret_words, size_t *ret_count)
{
    if (stored.size % 8 != 1 || stored.data[0] != WORDS_VERSION)
        return -QY_ECORRUPT;
    *ret_words = stored.data + 1;
    *ret_count = stored.size / 8;
    return 0;
}

int index_words_load(struct index_words *words, struct bytes run)
{
    const uint8_t *stored = NULL;
    size_t count = 0;
    int error = open_words(run, &stored, &count);
    for (size_t i = 0; i < count && !error; i++) {
        add_word(words, get_be64(stored + 8 * i));
        error = words->error;
    }
    words->stored = words->count;
    return error;
}

void term_list_sort(struct term_list *list)
{
    qsort(list->terms, list->count, sizeof(*list->terms), compare_words);
}

static void add_place(struct place_set *places, uint64_t word)
{
    places->bits[(word & PLACE_MASK) / 64] |= UINT64_C(1) << (word % 64);
}

/* The words of one term stand together; its first one is found by halving. */
static void find_term(const uint8_t *words, size_t count, uint64_t term, struct place_set *places)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (get_be64(words + 8 * middle) < term)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && (get_be64(words + 8 * low) & ~PLACE_MASK) == term; low++)
        add_place(places, get_be64(words + 8 * low));
}

int segment_find(struct bytes segment, const struct term_list *terms, struct place_set *places)
{
    const uint8_t *words = NULL;
    size_t count = 0;
    int error = open_words(segment, &words, &count);
    for (size_t i = 0; i < terms->count && !error; i++)
        find_term(words, count, terms->terms[i], places);
    return error;
}

int run_find(struct bytes run, const struct term_list *terms, struct place_set *places)
{
    const uint8_t *words = NULL;
    size_t count = 0;
    int error = open_words(run, &words, &count);
    for (size_t i = 0; i < count && !error; i++) {
        uint64_t word = get_be64(words + 8 * i), term = word & ~PLACE_MASK;
        if (bsearch(&term, terms->terms, terms->count, sizeof(term), compare_words))
            add_place(places, word);
    }
    return error;
}

bool place_below(const struct place_set *places, unsigned below, unsigned *ret_place)
{
    while (below > 0) {
        unsigned block = (below - 1) / 64, bit = (below - 1) % 64;
        uint64_t bits = places->bits[block] << (63 - bit);
        if (bits) {
            *ret_place = below - 1 - (unsigned)__builtin_clzll(bits);
            return true;
        }
        below = block * 64;
    }
    return false;
}
