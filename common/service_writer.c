/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: one thread that turns what has arrived into one commit after the other. */
#include "common/service_internal.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define BATCH_SECONDS_MAX 1.0
#define FULL_PAUSE_SECONDS 1

int batch_time(struct batch *batch, int64_t now_ms)
{
    if (now_ms <= batch->now_ms)
        return 0;
    const struct service_spec *spec = batch->service->spec;
    if (spec->fold->advance && spec->fold->next_due(spec->self) <= now_ms) {
        int error = spec->fold->advance(spec->self, batch, now_ms);
        if (error)
            return error;
    }
    batch->now_ms = now_ms;
    return 0;
}

uint64_t batch_emit(struct batch *batch, unsigned record_class, const ProtobufCMessage *message)
{
    return journal_add_message(batch->journal, record_class, batch->now_ms, message);
}

static int fold_record(struct batch *batch, struct input *input, const struct journal_record *record)
{
    const struct service_spec *spec = batch->service->spec;
    int error = batch_time(batch, record->time_ms);
    batch->records++;
    if (error)
        return error;
    if (record->record_class == RECORD_TICK) {
        if (input->index == 0)
            journal_add(batch->journal, RECORD_TICK, batch->now_ms, NULL, 0);
        return 0;
    }
    if (!(input->spec->classes & CLASS_BIT(record->record_class)))
        return 0;
    return spec->fold->record(spec->self, batch, input->index, record);
}

/* What one round has taken in, so that it can be finished or given back. */
struct round {
    struct batch batch;
    struct work *works;
    struct follow_batch *fed[INPUTS_MAX];
    struct bytes cursor[INPUTS_MAX];             /* what is left of fed[i], the first of it */
    struct journal_position reached[INPUTS_MAX]; /* after what was folded in this round */
    uint64_t origin;
    uint64_t begun_at; /* the journal's end before */
    double started;
};

/* The leader had nothing for us up to a position, and says so. */
static bool take_passed(struct bytes *cursor, struct journal_position *reached)
{
    if (cursor->size < JOURNAL_PASSED_BYTES || get_be64(cursor->data) < reached->next)
        return false;
    reached->next = get_be64(cursor->data);
    memcpy(reached->chain, cursor->data + 8, JOURNAL_CHAIN_BYTES);
    cursor->data += JOURNAL_PASSED_BYTES;
    cursor->size -= JOURNAL_PASSED_BYTES;
    return true;
}

/* Folds chunks of one input until they end or the round has lasted long enough. */
static int fold_input(struct round *round, struct input *input)
{
    struct service *service = round->batch.service;
    struct journal_position *reached = &round->reached[input->index];
    struct bytes *cursor = &round->cursor[input->index];
    while (cursor->size > 0 && metrics_clock() - round->started < BATCH_SECONDS_MAX) {
        uint64_t size;
        if (!bytes_varint(cursor, &size) || size > cursor->size)
            return -QY_ECORRUPT;
        if (size == 0) {
            if (!take_passed(cursor, reached))
                return -QY_ECORRUPT;
            continue;
        }
        int error = chunk_read(service->reader, (struct bytes){cursor->data, size}, reached);
        if (error)
            return error;
        cursor->data += size;
        cursor->size -= size;
        struct journal_record record;
        while (!error && chunk_next(service->reader, &record))
            error = fold_record(&round->batch, input, &record);
        if (error)
            return error;
    }
    return 0;
}

static void apply_works(struct round *round)
{
    for (struct work *work = round->works; work; work = work->next)
        work->result = work->apply(work, &round->batch);
}

static int fold_round(struct round *round)
{
    struct service *service = round->batch.service;
    const struct service_spec *spec = service->spec;
    apply_works(round);
    for (unsigned i = 0; i < spec->input_count; i++) {
        int error = round->fed[i] ? fold_input(round, &service->inputs[i]) : 0;
        if (error)
            return error;
    }
    return spec->fold->finish ? spec->fold->finish(spec->self, &round->batch) : 0;
}

/* The watermark after this round: how far the gateway's journal is folded, by way of the first input. */
static uint64_t origin_after(const struct round *round)
{
    const struct service *service = round->batch.service;
    uint64_t origin = atomic_load(&service->origin);
    if (service->spec->input_count == 0)
        return journal_next(service->journal);
    if (strcmp(service->spec->inputs[0].leader, "gateway") == 0)
        return round->reached[0].next;
    const struct follow_batch *fed = round->fed[0];
    if (fed && fed->at_end && round->cursor[0].size == 0 && !fed->next && fed->origin > origin)
        return fed->origin;
    return origin;
}

static int commit_both(struct round *round)
{
    struct service *service = round->batch.service;
    struct journal_position end;
    int error = journal_commit(service->journal, &end);
    if (error)
        return error;
    rows_put(service, round->batch.txn, &end, round->reached, round->batch.now_ms);
    error = store_commit(&round->batch.txn);
    if (error)
        return error;
    service->checkpoint = end.next;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        service->inputs[i].durable = round->reached[i].next;
    return 0;
}

/* Nothing came but word that there is nothing: where we stand is learnt again after a crash. */
static bool is_idle(const struct round *round)
{
    return !round->works && round->batch.records == 0 && !store_changed(round->batch.txn) &&
           journal_next(round->batch.journal) == round->begun_at;
}

static bool state_is_unchanged(const struct round *round)
{
    const struct service *service = round->batch.service;
    if (!service->spec->journal_decides || store_changed(round->batch.txn))
        return false;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        if (round->reached[i].next != service->inputs[i].durable)
            return false;
    return true;
}

/* Opens the transaction, folds, commits journal and state. What is visible from outside comes after it. */
static int commit_round(struct round *round)
{
    struct service *service = round->batch.service;
    int error = store_begin(service->store, STORE_WRITE, &round->batch.txn);
    if (error)
        return error;
    round->begun_at = journal_next(service->journal);
    error = fold_round(round);
    if (!error)
        error = store_error(round->batch.txn);
    struct journal_position end;
    if (!error && !is_idle(round))
        error = state_is_unchanged(round) ? journal_commit_alone(service->journal, &end) : commit_both(round);
    store_abort(&round->batch.txn);
    if (!error)
        return 0;
    if (error == -QY_EIO)
        service_fail(error, "a commit failed: what the disk holds is unknown");
    int reverted = journal_revert(service->journal);
    if (reverted)
        service_fail(reverted, "the journal could not be cut back");
    if (service->spec->fold->discard)
        service->spec->fold->discard(service->spec->self);
    return error;
}

static void free_batches(struct follow_batch *batch)
{
    while (batch) {
        struct follow_batch *next = batch->next;
        follow_batch_free(&batch);
        batch = next;
    }
}

/* A watermark alone needs no commit: it is learnt again after a restart. */
static bool round_is_empty(const struct round *round)
{
    for (unsigned i = 0; i < round->batch.service->spec->input_count; i++)
        if (round->cursor[i].size > 0)
            return false;
    return !round->works;
}

/* Shows the round to the world: readers, followers, callers. */
static void publish_round(struct round *round)
{
    struct service *service = round->batch.service;
    uint64_t origin = origin_after(round);
    atomic_store(&service->now_ms, round->batch.now_ms);
    atomic_store(&service->origin, origin);
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        service->inputs[i].committed = round->reached[i];
        atomic_store(&service->inputs[i].next, round->reached[i].next);
        if (round->fed[i])
            follow_confirm(service->inputs[i].follow, service->inputs[i].durable);
    }
    journal_publish(service->journal, origin, round->batch.now_ms);
    feed_wake(service->feed);
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
    service->works_bytes -= bytes;
    pthread_mutex_unlock(&service->lock);
}

/* Puts back what a round did not get to, in front of what has come meanwhile. */
static void give_back(struct round *round, bool committed)
{
    struct service *service = round->batch.service;
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        struct follow_batch *fed = round->fed[i];
        if (!fed)
            continue;
        if (committed)
            fed->left = round->cursor[i];
        struct follow_batch *rest = fed->left.size > 0 || !committed ? fed : TAKE(fed->next);
        if (rest != fed)
            follow_batch_free(&fed);
        pthread_mutex_lock(&service->lock);
        struct follow_batch **end = &rest;
        while (*end)
            end = &(*end)->next;
        *end = service->inputs[i].waiting;
        service->inputs[i].waiting = rest;
        pthread_mutex_unlock(&service->lock);
    }
}

static bool has_work(const struct service *service)
{
    if (service->works)
        return true;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        if (service->inputs[i].waiting)
            return true;
    return false;
}

static void pause_until(struct timespec *until)
{
    clock_gettime(CLOCK_REALTIME, until);
    until->tv_sec += FULL_PAUSE_SECONDS;
}

/* Under the lock. While there is no room, nothing may come that would find out that there is room again: so it ends then, too. */
static void wait_for_work(struct service *service)
{
    struct timespec until;
    pause_until(&until);
    bool full = atomic_load(&service->full);
    int result = 0;
    while (!service->stopping && !has_work(service) && result != ETIMEDOUT)
        result = full ? pthread_cond_timedwait(&service->wake, &service->lock, &until)
                      : pthread_cond_wait(&service->wake, &service->lock);
}

/* Waits for something to do; false when the service stops and nothing that callers wait for is left. */
static bool take_round(struct service *service, struct round *round)
{
    *round = (struct round){.batch = {.service = service, .journal = service->journal}};
    pthread_mutex_lock(&service->lock);
    wait_for_work(service);
    bool more = !service->stopping || service->works;
    round->works = TAKE(service->works);
    service->works_end = &service->works;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        round->fed[i] = service->stopping ? NULL : TAKE(service->inputs[i].waiting);
    pthread_mutex_unlock(&service->lock);
    round->started = metrics_clock();
    round->batch.now_ms = atomic_load(&service->now_ms);
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        round->reached[i] = service->inputs[i].committed;
        if (round->fed[i])
            round->cursor[i] = round->fed[i]->left;
    }
    return more;
}

static void pause_when_full(struct service *service)
{
    struct timespec until;
    pause_until(&until);
    pthread_mutex_lock(&service->lock);
    while (!service->stopping && !service->works &&
           pthread_cond_timedwait(&service->wake, &service->lock, &until) == 0)
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

static void run_round(struct service *service, struct round *round)
{
    bool empty = round_is_empty(round);
    int error = empty ? 0 : commit_round(round);
    if (!error)
        publish_round(round);
    if (!error && !empty)
        count_round(round);
    if (error && error != -QY_EFULL && error != -QY_ENOMEM)
        service_fail(error, "a batch could not be folded");
    note_full(service, error == -QY_EFULL || store_is_full(service->store));
    finish_works(round, error);
    if (!error && service->spec->fold->committed)
        service->spec->fold->committed(service->spec->self, service);
    give_back(round, !error);
    if (error)
        pause_when_full(service);
    else
        retention_run(service);
}

static void *writer_main(void *data)
{
    struct service *service = data;
    struct round round;
    while (take_round(service, &round))
        run_round(service, &round);
    return NULL;
}

static int open_journal(struct service *service, const struct journal_position *end)
{
    uint8_t secret[32];
    struct journal_options options = {
        .path = service->journal_path,
        .compression = service->spec->journal_compression,
        .segment_ms = DAY_MS,
    };
    int error = 0;
    if (service->spec->journal_encrypted) {
        char path[700];
        snprintf(path, sizeof(path), "%s/journal.key", service->data_path);
        error = keys_secret(path, secret);
        options.key = secret;
    }
    if (!error)
        error = journal_open(&options, end, &service->journal);
    explicit_bzero(secret, sizeof(secret));
    return error ? error : chunk_reader_open(&service->reader);
}

/* The first batch: the fold's own opening, and what the state has not seen of the journal. */
static int open_fold(struct service *service, const struct journal_position *known)
{
    const struct service_spec *spec = service->spec;
    struct round round = {.batch = {.service = service, .journal = service->journal}};
    round.batch.now_ms = atomic_load(&service->now_ms);
    for (unsigned i = 0; i < spec->input_count; i++)
        round.reached[i] = service->inputs[i].committed;
    int error = store_begin(service->store, STORE_WRITE, &round.batch.txn);
    if (error)
        return error;
    error = spec->fold->open(spec->self, &round.batch);
    if (!error)
        error = restore_run(service, &round.batch, *known);
    /* The state changes here, so all that fold.finish kept in memory goes with it. */
    rows_put(service, round.batch.txn, known, round.reached, round.batch.now_ms);
    if (!error && spec->journal_decides && spec->fold->finish)
        error = spec->fold->finish(spec->self, &round.batch);
    if (!error)
        error = commit_both(&round);
    store_abort(&round.batch.txn);
    if (error)
        return error;
    if (spec->journal_decides && spec->fold->committed)
        spec->fold->committed(spec->self, service);
    uint64_t origin = origin_after(&round);
    atomic_store(&service->origin, origin);
    atomic_store(&service->now_ms, round.batch.now_ms);
    journal_publish(service->journal, origin, round.batch.now_ms);
    return 0;
}

int writer_open(struct service *service)
{
    struct journal_position known;
    int error = rows_read(service, &known);
    if (!error)
        error = open_journal(service, &known);
    return error ? error : open_fold(service, &known);
}

int writer_start(struct service *service)
{
    service->works_end = &service->works;
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
    struct follow_batch **end = &input->waiting;
    while (*end)
        end = &(*end)->next;
    *end = batch;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->lock);
}

int service_submit(struct service *service, struct work *work)
{
    work->next = NULL;
    pthread_mutex_lock(&service->lock);
    int error = 0;
    if (service->stopping)
        error = -QY_ESTOPPED;
    else if (service->works_bytes + work->bytes > QUEUE_BYTES_MAX)
        error = -QY_EFULL;
    if (!error) {
        *service->works_end = work;
        service->works_end = &work->next;
        service->works_bytes += work->bytes;
        pthread_cond_signal(&service->wake);
    }
    pthread_mutex_unlock(&service->lock);
    return error;
}
