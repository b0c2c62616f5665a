/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_check.h"

#include "common/metrics.h"

#include <stdlib.h>
#include <string.h>

struct audit_check {
    struct store_txn *txn;
    struct merkle_hasher *hasher;
    struct merkle_tiles tiles;
    uint64_t size;
    struct merkle_hash root;
    uint64_t tile; /* the last one that was looked at */
    bool looked;
    bool proven; /* it leads to the root */
};

int audit_check_open(struct store_txn *txn, struct audit_check **ret_check)
{
    _cleanup_(audit_check_close) struct audit_check *check = calloc(1, sizeof(*check));
    if (!check)
        return -QY_ENOMEM;
    check->txn = txn;
    check->tiles = audit_store_tiles(txn);
    check->size = audit_store_size(txn);
    int error = merkle_hasher_open(&check->hasher);
    if (!error)
        error = merkle_root(check->hasher, &check->tiles, check->size, &check->root);
    if (!error)
        *ret_check = TAKE(check);
    return error;
}

void audit_check_close(struct audit_check **check)
{
    if (!*check)
        return;
    merkle_hasher_close(&(*check)->hasher);
    free(*check);
    *check = NULL;
}

int audit_check_prove(
    struct audit_check *check, uint64_t index, struct bytes record, struct audit_proof *ret_proof)
{
    struct audit_proof proof = {.size = check->size, .root = check->root};
    merkle_leaf(check->hasher, record, &proof.leaf);
    int error = merkle_inclusion(check->hasher, &check->tiles, index, check->size, proof.path, &proof.count);
    if (!error)
        error = merkle_hasher_error(check->hasher);
    if (!error)
        *ret_proof = proof;
    return error;
}

/* A proof for one leaf takes in the hashes of all the others in its tile. */
static bool tile_is_proven(struct audit_check *check, uint64_t index, struct bytes record)
{
    uint64_t tile = index / MERKLE_TILE_HASHES;
    if (check->looked && check->tile == tile)
        return check->proven;
    struct audit_proof proof;
    check->proven = audit_check_prove(check, index, record, &proof) == 0 &&
                    merkle_verify_inclusion(
                        check->hasher, &proof.leaf, index, proof.size, proof.path, proof.count, &proof.root);
    check->looked = true;
    check->tile = tile;
    return check->proven;
}

bool audit_check_is_intact(struct audit_check *check, uint64_t index, struct bytes record)
{
    struct merkle_hash leaf;
    uint64_t number = index / MERKLE_TILE_HASHES;
    unsigned place = (unsigned)(index % MERKLE_TILE_HASHES);
    const struct merkle_hash *hashes = check->tiles.read(check->tiles.self, 0, number, place + 1);
    merkle_leaf(check->hasher, record, &leaf);
    return hashes && merkle_hasher_error(check->hasher) == 0 &&
           memcmp(&hashes[place], &leaf, sizeof(leaf)) == 0 && tile_is_proven(check, index, record);
}

/* -- at start -- */

#define CLOCK_EVERY 256u

int audit_check_newest(struct store_txn *txn, uint64_t most, double seconds, struct audit_sweep *ret_sweep)
{
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    struct audit_sweep sweep = {0};
    double deadline = metrics_clock() + seconds;
    int error = audit_check_open(txn, &check);
    if (error)
        return error;
    for (uint64_t index = check->size; index > 0 && sweep.checked < most; sweep.checked++) {
        struct bytes record;
        if (sweep.checked % CLOCK_EVERY == 0 && metrics_clock() > deadline)
            break;
        index--;
        if (audit_store_record(txn, index, &record) ? audit_check_is_intact(check, index, record)
                                                    : audit_store_is_pruned(txn, index))
            continue;
        if (store_error(txn))
            return store_error(txn);
        sweep.altered++;
        sweep.index = index;
    }
    *ret_sweep = sweep;
    return 0;
}
