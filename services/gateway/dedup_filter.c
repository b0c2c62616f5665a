/* SPDX-License-Identifier: Apache-2.0 */
/* A Bloom filter whose probes fall into one cache line each (Putze et al., "Cache-, hash- and space-efficient
 * Bloom filters"). */
#include "services/gateway/dedup_filter.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_KEYS ((size_t)1 << 20) /* of the first filter; later ones double */
#define DOUBLED_MAX 8
#define BITS_PER_KEY 12
#define PROBES 6
#define LINE_BYTES 64

static uint64_t word_of(const uint8_t hash[HASH_BYTES], unsigned at)
{
    uint64_t word;
    memcpy(&word, hash + at, sizeof(word));
    return word;
}

static bool filter_open(struct filter *filter, size_t keys)
{
    size_t lines = keys * BITS_PER_KEY / 512 + 1;
    filter->memory = calloc(lines + 1, LINE_BYTES);
    if (!filter->memory)
        return false;
    uintptr_t begin = (uintptr_t)filter->memory;
    filter->lines = (uint64_t *)((begin + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
    filter->line_count = lines;
    filter->keys = 0;
    return true;
}

static uint64_t *filter_line(const struct filter *filter, const uint8_t *hash)
{
    return filter->lines + (size_t)((unsigned __int128)word_of(hash, 0) * filter->line_count >> 64) * 8;
}

static bool filter_has(const struct filter *filter, const uint8_t *hash)
{
    const uint64_t *line = filter_line(filter, hash);
    uint64_t probe = word_of(hash, 8);
    for (unsigned i = 0; i < PROBES; i++, probe >>= 9)
        if (!(line[probe >> 6 & 7] >> (probe & 63) & 1))
            return false;
    return true;
}

static void filter_add(struct filter *filter, const uint8_t *hash)
{
    uint64_t *line = filter_line(filter, hash);
    uint64_t probe = word_of(hash, 8);
    for (unsigned i = 0; i < PROBES; i++, probe >>= 9)
        line[probe >> 6 & 7] |= UINT64_C(1) << (probe & 63);
    filter->keys++;
}

static size_t capacity_of(unsigned index)
{
    return FIRST_KEYS << (index < DOUBLED_MAX ? index : DOUBLED_MAX);
}

bool filters_add(struct filters *filters, const uint8_t hash[HASH_BYTES])
{
    unsigned last = filters->count;
    if (last == 0 || (filters->list[last - 1].keys >= capacity_of(last - 1) && last < FILTERS_MAX)) {
        if (!filter_open(&filters->list[last], capacity_of(last)))
            return false;
        last = ++filters->count;
    }
    filter_add(&filters->list[last - 1], hash);
    return true;
}

bool filters_may_have(const struct filters *filters, const uint8_t hash[HASH_BYTES])
{
    for (unsigned i = 0; i < filters->count; i++)
        if (filter_has(&filters->list[i], hash))
            return true;
    return false;
}

void filters_free(struct filters *filters)
{
    for (unsigned i = 0; i < filters->count; i++)
        free(filters->list[i].memory);
    *filters = (struct filters){0};
}

void filters_expect_add(const struct filters *filters, const uint8_t hash[HASH_BYTES])
{
    if (filters->count)
        __builtin_prefetch(filter_line(&filters->list[filters->count - 1], hash), 1);
}

void filters_expect(const struct filters *filters, const uint8_t hash[HASH_BYTES])
{
    for (unsigned i = 0; i < filters->count; i++)
        __builtin_prefetch(filter_line(&filters->list[i], hash));
}
