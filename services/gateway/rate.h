/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits: token buckets that any thread takes from without a lock.
 *
 * A bucket is the one time at which it will be full again. What asks for more events than the bucket can hold
 * passes when the bucket is full, and leaves it in debt: in the long run the rate holds, and no batch waits for
 * ever. */
#ifndef QY_GATEWAY_RATE_H
#define QY_GATEWAY_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rate_limit {
    uint32_t per_second; /* 0: unlimited */
    uint32_t burst;      /* what a full bucket holds; 0: ten seconds' worth */
};

struct rate_bucket {
    _Atomic int64_t full_at; /* ns; 0 is a full one */
};

struct rate_answer {
    bool taken;
    uint32_t limit;     /* what the bucket holds when it is full */
    uint32_t remaining; /* in it now, 0 while it is in debt */
    int64_t wait_ns;    /* where nothing was taken: until it can be */
};

/* `now_ns` by a clock that is not set. With an unlimited rate everything is taken. */
struct rate_answer rate_take(
    struct rate_bucket *bucket, const struct rate_limit *limit, uint64_t events, int64_t now_ns);
/* Of what was taken: for events that came to nothing. */
void rate_give_back(struct rate_bucket *bucket, const struct rate_limit *limit, uint64_t events);
/* A full one. */
void rate_reset(struct rate_bucket *bucket);

#endif
