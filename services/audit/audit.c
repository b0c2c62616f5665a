/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit.h"

#include "common/clock.h"
#include "common/log.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_sources.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_RECORDS 2000u

/* -- what memory holds of the log: its right edge -- */

static void unload(struct audit *audit)
{
    merkle_close(&audit->merkle);
    audit_tails_clear(&audit->tails);
    audit->loaded = audit->settled = false;
}

/* The tree's right edge, the newest segments' index and the last record's time, as the transaction shows them. */
static int load(struct audit *audit, struct store_txn *txn)
{
    if (audit->loaded)
        return 0;
    unload(audit);
    uint64_t size = audit_store_size(txn);
    struct merkle_tiles tiles = audit_store_tiles(txn);
    struct bytes last;
    int error = merkle_open(&tiles, size, &audit->merkle);
    if (!error)
        error = audit_tails_load(&audit->tails, txn, size);
    if (!error && size > 0 && !audit_store_record(txn, size - 1, &last))
        error = -QY_ECORRUPT;
    if (!error)
        error = audit_resume_read(txn, &audit->resume);
    if (error)
        return error;
    audit->last_ms = size > 0 ? audit_record_time(last) : 0;
    audit->loaded = true;
    return 0;
}

/* -- taking records -- */

/* Where the suite's clock is real, so is audit's, also while the gateway is away; a simulated one is heard of
 * in the inputs. Times never fall with the index, so that they can be searched. */
int64_t audit_time(const struct audit *audit, const struct batch *batch)
{
    int64_t now = audit->wall_time ? audit->now_ms : batch->now_ms;
    return now > audit->last_ms ? now : audit->last_ms;
}

/* Persons that were joined or split, for whoever asks about one of them: the tables follow from the records alone. */
static void follow_move(struct store_txn *txn, const Quanyu__AuditRecord *record)
{
    for (size_t i = 0; i < record->n_nodes; i++)
        audit_store_move(txn, record->nodes[i], record->numbers[0]);
}

static int append(struct audit *audit, struct store_txn *txn, const Quanyu__AuditRecord *given)
{
    char unit[RECORD_UNIT_BYTES];
    Quanyu__AuditRecord whole = *given, *record = &whole;
    audit_record_place(record, unit);
    int error = audit_record_pack(record, &audit->packed);
    if (error)
        return error;
    uint64_t index = merkle_size(audit->merkle);
    struct bytes stored = {audit->packed.data, audit->packed.size};
    struct merkle_tiles tiles = audit_store_tiles(txn);
    audit_store_append(txn, index, stored);
    merkle_add(audit->merkle, &tiles, stored);
    follow_move(txn, record);
    audit->last_ms = record->time_ms;
    return audit_tails_add(&audit->tails, txn, index, record);
}

/* What audit does by itself. */
static int append_own(struct audit *audit, struct batch *batch, const char *action, const char *detail)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    actor.kind = QUANYU__ACTOR__KIND__SERVICE;
    actor.id = "audit";
    record.actor = &actor;
    record.action = (char *)(uintptr_t)action;
    record.outcome = "ok";
    record.service = "audit";
    record.detail = (char *)(uintptr_t)detail;
    record.time_ms = audit_time(audit, batch);
    return append(audit, batch->txn, &record);
}

/* A log that was put back says so before anything else. */
static int record_restore(struct audit *audit, struct batch *batch)
{
    struct audit_resume *resume = &audit->resume;
    if (!resume->owed)
        return 0;
    int error = append_own(audit, batch, "audit.restore", resume->detail);
    if (error)
        return error;
    resume->owed = false; /* read again where the batch is rolled back */
    audit_resume_write(batch->txn, resume);
    return store_error(batch->txn);
}

/* The first token is made before a simulated clock has been heard of: its record comes with the first time, before
 * anything that is done with it. */
static int settle(struct audit *audit, struct batch *batch)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    int error = load(audit, batch->txn);
    if (error || audit_time(audit, batch) <= 0)
        return error;
    error = record_restore(audit, batch);
    while (!error && audit_token_take_owed(batch->txn, &detail)) {
        const char *text = buffer_c_str(&detail);
        error =
            buffer_error(&detail) ? buffer_error(&detail) : append_own(audit, batch, "token.create", text);
        buffer_clear(&detail);
    }
    audit->settled = !error;
    return error ? error : store_error(batch->txn);
}

static int tell_clock(struct audit *audit, struct batch *batch, bool doubted, int64_t wall_ms)
{
    char wall[TIME_TEXT_BYTES], taken[TIME_TEXT_BYTES], detail[128];
    time_format(wall_ms, wall);
    time_format(audit->now_ms, taken);
    snprintf(detail, sizeof(detail), "{\"clock\":\"%s\",\"taken\":\"%s\"}", wall, taken);
    log_line(doubted ? LOG_ERROR : LOG_WARNING,
        doubted ? "the machine's clock has jumped: records are taken by the time that went by since"
                : "the machine's clock is believed again",
        "clock=%s taken=%s", wall, taken);
    return append_own(audit, batch, doubted ? "clock.doubt" : "clock.believe", detail);
}

/* Before a record is taken. */
static int prepare(struct audit *audit, struct batch *batch)
{
    enum clock_change change = CLOCK_AS_BEFORE;
    int64_t wall = clock_wall_ms();
    if (audit->wall_time)
        audit->now_ms = audit_clock_take(&audit->clock, wall, audit_clock_gone_ms(), &change);
    int error = audit->loaded && audit->settled ? 0 : settle(audit, batch);
    return error || change == CLOCK_AS_BEFORE ? error
                                              : tell_clock(audit, batch, change == CLOCK_DOUBTED, wall);
}

int audit_take(struct audit *audit, struct batch *batch, Quanyu__AuditRecord *record, uint64_t *ret_index)
{
    int error = prepare(audit, batch);
    if (error)
        return store_fail(batch->txn, error);
    record->time_ms = audit_time(audit, batch);
    if (record->time_ms <= 0)
        return -QY_EUNAVAILABLE;
    uint64_t index = merkle_size(audit->merkle);
    error = append(audit, batch->txn, record);
    if (error)
        return store_fail(batch->txn, error);
    *ret_index = index;
    return store_error(batch->txn);
}

/* -- the fold -- */

static int fold_record(void *self, struct batch *batch, unsigned input, const struct journal_record *journal)
{
    struct audit *audit = self;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    bool readable;
    int error = prepare(audit, batch);
    if (error)
        return error;
    arena_reset(audit->arena);
    if (audit_resume_has(&audit->resume, input, journal->offset))
        return store_error(batch->txn);
    error = audit_source_record(input, journal, audit->arena, &record, &readable);
    record.time_ms = audit_time(audit, batch);
    if (!error && readable && !*record.action)
        return store_error(batch->txn);
    if (!error)
        error = append(audit, batch->txn, &record);
    if (error)
        return error;
    if (!readable) {
        atomic_fetch_add(&audit->unreadable, 1);
        log_line(LOG_WARNING, "a journal record cannot be read, its hash is on record",
            "leader=%s offset=%" PRIu64 " class=%u", audit_inputs[input].leader, journal->offset,
            journal->record_class);
    }
    return store_error(batch->txn);
}

static int fold_finish(void *self, struct batch *batch)
{
    struct audit *audit = self;
    int error = prepare(audit, batch);
    if (error)
        return error;
    struct merkle_tiles tiles = audit_store_tiles(batch->txn);
    error = merkle_flush(audit->merkle, &tiles);
    audit_tails_publish(&audit->tails);
    return error ? error : store_error(batch->txn);
}

static void fold_committed(void *self, struct service *service)
{
    (void)service;
    struct audit *audit = self;
    if (!audit->loaded)
        return;
    atomic_store(&audit->size, merkle_size(audit->merkle));
    struct audit_helper *helper = atomic_load(&audit->helper);
    if (helper && audit_tails_wait(&audit->tails))
        helper->wake(helper);
}

static void fold_discard(void *self)
{
    unload(self);
}

static int fold_open(void *self, struct batch *batch)
{
    struct audit *audit = self;
    const struct config *config = service_config(batch->service);
    pthread_mutex_init(&audit->tails.lock, NULL);
    audit->wall_time = strcmp(config_text(config, "clock"), "real") == 0;
    int error = arena_open(&audit->arena);
    if (!error)
        error = audit_resume_check(batch);
    if (!error)
        error = load(audit, batch->txn);
    if (!error)
        error = audit_resume_begin(&audit->resume, batch, AUDIT_INPUT_COUNT);
    if (!error) {
        error = audit_token_bootstrap(batch->txn, config);
        if (error)
            (void)service_refuse_start(batch->service, error,
                "the first auditor's token cannot be left in %s: %s (setting bootstrap)",
                config_text(config, "bootstrap"), error_text(error));
    }
    if (!error) {
        error = audit_keys_open(batch->txn, config);
        if (error == -QY_EINVAL)
            (void)service_refuse_start(batch->service, error,
                "audit.origin is \"%s\": it must be a name without blanks and plus signs, and stay that of "
                "the first start",
                config_text(config, "audit.origin"));
        else if (error)
            (void)service_refuse_start(batch->service, error,
                "the key that signs the log cannot be kept beside the state, in audit/keys: %s",
                error_text(error));
    }
    if (!error)
        atomic_store(&audit->size, merkle_size(audit->merkle));
    return error;
}

static void fold_close(void *self)
{
    struct audit *audit = self;
    struct audit_helper *helper = atomic_exchange(&audit->helper, NULL);
    if (helper)
        helper->close(helper);
    unload(audit);
    pthread_mutex_destroy(&audit->tails.lock);
    buffer_free(&audit->packed);
    arena_close(&audit->arena);
}

/* -- dump: what came from the journals. Times, offsets and the order in which journals were folded differ
 * from run to run. What the gateway handed over by itself, record by record, has no offset; audit's own (looks, tokens)
 * are no journal's, nor are dumps -- */

static bool is_canonical(const Quanyu__AuditRecord *record)
{
    bool under_way = strcmp(record->action, "delivery") == 0 &&
                     (strcmp(record->outcome, "ready") == 0 || strcmp(record->outcome, "sending") == 0);
    /* how many there are depends on what fell into one commit */
    bool in_parts = strcmp(record->action, "person.events_moved") == 0 ||
                    strcmp(record->action, "dead_letter.expire") == 0;
    bool is_own = strcmp(record->service, "audit") == 0 || strcmp(record->service, "cli") == 0;
    bool from_journal = record->offset > 0 || strcmp(record->service, "gateway") != 0;
    return from_journal && !is_own && !under_way && !in_parts;
}

static void dump_record(struct store_txn *txn, const Quanyu__AuditRecord *record, struct buffer *lines)
{
    buffer_text(lines, "{\"audit\":");
    buffer_json_string(lines, record->action, strlen(record->action));
    buffer_text(lines, ",\"outcome\":");
    buffer_json_string(lines, record->outcome, strlen(record->outcome));
    buffer_text(lines, ",\"persons\":[");
    for (size_t i = 0; i < record->n_numbers; i++)
        buffer_printf(
            lines, "%s\"p:%" PRIu32 "\"", i ? "," : "", audit_store_person(txn, record->numbers[i]));
    buffer_text(lines, "]}\n");
}

static int fold_dump(
    void *self, struct store_txn *txn, const char *cursor, struct buffer *lines, char ret_cursor[128])
{
    (void)self;
    _cleanup_(arena_close) struct arena *arena = NULL;
    int error = arena_open(&arena);
    uint64_t size = audit_store_size(txn), index = strtoull(cursor, NULL, 10), end = index + DUMP_RECORDS;
    for (; !error && index < size && index < end; index++) {
        struct bytes stored;
        if (audit_store_is_pruned(txn, index))
            continue;
        arena_reset(arena);
        const Quanyu__AuditRecord *record =
            audit_store_record(txn, index, &stored) ? audit_record_unpack(stored, arena) : NULL;
        if (!record)
            error = -QY_ECORRUPT;
        else if (is_canonical(record))
            dump_record(txn, record, lines);
    }
    if (error)
        return error;
    if (index < size)
        snprintf(ret_cursor, 128, "%" PRIu64, index);
    else
        ret_cursor[0] = '\0';
    return 0;
}

static void fold_scrape(void *self, struct metrics_page *page)
{
    struct audit *audit = self;
    page_metric(page, METRIC_GAUGE, "quanyu_audit_tree_size", NULL, "Records in the audit log.",
        (double)atomic_load(&audit->size));
    page_metric(page, METRIC_GAUGE, "quanyu_audit_signed_size", NULL,
        "Records under the newest signed checkpoint.", (double)atomic_load(&audit->signed_size));
    page_metric(page, METRIC_COUNTER, "quanyu_audit_pruned_total", NULL, "Records that were pruned.",
        (double)atomic_load(&audit->pruned));
    page_metric(page, METRIC_COUNTER, "quanyu_audit_freed_bytes_total", NULL,
        "Bytes that segments' files have become smaller by.", (double)atomic_load(&audit->freed));
    page_metric(page, METRIC_COUNTER, "quanyu_audit_unreadable_total", NULL,
        "Journal records that could not be read and are on record by their hash.",
        (double)atomic_load(&audit->unreadable));
}

const struct fold_ops audit_fold = {
    .open = fold_open,
    .record = fold_record,
    .finish = fold_finish,
    .committed = fold_committed,
    .discard = fold_discard,
    .dump = fold_dump,
    .close = fold_close,
    .scrape = fold_scrape,
};
