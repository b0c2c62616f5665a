/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_sealer.h"

#include "common/log.h"
#include "common/waiting_work.h"
#include "services/audit/audit_rounds.h"
#include "services/audit/audit_seal.h"
#include "services/audit/audit_segment.h"
#include "services/audit/audit_store.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAUSE_MS 500
#define RECORDS ((uint64_t)SEGMENT_BUNDLES * MERKLE_TILE_HASHES)
#define ROWS_AT_ONCE 1024u /* about a millisecond of the writer's */

struct audit_sealer {
    struct audit *audit;
    struct service *service;
    struct merkle_hasher *hasher;
    const char *halted;
    struct rounds rounds;
};

/* -- what the writer does -- */

struct sealing {
    struct waiting_work waiting; /* the first member */
    uint64_t number;
    const struct merkle_hash *root; /* NULL: rows are to be deleted */
    size_t swept;
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

static int hand_in(struct audit_sealer *sealer, struct sealing *sealing)
{
    return waiting_work_run(sealer->service, &sealing->waiting, apply_sealing);
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
    int error = merkle_hasher_open(&sealer->hasher);
    if (!error)
        *ret_sealer = TAKE(sealer);
    return error;
}

/* -- the thread -- */

static int work_round(void *self, bool *ret_more)
{
    return audit_sealer_step(self, ret_more);
}

int audit_sealer_start(struct audit_sealer *sealer)
{
    sealer->rounds = (struct rounds){
        .round = work_round, .self = sealer, .failed = "a segment was not sealed yet", .pause_ms = PAUSE_MS};
    return rounds_start(&sealer->rounds);
}

void audit_sealer_close(struct audit_sealer **pointer)
{
    struct audit_sealer *sealer = TAKE(*pointer);
    if (!sealer)
        return;
    rounds_stop(&sealer->rounds);
    merkle_hasher_close(&sealer->hasher);
    free(sealer);
}
