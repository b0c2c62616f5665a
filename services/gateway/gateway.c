/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/gateway.h"

#include "common/clock.h"
#include "common/json.h"
#include "services/gateway/api.h"
#include "services/gateway/bootstrap.h"
#include "services/gateway/ingest_parse.h"
#include "services/gateway/ticker.h"
#include "services/gateway/waiting_work.h"

#include <string.h>

int64_t gateway_now_ms(const struct gateway *gateway)
{
    int64_t committed = service_now_ms(gateway->service);
    if (gateway->simulated)
        return committed > gateway->start_ms ? committed : gateway->start_ms;
    int64_t wall = clock_wall_ms();
    return wall > committed ? wall : committed;
}

/* -- fold -- */

static int open_write_keys(struct gateway *gateway, struct batch *batch)
{
    const struct config *config = service_config(batch->service);
    struct rate_limit rate = {
        .per_second = (uint32_t)config_number(config, "gateway.key_rate"),
        .burst = (uint32_t)config_number(config, "gateway.key_burst"),
    };
    return write_keys_open(batch->txn, &rate, &gateway->write_keys);
}

static int gateway_open(void *self, struct batch *batch)
{
    struct gateway *gateway = self;
    gateway->service = batch->service;
    int error = bootstrap_run(batch);
    if (!error)
        error = open_write_keys(gateway, batch);
    return error ? error : dedup_open(batch->txn, TABLE_SEEN, &gateway->dedup);
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
    dedup_committed(gateway->dedup);
}

static void gateway_discard(void *self)
{
    struct gateway *gateway = self;
    dedup_discard(gateway->dedup);
}

static void gateway_close(void *self)
{
    struct gateway *gateway = self;
    dedup_close(&gateway->dedup);
    write_keys_close(&gateway->write_keys);
}

static void gateway_scrape(void *self, struct metrics_page *page)
{
    struct gateway *gateway = self;
    write_keys_scrape(gateway->write_keys, page);
}

/* Nothing to dump: what was taken in shows in identity's state, and write keys, tokens and message ids differ from run to run. */
const struct fold_ops gateway_fold = {
    .open = gateway_open,
    .finish = gateway_finish,
    .restore = gateway_restore,
    .committed = gateway_committed,
    .discard = gateway_discard,
    .close = gateway_close,
    .scrape = gateway_scrape,
};

/* The runtime answers all there is: status and dump. */
const struct rpc_service gateway_rpc = {
    .request = &quanyu__gateway_request__descriptor,
    .reply = &quanyu__gateway_reply__descriptor,
};

/* -- acts, for audit -- */

struct act {
    struct waiting_work waiting;
    const Quanyu__GatewayAct *message;
};

static int apply_act(struct work *work, struct batch *batch)
{
    const struct act *act = (const struct act *)work;
    batch_emit(batch, CLASS_ACT, &act->message->base);
    return 0;
}

int gateway_record_act(struct gateway *gateway, const Quanyu__Actor *actor, const char *request_id,
    const char *action, const char *detail)
{
    Quanyu__GatewayAct message = QUANYU__GATEWAY_ACT__INIT;
    message.actor = (Quanyu__Actor *)(uintptr_t)actor;
    message.action = (char *)(uintptr_t)action;
    message.detail = (char *)(uintptr_t)detail;
    message.request_id = (char *)(uintptr_t)request_id;
    struct act act = {.message = &message};
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
        .refused = metrics_series(
            metrics, METRIC_COUNTER, "quanyu_events_refused_total", NULL, "Events that were not valid."),
        .limited = metrics_series(metrics, METRIC_COUNTER, "quanyu_ingest_rate_limited_total", NULL,
            "Ingestion calls answered 429: their write key sends more than its rate."),
        .shed = metrics_series(metrics, METRIC_COUNTER, "quanyu_ingest_shed_total", NULL,
            "Ingestion calls answered 503 because too much waits to be stored."),
        .seconds = metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_ingest_seconds", NULL,
            "From an ingestion call's last byte to its answer."),
    };
}

static int read_settings(struct gateway *gateway, const struct config *config)
{
    gateway->event_max = (size_t)config_number(config, "gateway.event_max");
    gateway->batch_max = (size_t)config_number(config, "gateway.batch_max_events");
    gateway->shed = (struct shed_limits){
        .bytes = (size_t)config_number(config, "gateway.queue_max"),
        .seconds = (double)config_number(config, "gateway.shed_after") / 1000,
    };
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
        error = api_open(gateway, (unsigned)config_number(config, "gateway.api_threads"), &gateway->api);
    return error ? error : service_http_open(service, "gateway", handle, gateway, &gateway->http);
}

/* The API's callers still get their answers; the HTTP server waits for them. */
void gateway_stop(void *self, struct service *service)
{
    (void)service;
    struct gateway *gateway = self;
    atomic_store(&gateway->stopping, true);
    service_http_close(&gateway->http, 5000);
    api_close(&gateway->api);
    ticker_close(&gateway->ticker);
}
