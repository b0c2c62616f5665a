/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_prune.h"

#include "common/clock.h"
#include "common/error.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_segment.h"
#include "services/audit/checkpoint.h"

#include <stdlib.h>
#include <string.h>

struct prune {
    struct store_txn *txn;
    uint64_t number;
    uint64_t generation;
    struct merkle_hash root;
    struct bytes *records; /* no data: it was pruned before */
    struct merkle_hash *leaves;
    struct merkle_hash tiles[SEGMENT_BUNDLES];
    bool hashed[SEGMENT_BUNDLES]; /* whose leaves are there */
    struct merkle_hasher *hasher;
    struct arena *arena; /* one record's */
};

void prune_close(struct prune **prune)
{
    if (!*prune)
        return;
    free((*prune)->records);
    free((*prune)->leaves);
    merkle_hasher_close(&(*prune)->hasher);
    arena_close(&(*prune)->arena);
    free(*prune);
    *prune = NULL;
}

uint64_t prune_generation(const struct prune *prune)
{
    return prune->generation;
}

/* -- reading -- */

/* Leaves as the tree has them, and each record that is there leads to its own. */
static int read_bundle(struct prune *prune, unsigned bundle)
{
    struct merkle_tiles tiles = audit_store_tiles(prune->txn);
    uint64_t number = prune->number * SEGMENT_BUNDLES + bundle;
    size_t first = (size_t)bundle * MERKLE_TILE_HASHES;
    struct merkle_hash leaf;
    if (!audit_store_rest(prune->txn, number, MERKLE_TILE_HASHES, prune->records + first))
        return store_error(prune->txn) ? store_error(prune->txn) : -QY_ECORRUPT;
    const struct merkle_hash *tile = tiles.read(tiles.self, 0, number, MERKLE_TILE_HASHES);
    prune->hashed[bundle] = tile != NULL;
    if (tile)
        memcpy(prune->leaves + first, tile, MERKLE_TILE_HASHES * sizeof(*tile));
    for (unsigned i = 0; i < MERKLE_TILE_HASHES; i++) {
        if (!prune->records[first + i].data)
            continue;
        merkle_leaf(prune->hasher, prune->records[first + i], &leaf);
        if (!tile || memcmp(&leaf, &tile[i], sizeof(leaf)) != 0)
            return -QY_ECORRUPT;
    }
    if (!tile)
        return 0;
    merkle_fold(prune->hasher, tile, &leaf);
    return memcmp(&leaf, &prune->tiles[bundle], sizeof(leaf)) == 0 ? 0 : -QY_ECORRUPT;
}

static int read_segment(struct prune *prune)
{
    struct merkle_tiles tiles = audit_store_tiles(prune->txn);
    struct merkle_hash root;
    const struct merkle_hash *tile = tiles.read(tiles.self, 1, prune->number, MERKLE_TILE_HASHES);
    if (!tile)
        return store_error(prune->txn) ? store_error(prune->txn) : -QY_ECORRUPT;
    memcpy(prune->tiles, tile, sizeof(prune->tiles));
    merkle_fold(prune->hasher, prune->tiles, &root);
    int error = memcmp(&root, &prune->root, sizeof(root)) == 0 ? 0 : -QY_ECORRUPT;
    for (unsigned bundle = 0; bundle < SEGMENT_BUNDLES && !error; bundle++)
        error = read_bundle(prune, bundle);
    return error ? error : merkle_hasher_error(prune->hasher);
}

int prune_open(struct store_txn *txn, uint64_t segment, struct prune **ret_prune)
{
    _cleanup_(prune_close) struct prune *prune = calloc(1, sizeof(*prune));
    if (!prune)
        return -QY_ENOMEM;
    prune->txn = txn;
    prune->number = segment;
    if (!audit_store_sealed_as(txn, segment, &prune->root, &prune->generation))
        return store_error(txn) ? store_error(txn) : -QY_ENOTFOUND;
    prune->records = calloc(SEGMENT_RECORDS, sizeof(*prune->records));
    prune->leaves = calloc(SEGMENT_RECORDS, sizeof(*prune->leaves));
    int error = prune->records && prune->leaves ? merkle_hasher_open(&prune->hasher) : -QY_ENOMEM;
    if (!error)
        error = arena_open(&prune->arena);
    if (!error)
        error = read_segment(prune);
    if (!error)
        *ret_prune = TAKE(prune);
    return error;
}

/* -- what may go -- */

int64_t prune_until(const struct retention *retention, enum record_kind kind, int64_t now_ms)
{
    if (!retention->days[kind])
        return INT64_MIN;
    return (now_ms / DAY_MS - retention->days[kind]) * DAY_MS;
}

/* While an index is looked at. */
struct looking {
    enum record_kind kind;
    bool found;
};

static int look_at_action(void *context, struct bytes text, unsigned count)
{
    struct looking *looking = context;
    char action[128];
    (void)count;
    if (text.size >= sizeof(action))
        return 0;
    memcpy(action, text.data, text.size);
    action[text.size] = '\0';
    looking->found |= record_kind_of(action) == looking->kind;
    return 0;
}

int prune_is_due(
    const struct view_segment *segment, const struct retention *retention, int64_t now_ms, bool *ret_due)
{
    bool due = false;
    int error = 0;
    for (unsigned kind = 0; kind < KIND_COUNT && !due && !error && !segment->is_empty; kind++) {
        struct looking looking = {.kind = kind};
        struct place_set old;
        int64_t until_ms = prune_until(retention, kind, now_ms);
        if (until_ms == INT64_MIN)
            continue;
        place_set_range(&old, 0, view_place_at(segment, until_ms));
        if (segment->kept)
            place_set_and(&old, segment->kept);
        if (!place_set_is_empty(&old))
            error = view_each(segment, TERM_ACTION, &old, look_at_action, &looking);
        due = looking.found;
    }
    *ret_due = due;
    return error;
}

static bool is_held(const Quanyu__AuditRecord *record, const struct audit_filter *holds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (record->time_ms >= holds[i].from_ms && (!holds[i].to_ms || record->time_ms < holds[i].to_ms) &&
            audit_filter_fits(&holds[i], record))
            return true;
    return false;
}

static void add_place(struct prune_group *group, unsigned place, int64_t time_ms, size_t bytes)
{
    if (group->records++ == 0) {
        group->first = place;
        group->first_ms = time_ms;
    }
    group->last = place;
    group->last_ms = time_ms;
    group->bytes += 2 + bytes;
    place_set_add(&group->places, place);
}

int prune_find(struct prune *prune, const struct retention *retention, const struct audit_filter *holds,
    size_t hold_count, int64_t now_ms, struct prune_group groups[KIND_COUNT])
{
    int64_t until_ms[KIND_COUNT];
    memset(groups, 0, KIND_COUNT * sizeof(*groups));
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        until_ms[kind] = prune_until(retention, kind, now_ms);
    for (unsigned place = 0; place < SEGMENT_RECORDS; place++) {
        if (!prune->records[place].data)
            continue;
        arena_reset(prune->arena);
        const Quanyu__AuditRecord *record = audit_record_unpack(prune->records[place], prune->arena);
        if (!record)
            return -QY_ECORRUPT;
        enum record_kind kind = record_kind_of(record->action);
        if (record->time_ms < until_ms[kind] && !is_held(record, holds, hold_count))
            add_place(&groups[kind], place, record->time_ms, prune->records[place].size);
    }
    return 0;
}

/* -- without it -- */

static void keep_edge(struct prune *prune, uint64_t size, bool hashed[SEGMENT_BUNDLES])
{
    uint64_t bundle = size / MERKLE_TILE_HASHES;
    if (size % MERKLE_TILE_HASHES && bundle / SEGMENT_BUNDLES == prune->number)
        hashed[bundle % SEGMENT_BUNDLES] = prune->hashed[bundle % SEGMENT_BUNDLES];
}

/* Sizes that are signed and shown stay checkable: those at which a key took over, and the last one that a witness saw. */
static void keep_edges(struct prune *prune, bool hashed[SEGMENT_BUNDLES])
{
    struct bytes stored;
    struct note note;
    struct checkpoint checkpoint;
    arena_reset(prune->arena);
    for (uint32_t i = 0; i < audit_store_signers(prune->txn); i++) {
        const Quanyu__AuditSigner *signer = audit_keys_signer(prune->txn, i, prune->arena);
        if (signer)
            keep_edge(prune, signer->from_size, hashed);
    }
    if (audit_store_note(prune->txn, NOTE_COSIGNED, &stored) && note_open(stored, &note) == 0 &&
        checkpoint_parse(note.text, &checkpoint) == 0)
        keep_edge(prune, checkpoint.size, hashed);
}

/* The records that are left, and the bundles that have some. */
static bool take_rest(
    struct prune *prune, const struct place_set *pruned, struct bytes *rest, bool hashed[SEGMENT_BUNDLES])
{
    bool any = false;
    for (unsigned place = 0; place < SEGMENT_RECORDS; place++) {
        if (place_set_has(pruned, place) || !prune->records[place].data)
            continue;
        rest[place] = prune->records[place];
        hashed[place / MERKLE_TILE_HASHES] = any = true;
    }
    return any;
}

static int size_of(struct prune *prune, uint64_t generation, uint64_t *ret_bytes)
{
    const struct segment *segment;
    int error = segment_find(store_path(prune->txn), prune->number, generation, &prune->root, &segment);
    if (!error)
        *ret_bytes = segment_bytes(segment);
    return error;
}

int prune_write(struct prune *prune, const struct place_set *pruned, uint64_t generation, uint64_t *ret_freed)
{
    _cleanup_(buffer_free) struct buffer index = BUFFER_INIT;
    _cleanup_(free_pointer) struct bytes *rest = calloc(SEGMENT_RECORDS, sizeof(*rest));
    bool hashed[SEGMENT_BUNDLES] = {false};
    uint64_t before, after;
    if (!rest)
        return -QY_ENOMEM;
    int error = take_rest(prune, pruned, rest, hashed) ? audit_index_build(rest, SEGMENT_RECORDS, &index) : 0;
    keep_edges(prune, hashed);
    const struct segment_content content = {.number = prune->number,
        .generation = generation,
        .records = rest,
        .leaves = prune->leaves,
        .tiles = prune->tiles,
        .hashed = hashed,
        .root = prune->root,
        .index = {index.data, index.size}};
    if (!error)
        error = size_of(prune, prune->generation, &before);
    if (!error)
        error = segment_write(store_path(prune->txn), &content);
    if (!error)
        error = size_of(prune, generation, &after);
    if (!error)
        *ret_freed = before > after ? before - after : 0;
    return error;
}

int prune_each_set(const struct prune *prune, const struct place_set *pruned,
    int (*visit)(void *context, const uint8_t hash[SET_HASH_BYTES]), void *context)
{
    int error = 0;
    for (unsigned place = 0; place_set_from(pruned, place, &place) && !error; place++) {
        if (!prune->records[place].data)
            continue;
        arena_reset(prune->arena);
        const Quanyu__AuditRecord *record = audit_record_unpack(prune->records[place], prune->arena);
        if (record && record->set_hash.len == SET_HASH_BYTES)
            error = visit(context, record->set_hash.data);
    }
    return error;
}
