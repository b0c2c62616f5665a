/* SPDX-License-Identifier: Apache-2.0 */
/* The sorted runs of hashes that a generation of message ids has in the store, and how they become fewer.
 *
 * A run lies in chunks of 16 pages. What one commit adds is a run of the first tier; TIER_RUNS runs of a tier become one of the next.
 * That merge is done a few chunks a commit: what was written so far, what is still to be taken and where it stands change in the one
 * transaction, so a hash is always in the one or in the other, and a merge goes on after a crash from the last commit. How much there is
 * of a generation says how long its merges last, and nothing of how much one commit does. Only the writer thread. */
#ifndef QY_GATEWAY_DEDUP_TIERS_H
#define QY_GATEWAY_DEDUP_TIERS_H

#include "common/store.h"
#include "services/gateway/dedup_run.h"

#define CHUNK_HASHES ((size_t)4095) /* with LMDB's header, 16 pages */
#define TIER_RUNS RUNS_MERGED_MAX
#define TIERS_MAX 12

struct tier {
    uint32_t first, next; /* numbers of its runs, oldest first; one may be used up by a merge and gone */
    bool merging;         /* its oldest TIER_RUNS go into the newest run of the next tier */
};

struct tiers {
    unsigned table;
    int64_t begun_ms; /* which generation */
    struct tier list[TIERS_MAX];
};

/* Of a row's key; false where it is none. */
bool tiers_row_begun(struct bytes key, int64_t *ret_begun_ms);
/* While loading: takes note of a row of this generation, and yields its hashes. -QY_ECORRUPT: it is none. */
int tiers_note(struct tiers *tiers, struct bytes key, struct bytes value, struct bytes *ret_hashes);

bool tiers_have(const struct tiers *tiers, struct store_txn *txn, const uint8_t hash[DEDUP_HASH_BYTES]);
/* Adds a run of hashes that none of the others has. */
void tiers_add(struct tiers *tiers, struct store_txn *txn, const struct hash *sorted, size_t count);
/* Goes on with merging: takes about so many hashes of each tier that is due. Returns how many were taken. */
size_t tiers_merge(struct tiers *tiers, struct store_txn *txn, size_t hashes);
/* Deletes rows of generations that began no later, oldest first, about so many hashes; true when none is left. */
bool tiers_sweep(struct store_txn *txn, unsigned table, int64_t last_begun_ms, size_t hashes);

#endif
