/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: one thread that turns what has arrived into one commit after the other. */
#include "common/service_internal.h"

#include "common/log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define FULL_PAUSE_SECONDS 1.0
#define TIMERS_MAX 10000u /* of one round: what it writes stays in memory until it is committed */
/* Followed records wait as long as the last round took, so that light load does not come in many small commits; but no longer than
 * this, as there are three services between an event and what it sets off, and not at all where so much has come that a round is
 * full. Under load commits are long, and grow by themselves. */
#define PACE_SECONDS_MAX 0.01
#define PACE_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* -- what waits -- */

static void free_batches(struct follow_batch *batch)
{
    while (batch) {
        struct follow_batch *next = batch->next;
        follow_batch_free(&batch);
        batch = next;
    }
}

static size_t batches_bytes(const struct follow_batch *batch)
{
    size_t bytes = 0;
    for (; batch; batch = batch->next)
        bytes += batch->left.size;
    return bytes;
}

/* Under the lock. */
static bool input_waits(const struct service *service)
{
    for (unsigned i = 0; i < service->spec->input_count; i++)
        if (service->inputs[i].waiting)
            return true;
    return false;
}

/* Under the lock. */
static bool input_is_due(const struct service *service)
{
    return input_waits(service) &&
           (service->waiting_bytes >= PACE_BYTES_MAX || metrics_clock() >= service->resume_at);
}

static struct timespec time_at(double seconds)
{
    return (struct timespec){
        .tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
}

/* Under the lock. False when the time has come. */
static bool wait_until(struct service *service, double seconds)
{
    struct timespec until = time_at(seconds);
    return pthread_cond_timedwait(&service->wake, &service->lock, &until) != ETIMEDOUT;
}

/* Under the lock. While there is no room, nothing may come that would find out that there is room again: so it ends then, too. */
static void wait_for_work(struct service *service)
{
    double look_at = atomic_load(&service->full) ? metrics_clock() + FULL_PAUSE_SECONDS : INFINITY;
    while (!service->stopping && !service->works && !input_is_due(service)) {
        double until = input_waits(service) ? service->resume_at : look_at;
        if (isinf(until))
            pthread_cond_wait(&service->wake, &service->lock);
        else if (!wait_until(service, until) && until == look_at)
            return;
    }
}

/* -- rounds -- */

/* Waits for something to do; false when the service stops and nothing that callers wait for is left. */
static bool take_round(struct service *service, struct round *round)
{
    *round = (struct round){.batch = {.service = service, .journal = service->journal}};
    pthread_mutex_lock(&service->lock);
    wait_for_work(service);
    bool more = !service->stopping || service->works;
    bool due = !service->stopping && input_is_due(service);
    round->works = TAKE(service->works);
    service->works_end = &service->works;
    atomic_store(&service->works_since_ns, 0);
    for (unsigned i = 0; due && i < service->spec->input_count; i++) {
        round->fed[i].batches = TAKE(service->inputs[i].waiting);
        service->inputs[i].waiting_end = &service->inputs[i].waiting;
    }
    if (due)
        service->waiting_bytes = 0;
    pthread_mutex_unlock(&service->lock);
    round->started = metrics_clock();
    round->batch.now_ms = atomic_load(&service->now_ms);
    round->batch.timers_max = TIMERS_MAX;
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        struct fed *fed = &round->fed[i];
        round->reached[i] = service->inputs[i].committed;
        round->stopped[i] = service->inputs[i].stopped;
        fed->at = fed->batches;
        if (fed->at)
            fed->cursor = fed->at->left;
    }
    return more;
}

static void count_round(const struct round *round)
{
    const struct writer_metrics *metrics = &round->batch.service->writer_metrics;
    metric_add(metrics->commits, 1);
    metric_add(metrics->records, (double)round->batch.records);
    metric_observe(metrics->commit_seconds, metrics_clock() - round->started);
}

static void finish_works(struct round *round, int error)
{
    struct service *service = round->batch.service;
    size_t bytes = 0, count = 0;
    struct work *work = round->works;
    while (work) {
        struct work *next = work->next;
        bytes += work->bytes;
        count++;
        work->done(work, error ? error : work->result);
        work = next;
    }
    metric_add(error ? service->writer_metrics.refused : service->writer_metrics.works, (double)count);
    pthread_mutex_lock(&service->lock);
    atomic_fetch_sub(&service->works_bytes, bytes);
    pthread_mutex_unlock(&service->lock);
}

/* What a round did not get to, or could not commit; the rest of what it took is freed. */
static struct follow_batch *left_of(struct fed *fed, bool committed)
{
    if (!committed)
        return TAKE(fed->batches);
    struct follow_batch *rest = fed->at;
    if (rest)
        rest->left = fed->cursor;
    if (fed->done) {
        fed->done->next = NULL;
        free_batches(TAKE(fed->batches));
    }
    return rest;
}

/* Puts it back in front of what has come meanwhile. Whether there was any. */
static bool give_back(struct round *round, bool committed)
{
    struct service *service = round->batch.service;
    bool any = false;
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        struct input *input = &service->inputs[i];
        struct follow_batch *rest = left_of(&round->fed[i], committed);
        if (!rest)
            continue;
        any = true;
        pthread_mutex_lock(&service->lock);
        service->waiting_bytes += batches_bytes(rest);
        struct follow_batch **end = &rest;
        while (*end)
            end = &(*end)->next;
        *end = input->waiting;
        if (!input->waiting)
            input->waiting_end = end;
        input->waiting = rest;
        pthread_mutex_unlock(&service->lock);
    }
    return any;
}

static void pause_when_full(struct service *service)
{
    double until = metrics_clock() + FULL_PAUSE_SECONDS;
    pthread_mutex_lock(&service->lock);
    while (!service->stopping && !service->works && wait_until(service, until))
        continue;
    pthread_mutex_unlock(&service->lock);
}

static void note_full(struct service *service, bool full)
{
    if (atomic_exchange(&service->full, full) != full) {
        log_line(full ? LOG_ERROR : LOG_INFO, full ? "no room left, input is refused" : "there is room again",
            "data=%s", service->data_path);
        service_part(service, "storage", full ? "no room left" : NULL);
    }
}

/* When the next followed records are taken. */
static void pace(struct round *round, bool rest)
{
    if (round->batch.records == 0 && !rest)
        return;
    double now = metrics_clock(), took = now - round->started;
    round->batch.service->resume_at = rest ? now : now + (took < PACE_SECONDS_MAX ? took : PACE_SECONDS_MAX);
}

static void run_round(struct service *service, struct round *round)
{
    int error = round_commit(round);
    if (!error)
        round_publish(round);
    if (!error && (round->works || round->batch.records > 0 || round->batch.timers > 0))
        count_round(round);
    if (error && error != -QY_EFULL && error != -QY_ENOMEM)
        service_fail(error, "a batch could not be folded");
    note_full(service, error == -QY_EFULL || store_is_full(service->store));
    finish_works(round, error);
    if (!error && service->spec->fold->committed)
        service->spec->fold->committed(service->spec->self, service);
    pace(round, give_back(round, !error));
    if (error)
        pause_when_full(service);
    else
        retention_run(service);
}

/* Folding gives way to what answers: to HTTP, to queries, to the services in front of this one. */
static void give_way(const struct service *service)
{
    char setting[64];
    snprintf(setting, sizeof(setting), "%s.nice", service->spec->name);
    setpriority(PRIO_PROCESS, (id_t)gettid(), (int)config_number(service->config, setting));
}

static void *writer_main(void *data)
{
    struct service *service = data;
    struct round round;
    give_way(service);
    note_full(service, store_is_full(service->store));
    while (take_round(service, &round))
        run_round(service, &round);
    return NULL;
}

int writer_start(struct service *service)
{
    service->works_end = &service->works;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        service->inputs[i].waiting_end = &service->inputs[i].waiting;
    if (pthread_create(&service->writer, NULL, writer_main, service) != 0)
        return -QY_ENOMEM;
    service->writer_started = true;
    return 0;
}

void writer_stop(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    service->stopping = true;
    pthread_cond_broadcast(&service->wake);
    pthread_mutex_unlock(&service->lock);
    if (service->writer_started)
        pthread_join(service->writer, NULL);
    service->writer_started = false;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        free_batches(TAKE(service->inputs[i].waiting));
}

void writer_take_batch(struct input *input, struct follow_batch *batch)
{
    struct service *service = input->service;
    pthread_mutex_lock(&service->lock);
    *input->waiting_end = batch;
    input->waiting_end = &batch->next;
    service->waiting_bytes += batch->left.size;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->lock);
}

static int64_t clock_ns(void)
{
    return (int64_t)(metrics_clock() * 1e9);
}

struct service_load service_load(const struct service *service)
{
    int64_t since = atomic_load_explicit(&service->works_since_ns, memory_order_relaxed);
    struct service_load load = {
        .bytes = atomic_load_explicit(&service->works_bytes, memory_order_relaxed),
        .oldest_seconds = since ? (double)(clock_ns() - since) / 1e9 : 0,
    };
    return load;
}

int service_submit(struct service *service, struct work *work)
{
    work->next = NULL;
    pthread_mutex_lock(&service->lock);
    int error = 0;
    if (service->stopping)
        error = -QY_ESTOPPED;
    else if (atomic_load(&service->works_bytes) + work->bytes > QUEUE_BYTES_MAX)
        error = -QY_EFULL;
    if (!error) {
        if (!service->works)
            atomic_store(&service->works_since_ns, clock_ns());
        *service->works_end = work;
        service->works_end = &work->next;
        atomic_fetch_add(&service->works_bytes, work->bytes);
        pthread_cond_signal(&service->wake);
    }
    pthread_mutex_unlock(&service->lock);
    return error;
}
