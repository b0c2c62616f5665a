/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_seal.h"

#include "services/audit/audit_segment.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS ((size_t)SEGMENT_BUNDLES * MERKLE_TILE_HASHES)

struct copy {
    struct bytes *records;
    struct merkle_hash *leaves;
    struct merkle_hash tiles[SEGMENT_BUNDLES];
};

static void free_copy(struct copy *copy)
{
    free(copy->records);
    free(copy->leaves);
}

/* One bundle: hashed anew, and held against the tiles. */
static int copy_bundle(struct merkle_hasher *hasher, struct store_txn *txn, uint64_t segment, unsigned bundle,
    const struct merkle_hash *above, struct copy *copy)
{
    struct merkle_tiles stored = audit_store_tiles(txn);
    uint64_t number = segment * SEGMENT_BUNDLES + bundle;
    size_t first = (size_t)bundle * MERKLE_TILE_HASHES;
    if (!audit_store_bundle(txn, number, MERKLE_TILE_HASHES, copy->records + first))
        return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    for (unsigned i = 0; i < MERKLE_TILE_HASHES; i++)
        merkle_leaf(hasher, copy->records[first + i], &copy->leaves[first + i]);
    merkle_fold(hasher, copy->leaves + first, &copy->tiles[bundle]);
    const struct merkle_hash *tile = stored.read(stored.self, 0, number, MERKLE_TILE_HASHES);
    bool same = tile && memcmp(tile, copy->leaves + first, MERKLE_TILE_HASHES * sizeof(*tile)) == 0 &&
                memcmp(&above[bundle], &copy->tiles[bundle], sizeof(*above)) == 0;
    return same ? merkle_hasher_error(hasher) : -QY_ECORRUPT;
}

static int copy_segment(
    struct merkle_hasher *hasher, struct store_txn *txn, uint64_t number, struct copy *copy)
{
    struct merkle_tiles stored = audit_store_tiles(txn);
    const struct merkle_hash *above = stored.read(stored.self, 1, number, MERKLE_TILE_HASHES);
    copy->records = calloc(RECORDS, sizeof(*copy->records));
    copy->leaves = calloc(RECORDS, sizeof(*copy->leaves));
    int error = !copy->records || !copy->leaves ? -QY_ENOMEM : above ? 0 : -QY_ECORRUPT;
    for (unsigned bundle = 0; bundle < SEGMENT_BUNDLES && !error; bundle++)
        error = copy_bundle(hasher, txn, number, bundle, above, copy);
    return error;
}

int audit_seal_write(
    struct store_txn *txn, struct merkle_hasher *hasher, uint64_t number, struct merkle_hash *ret_root)
{
    _cleanup_(free_copy) struct copy copy = {.records = NULL};
    struct segment_content content = {.number = number};
    int error = copy_segment(hasher, txn, number, &copy);
    if (!error && !audit_store_segment(txn, number, &content.index))
        error = store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    if (error)
        return error;
    merkle_fold(hasher, copy.tiles, &content.root);
    content.records = copy.records;
    content.leaves = copy.leaves;
    content.tiles = copy.tiles;
    *ret_root = content.root;
    return segment_write(store_path(txn), &content);
}
