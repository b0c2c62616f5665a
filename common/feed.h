/* SPDX-License-Identifier: Apache-2.0 */
/* The leader's side of a feed: serves a journal to followers, chunk by chunk, only against credit.
 *
 * A follower asks from a position on (FeedRequest) and is answered once (FeedReply, and a frame of chunks as
 * journal_read_classes() writes them: what it has no use for is passed over here already). A request that finds neither records nor a new watermark waits until something
 * is published, or a second is over: the answer is empty then, and shows that the leader lives. Each follower
 * has one request at a time; a newer one takes the place of the older. */
#ifndef QY_COMMON_FEED_H
#define QY_COMMON_FEED_H

#include "common/journal.h"
#include "common/keys.h"
#include "common/metrics.h"

struct feed;

struct feed_options {
    const char *endpoint;    /* "tcp://127.0.0.1:7111"; port 0: any free one, see feed_port() */
    const struct keys *keys; /* used while opening only */
    struct journal *journal; /* outlives the feed */
    const char *const
        *followers;          /* who may follow, NULL-terminated; NULL: everybody whom the gatekeeper admits */
    unsigned keepalive_ms;   /* 0: 1,000 */
    size_t max_credit;       /* bytes of chunks in one answer at most, whatever is asked; 0: 16 MiB */
    struct metrics *metrics; /* may be NULL */
};

/* -QY_ECONFLICT: the address is in use; -QY_EINVAL: it is none. */
int feed_open(const struct feed_options *options, struct feed **ret_feed);
uint16_t feed_port(const struct feed *feed);
void feed_close(struct feed **feed);

/* After journal_publish(): answers those who wait. Any thread, cheap. */
void feed_wake(struct feed *feed);

#define FEED_MAX_FOLLOWERS 32
struct feed_follower {
    char name[32];
    uint64_t confirmed; /* all below is durably folded there: the leader may trim it */
    uint64_t asked;     /* the position of its last request */
    int64_t age_ms;     /* since that request */
};
/* Everybody who has asked since the feed was opened, one row a name; the number of rows. Any thread. */
size_t feed_followers(struct feed *feed, struct feed_follower ret_followers[FEED_MAX_FOLLOWERS]);
/* What one of them has confirmed; 0 when it has not asked yet. Any thread. */
uint64_t feed_follower_position(struct feed *feed, const char *name);

#endif
