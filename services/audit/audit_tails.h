/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes of the segments that have none stored yet, the one that fills and those that are full and wait; kept in memory, and made
 * from the records again at start.
 *
 * The writer adds; readers hold what is there when they come. A full segment's index is stored by the writer itself or, where somebody
 * does the work for it (audit_indexer.h), only put in place; where too many wait the writer does it all the same. */
#ifndef QY_AUDIT_TAILS_H
#define QY_AUDIT_TAILS_H

#include "common/store.h"
#include "services/audit/audit_tail.h"

#include <pthread.h>

#define TAILS_MAX 5u
#define TAILS_WAITING_MAX 3u

struct tails_held {
    struct audit_tail *tails[TAILS_MAX];
    size_t count;
};

struct audit_tails {
    pthread_mutex_t lock;
    struct tails_held
        list; /* ascending; one whose index is stored already may be the first, for readers that do not see it yet */
    uint64_t stored;    /* so many segments have a stored index: the writer's */
    atomic_bool helped; /* full ones are packed beside the writer */
};

/* Makes what has no index stored from the transaction's records. Errors as audit_tails_add(). */
int audit_tails_load(struct audit_tails *tails, struct store_txn *txn, uint64_t size);
void audit_tails_clear(struct audit_tails *tails);
/* The writer: adds the record at `index`. -QY_ENOMEM, -QY_ECORRUPT. */
int audit_tails_add(
    struct audit_tails *tails, struct store_txn *txn, uint64_t index, const Quanyu__AuditRecord *record);
void audit_tails_publish(struct audit_tails *tails);
/* The writer: puts the index of the next full segment in place; does nothing where `segment` is not that one. */
void audit_tails_put(struct audit_tails *tails, struct store_txn *txn, uint64_t segment, struct bytes index);
/* The writer: whether a full one waits. */
bool audit_tails_wait(const struct audit_tails *tails);

/* Any thread; what is held is to be released. */
void audit_tails_hold(struct audit_tails *tails, struct tails_held *ret_held);
void audit_tails_release(struct audit_tails *tails, struct tails_held *held);

/* The records of one segment, of a log of `size`, from the transaction. */
int audit_tail_read(struct store_txn *txn, uint64_t segment, uint64_t size, struct audit_tail **ret_tail);

#endif
