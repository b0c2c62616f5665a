/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/sweeper.h"

#include "common/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PART_NODES 500 /* a few milliseconds' worth: what comes meanwhile waits no longer */

struct sweeper {
    struct work work; /* first: the writer hands it back */
    struct worker *worker;
    struct service *service;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
    bool woken;
    bool waiting; /* for the writer */
    atomic_bool works;
};

static int apply(struct work *work, struct batch *batch)
{
    struct sweeper *sweeper = (struct sweeper *)(void *)work;
    return worker_sweep(sweeper->worker, batch, PART_NODES);
}

/* On the writer's thread: what the worker says is of the last commit. */
static void done(struct work *work, int result)
{
    struct sweeper *sweeper = (struct sweeper *)(void *)work;
    uint64_t part, all;
    (void)result; /* what failed is tried again */
    pthread_mutex_lock(&sweeper->lock);
    atomic_store(&sweeper->works, worker_sweeps(sweeper->worker, &part, &all));
    sweeper->waiting = false;
    pthread_cond_broadcast(&sweeper->changed);
    pthread_mutex_unlock(&sweeper->lock);
}

/* One part; false when the writer takes nothing now. */
static bool take_part(struct sweeper *sweeper)
{
    sweeper->work = (struct work){.bytes = sizeof(struct sweeper), .apply = apply, .done = done};
    sweeper->waiting = true;
    pthread_mutex_unlock(&sweeper->lock);
    int error = service_submit(sweeper->service, &sweeper->work);
    pthread_mutex_lock(&sweeper->lock);
    if (error)
        sweeper->waiting = false;
    while (sweeper->waiting)
        pthread_cond_wait(&sweeper->changed, &sweeper->lock);
    return error == 0;
}

static void pause_briefly(struct sweeper *sweeper)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&sweeper->changed, &sweeper->lock, &until);
}

static void *run(void *self)
{
    struct sweeper *sweeper = self;
    pthread_mutex_lock(&sweeper->lock);
    while (!sweeper->stop) {
        if (!sweeper->woken && !atomic_load(&sweeper->works)) {
            pthread_cond_wait(&sweeper->changed, &sweeper->lock);
            continue;
        }
        sweeper->woken = false;
        if (!take_part(sweeper) && !sweeper->stop) {
            sweeper->woken = true;
            pause_briefly(sweeper);
        }
    }
    pthread_mutex_unlock(&sweeper->lock);
    return NULL;
}

int sweeper_open(struct worker *worker, struct service *service, struct sweeper **ret_sweeper)
{
    struct sweeper *sweeper = calloc(1, sizeof(*sweeper));
    if (!sweeper)
        return -QY_ENOMEM;
    sweeper->worker = worker;
    sweeper->service = service;
    sweeper->woken = true; /* a change may have been interrupted */
    pthread_mutex_init(&sweeper->lock, NULL);
    pthread_cond_init(&sweeper->changed, NULL);
    sweeper->running = pthread_create(&sweeper->thread, NULL, run, sweeper) == 0;
    if (!sweeper->running)
        sweeper_close(&sweeper);
    *ret_sweeper = sweeper;
    return sweeper ? 0 : -QY_ENOMEM;
}

void sweeper_close(struct sweeper **sweeper)
{
    struct sweeper *own = *sweeper;
    if (!own)
        return;
    pthread_mutex_lock(&own->lock);
    own->stop = true;
    pthread_cond_broadcast(&own->changed);
    pthread_mutex_unlock(&own->lock);
    if (own->running)
        pthread_join(own->thread, NULL);
    pthread_cond_destroy(&own->changed);
    pthread_mutex_destroy(&own->lock);
    free(own);
    *sweeper = NULL;
}

void sweeper_wake(struct sweeper *sweeper)
{
    pthread_mutex_lock(&sweeper->lock);
    sweeper->woken = true;
    atomic_store(&sweeper->works, true);
    pthread_cond_broadcast(&sweeper->changed);
    pthread_mutex_unlock(&sweeper->lock);
}

bool sweeper_works(const struct sweeper *sweeper)
{
    return atomic_load(&sweeper->works);
}
