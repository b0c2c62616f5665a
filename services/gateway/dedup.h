/* SPDX-License-Identifier: Apache-2.0 */
/* Which message ids were seen in the last 24 hours of the wall clock.
 *
 * An id is a 16-byte hash of write key and messageId. Ids are kept in generations of up to an hour: sorted
 * runs in the store, one per commit, merged in tiers, behind a Bloom filter in memory; a generation that is
 * over 24 hours old goes as a whole. So an event costs 16 bytes appended and some bits in memory, and no
 * random write. Only the writer thread touches it. */
#ifndef QY_GATEWAY_DEDUP_H
#define QY_GATEWAY_DEDUP_H

#include "common/store.h"

#define DEDUP_HASH_BYTES 16
#define DEDUP_WINDOW_MS INT64_C(86400000)

struct dedup;

/* Loads the filters from `table`. */
int dedup_open(struct store_txn *txn, unsigned table, struct dedup **ret_dedup);
void dedup_close(struct dedup **dedup);

/* True when the id was seen, in this batch or before; else remembers it in this batch. Errors are the
 * transaction's; -QY_ENOMEM is passed to it. */
bool dedup_check(struct dedup *dedup, struct store_txn *txn, const uint8_t hash[DEDUP_HASH_BYTES]);
/* Writes this batch's ids; lets go of generations that are over. */
void dedup_finish(struct dedup *dedup, struct store_txn *txn, int64_t wall_ms);
/* The batch was rolled back: what memory holds is loaded anew with the next batch. */
void dedup_discard(struct dedup *dedup);

#endif
