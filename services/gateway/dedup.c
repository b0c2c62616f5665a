/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dedup.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

#define GENERATION_MS INT64_C(3600000)
#define GENERATION_KEYS ((size_t)1 << 20) /* of the first filter of a generation; later ones double */
#define FILTERS_MAX 16
#define GENERATIONS_MAX 32
#define BITS_PER_KEY 12
#define PROBES 6
#define LINE_BYTES 64
#define AHEAD 8                   /* so many ids early memory is asked for */
#define TIER_RUNS RUNS_MERGED_MAX /* so many runs of a tier become one of the next */
#define TIERS_MAX 12
#define WAITING_MAX ((size_t)1 << 16)
#define WAITING_MS 10000

/* A Bloom filter whose probes fall into one cache line each (Putze et al., "Cache-, hash- and space-efficient
 * Bloom filters"). */
struct filter {
    void *memory;
    uint64_t *lines; /* 8 words each */
    size_t line_count;
    size_t keys;
};

struct generation {
    int64_t begun_ms;
    struct filter filters[FILTERS_MAX];
    unsigned filter_count;
    uint32_t runs[TIERS_MAX]; /* number of runs per tier */
};

/* Where a pending id is found; `tag` are bits of it, so that others are passed over without a look at them. */
struct slot {
    uint32_t tag;
    uint32_t next; /* index into pending + 1; 0: free */
};

struct dedup {
    unsigned table;
    struct generation generations[GENERATIONS_MAX]; /* oldest first */
    unsigned generation_count;
    struct hash *pending; /* not in a run yet, in order of arrival */
    size_t pending_count, pending_capacity;
    size_t settled;     /* so many of them are of earlier batches */
    int64_t since_ms;   /* wall clock at which the first of them came */
    bool written;       /* this batch's transaction holds a run of them */
    struct slot *slots; /* open addressing */
    size_t slot_count;
    bool stale; /* a batch was rolled back after runs were written: memory must be loaded anew */
};

static uint64_t word_of(const uint8_t hash[DEDUP_HASH_BYTES], unsigned at)
{
    uint64_t word;
    memcpy(&word, hash + at, sizeof(word));
    return word;
}

/* -- filters -- */

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

static size_t filter_capacity(unsigned index)
{
    return GENERATION_KEYS << (index < 8 ? index : 8);
}

static bool generation_may_have(const struct generation *generation, const uint8_t *hash)
{
    for (unsigned i = 0; i < generation->filter_count; i++)
        if (filter_has(&generation->filters[i], hash))
            return true;
    return false;
}

static bool generation_add(struct generation *generation, const uint8_t *hash)
{
    unsigned last = generation->filter_count;
    if (last == 0 ||
        (generation->filters[last - 1].keys >= filter_capacity(last - 1) && last < FILTERS_MAX)) {
        if (!filter_open(&generation->filters[last], filter_capacity(last)))
            return false;
        last = ++generation->filter_count;
    }
    filter_add(&generation->filters[last - 1], hash);
    return true;
}

/* It is going to be added. */
static void generation_expect(const struct generation *generation, const uint8_t *hash)
{
    if (generation->filter_count)
        __builtin_prefetch(filter_line(&generation->filters[generation->filter_count - 1], hash), 1);
}

static void generation_free(struct generation *generation)
{
    for (unsigned i = 0; i < generation->filter_count; i++)
        free(generation->filters[i].memory);
    *generation = (struct generation){0};
}

/* -- runs: (generation's begin, tier, number) -> sorted hashes -- */

static void run_key(struct store_key *key, int64_t begun_ms, unsigned tier, uint32_t number)
{
    key_reset(key);
    key_i64(key, begun_ms);
    key_u8(key, (uint8_t)tier);
    key_u32(key, number);
}

static bool generation_has(
    struct dedup *dedup, struct store_txn *txn, const struct generation *generation, const uint8_t *hash)
{
    struct store_key key;
    struct bytes run;
    for (unsigned tier = 0; tier < TIERS_MAX; tier++)
        for (uint32_t i = generation->runs[tier]; i-- > 0;) {
            run_key(&key, generation->begun_ms, tier, i);
            if (store_get(txn, dedup->table, &key, &run) && run_has(run, hash))
                return true;
        }
    return false;
}

/* Takes all runs of a tier out of the store, into `all`, one behind the other. */
static void take_tier(struct dedup *dedup, struct store_txn *txn, const struct generation *generation,
    unsigned tier, struct buffer *all, size_t counts[TIER_RUNS])
{
    struct store_key key;
    struct bytes run;
    for (uint32_t i = 0; i < generation->runs[tier]; i++) {
        run_key(&key, generation->begun_ms, tier, i);
        if (store_get(txn, dedup->table, &key, &run)) {
            buffer_append(all, run.data, run.size);
            counts[i] = run.size / DEDUP_HASH_BYTES;
        }
        store_delete(txn, dedup->table, &key);
    }
}

/* Makes one run of the next tier of all runs of this one. */
static void merge_tier(
    struct dedup *dedup, struct store_txn *txn, struct generation *generation, unsigned tier)
{
    struct store_key key;
    _cleanup_(buffer_free) struct buffer all = BUFFER_INIT;
    size_t counts[TIER_RUNS] = {0};
    unsigned count = generation->runs[tier];
    take_tier(dedup, txn, generation, tier, &all, counts);
    if (buffer_error(&all)) {
        store_fail(txn, buffer_error(&all));
        return;
    }
    run_key(&key, generation->begun_ms, tier + 1, generation->runs[tier + 1]++);
    void *merged = store_put_room(txn, dedup->table, &key, all.size);
    if (merged)
        run_merge((const struct hash *)all.data, counts, count, merged);
    generation->runs[tier] = 0;
}

/* Sorted into the store's own room: their order here is needed should the batch be rolled back. */
static void add_run(struct dedup *dedup, struct store_txn *txn, struct generation *generation)
{
    struct store_key key;
    run_key(&key, generation->begun_ms, 0, generation->runs[0]++);
    void *run = store_put_room(txn, dedup->table, &key, dedup->pending_count * sizeof(struct hash));
    if (!run)
        return;
    run_sort(dedup->pending, dedup->pending_count, run);
    for (unsigned tier = 0; tier + 1 < TIERS_MAX && generation->runs[tier] >= TIER_RUNS; tier++)
        merge_tier(dedup, txn, generation, tier);
}

static void drop_oldest(struct dedup *dedup, struct store_txn *txn)
{
    struct store_key prefix;
    key_reset(&prefix);
    key_i64(&prefix, dedup->generations[0].begun_ms);
    struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, dedup->table, &prefix, NULL, &scan) == 0)
        while (scan_next(scan, &key, &value))
            scan_delete(scan);
    scan_close(&scan);
    generation_free(&dedup->generations[0]);
    dedup->generation_count--;
    memmove(dedup->generations, dedup->generations + 1, dedup->generation_count * sizeof(struct generation));
}

static struct generation *current_generation(struct dedup *dedup, struct store_txn *txn, int64_t wall_ms)
{
    while (dedup->generation_count > 0 &&
           (dedup->generations[0].begun_ms + GENERATION_MS + DEDUP_WINDOW_MS < wall_ms ||
               dedup->generation_count == GENERATIONS_MAX))
        drop_oldest(dedup, txn);
    struct generation *last =
        dedup->generation_count ? &dedup->generations[dedup->generation_count - 1] : NULL;
    if (last && wall_ms < last->begun_ms + GENERATION_MS)
        return last; /* also where the wall clock went back */
    struct generation *fresh = &dedup->generations[dedup->generation_count++];
    *fresh = (struct generation){.begun_ms = wall_ms};
    return fresh;
}

/* -- this batch's ids -- */

static size_t slot_of(const struct dedup *dedup, const uint8_t *hash)
{
    return word_of(hash, 0) & (dedup->slot_count - 1);
}

static uint32_t tag_of(const uint8_t *hash)
{
    return (uint32_t)word_of(hash, 8);
}

/* The slot of this id, or the free one where it belongs. */
static struct slot *pending_slot(const struct dedup *dedup, const uint8_t *hash)
{
    uint32_t tag = tag_of(hash);
    for (size_t at = slot_of(dedup, hash);; at = (at + 1) & (dedup->slot_count - 1)) {
        struct slot *slot = &dedup->slots[at];
        if (!slot->next ||
            (slot->tag == tag && memcmp(dedup->pending[slot->next - 1].bytes, hash, DEDUP_HASH_BYTES) == 0))
            return slot;
    }
}

static void slots_fill(struct dedup *dedup)
{
    for (size_t i = 0; i < dedup->pending_count; i++)
        *pending_slot(dedup, dedup->pending[i].bytes) =
            (struct slot){.tag = tag_of(dedup->pending[i].bytes), .next = (uint32_t)i + 1};
}

static bool slots_grow(struct dedup *dedup)
{
    size_t count = dedup->slot_count ? dedup->slot_count * 2 : 4096;
    struct slot *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return false;
    free(dedup->slots);
    dedup->slots = slots;
    dedup->slot_count = count;
    slots_fill(dedup);
    return true;
}

static bool pending_room(struct dedup *dedup)
{
    if (dedup->pending_count * 2 >= dedup->slot_count && !slots_grow(dedup))
        return false;
    if (dedup->pending_count < dedup->pending_capacity)
        return true;
    size_t capacity = dedup->pending_capacity ? dedup->pending_capacity * 2 : 2048;
    struct hash *pending = realloc(dedup->pending, capacity * sizeof(*pending));
    if (!pending)
        return false;
    dedup->pending = pending;
    dedup->pending_capacity = capacity;
    return true;
}

/* Keeps the first `count` of them. */
static void pending_cut(struct dedup *dedup, size_t count)
{
    dedup->pending_count = dedup->settled = count;
    if (dedup->slot_count)
        memset(dedup->slots, 0, dedup->slot_count * sizeof(*dedup->slots));
    slots_fill(dedup);
}

/* -- loading -- */

static struct generation *loaded_generation(struct dedup *dedup, int64_t begun_ms)
{
    unsigned count = dedup->generation_count;
    if (count && dedup->generations[count - 1].begun_ms == begun_ms)
        return &dedup->generations[count - 1];
    if (count == GENERATIONS_MAX)
        return NULL;
    dedup->generations[dedup->generation_count++] = (struct generation){.begun_ms = begun_ms};
    return &dedup->generations[count];
}

static int load_run(struct dedup *dedup, struct bytes key, struct bytes run)
{
    if (key.size != 13 || run.size % DEDUP_HASH_BYTES != 0)
        return -QY_ECORRUPT;
    int64_t begun_ms = (int64_t)(get_be64(key.data) ^ UINT64_C(0x8000000000000000));
    struct generation *generation = loaded_generation(dedup, begun_ms);
    unsigned tier = key.data[8];
    if (!generation || tier >= TIERS_MAX || (tier + 1 < TIERS_MAX && generation->runs[tier] == TIER_RUNS))
        return -QY_ECORRUPT;
    generation->runs[tier]++;
    for (size_t at = 0; at < run.size; at += DEDUP_HASH_BYTES)
        if (!generation_add(generation, run.data + at))
            return -QY_ENOMEM;
    return 0;
}

static void generations_free(struct dedup *dedup)
{
    for (unsigned i = 0; i < dedup->generation_count; i++)
        generation_free(&dedup->generations[i]);
    dedup->generation_count = 0;
}

static int load(struct dedup *dedup, struct store_txn *txn)
{
    generations_free(dedup);
    struct store_key all;
    key_reset(&all);
    struct store_scan *scan = NULL;
    struct bytes key, run;
    int error = scan_open(txn, dedup->table, &all, NULL, &scan);
    while (!error && scan_next(scan, &key, &run))
        error = load_run(dedup, key, run);
    scan_close(&scan);
    dedup->stale = error != 0;
    return error;
}

int dedup_open(struct store_txn *txn, unsigned table, struct dedup **ret_dedup)
{
    struct dedup *dedup = calloc(1, sizeof(*dedup));
    if (!dedup)
        return -QY_ENOMEM;
    dedup->table = table;
    int error = load(dedup, txn);
    if (error)
        dedup_close(&dedup);
    else
        *ret_dedup = dedup;
    return error;
}

void dedup_close(struct dedup **dedup)
{
    if (!*dedup)
        return;
    generations_free(*dedup);
    free((*dedup)->pending);
    free((*dedup)->slots);
    free(*dedup);
    *dedup = NULL;
}

void dedup_discard(struct dedup *dedup)
{
    pending_cut(dedup, dedup->settled);
    dedup->stale = dedup->stale || dedup->written;
    dedup->written = false;
}

void dedup_committed(struct dedup *dedup)
{
    if (dedup->written)
        pending_cut(dedup, 0);
    dedup->settled = dedup->pending_count;
    dedup->written = false;
}

void dedup_expect(const struct dedup *dedup, const uint8_t hash[DEDUP_HASH_BYTES])
{
    if (dedup->slot_count)
        __builtin_prefetch(&dedup->slots[slot_of(dedup, hash)], 1);
    for (unsigned i = 0; i < dedup->generation_count; i++)
        for (unsigned k = 0; k < dedup->generations[i].filter_count; k++)
            __builtin_prefetch(filter_line(&dedup->generations[i].filters[k], hash));
}

/* Yields its slot among the pending ids, or the free one where it belongs. */
static bool is_known(
    struct dedup *dedup, struct store_txn *txn, const uint8_t hash[DEDUP_HASH_BYTES], struct slot **ret_slot)
{
    int error = dedup->stale ? load(dedup, txn) : 0;
    if (!error && !pending_room(dedup))
        error = -QY_ENOMEM;
    if (error) {
        store_fail(txn, error);
        return false;
    }
    *ret_slot = pending_slot(dedup, hash);
    if ((*ret_slot)->next)
        return true;
    for (unsigned i = dedup->generation_count; i-- > 0;)
        if (generation_may_have(&dedup->generations[i], hash) &&
            generation_has(dedup, txn, &dedup->generations[i], hash))
            return true;
    return false;
}

bool dedup_check(struct dedup *dedup, struct store_txn *txn, const uint8_t hash[DEDUP_HASH_BYTES])
{
    struct slot *slot = NULL;
    if (is_known(dedup, txn, hash, &slot))
        return true;
    if (!slot)
        return false;
    memcpy(dedup->pending[dedup->pending_count++].bytes, hash, DEDUP_HASH_BYTES);
    *slot = (struct slot){.tag = tag_of(hash), .next = (uint32_t)dedup->pending_count};
    return false;
}

bool dedup_has(struct dedup *dedup, struct store_txn *txn, const uint8_t hash[DEDUP_HASH_BYTES])
{
    struct slot *slot;
    return is_known(dedup, txn, hash, &slot);
}

static bool must_write(const struct dedup *dedup, const struct store_txn *txn, int64_t wall_ms)
{
    return store_changed(txn) || dedup->pending_count >= WAITING_MAX || wall_ms < dedup->since_ms ||
           wall_ms - dedup->since_ms >= WAITING_MS;
}

void dedup_finish(struct dedup *dedup, struct store_txn *txn, int64_t wall_ms)
{
    if (dedup->pending_count == 0)
        return;
    if (dedup->settled == 0)
        dedup->since_ms = wall_ms;
    if (!must_write(dedup, txn, wall_ms))
        return;
    dedup->written = true;
    struct generation *generation = current_generation(dedup, txn, wall_ms);
    for (size_t i = 0; i < dedup->pending_count; i++) {
        if (i + AHEAD < dedup->pending_count)
            generation_expect(generation, dedup->pending[i + AHEAD].bytes);
        if (!generation_add(generation, dedup->pending[i].bytes)) {
            store_fail(txn, -QY_ENOMEM);
            return;
        }
    }
    add_run(dedup, txn, generation);
}
