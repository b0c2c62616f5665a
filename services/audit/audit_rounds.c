/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_rounds.h"

#include "common/error.h"
#include "common/log.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NICE 10
/* linux/ioprio.h: the class of those who read and write when nobody else does. */
#define IO_IDLE (3 << 13)
#define IO_PROCESS 1

/* False when it is to end. */
static bool pause_for(struct rounds *rounds, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&rounds->lock);
    while (ms > 0 && !rounds_stopping(rounds) &&
           pthread_cond_timedwait(&rounds->wake, &rounds->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&rounds->lock);
    return !rounds_stopping(rounds);
}

/* Where it cannot be said, it is slower for nobody but itself. */
static void give_way(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    (void)syscall(SYS_ioprio_set, IO_PROCESS, 0, IO_IDLE);
}

static void *work(void *data)
{
    struct rounds *rounds = data;
    int before = 0;
    bool more;
    if (rounds->gives_way)
        give_way();
    do {
        more = false;
        int error = rounds->round(rounds->self, &more);
        if (error && error != before && error != -QY_ESTOPPED)
            log_line(LOG_WARNING, rounds->failed, "error=%s", error_name(error));
        before = error;
    } while (pause_for(rounds, more && !before ? 0 : rounds->pause_ms));
    return NULL;
}

int rounds_start(struct rounds *rounds)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&rounds->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&rounds->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    rounds->started = pthread_create(&rounds->thread, NULL, work, rounds) == 0;
    if (rounds->started)
        return 0;
    pthread_mutex_destroy(&rounds->lock);
    pthread_cond_destroy(&rounds->wake);
    return -QY_ENOMEM;
}

void rounds_stop(struct rounds *rounds)
{
    if (!rounds->started)
        return;
    pthread_mutex_lock(&rounds->lock);
    atomic_store(&rounds->stopping, true);
    pthread_cond_signal(&rounds->wake);
    pthread_mutex_unlock(&rounds->lock);
    pthread_join(rounds->thread, NULL);
    pthread_mutex_destroy(&rounds->lock);
    pthread_cond_destroy(&rounds->wake);
    rounds->started = false;
}
