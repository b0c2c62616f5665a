/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dedup.h"

#include "common/hash_tiers.h"
#include "services/gateway/dedup_filter.h"

#include <stdlib.h>
#include <string.h>

#define GENERATION_MS INT64_C(3600000)
#define GENERATIONS_MAX 32
#define AHEAD 8 /* so many ids early memory is asked for */
/* For each id that a commit adds it merges up to so many of each tier, and deletes so many of generations that are over; more than come,
 * so that both end. At least as for so many ids, so that they also end when few come. */
#define MERGED_PER_ID 2
#define SWEPT_PER_ID 4
#define WORK_LEAST CHUNK_HASHES
#define NEVER_MS INT64_MIN
#define WAITING_MAX ((size_t)1 << 16)
#define WAITING_MS 10000

struct generation {
    struct tiers tiers;
    struct filters filters;
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
    int64_t over_ms;      /* generations that began no later are over, and being deleted; NEVER_MS: none is */
    struct hash *pending; /* not in a run yet, in order of arrival */
    struct hash *sorted;  /* room for as many */
    size_t pending_count, pending_capacity;
    size_t settled;     /* so many of them are of earlier batches */
    int64_t since_ms;   /* wall clock at which the first of them came */
    bool written;       /* this batch's transaction holds a run of them */
    struct slot *slots; /* open addressing */
    size_t slot_count;
    bool stale; /* a batch was rolled back after runs were written: memory must be loaded anew */
};

/* -- generations -- */

/* Its ids are known no more; its rows go with the next commits. */
static void let_go_oldest(struct dedup *dedup)
{
    dedup->over_ms = dedup->generations[0].tiers.set;
    filters_free(&dedup->generations[0].filters);
    dedup->generation_count--;
    memmove(dedup->generations, dedup->generations + 1, dedup->generation_count * sizeof(struct generation));
}

static struct generation *open_generation(struct dedup *dedup, int64_t begun_ms)
{
    if (dedup->generation_count == GENERATIONS_MAX)
        let_go_oldest(dedup);
    struct generation *fresh = &dedup->generations[dedup->generation_count++];
    *fresh = (struct generation){.tiers = {.table = dedup->table, .set = begun_ms}};
    return fresh;
}

static struct generation *current_generation(struct dedup *dedup, int64_t wall_ms)
{
    while (dedup->generation_count > 0 &&
           dedup->generations[0].tiers.set + GENERATION_MS + DEDUP_WINDOW_MS < wall_ms)
        let_go_oldest(dedup);
    struct generation *last =
        dedup->generation_count ? &dedup->generations[dedup->generation_count - 1] : NULL;
    if (last && wall_ms < last->tiers.set + GENERATION_MS)
        return last; /* also where the wall clock went back */
    return open_generation(dedup, wall_ms);
}

/* A part of what merging and deleting is left to do: of this generation, of the last one before it that is not done, and of those that
 * are over. */
static void tidy(struct dedup *dedup, struct store_txn *txn, size_t ids)
{
    unsigned last = dedup->generation_count - 1;
    (void)tiers_merge(&dedup->generations[last].tiers, txn, ids * MERGED_PER_ID);
    while (last-- > 0)
        if (tiers_merge(&dedup->generations[last].tiers, txn, ids * MERGED_PER_ID) > 0)
            break;
    if (dedup->over_ms != NEVER_MS && tiers_sweep(txn, dedup->table, dedup->over_ms, ids * SWEPT_PER_ID))
        dedup->over_ms = NEVER_MS;
}

/* -- this batch's ids -- */

static uint64_t word_of(const uint8_t hash[HASH_BYTES], unsigned at)
{
    uint64_t word;
    memcpy(&word, hash + at, sizeof(word));
    return word;
}

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
            (slot->tag == tag && memcmp(dedup->pending[slot->next - 1].bytes, hash, HASH_BYTES) == 0))
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
    struct hash *sorted = realloc(dedup->sorted, capacity * sizeof(*sorted));
    if (!sorted)
        return false;
    dedup->sorted = sorted;
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

/* Rows come in the order of generations. Those that are over may still have some: who is let go for the others is the oldest. */
static struct generation *loaded_generation(struct dedup *dedup, int64_t begun_ms)
{
    unsigned count = dedup->generation_count;
    if (count && dedup->generations[count - 1].tiers.set == begun_ms)
        return &dedup->generations[count - 1];
    return open_generation(dedup, begun_ms);
}

static int load_row(struct dedup *dedup, struct bytes key, struct bytes value)
{
    int64_t begun_ms;
    struct bytes hashes;
    if (!tiers_row_set(key, &begun_ms))
        return -QY_ECORRUPT;
    struct generation *generation = loaded_generation(dedup, begun_ms);
    int error = tiers_note(&generation->tiers, key, value, &hashes);
    for (size_t at = 0; !error && at < hashes.size; at += HASH_BYTES)
        if (!filters_add(&generation->filters, hashes.data + at))
            error = -QY_ENOMEM;
    return error;
}

static void generations_free(struct dedup *dedup)
{
    for (unsigned i = 0; i < dedup->generation_count; i++)
        filters_free(&dedup->generations[i].filters);
    dedup->generation_count = 0;
    dedup->over_ms = NEVER_MS;
}

static int load(struct dedup *dedup, struct store_txn *txn)
{
    generations_free(dedup);
    struct store_key all;
    key_reset(&all);
    struct store_scan *scan = NULL;
    struct bytes key, value;
    int error = scan_open(txn, dedup->table, &all, NULL, &scan);
    while (!error && scan_next(scan, &key, &value))
        error = load_row(dedup, key, value);
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
    free((*dedup)->sorted);
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

void dedup_expect(const struct dedup *dedup, const uint8_t hash[HASH_BYTES])
{
    if (dedup->slot_count)
        __builtin_prefetch(&dedup->slots[slot_of(dedup, hash)], 1);
    for (unsigned i = 0; i < dedup->generation_count; i++)
        filters_expect(&dedup->generations[i].filters, hash);
}

/* Yields its slot among the pending ids, or the free one where it belongs. */
static bool is_known(
    struct dedup *dedup, struct store_txn *txn, const uint8_t hash[HASH_BYTES], struct slot **ret_slot)
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
        if (filters_may_have(&dedup->generations[i].filters, hash) &&
            tiers_have(&dedup->generations[i].tiers, txn, hash))
            return true;
    return false;
}

bool dedup_check(struct dedup *dedup, struct store_txn *txn, const uint8_t hash[HASH_BYTES])
{
    struct slot *slot = NULL;
    if (is_known(dedup, txn, hash, &slot))
        return true;
    if (!slot)
        return false;
    memcpy(dedup->pending[dedup->pending_count++].bytes, hash, HASH_BYTES);
    *slot = (struct slot){.tag = tag_of(hash), .next = (uint32_t)dedup->pending_count};
    return false;
}

bool dedup_has(struct dedup *dedup, struct store_txn *txn, const uint8_t hash[HASH_BYTES])
{
    struct slot *slot;
    return is_known(dedup, txn, hash, &slot);
}

static bool must_write(const struct dedup *dedup, const struct store_txn *txn, int64_t wall_ms)
{
    return store_changed(txn) || dedup->pending_count >= WAITING_MAX || wall_ms < dedup->since_ms ||
           wall_ms - dedup->since_ms >= WAITING_MS;
}

/* Where memory is out for the filter, the batch fails with the store. */
static bool add_to_filters(const struct dedup *dedup, struct filters *filters)
{
    for (size_t i = 0; i < dedup->pending_count; i++) {
        if (i + AHEAD < dedup->pending_count)
            filters_expect_add(filters, dedup->pending[i + AHEAD].bytes);
        if (!filters_add(filters, dedup->pending[i].bytes))
            return false;
    }
    return true;
}

void dedup_finish(struct dedup *dedup, struct store_txn *txn, int64_t wall_ms)
{
    size_t count = dedup->pending_count;
    if (count == 0)
        return;
    if (dedup->settled == 0)
        dedup->since_ms = wall_ms;
    if (!must_write(dedup, txn, wall_ms))
        return;
    dedup->written = true;
    struct generation *generation = current_generation(dedup, wall_ms);
    if (!add_to_filters(dedup, &generation->filters)) {
        store_fail(txn, -QY_ENOMEM);
        return;
    }
    run_sort(
        dedup->pending, count, dedup->sorted); /* their order is needed should the batch be rolled back */
    tiers_add(&generation->tiers, txn, dedup->sorted, count);
    tidy(dedup, txn, count > WORK_LEAST ? count : WORK_LEAST);
}
