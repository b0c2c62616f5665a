/* SPDX-License-Identifier: Apache-2.0 */
/* A full segment becomes a file, as the service's sealer and whoever keeps a copy of the log make it. */
#ifndef QY_AUDIT_SEAL_H
#define QY_AUDIT_SEAL_H

#include "services/audit/audit_store.h"

/* Writes the file of a segment that is full and has an index, durably, from the rows in this transaction. Each record is hashed anew: -QY_ECORRUPT
 * where it does not lead to the stored tiles. Others as segment_write(). The segment counts as sealed once audit_store_seal() is committed with
 * this root. */
int audit_seal_write(
    struct store_txn *txn, struct merkle_hasher *hasher, uint64_t number, struct merkle_hash *ret_root);

#endif
