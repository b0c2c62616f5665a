/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread's side of identity: takes one event after the other from the gateway's journal to
 * identity's. */
#ifndef QY_IDENTITY_WORKER_H
#define QY_IDENTITY_WORKER_H

#include "proto/identity.pb-c.h"
#include "services/identity/identity.h"

struct worker;
int worker_open(struct identity *identity, struct worker **ret_worker);
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

/* Other rules (graph_change_rules()), with the kinds that are new. They become the graph's. */
int worker_change_rules(
    struct worker *worker, struct batch *batch, const struct kinds *kinds, struct identity_rules *rules);
const struct identity_rules *worker_rules(const struct worker *worker);
/* A part of what a change of rules makes of everybody. */
int worker_sweep(struct worker *worker, struct batch *batch, unsigned nodes);
/* How far that has come, of how much; false: there is nothing to be done. */
bool worker_sweeps(const struct worker *worker, uint64_t *ret_done, uint64_t *ret_all);
/* A part of what has to be looked at again of whose events are. */
int worker_attribute(struct worker *worker, struct batch *batch, unsigned events);

int worker_load(struct worker *worker, struct store_txn *txn);
/* The batch is complete: does a part of what is done in the background, and writes what memory holds. */
int worker_save(struct worker *worker, struct batch *batch);
/* How much is left to be done in the background. */
uint64_t worker_left(const struct worker *worker);
void worker_keep(struct worker *worker);   /* the batch was committed */
void worker_forget(struct worker *worker); /* the batch was rolled back */

#endif
