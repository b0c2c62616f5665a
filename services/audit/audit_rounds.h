/* SPDX-License-Identifier: Apache-2.0 */
/* A thread beside the writer that works in rounds until it is stopped. Its pauses last as long as they last, whatever the clock is set to. */
#ifndef QY_AUDIT_ROUNDS_H
#define QY_AUDIT_ROUNDS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One round; *ret_more: another one may follow at once. Ends early where rounds_stopping(). */
typedef int rounds_fn(void *self, bool *ret_more);

/* Zeros are one that was never started. */
struct rounds {
    rounds_fn *round;
    void *self;
    const char *failed; /* what is logged when a round fails in another way than the one before */
    int64_t pause_ms;
    bool gives_way; /* others go first, at the processor and at the disk */
    /* its own */
    bool started;
    atomic_bool stopping;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};
/* The fields above are set. -QY_ENOMEM. */
int rounds_start(struct rounds *rounds);
static inline bool rounds_stopping(const struct rounds *rounds)
{
    return atomic_load_explicit(&rounds->stopping, memory_order_relaxed);
}
/* Waits for the end of the round; nothing where it was never started. */
void rounds_stop(struct rounds *rounds);

#endif
