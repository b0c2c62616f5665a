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

static void add_differences(
    const struct picked *a, const struct picked *b, size_t word, uint64_t sums[HALVES])
{
    uint64_t in_a = word_of(a->persons, word), out_a = word_of(a->population, word) & ~in_a;
    uint64_t in_b = word_of(b->persons, word), out_b = word_of(b->population, word) & ~in_b;
    const uint64_t differences[HALVES] = {in_a ^ in_b, in_a ^ out_b, out_a ^ in_b, out_a ^ out_b};
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
        add_differences(a, b, word, sums);
    for (unsigned i = 0; i < HALVES; i++)
        if (sums[i] > 0 && (least == 0 || sums[i] < least))
            least = sums[i];
    return least < enough ? least : enough;
}
