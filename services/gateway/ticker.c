/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ticker.h"

#include "common/clock.h"
#include "common/waiting_work.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct ticker {
    struct service *service;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

struct tick {
    struct waiting_work waiting;
    int64_t now_ms;
};

static int apply_tick(struct work *work, struct batch *batch)
{
    struct tick *tick = (struct tick *)work;
    if (tick->now_ms < batch->now_ms)
        return -QY_ECONFLICT;
    int error = batch_time(batch, tick->now_ms);
    if (!error)
        journal_add(batch->journal, RECORD_TICK, batch->now_ms, NULL, 0);
    return error;
}

int ticker_set(struct service *service, int64_t now_ms)
{
    struct tick tick = {.now_ms = now_ms};
    return waiting_work_run(service, &tick.waiting, apply_tick);
}

/* Sleeps until the next whole second of the wall clock; false when stopped. */
static bool wait_second(struct ticker *ticker)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until = (struct timespec){.tv_sec = until.tv_sec + 1};
    pthread_mutex_lock(&ticker->lock);
    while (!ticker->stopping && pthread_cond_timedwait(&ticker->wake, &ticker->lock, &until) != ETIMEDOUT)
        continue;
    bool go_on = !ticker->stopping;
    pthread_mutex_unlock(&ticker->lock);
    return go_on;
}

static void *ticker_main(void *data)
{
    struct ticker *ticker = data;
    do
        (void)ticker_set(
            ticker->service, clock_wall_ms()); /* a tick that is not taken is made up for by the next */
    while (wait_second(ticker));
    return NULL;
}

int ticker_open(struct service *service, bool simulated, int64_t start_ms, struct ticker **ret_ticker)
{
    if (simulated) {
        *ret_ticker = NULL;
        /* The first acts are of this moment already, but nobody has heard of it. */
        return service_now_ms(service) > start_ms ? 0 : ticker_set(service, start_ms);
    }
    struct ticker *ticker = calloc(1, sizeof(*ticker));
    if (!ticker)
        return -QY_ENOMEM;
    ticker->service = service;
    pthread_mutex_init(&ticker->lock, NULL);
    pthread_cond_init(&ticker->wake, NULL);
    if (pthread_create(&ticker->thread, NULL, ticker_main, ticker) != 0) {
        free(ticker);
        return -QY_ENOMEM;
    }
    *ret_ticker = ticker;
    return 0;
}

void ticker_close(struct ticker **ticker)
{
    if (!*ticker)
        return;
    pthread_mutex_lock(&(*ticker)->lock);
    (*ticker)->stopping = true;
    pthread_cond_signal(&(*ticker)->wake);
    pthread_mutex_unlock(&(*ticker)->lock);
    pthread_join((*ticker)->thread, NULL);
    pthread_mutex_destroy(&(*ticker)->lock);
    pthread_cond_destroy(&(*ticker)->wake);
    free(*ticker);
    *ticker = NULL;
}
