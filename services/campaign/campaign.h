/* SPDX-License-Identifier: Apache-2.0 */
/* Campaign: moves persons through journeys and sends what the journeys say, at most once per person, run and
 * step.
 *
 * Everything here belongs to the writer thread, but for what is atomic. After a batch was rolled back, what
 * memory holds is read anew from the tables before the next use (campaign_refresh). */
#ifndef QY_CAMPAIGN_H
#define QY_CAMPAIGN_H

#include "common/clock.h"
#include "common/service.h"
#include "services/campaign/count_sheet.h"
#include "services/campaign/outbox_store.h"
#include "services/campaign/secrets.h"

#include <stdatomic.h>

/* Record classes of our own journal. */
enum { RECORD_WATCH = 2, RECORD_DROPPED = 3, RECORD_DELIVERY = 4, RECORD_ACT = 5 };

#define JOURNEYS_MAX 10000

/* A journey as the fold needs it: the parsed definitions. */
struct live_journey {
    uint32_t number;
    char id[JOURNEY_ID_BYTES];
    Quanyu__Journey__State state;
    struct journey *running; /* in force; NULL: none yet */
    struct journey *pending; /* published or changed, and tagging still evaluates its rules; NULL: none */
};

struct dispatch;

struct campaign {
    struct secret_key secret_key; /* of the webhooks' secrets */
    bool has_secret_key;
    struct live_journey **journeys; /* by number - 1 */
    size_t journey_count;
    struct timers timers;
    struct arena *scratch;     /* emptied with each record and each work */
    struct count_sheet counts; /* of this batch */
    uint64_t ready;            /* rows in the outbox, as in the tables */
    uint64_t sending;
    bool stale;
    atomic_int_fast64_t next_due_ms; /* of the timers */
    atomic_uint_fast64_t visible_ready;
    atomic_uint_fast64_t visible_pending;
    atomic_uint_fast64_t malformed;      /* records that could not be read */
    _Atomic(struct dispatch *) dispatch; /* set once the runtime is up */
};

extern const struct fold_ops campaign_fold;
extern const struct rpc_service campaign_rpc;

/* Before the fold is used, and after all is over. */
int campaign_init(struct campaign *campaign);
void campaign_free(struct campaign *campaign);

/* Reads what memory holds, if a rolled-back batch has made it wrong. Every entrance from the runtime begins
 * with it. */
int campaign_refresh(struct campaign *campaign, struct store_txn *txn);

/* NULL: no such journey. */
struct live_journey *campaign_journey(struct campaign *campaign, uint32_t number);
/* Puts a journey's row into memory, in place of what was there. */
int campaign_journey_load(struct campaign *campaign, struct store_txn *txn, uint32_t number);

/* Timers: a wait is over, a refused delivery may be tried again. */
enum timer_kind { TIMER_WAIT = 1, TIMER_RETRY = 2 };
struct timer {
    uint8_t kind;
    uint32_t node;
    uint32_t journey;
    uint32_t entry;
    uint64_t number; /* of the delivery */
};
void campaign_timer_set(
    struct campaign *campaign, struct batch *batch, int64_t due_ms, const struct timer *timer);
void campaign_timer_unset(
    struct campaign *campaign, struct batch *batch, int64_t due_ms, const struct timer *timer);

/* campaign_dump.c */
int campaign_dump(
    void *self, struct store_txn *txn, const char *cursor, struct buffer *lines, char ret_cursor[128]);

#endif
