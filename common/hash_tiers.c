/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: (set, tier, number of the run, first hash) -> up to CHUNK_HASHES hashes. An earlier version wrote a run as one row, without the
 * first hash in its key: such a row sorts before all chunks, and is read as one.
 * (set, tier) -> the merge that goes on: number of its first run, number of the run that comes of it, last hash written. */
#include "common/hash_tiers.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

#define MERGE_KEY_BYTES 9
#define RUN_KEY_BYTES 13
#define CHUNK_KEY_BYTES (RUN_KEY_BYTES + HASH_BYTES)
#define ROW_HASHES 64 /* deleting a row costs as much as so many hashes */
#define MERGE_ROW_BYTES (8 + HASH_BYTES)

/* A merge that goes on. */
struct merge {
    uint32_t from, into;
    bool begun;                /* something is written */
    uint8_t after[HASH_BYTES]; /* up to here it is */
};

/* -- keys -- */

static void merge_key(struct store_key *key, const struct tiers *tiers, unsigned tier)
{
    key_reset(key);
    key_i64(key, tiers->set);
    key_u8(key, (uint8_t)tier);
}

static void run_key(struct store_key *key, const struct tiers *tiers, unsigned tier, uint32_t number)
{
    merge_key(key, tiers, tier);
    key_u32(key, number);
}

static void put_chunk(const struct tiers *tiers, struct store_txn *txn, unsigned tier, uint32_t number,
    const struct hash *hashes, size_t count)
{
    struct store_key key;
    run_key(&key, tiers, tier, number);
    key_raw(&key, hashes->bytes, HASH_BYTES);
    store_put(txn, tiers->table, &key, hashes, count * sizeof(*hashes));
}

/* -- loading -- */

bool tiers_row_set(struct bytes key, int64_t *ret_set)
{
    if (key.size < MERGE_KEY_BYTES)
        return false;
    *ret_set = (int64_t)(get_be64(key.data) ^ UINT64_C(0x8000000000000000));
    return true;
}

static void note_run(struct tier *tier, uint32_t number)
{
    bool first = tier->first == tier->next;
    tier->first = first || number < tier->first ? number : tier->first;
    tier->next = first || number >= tier->next ? number + 1 : tier->next;
}

/* Its runs have these numbers until it is over, also those of which nothing is left. */
static void note_merging(struct tier *tier, struct bytes row)
{
    uint32_t from = get_be32(row.data);
    tier->merging = true;
    note_run(tier, from);
    note_run(tier, from + TIER_RUNS - 1);
}

int tiers_note(struct tiers *tiers, struct bytes key, struct bytes value, struct bytes *ret_hashes)
{
    *ret_hashes = (struct bytes){0};
    unsigned tier = key.size >= MERGE_KEY_BYTES ? key.data[8] : TIERS_MAX;
    if (tier >= TIERS_MAX)
        return -QY_ECORRUPT;
    if (key.size == MERGE_KEY_BYTES && value.size == MERGE_ROW_BYTES && tier + 1 < TIERS_MAX) {
        note_merging(&tiers->list[tier], value);
        return 0;
    }
    if ((key.size != RUN_KEY_BYTES && key.size != CHUNK_KEY_BYTES) || value.size % HASH_BYTES != 0)
        return -QY_ECORRUPT;
    note_run(&tiers->list[tier], get_be32(key.data + MERGE_KEY_BYTES));
    *ret_hashes = value;
    return 0;
}

/* The number of the first run that is not below `number`, or of the last one; false: there is none. */
static bool find_run(struct store_txn *txn, const struct tiers *tiers, unsigned tier, uint32_t number,
    bool last, uint32_t *ret_number)
{
    struct store_key all, from;
    struct bytes key = {0}, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    merge_key(&all, tiers, tier);
    run_key(&from, tiers, tier, number);
    int error = last ? scan_open_reverse(txn, tiers->table, &all, NULL, &scan)
                     : scan_open(txn, tiers->table, &all, &from, &scan);
    if (error || !scan_next(scan, &key, &value) || key.size < RUN_KEY_BYTES)
        return false;
    *ret_number = get_be32(key.data + MERGE_KEY_BYTES);
    return true;
}

void tiers_load(struct tiers *tiers, struct store_txn *txn)
{
    for (unsigned tier = 0; tier < TIERS_MAX; tier++) {
        struct tier *own = &tiers->list[tier];
        struct store_key key;
        struct bytes row;
        uint32_t number;
        merge_key(&key, tiers, tier);
        *own = (struct tier){0};
        if (find_run(txn, tiers, tier, 0, false, &number))
            note_run(own, number);
        if (find_run(txn, tiers, tier, 0, true, &number))
            note_run(own, number);
        if (store_get(txn, tiers->table, &key, &row) && row.size == MERGE_ROW_BYTES)
            note_merging(own, row);
    }
}

/* -- looking -- */

/* In the last chunk that begins no later than the hash. */
static bool run_of_store_has(const struct tiers *tiers, struct store_txn *txn, unsigned tier, uint32_t number,
    const uint8_t hash[HASH_BYTES])
{
    struct store_key run, from;
    struct bytes key, chunk;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    run_key(&run, tiers, tier, number);
    run_key(&from, tiers, tier, number);
    key_raw(&from, hash, HASH_BYTES);
    return scan_open_reverse(txn, tiers->table, &run, &from, &scan) == 0 && scan_next(scan, &key, &chunk) &&
           run_has(chunk, hash);
}

bool tiers_have(const struct tiers *tiers, struct store_txn *txn, const uint8_t hash[HASH_BYTES])
{
    for (unsigned tier = 0; tier < TIERS_MAX; tier++)
        for (uint32_t number = tiers->list[tier].next; number-- > tiers->list[tier].first;)
            if (run_of_store_has(tiers, txn, tier, number, hash))
                return true;
    return false;
}

static bool find_beginning(const struct tiers *tiers, struct store_txn *txn, unsigned tier, uint32_t number,
    const struct hash *least, size_t size, struct hash *ret_hash)
{
    struct store_key run, from;
    struct bytes key, chunk;
    _cleanup_(scan_close) struct store_scan *scan = NULL, *behind = NULL;
    run_key(&run, tiers, tier, number);
    run_key(&from, tiers, tier, number);
    key_raw(&from, least->bytes, HASH_BYTES);
    const struct hash *found = NULL;
    if (scan_open_reverse(txn, tiers->table, &run, &from, &scan) == 0 && scan_next(scan, &key, &chunk)) {
        found = run_above(chunk, least->bytes);
        found = (const uint8_t *)found == chunk.data + chunk.size ? NULL : found;
    }
    /* the chunk behind may begin with it */
    if (!found && scan_open(txn, tiers->table, &run, &from, &behind) == 0 && scan_next(behind, &key, &chunk))
        found = (const struct hash *)chunk.data;
    if (!found || memcmp(found->bytes, least->bytes, size) != 0)
        return false;
    *ret_hash = *found;
    return true;
}

bool tiers_find(
    struct store_txn *txn, unsigned table, int64_t set, struct bytes beginning, struct hash *ret_hash)
{
    const struct tiers tiers = {.table = table, .set = set};
    struct hash least = {0};
    memcpy(least.bytes, beginning.data, beginning.size);
    for (unsigned tier = 0; tier < TIERS_MAX; tier++)
        for (uint32_t number = 0; find_run(txn, &tiers, tier, number, false, &number); number++)
            if (find_beginning(&tiers, txn, tier, number, &least, beginning.size, ret_hash))
                return true;
    return false;
}

/* -- adding -- */

void tiers_add(struct tiers *tiers, struct store_txn *txn, const struct hash *sorted, size_t count)
{
    uint32_t number = tiers->list[0].next++;
    for (size_t at = 0; at < count; at += CHUNK_HASHES)
        put_chunk(tiers, txn, 0, number, sorted + at, count - at < CHUNK_HASHES ? count - at : CHUNK_HASHES);
}

/* -- merging -- */

/* A run that is merged: what is left of it, chunk by chunk. */
struct taken_run {
    struct run_source source;
    const struct merge *merge;
    struct store_scan *scan;
};

static bool next_chunk(struct run_source *source)
{
    struct taken_run *run = (struct taken_run *)source;
    struct bytes key, chunk;
    if (!run->scan || !scan_next(run->scan, &key, &chunk))
        return false;
    source->at = (const struct hash *)chunk.data;
    source->end = source->at + chunk.size / HASH_BYTES;
    if (run->merge->begun)
        source->at = run_above(chunk, run->merge->after);
    return true;
}

/* Fills a chunk. What it reads is borrowed until the next put: it is written after that. */
static size_t take_chunk(const struct tiers *tiers, struct store_txn *txn, unsigned tier,
    const struct merge *merge, struct hash *chunk, bool *ret_over)
{
    struct taken_run runs[TIER_RUNS];
    struct run_source *sources[TIER_RUNS];
    struct store_key key;
    for (unsigned i = 0; i < TIER_RUNS; i++) {
        runs[i] = (struct taken_run){.source = {.more = next_chunk}, .merge = merge};
        sources[i] = &runs[i].source;
        run_key(&key, tiers, tier, merge->from + i);
        (void)scan_open(txn, tiers->table, &key, NULL, &runs[i].scan);
    }
    size_t count = run_merge(sources, TIER_RUNS, chunk, CHUNK_HASHES);
    *ret_over = true;
    for (unsigned i = 0; i < TIER_RUNS; i++) {
        *ret_over = *ret_over && runs[i].source.at == runs[i].source.end;
        scan_close(&runs[i].scan);
    }
    return count;
}

/* Lets go of the chunks that the merge is past. */
static void drop_taken(
    const struct tiers *tiers, struct store_txn *txn, unsigned tier, const struct merge *merge)
{
    struct store_key run;
    struct bytes key, chunk;
    for (uint32_t i = 0; i < TIER_RUNS; i++) {
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        run_key(&run, tiers, tier, merge->from + i);
        if (scan_open(txn, tiers->table, &run, NULL, &scan) == 0)
            while (scan_next(scan, &key, &chunk) &&
                   run_above(chunk, merge->after) == (const struct hash *)(chunk.data + chunk.size))
                scan_delete(scan);
    }
}

/* Runs that no merge is still writing. */
static uint32_t whole_runs(const struct tiers *tiers, unsigned tier)
{
    uint32_t count = tiers->list[tier].next - tiers->list[tier].first;
    return count - (tier > 0 && tiers->list[tier - 1].merging);
}

/* False: there is none to go on with. */
static bool find_merge(
    struct tiers *tiers, struct store_txn *txn, unsigned tier, const struct store_key *key, struct merge *ret)
{
    struct bytes row;
    *ret = (struct merge){0};
    if (!tiers->list[tier].merging) {
        if (whole_runs(tiers, tier) < TIER_RUNS)
            return false;
        ret->from = tiers->list[tier].first;
        ret->into = tiers->list[tier + 1].next++;
        tiers->list[tier].merging = true;
        return true;
    }
    if (!store_get(txn, tiers->table, key, &row) || row.size != MERGE_ROW_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    ret->from = get_be32(row.data);
    ret->into = get_be32(row.data + 4);
    ret->begun = true;
    memcpy(ret->after, row.data + 8, HASH_BYTES);
    return true;
}

static void note_merge(
    const struct tiers *tiers, struct store_txn *txn, const struct store_key *key, const struct merge *merge)
{
    uint8_t row[MERGE_ROW_BYTES];
    put_be32(row, merge->from);
    put_be32(row + 4, merge->into);
    memcpy(row + 8, merge->after, HASH_BYTES);
    store_put(txn, tiers->table, key, row, sizeof(row));
}

/* Writes one more chunk, `chunk`; returns how many hashes it has, 0: nothing is due. */
static size_t merge_chunk(struct tiers *tiers, struct store_txn *txn, unsigned tier, struct hash *chunk)
{
    struct store_key key;
    struct merge merge;
    bool over;
    merge_key(&key, tiers, tier);
    if (!find_merge(tiers, txn, tier, &key, &merge))
        return 0;
    size_t count = take_chunk(tiers, txn, tier, &merge, chunk, &over);
    if (count > 0) {
        put_chunk(tiers, txn, tier + 1, merge.into, chunk, count);
        memcpy(merge.after, chunk[count - 1].bytes, HASH_BYTES);
        drop_taken(tiers, txn, tier, &merge);
    }
    if (!over) {
        note_merge(tiers, txn, &key, &merge);
        return count;
    }
    (void)store_delete(txn, tiers->table, &key);
    tiers->list[tier].first = merge.from + TIER_RUNS;
    tiers->list[tier].merging = false;
    return count;
}

size_t tiers_merge(struct tiers *tiers, struct store_txn *txn, size_t hashes)
{
    _cleanup_(free_pointer) struct hash *chunk = malloc(CHUNK_HASHES * sizeof(*chunk));
    size_t all = 0;
    if (!chunk)
        store_fail(txn, -QY_ENOMEM);
    for (unsigned tier = 0; chunk && tier + 1 < TIERS_MAX; tier++)
        for (size_t taken = 0, count = 1; taken < hashes && count > 0; taken += count, all += count)
            count = merge_chunk(tiers, txn, tier, chunk);
    return all;
}

/* -- letting go -- */

bool tiers_sweep(struct store_txn *txn, unsigned table, int64_t last_set, size_t hashes)
{
    struct store_key all;
    struct bytes key, value;
    int64_t set;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    if (scan_open(txn, table, &all, NULL, &scan))
        return false;
    for (size_t gone = 0; gone < hashes; gone += ROW_HASHES + value.size / HASH_BYTES) {
        if (!scan_next(scan, &key, &value) || !tiers_row_set(key, &set) || set > last_set)
            return store_error(txn) == 0;
        scan_delete(scan);
    }
    return false;
}
