/* SPDX-License-Identifier: Apache-2.0 */
/* The follower's side of a feed: a thread that asks a leader for its journal and hands over what arrives, in
 * order.
 *
 * The next batch, of at most about `credit_bytes`, is asked for while less than `ahead_bytes` are in memory. Lost connections, restarts and silence of the leader are overcome by asking again,
 * from behind the last batch that was handed over. What cannot be overcome (the leader trimmed, diverged or
 * is behind) is told once, and is the end. */
#ifndef QY_COMMON_FOLLOW_H
#define QY_COMMON_FOLLOW_H

#include "common/journal.h"
#include "common/keys.h"

struct follow;

struct follow_batch {
    struct follow_batch *next; /* for the receiver's own list */
    /* Chunks as journal_read_classes() writes them; the receiver moves it past what it has taken. Empty from the
     * start where only the watermark, the end or the time moved. */
    struct bytes left;
    struct journal_position after; /* the leader's position behind them: chunk_read() must arrive there */
    uint64_t end;                  /* the leader's next offset */
    uint64_t origin;               /* its watermark, which holds once all up to `end` is folded */
    int64_t time_ms;               /* its time, likewise */
    bool at_end;                   /* the chunks reach `end` */
};
/* Gives the batch and its credit back; any thread, also after follow_close(). */
void follow_batch_free(struct follow_batch **batch);

struct follow_options {
    const char *leader;      /* its name; copied */
    const char *endpoint;    /* of its feed, "tcp://127.0.0.1:7111"; copied */
    const struct keys *keys; /* copied */
    char leader_key[KEYS_Z85];
    uint64_t classes;              /* wanted, as bits; chunks without any do not come; 0: all */
    struct journal_position start; /* where the follower's state stands; confirmed to the leader */
    bool from_oldest;    /* where that is the beginning, and it was trimmed: from what is there on */
    size_t credit_bytes; /* of a batch; 0: 8 MiB */
    size_t ahead_bytes;  /* in memory, beyond which no more is asked for; 0: 16 MiB */
    unsigned answer_ms;  /* silence after which it asks again; 0: 10,000 */
    /* On the follower's thread; must not block. The batch is the receiver's. */
    void (*on_batch)(void *self, struct follow_batch *batch);
    /* On the follower's thread, once, and nothing comes after it: -QY_ETRIMMED, -QY_EAHEAD or -QY_EDIVERGED.
     */
    void (*on_stopped)(void *self, int code, const char *message);
    void *self;
};

/* -QY_EINVAL: no such endpoint. `*ret_follow` is set before the first callback. */
int follow_open(const struct follow_options *options, struct follow **ret_follow);
/* No callback runs after it returned; the functions below still may be called. Safe on NULL. */
void follow_stop(struct follow *follow);
/* Nobody may be using it any more. */
void follow_close(struct follow **follow);

/* All below `next` is durable in the follower's state: the leader may trim it. Any thread. */
void follow_confirm(struct follow *follow, uint64_t next);

/* The encrypted connection stands and the leader has answered over it. Any thread. */
bool follow_connected(struct follow *follow);

struct follow_status {
    bool connected;
    uint64_t next;       /* behind the last batch handed over */
    uint64_t leader_end; /* as of the last answer */
    uint64_t leader_origin;
    int64_t leader_time_ms;
    int64_t silent_ms; /* since the last answer, or since the opening */
    char error[160];   /* why it does not get on; "" when it does */
};
void follow_status(struct follow *follow, struct follow_status *ret_status); /* any thread */

#endif
