/* SPDX-License-Identifier: Apache-2.0 */
/* Which message ids were seen in the last 24 hours of the wall clock.
 *
 * An id is a 16-byte hash of write key and messageId. Ids are kept in generations of up to an hour: sorted
 * runs in the store, merged in tiers, behind a Bloom filter in memory; a generation that is over 24 hours old
 * is known no more as a whole. Merging and deleting are done a part a commit, by what the commit adds, never by what is
 * there. So an event costs 16 bytes appended and some bits in memory, and no random write. The ids
 * of the last seconds, up to some ten thousand, wait in memory for a run worth writing: who opens it again
 * after a crash checks them anew, from the events that bear them. Only the writer thread touches it. */
#ifndef QY_GATEWAY_DEDUP_H
#define QY_GATEWAY_DEDUP_H

#include "common/hash_run.h"
#include "common/store.h"

#define DEDUP_WINDOW_MS INT64_C(86400000)

struct dedup;

/* Loads the filters from `table`. */
int dedup_open(struct store_txn *txn, unsigned table, struct dedup **ret_dedup);
void dedup_close(struct dedup **dedup);

/* This id will soon be asked for: has the memory fetched that the answer lies in. */
void dedup_expect(const struct dedup *dedup, const uint8_t hash[HASH_BYTES]);
/* True when the id was seen, in this batch or before; else remembers it in this batch. Errors are the
 * transaction's; -QY_ENOMEM is passed to it. */
bool dedup_check(struct dedup *dedup, struct store_txn *txn, const uint8_t hash[HASH_BYTES]);
/* Whether it would be true; remembers nothing. */
bool dedup_has(struct dedup *dedup, struct store_txn *txn, const uint8_t hash[HASH_BYTES]);
/* The batch is complete: writes all ids where they are many or old enough, or the batch changed the store
 * otherwise (who takes that change for a sign that nothing must be checked anew is right); and then does a part of
 * merging them and of deleting generations that are over. */
void dedup_finish(struct dedup *dedup, struct store_txn *txn, int64_t wall_ms);
/* The batch counts. */
void dedup_committed(struct dedup *dedup);
/* The batch was rolled back: its ids are forgotten. */
void dedup_discard(struct dedup *dedup);

#endif
