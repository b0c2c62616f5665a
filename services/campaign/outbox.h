/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: from the step that wants to send to an outcome that stays.
 *
 *      add ──▶ READY ──claim──▶ SENDING ──settle──▶ DELIVERED | FAILED | UNKNOWN
 *       │       │ ▲ ▲               │
 *       ▼       │ │ └── BACKOFF ◀───┤ certainly nothing was accepted
 *    SKIPPED ◀──┘ HELD (paused)     └──(found at start: the process died)──▶ UNKNOWN
 *
 * SENDING is durable before the first byte leaves; whatever dies after that is UNKNOWN, and is not sent
 * again. */
#ifndef QY_CAMPAIGN_OUTBOX_H
#define QY_CAMPAIGN_OUTBOX_H

#include "services/campaign/campaign.h"
#include "services/campaign/job.h"

#define OUTBOX_ATTEMPTS_MAX 6

/* Someone reached a send step. Goes through the gate; a step that has sent in this run already does nothing.
 */
void outbox_add(struct campaign *campaign, struct batch *batch, const struct live_journey *journey,
    uint32_t node, const struct position *position, const struct step *step);
/* Takes up to `limit` READY rows through the gate into SENDING; the jobs may be sent once the batch is
 * committed. */
int outbox_claim(struct campaign *campaign, struct batch *batch, size_t limit, struct job **ret_jobs);
/* What came of a job. Nothing happens where the row is gone (its person was erased) or has been settled. */
void outbox_settle(struct campaign *campaign, struct batch *batch, uint64_t number, uint32_t attempt,
    const struct outcome *outcome);
/* The time of a refused delivery has come. */
void outbox_retry(struct campaign *campaign, struct batch *batch, uint64_t number);
/* After a start: rows in SENDING are UNKNOWN. */
void outbox_recover(struct campaign *campaign, struct batch *batch);
/* The journey goes on, or has ended: its HELD rows meet the gate again. */
void outbox_release(struct campaign *campaign, struct batch *batch, uint32_t journey);
/* A person is forgotten. */
void outbox_forget(struct campaign *campaign, struct batch *batch, uint32_t node);
/* Counts what waits and what is on its way. */
void outbox_count(struct campaign *campaign, struct store_txn *txn);

#endif
