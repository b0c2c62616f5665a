/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/person_set.h"

#include <stdlib.h>
#include <zstd.h>

#define LEVEL 1
#define BLOCKS_MAX ((size_t)UINT32_MAX / BLOCK_PERSONS + 1)

int person_set_open(size_t blocks, struct person_set *ret_set)
{
    struct person_set set = {.blocks = blocks};
    set.words = calloc(blocks ? blocks : 1, BLOCK_WORDS * sizeof(*set.words));
    if (!set.words)
        return -QY_ENOMEM;
    *ret_set = set;
    return 0;
}

void person_set_close(struct person_set *set)
{
    free(set->words);
    *set = (struct person_set){0};
}

void person_set_put(struct person_set *set, size_t block, const uint64_t words[BLOCK_WORDS])
{
    if (block >= set->blocks)
        return;
    memcpy(set->words + block * BLOCK_WORDS, words, BLOCK_WORDS * sizeof(*words));
    set->count += bits_count(words, BLOCK_WORDS);
}

void person_set_add(struct person_set *set, uint32_t person)
{
    if (person / BLOCK_PERSONS >= set->blocks || bit_get(set->words, person))
        return;
    bit_put(set->words, person, true);
    set->count++;
}

void person_set_pack(const struct person_set *set, struct buffer *out)
{
    size_t size = set->blocks * BLOCK_WORDS * sizeof(*set->words), bound = ZSTD_compressBound(size);
    uint8_t *room = buffer_reserve(out, bound);
    if (!room)
        return;
    size_t packed = ZSTD_compress(room, bound, set->words, size, LEVEL);
    if (ZSTD_isError(packed))
        out->error = -QY_ENOMEM;
    else
        out->size += packed;
}

int person_set_unpack(struct bytes packed, struct person_set *ret_set)
{
    unsigned long long size = ZSTD_getFrameContentSize(packed.data, packed.size);
    size_t block = BLOCK_WORDS * sizeof(uint64_t);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size % block != 0 ||
        size / block > BLOCKS_MAX)
        return -QY_ECORRUPT;
    struct person_set set = {0};
    int error = person_set_open((size_t)size / block, &set);
    if (error)
        return error;
    if (ZSTD_decompress(set.words, (size_t)size, packed.data, packed.size) != size) {
        person_set_close(&set);
        return -QY_ECORRUPT;
    }
    set.count = bits_count(set.words, set.blocks * BLOCK_WORDS);
    *ret_set = set;
    return 0;
}

static uint64_t word_of(const struct person_set *set, size_t word)
{
    return word < set->blocks * BLOCK_WORDS ? set->words[word] : 0;
}

#define HALVES 4u /* persons and others of the one, against those of the other */

/* Of one word: who is picked, and of whom. */
struct pair {
    uint64_t persons, population;
};

static struct pair pair_of(const struct picked *picked, size_t word)
{
    return (struct pair){word_of(picked->persons, word), word_of(picked->population, word)};
}

static void add_differences(struct pair a, struct pair b, uint64_t sums[HALVES])
{
    uint64_t out_a = a.population & ~a.persons, out_b = b.population & ~b.persons;
    const uint64_t differences[HALVES] = {
        a.persons ^ b.persons, a.persons ^ out_b, out_a ^ b.persons, out_a ^ out_b};
    for (unsigned i = 0; i < HALVES; i++)
        sums[i] += (uint64_t)__builtin_popcountll(differences[i]);
}

static bool all_reach(const uint64_t sums[HALVES], uint64_t enough)
{
    return sums[0] >= enough && sums[1] >= enough && sums[2] >= enough && sums[3] >= enough;
}

/* Different people part soon: most comparisons end after few words. */
uint64_t picked_difference(const struct picked *a, const struct picked *b, uint64_t enough)
{
    size_t blocks =
        a->population->blocks > b->population->blocks ? a->population->blocks : b->population->blocks;
    uint64_t sums[HALVES] = {0}, least = 0;
    for (size_t word = 0; word < blocks * BLOCK_WORDS && !all_reach(sums, enough); word++)
        add_differences(pair_of(a, word), pair_of(b, word), sums);
    for (unsigned i = 0; i < HALVES; i++)
        if (sums[i] > 0 && (least == 0 || sums[i] < least))
            least = sums[i];
    return least < enough ? least : enough;
}

void person_set_sample(const struct person_set *set, struct buffer *out)
{
    for (size_t word = 0; word < set->blocks * BLOCK_WORDS; word += PERSON_SAMPLE)
        buffer_append(out, &set->words[word], sizeof(set->words[word]));
}

static uint64_t sample_of(struct bytes sample, size_t place)
{
    uint64_t word = 0;
    if ((place + 1) * sizeof(word) <= sample.size)
        memcpy(&word, sample.data + place * sizeof(word), sizeof(word));
    return word;
}

bool picked_far_by_samples(
    const struct picked *a, struct bytes b_persons, struct bytes b_population, uint64_t enough)
{
    size_t own = a->population->blocks * BLOCK_WORDS / PERSON_SAMPLE,
           other = b_population.size / sizeof(uint64_t);
    uint64_t sums[HALVES] = {0};
    for (size_t place = 0; place < (own > other ? own : other) && !all_reach(sums, enough); place++) {
        const struct pair b = {sample_of(b_persons, place), sample_of(b_population, place)};
        add_differences(pair_of(a, place * PERSON_SAMPLE), b, sums);
    }
    return all_reach(sums, enough);
}
