/* SPDX-License-Identifier: Apache-2.0 */
/* One sealed segment, of which something may go: which records are past what their kind is kept for and under no hold, and the file
 * without them.
 *
 * Each record is hashed anew, as the signer does it: a segment that does not lead to the hash that the tree has of it is left alone. */
#ifndef QY_AUDIT_PRUNE_H
#define QY_AUDIT_PRUNE_H

#include "services/audit/audit_retention.h"

struct prune;
/* Reads it in this transaction, which must outlive it. -QY_ENOTFOUND: it is not sealed. -QY_ECORRUPT: records and tree say different
 * things. */
int prune_open(struct store_txn *txn, uint64_t segment, struct prune **ret_prune);
void prune_close(struct prune **prune);               /* for _cleanup_ */
uint64_t prune_generation(const struct prune *prune); /* of the file that was read */

/* What may go of one kind. */
struct prune_group {
    unsigned records; /* 0: nothing */
    uint64_t bytes;
    unsigned first, last; /* places */
    int64_t first_ms, last_ms;
    struct place_set places;
};

/* Before which time records of a kind may go, at `now_ms`: whole days, so that a segment is not written anew more than once a day.
 * INT64_MIN: none may. */
int64_t prune_until(const struct retention *retention, enum record_kind kind, int64_t now_ms);
/* Whether the segment may have some, as its index tells. */
int prune_is_due(
    const struct view_segment *segment, const struct retention *retention, int64_t now_ms, bool *ret_due);
/* Which they are, by kind. `holds` are resolved. -QY_ENOMEM, -QY_ECORRUPT. */
int prune_find(struct prune *prune, const struct retention *retention, const struct audit_filter *holds,
    size_t hold_count, int64_t now_ms, struct prune_group groups[KIND_COUNT]);

/* Writes the file of that generation without those records; hashes stay of bundles with a record, and of those in which a signed size ends.
 * Yields how much smaller it is. Errors as segment_write(). */
int prune_write(
    struct prune *prune, const struct place_set *pruned, uint64_t generation, uint64_t *ret_freed);
/* Calls back for each exact set that one of those records names. */
int prune_each_set(const struct prune *prune, const struct place_set *pruned,
    int (*visit)(void *context, const uint8_t hash[SET_HASH_BYTES]), void *context);

#endif
