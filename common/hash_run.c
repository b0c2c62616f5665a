/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hash_run.h"

#include "common/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Sorting so few by insertion beats everything else. */
#define FEW 16
#define PER_BUCKET 4 /* on average */
#define BUCKET_BITS_MAX 20

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, HASH_BYTES);
}

static void sort_few(struct hash *hashes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct hash moved = hashes[i];
        size_t at = i;
        for (; at > 0 && compare(&hashes[at - 1], &moved) > 0; at--)
            hashes[at] = hashes[at - 1];
        hashes[at] = moved;
    }
}

static void sort_bucket(struct hash *hashes, size_t count)
{
    if (count <= FEW)
        sort_few(hashes, count);
    else
        qsort(hashes, count, sizeof(*hashes), compare);
}

static size_t bucket_of(const struct hash *hash, unsigned bits)
{
    return (size_t)(get_be64(hash->bytes) >> (64 - bits));
}

/* Puts each into its bucket by its first bits; `ends` is zeroed, and holds where each bucket ends at last. */
static void spread(const struct hash *hashes, size_t count, struct hash *sorted, size_t *ends, unsigned bits)
{
    for (size_t i = 0; i < count; i++)
        ends[bucket_of(&hashes[i], bits)]++;
    size_t begin = 0;
    for (size_t i = 0; i < (size_t)1 << bits; i++) {
        size_t size = ends[i];
        ends[i] = begin;
        begin += size;
    }
    for (size_t i = 0; i < count; i++)
        sorted[ends[bucket_of(&hashes[i], bits)]++] = hashes[i];
}

void run_sort(const struct hash *hashes, size_t count, struct hash *sorted)
{
    unsigned bits = 1;
    while (bits < BUCKET_BITS_MAX && ((size_t)PER_BUCKET << bits) < count)
        bits++;
    size_t *ends = count > FEW ? calloc((size_t)1 << bits, sizeof(*ends)) : NULL;
    if (!ends) {
        memcpy(sorted, hashes, count * sizeof(*hashes));
        sort_bucket(sorted, count);
        return;
    }
    spread(hashes, count, sorted, ends, bits);
    size_t begin = 0;
    for (size_t i = 0; i < (size_t)1 << bits; begin = ends[i++])
        sort_bucket(sorted + begin, ends[i] - begin);
    free(ends);
}

static bool has_more(struct run_source *source)
{
    while (source->at == source->end)
        if (!source->more || !source->more(source))
            return false;
    return true;
}

size_t run_merge(struct run_source *const *sources, unsigned source_count, struct hash *merged, size_t room)
{
    assert(source_count <= RUNS_MERGED_MAX);
    struct run_source *heads[RUNS_MERGED_MAX];
    uint64_t firsts[RUNS_MERGED_MAX]; /* of each head, as a number that compares like it */
    unsigned left = 0;
    size_t count = 0;
    for (unsigned i = 0; i < source_count; i++)
        if (has_more(sources[i])) {
            heads[left] = sources[i];
            firsts[left++] = get_be64(sources[i]->at->bytes);
        }
    while (left > 0 && count < room) {
        unsigned least = 0;
        for (unsigned i = 1; i < left; i++)
            if (firsts[i] < firsts[least] ||
                (firsts[i] == firsts[least] && compare(heads[i]->at, heads[least]->at) < 0))
                least = i;
        merged[count++] = *heads[least]->at++;
        if (has_more(heads[least])) {
            firsts[least] = get_be64(heads[least]->at->bytes);
        } else {
            left--;
            heads[least] = heads[left];
            firsts[least] = firsts[left];
        }
    }
    return count;
}

const struct hash *run_above(struct bytes run, const uint8_t hash[HASH_BYTES])
{
    const struct hash *hashes = (const struct hash *)run.data;
    size_t low = 0, high = run.size / HASH_BYTES;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(hashes[middle].bytes, hash, HASH_BYTES) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return hashes + low;
}

bool run_has(struct bytes run, const uint8_t hash[HASH_BYTES])
{
    return run.size > 0 && bsearch(hash, run.data, run.size / HASH_BYTES, HASH_BYTES, compare) != NULL;
}
