/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/gateway.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/waiting_work.h"
#include "services/gateway/api.h"
#include "services/gateway/audit_probe.h"
#include "services/gateway/bootstrap.h"
#include "services/gateway/dead_letter_nobody.h"
#include "services/gateway/dead_letters.h"
#include "services/gateway/staff_begin.h"
#include "services/gateway/staff_change.h"
#include "services/gateway/staff_roll.h"
#include "services/gateway/ticker.h"
#include "services/gateway/unit_change.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CALL_GROWTH 4u /* by so much a body may grow, when each event takes what its batch shares */

int64_t gateway_now_ms(const struct gateway *gateway)
{
    int64_t committed = service_now_ms(gateway->service);
    if (gateway->simulated)
        return committed > gateway->start_ms ? committed : gateway->start_ms;
    int64_t wall = clock_wall_ms();
    return wall > committed ? wall : committed;
}

/* -- fold -- */

static int open_letters(struct gateway *gateway, struct batch *batch)
{
    const struct config *config = service_config(batch->service);
    const struct dead_letter_limits limits = {
        .letter_bytes = (size_t)config_number(config, "gateway.dead_letter_max"),
        .count = (uint64_t)config_number(config, "gateway.dead_letters_max"),
        .bytes = (uint64_t)config_number(config, "gateway.dead_letters_size"),
        .source_count = (uint64_t)config_number(config, "gateway.dead_letters_source_max"),
        .source_bytes = (uint64_t)config_number(config, "gateway.dead_letters_source_size"),
        .kept_ms = config_number(config, "gateway.dead_letter_days") * DAY_MS,
    };
    char path[700];
    uint64_t lost;
    int size = snprintf(path, sizeof(path), "%s/dead_letters.key", service_data_path(batch->service));
    if (size < 0 || (size_t)size >= sizeof(path))
        return -QY_EINVAL;
    int error = dead_letters_open(batch->txn, &limits, path, &gateway->letters, &lost);
    if (error == -QY_ECONFLICT)
        return service_refuse_start(batch->service, error,
            "%s is not the file of the dead letters in this state: put theirs there, or remove it to let "
            "them go",
            path);
    if (error == -QY_ECORRUPT)
        return service_refuse_start(batch->service, error,
            "%s is not a file of keys, or the dead letters in the state are damaged", path);
    if (!error && lost > 0)
        log_line(LOG_WARNING, "the keys of dead letters are missing: nothing can open them any more",
            "path=%s dead_letters=%" PRIu64, path, lost);
    return error;
}

static int open_write_keys(struct gateway *gateway, struct batch *batch)
{
    const struct config *config = service_config(batch->service);
    struct rate_limit rate = {
        .per_second = (uint32_t)config_number(config, "gateway.key_rate"),
        .burst = (uint32_t)config_number(config, "gateway.key_burst"),
    };
    return write_keys_open(batch->txn, &rate, &gateway->write_keys);
}

/* Also takes over what was there before there was staff. */
static int open_staff(struct gateway *gateway, struct batch *batch)
{
    char path[700];
    int size = snprintf(path, sizeof(path), "%s/staff.key", service_data_path(batch->service));
    if (size < 0 || (size_t)size >= sizeof(path))
        return -QY_EINVAL;
    int error = staff_vault_open(path, batch->txn, &gateway->vault);
    if (error == -QY_ECONFLICT)
        return service_refuse_start(
            batch->service, error, "%s is not the key of the staff in this state: put theirs there", path);
    if (error)
        return service_refuse_start(
            batch->service, error, "%s cannot be used as a key: %s", path, error_text(error));
    error = staff_note_looks(&gateway->vault, batch->txn);
    return error ? error : staff_take_over(&gateway->vault, batch->txn, batch->now_ms);
}

/* Whoever was made just now is somebody's guide, too, and was made by nobody but the service. */
static int tell_first(struct batch *batch)
{
    Quanyu__Actor nobody = QUANYU__ACTOR__INIT;
    Quanyu__Staff *first = staff_next(batch->txn, 0, NULL);
    if (!first)
        return store_error(batch->txn);
    staff_emit_member(batch, first);
    const struct staff_act act = {
        .action = "staff.create", .actor = &nobody, .staff = first, .after = first, .rows = true};
    int error = staff_emit_act_of(batch, &act, "");
    quanyu__staff__free_unpacked(first, NULL);
    return error ? error : store_error(batch->txn);
}

/* The first acts come before the first tick: they are of the moment at which the suite's time begins. */
static void begin_time(struct batch *batch)
{
    const struct config *config = service_config(batch->service);
    const char *start = config_text(config, "clock_start");
    int64_t now_ms = 0;
    if (batch->now_ms > 0)
        return;
    if (strcmp(config_text(config, "clock"), "simulated") != 0)
        now_ms = clock_wall_ms();
    else if (!time_parse(start, strlen(start), true, &now_ms))
        now_ms = 0; /* gateway_start() says so */
    batch->now_ms = now_ms;
}

static int gateway_open(void *self, struct batch *batch)
{
    struct gateway *gateway = self;
    gateway->service = batch->service;
    begin_time(batch);
    bool nobody = staff_is_empty(batch->txn);
    int error = unit_begin(batch);
    if (!error)
        error = open_staff(gateway, batch);
    if (!error)
        error = bootstrap_run(&gateway->vault, batch);
    if (!error && nobody)
        error = tell_first(batch);
    if (!error)
        error = open_write_keys(gateway, batch);
    if (!error)
        error = units_open(batch->txn, &gateway->units);
    if (!error)
        error = staff_rolls_open(batch->txn, &gateway->staff);
    if (!error)
        error = dedup_open(batch->txn, TABLE_SEEN, &gateway->dedup);
    return error ? error : open_letters(gateway, batch);
}

/* What identity says of events of this journal. */
static int gateway_record(
    void *self, struct batch *batch, unsigned input, const struct journal_record *record)
{
    (void)input;
    return letter_of_nobody(self, batch, record);
}

static void emit_expiry(struct batch *batch, uint64_t count)
{
    char detail[48];
    Quanyu__Actor itself = QUANYU__ACTOR__INIT;
    itself.kind = QUANYU__ACTOR__KIND__SERVICE;
    itself.id = (char *)"gateway";
    snprintf(detail, sizeof(detail), "{\"deleted\":%" PRIu64 "}", count);
    gateway_emit_act(batch, &itself, "", "dead_letter.expire", detail);
}

static int gateway_advance(void *self, struct batch *batch, int64_t until_ms)
{
    struct gateway *gateway = self;
    struct dead_letter_totals before, after;
    dead_letters_totals(gateway->letters, &before);
    int error = dead_letters_expire(gateway->letters, batch->txn, until_ms);
    dead_letters_totals(gateway->letters, &after);
    if (!error && after.count < before.count)
        emit_expiry(batch, before.count - after.count);
    return error;
}

static int64_t gateway_next_due(void *self)
{
    struct gateway *gateway = self;
    return gateway->letters ? dead_letters_next_due(gateway->letters) : TIME_NEVER;
}

static int gateway_finish(void *self, struct batch *batch)
{
    struct gateway *gateway = self;
    dedup_finish(gateway->dedup, batch->txn, clock_wall_ms());
    return store_error(batch->txn);
}

/* The journal is ahead of the state by events alone, whose ids were waiting to be written. */
static int gateway_restore(void *self, struct batch *batch, const struct journal_record *record)
{
    struct gateway *gateway = self;
    if (record->record_class != CLASS_EVENT)
        return 0;
    Quanyu__RawEvent *event = quanyu__raw_event__unpack(NULL, record->data.size, record->data.data);
    if (!event)
        return -QY_ECORRUPT;
    uint8_t hash[INGEST_HASH_BYTES];
    ingest_hash(event->source, event->message_id, strlen(event->message_id), hash);
    quanyu__raw_event__free_unpacked(event, NULL);
    (void)dedup_check(gateway->dedup, batch->txn, hash);
    return store_error(batch->txn);
}

static void gateway_committed(void *self, struct service *service)
{
    struct gateway *gateway = self;
    (void)service;
    units_unstage(gateway->units);
    staff_rolls_install(gateway->staff);
    dedup_committed(gateway->dedup);
    int error = dead_letters_committed(gateway->letters);
    if (error)
        service_fail(error, "the keys of deleted dead letters could not be overwritten");
}

static void gateway_discard(void *self)
{
    struct gateway *gateway = self;
    if (gateway->dedup)
        dedup_discard(gateway->dedup);
    if (gateway->units)
        units_unstage(gateway->units);
    if (gateway->staff)
        staff_rolls_discard(gateway->staff);
    if (gateway->letters)
        dead_letters_discard(gateway->letters);
}

static void gateway_close(void *self)
{
    struct gateway *gateway = self;
    dedup_close(&gateway->dedup);
    dead_letters_close(&gateway->letters);
    write_keys_close(&gateway->write_keys);
    units_close(&gateway->units);
    staff_rolls_close(&gateway->staff);
}

static void gateway_scrape(void *self, struct metrics_page *page)
{
    struct gateway *gateway = self;
    struct dead_letter_totals totals = {0};
    if (gateway->letters)
        dead_letters_totals(gateway->letters, &totals);
    page_metric(page, METRIC_GAUGE, "quanyu_dead_letters", NULL, "Refused events that are kept.",
        (double)totals.count);
    page_metric(page, METRIC_GAUGE, "quanyu_dead_letters_bytes", NULL, "What they take, sealed.",
        (double)totals.bytes);
    write_keys_scrape(gateway->write_keys, page);
}

/* Nothing to dump: what was taken in shows in identity's state, and write keys, tokens and message ids differ from run to run. */
const struct fold_ops gateway_fold = {
    .open = gateway_open,
    .record = gateway_record,
    .advance = gateway_advance,
    .next_due = gateway_next_due,
    .finish = gateway_finish,
    .restore = gateway_restore,
    .committed = gateway_committed,
    .discard = gateway_discard,
    .close = gateway_close,
    .scrape = gateway_scrape,
};

/* -- acts, for audit -- */

void gateway_emit_act(struct batch *batch, const Quanyu__Actor *actor, const char *request_id,
    const char *action, const char *detail)
{
    Quanyu__GatewayAct message = QUANYU__GATEWAY_ACT__INIT;
    message.actor = (Quanyu__Actor *)(uintptr_t)actor;
    message.action = (char *)(uintptr_t)action;
    message.detail = (char *)(uintptr_t)detail;
    message.request_id = (char *)(uintptr_t)request_id;
    batch_emit(batch, CLASS_ACT, &message.base);
}

struct act {
    struct waiting_work waiting;
    const Quanyu__Actor *actor;
    const char *request_id, *action, *detail;
};

static int apply_act(struct work *work, struct batch *batch)
{
    const struct act *act = (const struct act *)work;
    gateway_emit_act(batch, act->actor, act->request_id, act->action, act->detail);
    return 0;
}

int gateway_record_act(struct gateway *gateway, const Quanyu__Actor *actor, const char *request_id,
    const char *action, const char *detail)
{
    struct act act = {.actor = actor, .request_id = request_id, .action = action, .detail = detail};
    return waiting_work_run(gateway->service, &act.waiting, apply_act);
}

/* -- start and stop -- */

static void handle(void *self, struct http_request *request)
{
    struct gateway *gateway = self;
    if (!ingest_handle(gateway, request))
        api_handle(gateway->api, request);
}

static void register_metrics(struct gateway *gateway)
{
    struct metrics *metrics = service_metrics(gateway->service);
    gateway->ingest = (struct ingest_metrics){
        .accepted = metrics_series(
            metrics, METRIC_COUNTER, "quanyu_events_accepted_total", NULL, "Events stored, each once."),
        .duplicates = metrics_series(metrics, METRIC_COUNTER, "quanyu_events_duplicate_total", NULL,
            "Events that had been stored before."),
        .unknown_units = metrics_series(metrics, METRIC_COUNTER, "quanyu_events_unknown_unit_total", NULL,
            "Events that name a unit that there is not."),
        .unknown_staff = metrics_series(metrics, METRIC_COUNTER, "quanyu_events_unknown_staff_total", NULL,
            "Events that name a member of staff who is not there, or has left."),
        .limited = metrics_series(metrics, METRIC_COUNTER, "quanyu_ingest_rate_limited_total", NULL,
            "Ingestion calls answered 429: their write key sends more than its rate."),
        .shed = metrics_series(metrics, METRIC_COUNTER, "quanyu_ingest_shed_total", NULL,
            "Ingestion calls answered 503 because too much waits to be stored."),
        .seconds = metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_ingest_seconds", NULL,
            "From an ingestion call's last byte to its answer."),
    };
    gateway->called.strangers = metrics_series(metrics, METRIC_COUNTER, "quanyu_api_strangers_total", NULL,
        "Requests of the API without a valid token; they are not on record each.");
}

static int read_settings(struct gateway *gateway, const struct config *config)
{
    gateway->limits = (struct ingest_limits){
        .event_bytes = (size_t)config_number(config, "gateway.event_max"),
        .call_bytes = (size_t)config_number(config, "gateway.max_body") * CALL_GROWTH,
        .batch_events = (size_t)config_number(config, "gateway.batch_max_events"),
        .letter_bytes = (size_t)config_number(config, "gateway.dead_letter_max"),
        .future_ms = config_number(config, "gateway.future_tolerance"),
        .past_ms = config_number(config, "gateway.past_tolerance"),
    };
    gateway->shed = (struct shed_limits){
        .bytes = (size_t)config_number(config, "gateway.queue_max"),
        .seconds = (double)config_number(config, "gateway.shed_after") / 1000,
    };
    gateway->session_idle_ms = config_number(config, "gateway.session_idle");
    gateway->session_most_ms = config_number(config, "gateway.session_max");
    gateway->address_failures = (uint32_t)config_number(config, "gateway.address_failures");
    gateway->unmask_limits.hour = (uint32_t)config_number(config, "gateway.unmask_hour");
    gateway->unmask_limits.day = (uint32_t)config_number(config, "gateway.unmask_day");
    gateway->audit_wait_ms = (int)config_number(config, "gateway.audit_wait");
    const char *factor = config_text(config, "gateway.second_factor");
    gateway->second_factor = strcmp(factor, "all") == 0      ? SECOND_FACTOR_ALL
                             : strcmp(factor, "admins") == 0 ? SECOND_FACTOR_ADMINS
                                                             : SECOND_FACTOR_NONE;
    gateway->simulated = strcmp(config_text(config, "clock"), "simulated") == 0;
    const char *start = config_text(config, "clock_start");
    if (gateway->simulated && !time_parse(start, strlen(start), true, &gateway->start_ms))
        return service_refuse_start(
            gateway->service, -QY_EINVAL, "setting clock_start: %s is not a time", start);
    return 0;
}

int gateway_start(void *self, struct service *service)
{
    struct gateway *gateway = self;
    const struct config *config = service_config(service);
    register_metrics(gateway);
    int error = read_settings(gateway, config);
    if (!error)
        error = ticker_open(service, gateway->simulated, gateway->start_ms, &gateway->ticker);
    if (!error)
        error = audit_gate_start(&gateway->audit_gate, audit_probe, gateway);
    if (!error)
        error = api_open(gateway, (unsigned)config_number(config, "gateway.api_threads"), &gateway->api);
    return error ? error
                 : service_http_open(service, "gateway", handle, ingest_refusing, gateway, &gateway->http);
}

/* The API's callers still get their answers; the HTTP server waits for them. */
void gateway_stop(void *self, struct service *service)
{
    (void)service;
    struct gateway *gateway = self;
    atomic_store(&gateway->stopping, true);
    service_http_close(&gateway->http, 5000);
    api_close(&gateway->api);
    audit_gate_stop(&gateway->audit_gate);
    ticker_close(&gateway->ticker);
}
