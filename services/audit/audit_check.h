/* SPDX-License-Identifier: Apache-2.0 */
/* Whether records are still what was put into the tree: files can be altered behind the log's back, and stored hashes
 * alone would not notice. */
#ifndef QY_AUDIT_CHECK_H
#define QY_AUDIT_CHECK_H

#include "services/audit/audit_store.h"

/* One reader's, for as long as its transaction. */
struct audit_check;
int audit_check_open(struct store_txn *txn, struct audit_check **ret_check);
void audit_check_close(struct audit_check **check);

/* Hashes the record anew and holds it against the tree up to its root. Records whose indexes lie near each other share the
 * work for their tile. */
bool audit_check_is_intact(struct audit_check *check, uint64_t index, struct bytes record);

struct audit_sweep {
    uint64_t checked; /* so many of the newest */
    uint64_t altered;
    uint64_t index; /* of the oldest one that was altered */
};
/* Checks the newest records, `most` at most and for `seconds` at most. -QY_ECORRUPT where the tree itself lacks
 * something. */
int audit_check_newest(struct store_txn *txn, uint64_t most, double seconds, struct audit_sweep *ret_sweep);

/* By which a record can be checked with nothing but hashes. */
struct audit_proof {
    struct merkle_hash leaf; /* of the record as it is stored */
    uint64_t size;
    struct merkle_hash root;
    struct merkle_hash path[MERKLE_PROOF_MAX];
    size_t count;
};
/* -QY_ECORRUPT where the tree lacks a tile, -QY_EINVAL where it is not that large. */
int audit_check_prove(
    struct audit_check *check, uint64_t index, struct bytes record, struct audit_proof *ret_proof);

#endif
