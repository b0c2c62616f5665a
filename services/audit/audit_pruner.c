/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_pruner.h"

#include "common/clock.h"
#include "common/log.h"
#include "services/audit/audit_prune_commit.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_rounds.h"
#include "services/audit/audit_segment.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MS 200
#define RETIRED_MAX 16u
#define SETTLED_MS (7 * DAY_MS)
#define JUMP_MS (31 * DAY_MS)

/* A file that no row names any more. */
struct retired {
    uint64_t segment, generation;
    uint64_t since; /* snapshots from this one on do not read it */
};

struct audit_pruner {
    struct audit *audit;
    struct service *service;
    struct arena *arena;
    /* the run: policy, day and number of segments that it is of */
    bool running;
    int64_t day;
    uint32_t revision;
    uint64_t segments;
    uint64_t next; /* segment to be looked at */
    bool pending;  /* something is announced and not finished, in this segment */
    uint64_t pending_segment;
    struct retired retired[RETIRED_MAX];
    size_t retired_count;
    struct prune_commit commit;
    struct rounds rounds;
    pthread_mutex_t lock; /* guards what follows */
    struct prune_status status;
};

/* -- the log's time, which never falls: that of its newest record -- */

static int64_t log_time(struct store_txn *txn)
{
    uint64_t size = audit_store_size(txn);
    struct bytes newest;
    return size > 0 && audit_store_record(txn, size - 1, &newest) ? audit_record_time(newest) : 0;
}

static void say_status(struct audit_pruner *pruner, const char *halted)
{
    pthread_mutex_lock(&pruner->lock);
    pruner->status.is_running = pruner->running || pruner->pending;
    pruner->status.next_ms = pruner->day ? (pruner->day + 1) * DAY_MS : 0;
    pruner->status.halted = halted ? halted : pruner->status.halted;
    pthread_mutex_unlock(&pruner->lock);
}

void audit_pruner_status(struct audit_pruner *pruner, struct prune_status *ret_status)
{
    pthread_mutex_lock(&pruner->lock);
    *ret_status = pruner->status;
    pthread_mutex_unlock(&pruner->lock);
}

/* -- files that nobody reads any more -- */

static int remove_retired(struct audit_pruner *pruner, struct store_txn *txn)
{
    uint64_t oldest = pruner->retired_count ? store_oldest_read(txn) : 0;
    size_t left = 0;
    int error = 0;
    for (size_t i = 0; i < pruner->retired_count; i++) {
        const struct retired *retired = &pruner->retired[i];
        if (error || oldest < retired->since)
            pruner->retired[left++] = *retired;
        else
            error = segment_remove(store_path(txn), retired->segment, retired->generation);
    }
    pruner->retired_count = left;
    return error;
}

static int retire(struct audit_pruner *pruner, uint64_t segment, uint64_t generation)
{
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    int error = service_read(pruner->service, &txn);
    if (!error)
        pruner->retired[pruner->retired_count++] =
            (struct retired){.segment = segment, .generation = generation, .since = store_sees(txn)};
    return error;
}

/* Only what a later file has taken the place of goes: what no row speaks of may be all that is left of a log whose state was put back. */
static bool is_wanted(void *context, uint64_t number, uint64_t generation)
{
    struct merkle_hash root;
    uint64_t wanted;
    return !audit_store_sealed_as(context, number, &root, &wanted) || generation >= wanted;
}

/* -- finishing what was announced -- */

static bool is_pending(void *context, uint64_t segment, uint64_t record, bool done)
{
    struct audit_pruner *pruner = context;
    (void)record;
    pruner->pending = !done;
    pruner->pending_segment = segment;
    return done;
}

/* The first one, if there is any: one where a crash came between, as many as were ever announced where the log goes on with a warm copy, which
 * keeps what was pruned. */
static int find_pending(struct audit_pruner *pruner)
{
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    int error = service_read(pruner->service, &txn);
    if (error)
        return error;
    pruner->pending = false;
    audit_store_each_pruning(txn, UINT64_MAX, is_pending, pruner);
    return store_error(txn);
}

static int read_announced(struct audit_pruner *pruner, struct store_txn *txn)
{
    struct prune_commit *commit = &pruner->commit;
    prune_commit_begin(commit, pruner->audit, PRUNE_TAKE_OVER, pruner->pending_segment);
    return prune_commit_announced(commit, txn, pruner->arena);
}

static int write_rest(struct audit_pruner *pruner, struct store_txn *txn)
{
    struct prune_commit *commit = &pruner->commit;
    _cleanup_(prune_close) struct prune *prune = NULL;
    int error = prune_open(txn, commit->segment, &prune);
    if (!error && prune_generation(prune) >= commit->generation)
        error = -QY_ECORRUPT;
    if (!error) {
        commit->former = prune_generation(prune);
        error = prune_write(prune, &commit->places, commit->generation, &commit->freed);
    }
    return error ? error : prune_commit_find_sets(commit, prune, pruner->audit, txn);
}

/* Waits until the announcement is under a checkpoint. */
static int finish(struct audit_pruner *pruner, bool *ret_more)
{
    struct prune_commit *commit = &pruner->commit;
    struct store_txn *txn = NULL;
    int error = service_read(pruner->service, &txn);
    if (!error)
        error = read_announced(pruner, txn);
    *ret_more = !error && atomic_load(&pruner->audit->signed_size) > commit->generation &&
                !audit_store_unswept(txn) && pruner->retired_count < RETIRED_MAX;
    if (*ret_more)
        error = write_rest(pruner, txn);
    store_abort(&txn);
    if (error || !*ret_more)
        return error;
    error = prune_commit_submit(commit, pruner->service);
    if (error)
        return error;
    atomic_fetch_add(&pruner->audit->pruned, place_set_count(&commit->places));
    atomic_fetch_add(&pruner->audit->freed, commit->freed);
    log_line(LOG_INFO, "a segment was pruned",
        "segment=%" PRIu64 " records=%u bytes=%" PRIu64 " record=%" PRIu64, commit->segment,
        place_set_count(&commit->places), commit->freed, commit->generation);
    error = retire(pruner, commit->segment, commit->former);
    return error ? error : find_pending(pruner);
}

/* -- announcing -- */

/* Holds as they find records in this snapshot, in the arena. */
struct holds {
    struct audit_view *view;
    struct arena *arena;
    struct audit_filter *filters;
    size_t count;
    int error;
};

static bool add_hold(void *context, uint32_t number, struct bytes row)
{
    struct holds *holds = context;
    (void)number;
    const Quanyu__AuditHold *hold =
        quanyu__audit_hold__unpack(arena_allocator(holds->arena), row.size, row.data);
    holds->error = !hold || holds->count == HOLDS_MAX
                       ? -QY_ECORRUPT
                       : hold_filter(hold, holds->view, holds->arena, &holds->filters[holds->count]);
    holds->count++;
    return !holds->error;
}

static int find_due(
    struct audit_pruner *pruner, struct audit_view *view, const struct retention *retention, int64_t now_ms)
{
    struct prune_commit *commit = &pruner->commit;
    _cleanup_(prune_close) struct prune *prune = NULL;
    struct holds holds = {.view = view, .arena = pruner->arena};
    holds.filters = arena_alloc(pruner->arena, HOLDS_MAX * sizeof(*holds.filters));
    if (!holds.filters)
        return -QY_ENOMEM;
    audit_store_each_hold(view->txn, add_hold, &holds);
    int error = holds.error ? holds.error : store_error(view->txn);
    if (!error)
        error = prune_open(view->txn, commit->segment, &prune);
    if (!error)
        error = prune_find(prune, retention, holds.filters, holds.count, now_ms, commit->groups);
    if (!error)
        commit->former = prune_generation(prune);
    commit->retention = *retention;
    return error;
}

/* Looks at one segment; *ret_due: something of it is to be announced. */
static int look(struct audit_pruner *pruner, struct store_txn *txn, const struct retention *retention,
    int64_t now_ms, bool *ret_due)
{
    struct view_segment segment;
    struct audit_view view;
    prune_commit_begin(&pruner->commit, pruner->audit, PRUNE_ANNOUNCE, pruner->next++);
    audit_view_open(&pruner->audit->tails, txn, &view);
    int error = view_segment(&view, pruner->commit.segment, &segment);
    if (!error)
        error = prune_is_due(&segment, retention, now_ms, ret_due);
    if (!error && *ret_due)
        error = find_due(pruner, &view, retention, now_ms);
    audit_view_close(&view);
    *ret_due = *ret_due && !error && prune_commit_has_groups(&pruner->commit);
    return error;
}

/* A clock that is years ahead when the machine starts would have nearly all of the log past its time at once. After a jump nothing is announced
 * until the log has gone on from there for a while; where the clock is put right, its time stands still, and so does this. */
static int find_settled(struct audit_pruner *pruner, struct store_txn *txn, int64_t now_ms, bool *ret_settled)
{
    struct audit_view view;
    struct bytes before, after;
    uint64_t first = 0;
    audit_view_open(&pruner->audit->tails, txn, &view);
    int error = view_index_at(&view, now_ms - SETTLED_MS, &first);
    audit_view_close(&view);
    if (!error)
        *ret_settled = first == 0 || (audit_store_record(txn, first - 1, &before) &&
                                         audit_store_record(txn, first, &after) &&
                                         audit_record_time(after) - audit_record_time(before) <= JUMP_MS);
    return error ? error : store_error(txn);
}

/* Begins a run where the day, the policy or a hold, or the number of sealed segments is another one. */
static void begin_run(
    struct audit_pruner *pruner, struct store_txn *txn, const struct retention *retention, int64_t now_ms)
{
    int64_t day = now_ms / DAY_MS;
    uint64_t segments = audit_store_sealed(txn);
    if (now_ms <= 0 || (pruner->day == day && pruner->revision == retention->revision &&
                           (pruner->segments == segments || pruner->running)))
        return;
    pruner->day = day;
    pruner->revision = retention->revision;
    pruner->segments = segments;
    pruner->next = 0;
    pruner->running = true;
}

static int announce_next(struct audit_pruner *pruner, bool *ret_more)
{
    struct store_txn *txn = NULL;
    struct retention retention;
    bool due = false;
    int error = service_read(pruner->service, &txn);
    if (!error)
        error = retention_read(txn, &retention);
    int64_t now_ms = error ? 0 : log_time(txn);
    bool settled = false;
    if (!error && now_ms >= retention.in_force_ms)
        error = find_settled(pruner, txn, now_ms, &settled);
    bool in_force = !error && settled;
    if (in_force)
        begin_run(pruner, txn, &retention, now_ms);
    bool can = in_force && pruner->running && !audit_store_unswept(txn);
    if (can && pruner->next >= pruner->segments)
        pruner->running = can = false;
    if (can)
        error = look(pruner, txn, &retention, now_ms, &due);
    store_abort(&txn);
    *ret_more = can && !error;
    if (error || !due)
        return error;
    error = prune_commit_submit(&pruner->commit, pruner->service);
    if (error) /* the policy has changed meanwhile: the next run looks at it again */
        return error == -QY_EOVERTAKEN ? 0 : error;
    pruner->pending = true;
    pruner->pending_segment = pruner->commit.segment;
    return 0;
}

/* -- a step -- */

static void halt(struct audit_pruner *pruner)
{
    static const char reason[] = "records and their tree say different things: run quanyu audit verify";
    say_status(pruner, reason);
    log_line(LOG_ERROR, "nothing is pruned any more", "reason=%s", reason);
    service_part(pruner->service, "pruner", reason);
}

int audit_pruner_step(struct audit_pruner *pruner, bool *ret_more)
{
    struct store_txn *txn = NULL;
    *ret_more = false;
    if (pruner->status.halted)
        return 0;
    arena_reset(pruner->arena);
    int error = service_read(pruner->service, &txn);
    if (!error)
        error = remove_retired(pruner, txn);
    store_abort(&txn);
    if (!error)
        error = pruner->pending ? finish(pruner, ret_more) : announce_next(pruner, ret_more);
    say_status(pruner, NULL);
    if (error == -QY_ECORRUPT)
        halt(pruner);
    return error;
}

int audit_pruner_open(struct audit *audit, struct service *service, struct audit_pruner **ret_pruner)
{
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    _cleanup_(audit_pruner_close) struct audit_pruner *pruner = calloc(1, sizeof(*pruner));
    if (!pruner)
        return -QY_ENOMEM;
    pruner->audit = audit;
    pruner->service = service;
    pthread_mutex_init(&pruner->lock, NULL);
    int error = arena_open(&pruner->arena);
    if (!error)
        error = service_read(service, &txn);
    if (!error)
        error = segment_sweep(store_path(txn), is_wanted, txn);
    if (!error)
        error = find_pending(pruner);
    if (!error)
        *ret_pruner = TAKE(pruner);
    return error;
}

/* -- the thread -- */

/* Damage is said once, and on the ready page. */
static int work_round(void *self, bool *ret_more)
{
    int error = audit_pruner_step(self, ret_more);
    *ret_more = *ret_more && !error;
    return error == -QY_ECORRUPT ? 0 : error;
}

int audit_pruner_start(struct audit_pruner *pruner)
{
    pruner->rounds = (struct rounds){.round = work_round,
        .self = pruner,
        .failed = "a segment was not pruned yet",
        .pause_ms = PAUSE_MS,
        .gives_way = true};
    return rounds_start(&pruner->rounds);
}

void audit_pruner_close(struct audit_pruner **pointer)
{
    struct audit_pruner *pruner = TAKE(*pointer);
    if (!pruner)
        return;
    rounds_stop(&pruner->rounds);
    arena_close(&pruner->arena);
    pthread_mutex_destroy(&pruner->lock);
    free(pruner);
}
