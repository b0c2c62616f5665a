/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread's side of identity: takes one event after the other from the gateway's journal to
 * identity's. */
#ifndef QY_IDENTITY_WORKER_H
#define QY_IDENTITY_WORKER_H

#include "proto/identity.pb-c.h"
#include "services/identity/identity.h"

struct worker;
int worker_open(const struct identity *identity, struct worker **ret_worker);
void worker_close(struct worker **worker);
/* Series of what happens; without it nothing is counted there. */
void worker_measure(struct worker *worker, struct metrics *metrics);

/* A RawEvent. What is malformed is counted and passed over. */
int worker_fold(struct worker *worker, struct batch *batch, const struct journal_record *record);
/* What is new about units and staff, into this journal: it says nothing of persons. */
int worker_pass_on(struct worker *worker, struct batch *batch, const struct journal_record *record);

/* What somebody decided about who is who (decide.h). */
int worker_decide(struct worker *worker, struct batch *batch, Quanyu__Decision *decision);
int worker_undo(struct worker *worker, struct batch *batch, Quanyu__Decision *decision, struct arena *arena);

int worker_load(struct worker *worker, struct store_txn *txn);
/* The batch is complete: does a part of what is done in the background, and writes what memory holds. */
int worker_save(struct worker *worker, struct batch *batch);
/* How much is left to be done in the background. */
uint64_t worker_left(const struct worker *worker);
void worker_keep(struct worker *worker);   /* the batch was committed */
void worker_forget(struct worker *worker); /* the batch was rolled back */

#endif
