/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted runs of hashes in the store, and how they become fewer. A table holds several sets of them, by number.
 *
 * A run lies in chunks of 16 pages. What one commit adds is a run of the first tier; TIER_RUNS runs of a tier become one of the next.
 * That merge is done a few chunks a commit: what was written so far, what is still to be taken and where it stands change in the one
 * transaction, so a hash is always in the one or in the other, and a merge goes on after a crash from the last commit. How much there is
 * of a set says how long its merges last, and nothing of how much one commit does. Only the writer thread. */
#ifndef QY_COMMON_HASH_TIERS_H
#define QY_COMMON_HASH_TIERS_H

#include "common/hash_run.h"
#include "common/store.h"

#define CHUNK_HASHES ((size_t)4095) /* with LMDB's header, 16 pages */
#define TIER_RUNS RUNS_MERGED_MAX
#define TIERS_MAX 12

struct tier {
    uint32_t first, next; /* numbers of its runs, oldest first; one may be used up by a merge and gone */
    bool merging;         /* its oldest TIER_RUNS go into the newest run of the next tier */
};

struct tiers {
    unsigned table;
    int64_t set; /* which of the table's */
    struct tier list[TIERS_MAX];
};

/* Of a row's key; false where it is none. */
bool tiers_row_set(struct bytes key, int64_t *ret_set);
/* While loading: takes note of a row of this set, and yields its hashes. -QY_ECORRUPT: it is none. */
int tiers_note(struct tiers *tiers, struct bytes key, struct bytes value, struct bytes *ret_hashes);

/* Which runs there are, where their hashes are of no interest: costs nothing by how many there are. */
void tiers_load(struct tiers *tiers, struct store_txn *txn);

bool tiers_have(const struct tiers *tiers, struct store_txn *txn, const uint8_t hash[HASH_BYTES]);
/* The first hash that begins with these bytes and has more than zeros behind them, by what the store says of the runs; any thread. False: none does, or the
 * transaction has failed. */
bool tiers_find(
    struct store_txn *txn, unsigned table, int64_t set, struct bytes beginning, struct hash *ret_hash);
/* Adds a run of hashes that none of the others has. */
void tiers_add(struct tiers *tiers, struct store_txn *txn, const struct hash *sorted, size_t count);
/* Goes on with merging: takes about so many hashes of each tier that is due. Returns how many were taken. */
size_t tiers_merge(struct tiers *tiers, struct store_txn *txn, size_t hashes);
/* Deletes rows of the sets up to this number, the lowest first, about so many hashes; true when none is left. */
bool tiers_sweep(struct store_txn *txn, unsigned table, int64_t last_set, size_t hashes);

#endif
