/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_sealer.h"

#include "common/log.h"
#include "services/audit/audit_seal.h"
#include "services/audit/audit_segment.h"
#include "services/audit/audit_store.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_MS 500
#define RECORDS ((uint64_t)SEGMENT_BUNDLES * MERKLE_TILE_HASHES)
#define ROWS_AT_ONCE 1024u /* about a millisecond of the writer's */

struct audit_sealer {
    struct audit *audit;
    struct service *service;
    struct merkle_hasher *hasher;
    const char *halted;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

/* -- what the writer does -- */

struct sealing {
    struct work work; /* the first member */
    struct audit_sealer *sealer;
    uint64_t number;
    const struct merkle_hash *root; /* NULL: rows are to be deleted */
    size_t swept;
    pthread_cond_t ended;
    bool done;
    int result;
};

static int apply_sealing(struct work *work, struct batch *batch)
{
    struct sealing *sealing = (struct sealing *)work;
    if (!sealing->root)
        sealing->swept = audit_store_sweep(batch->txn, ROWS_AT_ONCE);
    else if (audit_store_sealed(batch->txn) == sealing->number)
        audit_store_seal(batch->txn, sealing->number, sealing->root);
    return store_error(batch->txn);
}

static void end_sealing(struct work *work, int result)
{
    struct sealing *sealing = (struct sealing *)work;
    pthread_mutex_lock(&sealing->sealer->lock);
    sealing->result = result;
    sealing->done = true;
    pthread_cond_signal(&sealing->ended);
    pthread_mutex_unlock(&sealing->sealer->lock);
}

static int hand_in(struct audit_sealer *sealer, struct sealing *sealing)
{
    sealing->sealer = sealer;
    sealing->work.apply = apply_sealing;
    sealing->work.done = end_sealing;
    sealing->work.bytes = sizeof(*sealing);
    pthread_cond_init(&sealing->ended, NULL);
    int error = service_submit(sealer->service, &sealing->work);
    pthread_mutex_lock(&sealer->lock);
    while (!error && !sealing->done)
        pthread_cond_wait(&sealing->ended, &sealer->lock);
    pthread_mutex_unlock(&sealer->lock);
    pthread_cond_destroy(&sealing->ended);
    return error ? error : sealing->result;
}

/* -- one segment -- */

/* Full, with an index, under a checkpoint, and with a record behind it. */
static bool is_due(struct audit_sealer *sealer, struct store_txn *txn, uint64_t number)
{
    uint64_t end = (number + 1) * RECORDS;
    return audit_store_segments(txn) > number && audit_store_size(txn) > end &&
           atomic_load(&sealer->audit->signed_size) >= end;
}

static int seal_next(struct audit_sealer *sealer, bool *ret_done)
{
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    struct merkle_hash root;
    int error = service_read(sealer->service, &txn);
    uint64_t number = error ? 0 : audit_store_sealed(txn);
    *ret_done = !error && is_due(sealer, txn, number);
    if (error || !*ret_done)
        return error;
    error = audit_seal_write(txn, sealer->hasher, number, &root);
    store_abort(&txn);
    return error ? error : hand_in(sealer, &(struct sealing){.number = number, .root = &root});
}

static int sweep_some(struct audit_sealer *sealer, bool *ret_done)
{
    struct sealing sealing = {.root = NULL};
    int error = hand_in(sealer, &sealing);
    *ret_done = !error && sealing.swept > 0;
    return error;
}

/* Whether rows are left that a file replaces: the first record tells, and the first index, which goes last. */
static bool has_rows(struct audit_sealer *sealer)
{
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    return service_read(sealer->service, &txn) == 0 && audit_store_unswept(txn);
}

int audit_sealer_step(struct audit_sealer *sealer, bool *ret_done)
{
    *ret_done = false;
    if (sealer->halted)
        return 0;
    int error = has_rows(sealer) ? sweep_some(sealer, ret_done) : seal_next(sealer, ret_done);
    if (error == -QY_ECORRUPT) {
        sealer->halted = "records and their tree say different things: run quanyu audit verify";
        log_line(LOG_ERROR, "no more segments are sealed", "reason=%s", sealer->halted);
        service_part(sealer->service, "sealer", sealer->halted);
    }
    return error;
}

int audit_sealer_open(struct audit *audit, struct service *service, struct audit_sealer **ret_sealer)
{
    _cleanup_(audit_sealer_close) struct audit_sealer *sealer = calloc(1, sizeof(*sealer));
    if (!sealer)
        return -QY_ENOMEM;
    sealer->audit = audit;
    sealer->service = service;
    pthread_mutex_init(&sealer->lock, NULL);
    pthread_cond_init(&sealer->wake, NULL);
    int error = merkle_hasher_open(&sealer->hasher);
    if (!error)
        *ret_sealer = TAKE(sealer);
    return error;
}

/* -- the thread -- */

/* False when it is to end. */
static bool pause_for(struct audit_sealer *sealer, long ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&sealer->lock);
    while (ms > 0 && !sealer->stopping &&
           pthread_cond_timedwait(&sealer->wake, &sealer->lock, &until) != ETIMEDOUT)
        ;
    bool goes_on = !sealer->stopping;
    pthread_mutex_unlock(&sealer->lock);
    return goes_on;
}

static void *run(void *self)
{
    struct audit_sealer *sealer = self;
    int before = 0;
    bool done = false;
    do {
        int error = audit_sealer_step(sealer, &done);
        if (error && error != before && error != -QY_ESTOPPED)
            log_line(LOG_WARNING, "a segment was not sealed yet", "error=%s", error_name(error));
        before = error;
    } while (pause_for(sealer, done && !before ? 0 : PAUSE_MS));
    return NULL;
}

int audit_sealer_start(struct audit_sealer *sealer)
{
    sealer->started = pthread_create(&sealer->thread, NULL, run, sealer) == 0;
    return sealer->started ? 0 : -QY_ENOMEM;
}

void audit_sealer_close(struct audit_sealer **pointer)
{
    struct audit_sealer *sealer = TAKE(*pointer);
    if (!sealer)
        return;
    pthread_mutex_lock(&sealer->lock);
    sealer->stopping = true;
    pthread_cond_signal(&sealer->wake);
    pthread_mutex_unlock(&sealer->lock);
    if (sealer->started)
        pthread_join(sealer->thread, NULL);
    merkle_hasher_close(&sealer->hasher);
    pthread_mutex_destroy(&sealer->lock);
    pthread_cond_destroy(&sealer->wake);
    free(sealer);
}
