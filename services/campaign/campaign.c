/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/campaign.h"

#include "common/log.h"
#include "proto/tagging.pb-c.h"
#include "services/campaign/dispatch.h"
#include "services/campaign/outbox.h"
#include "services/campaign/position.h"
#include "services/campaign/publish.h"

#include <sodium.h>
#include <stdlib.h>

/* -- memory -- */

int campaign_init(struct campaign *campaign)
{
    *campaign = (struct campaign){.stale = true};
    atomic_store(&campaign->next_due_ms, TIME_NEVER);
    return arena_open(&campaign->scratch);
}

static void live_journey_free(struct live_journey **journey)
{
    if (!*journey)
        return;
    journey_free(&(*journey)->running);
    journey_free(&(*journey)->pending);
    free(*journey);
    *journey = NULL;
}

static void forget_journeys(struct campaign *campaign)
{
    for (size_t i = 0; i < campaign->journey_count; i++)
        live_journey_free(&campaign->journeys[i]);
    free(campaign->journeys);
    campaign->journeys = NULL;
    campaign->journey_count = 0;
}

void campaign_free(struct campaign *campaign)
{
    sodium_memzero(&campaign->secret_key, sizeof(campaign->secret_key));
    forget_journeys(campaign);
    arena_close(&campaign->scratch);
}

struct live_journey *campaign_journey(struct campaign *campaign, uint32_t number)
{
    return number > 0 && number <= campaign->journey_count ? campaign->journeys[number - 1] : NULL;
}

static int parse_definition(ProtobufCBinaryData definition, struct journey **ret_journey)
{
    return journey_parse_stored(definition.data, definition.len, ret_journey);
}

static int parse_versions(const Quanyu__Journey *row, struct live_journey *journey)
{
    bool is_published =
        row->state == QUANYU__JOURNEY__STATE__ACTIVE || row->state == QUANYU__JOURNEY__STATE__PAUSED;
    int error = 0;
    if (is_published && row->running_version)
        error = parse_definition(row->running.len ? row->running : row->definition, &journey->running);
    if (!error && is_published && row->running_version != row->version && !*row->error)
        error = parse_definition(row->definition, &journey->pending);
    return error;
}

static int reserve_journeys(struct campaign *campaign, uint32_t number)
{
    if (number <= campaign->journey_count)
        return 0;
    struct live_journey **journeys = realloc(campaign->journeys, number * sizeof(struct live_journey *));
    if (!journeys)
        return -QY_ENOMEM;
    for (size_t i = campaign->journey_count; i < number; i++)
        journeys[i] = NULL;
    campaign->journeys = journeys;
    campaign->journey_count = number;
    return 0;
}

int campaign_journey_load(struct campaign *campaign, struct store_txn *txn, uint32_t number)
{
    Quanyu__Journey *row = journey_load(txn, number, campaign->scratch);
    int error = row ? reserve_journeys(campaign, number) : store_error(txn);
    if (!row || error)
        return error;
    _cleanup_(live_journey_free) struct live_journey *journey = calloc(1, sizeof(*journey));
    if (!journey)
        return -QY_ENOMEM;
    journey->number = number;
    journey->state = row->state;
    journey_id(number, journey->id);
    error = parse_versions(row, journey);
    if (error)
        return error;
    publish_resolve(txn, journey);
    live_journey_free(&campaign->journeys[number - 1]);
    campaign->journeys[number - 1] = TAKE(journey);
    return store_error(txn);
}

int campaign_refresh(struct campaign *campaign, struct store_txn *txn)
{
    arena_reset(campaign->scratch);
    if (!campaign->stale)
        return 0;
    count_sheet_clear(&campaign->counts);
    forget_journeys(campaign);
    uint32_t last = (uint32_t)meta_last(txn, META_JOURNEYS);
    for (uint32_t number = 1; number <= last; number++) {
        int error = campaign_journey_load(campaign, txn, number);
        if (error)
            return error;
        arena_reset(campaign->scratch);
    }
    timers_open(&campaign->timers, txn, TABLE_TIMERS);
    atomic_store(&campaign->next_due_ms, campaign->timers.next_due_ms);
    outbox_count(campaign, txn);
    campaign->stale = false;
    return store_error(txn);
}

/* -- timers -- */

#define TIMER_BYTES 21

static void pack_timer(const struct timer *timer, uint8_t out[TIMER_BYTES])
{
    out[0] = timer->kind;
    put_be32(out + 1, timer->node);
    put_be32(out + 5, timer->journey);
    put_be32(out + 9, timer->entry);
    put_be64(out + 13, timer->number);
}

void campaign_timer_set(
    struct campaign *campaign, struct batch *batch, int64_t due_ms, const struct timer *timer)
{
    uint8_t payload[TIMER_BYTES];
    pack_timer(timer, payload);
    timers_set(&campaign->timers, batch->txn, due_ms, payload, sizeof(payload));
    atomic_store(&campaign->next_due_ms, campaign->timers.next_due_ms);
}

void campaign_timer_unset(
    struct campaign *campaign, struct batch *batch, int64_t due_ms, const struct timer *timer)
{
    uint8_t payload[TIMER_BYTES];
    pack_timer(timer, payload);
    timers_unset(&campaign->timers, batch->txn, due_ms, payload, sizeof(payload));
    atomic_store(&campaign->next_due_ms, campaign->timers.next_due_ms);
}

static void fire(struct campaign *campaign, struct batch *batch, const uint8_t payload[TIMER_BYTES])
{
    if (payload[0] == TIMER_WAIT)
        position_wake(campaign, batch, get_be32(payload + 1), get_be32(payload + 5), get_be32(payload + 9));
    else if (payload[0] == TIMER_RETRY)
        outbox_retry(campaign, batch, get_be64(payload + 13));
}

static int advance(void *self, struct batch *batch, int64_t until_ms)
{
    struct campaign *campaign = self;
    int error = campaign_refresh(campaign, batch->txn);
    uint8_t payload[256];
    size_t size;
    int64_t due_ms;
    while (!error && !batch_is_full(batch) &&
           timers_pop(&campaign->timers, batch->txn, until_ms, &due_ms, payload, &size)) {
        batch->timers++;
        if (due_ms > batch->now_ms)
            batch->now_ms = due_ms;
        if (size == TIMER_BYTES)
            fire(campaign, batch, payload);
        error = store_error(batch->txn);
    }
    atomic_store(&campaign->next_due_ms, campaign->timers.next_due_ms);
    return error ? error : store_error(batch->txn);
}

static int64_t next_due(void *self)
{
    struct campaign *campaign = self;
    return atomic_load(&campaign->next_due_ms);
}

/* -- records of tagging -- */

typedef int record_fn(struct campaign *campaign, struct batch *batch, const void *message);

/* Nobody enters by what an import tells, nor by having been there before the watch was in force; but whoever
 * fulfils the exit's rule leaves, however that came. */
static int on_membership(struct campaign *campaign, struct batch *batch, const void *message)
{
    const Quanyu__MembershipChanged *changed = message;
    uint32_t number, watch;
    struct watch_row row;
    if (!watch_numbers(changed->set, &number, &watch) || !watch_get(batch->txn, number, watch, &row))
        return 0;
    if (!changed->entered) {
        member_remove(batch->txn, changed->person, watch);
        return 0;
    }
    if (!member_add(batch->txn, changed->person, watch) || !row.ready)
        return 0;
    const struct live_journey *journey = campaign_journey(campaign, number);
    if (!journey || !journey->running)
        return 0;
    if (journey->running->exit_when.watch == watch)
        position_leave(campaign, batch, journey, changed->person, END_EXIT_RULE);
    if (journey->running->entry.watch == watch && !changed->history)
        position_enter(campaign, batch, journey, changed->person);
    return 0;
}

static int on_fired(struct campaign *campaign, struct batch *batch, const void *message)
{
    const Quanyu__WatchFired *fired = message;
    uint32_t number, watch;
    if (!watch_numbers(fired->watch, &number, &watch))
        return 0;
    const struct live_journey *journey = campaign_journey(campaign, number);
    if (journey && journey->running && journey->running->entry.watch == watch)
        position_enter(campaign, batch, journey, fired->person);
    return 0;
}

static int on_node(struct campaign *campaign, struct batch *batch, const void *message)
{
    (void)campaign;
    const Quanyu__NodeCreated *created = message;
    if (created->node != created->person) /* a founding node is its person's by its number alone */
        person_set(batch->txn, created->node, created->person);
    return 0;
}

static int on_moved(struct campaign *campaign, struct batch *batch, const void *message)
{
    const Quanyu__NodesMoved *moved = message;
    for (size_t i = 0; i < moved->n_nodes; i++)
        person_set(batch->txn, moved->nodes[i], moved->to);
    _cleanup_(number_list_free) struct number_list left = {0};
    person_nodes(batch->txn, moved->from, &left);
    if (left.count == 0)
        member_forget(batch->txn, moved->from);
    position_join(campaign, batch, moved->to, moved->nodes, moved->n_nodes);
    return 0;
}

static int on_erased(struct campaign *campaign, struct batch *batch, const void *message)
{
    const Quanyu__PersonErased *erased = message;
    for (size_t i = 0; i < erased->n_nodes; i++) {
        position_erase(campaign, batch, erased->nodes[i]);
        outbox_forget(campaign, batch, erased->nodes[i]);
        person_set(batch->txn, erased->nodes[i], erased->nodes[i]);
    }
    member_forget(batch->txn, erased->person);
    return 0;
}

static int on_watch(struct campaign *campaign, struct batch *batch, const void *message)
{
    const Quanyu__WatchReady *answer = message;
    uint32_t number, watch;
    if (!watch_numbers(answer->watch, &number, &watch))
        return 0;
    struct live_journey *journey = campaign_journey(campaign, number);
    return journey ? publish_answered(campaign, batch, journey, watch, answer->error) : 0;
}

static const struct {
    const ProtobufCMessageDescriptor *type;
    record_fn *fold;
} records[] = {
    [QUANYU__TAGGING_RECORD__RECORD_MEMBERSHIP] = {&quanyu__membership_changed__descriptor, on_membership},
    [QUANYU__TAGGING_RECORD__RECORD_FIRED] = {&quanyu__watch_fired__descriptor, on_fired},
    [QUANYU__TAGGING_RECORD__RECORD_NODE] = {&quanyu__node_created__descriptor, on_node},
    [QUANYU__TAGGING_RECORD__RECORD_MOVED] = {&quanyu__nodes_moved__descriptor, on_moved},
    [QUANYU__TAGGING_RECORD__RECORD_ERASED] = {&quanyu__person_erased__descriptor, on_erased},
    [QUANYU__TAGGING_RECORD__RECORD_WATCH] = {&quanyu__watch_ready__descriptor, on_watch},
};

static int fold_record(void *self, struct batch *batch, unsigned input, const struct journal_record *record)
{
    (void)input;
    struct campaign *campaign = self;
    int error = campaign_refresh(campaign, batch->txn);
    if (error || record->record_class >= COUNT_OF(records) || !records[record->record_class].fold)
        return error;
    ProtobufCMessage *message = protobuf_c_message_unpack(records[record->record_class].type,
        arena_allocator(campaign->scratch), record->data.size, record->data.data);
    if (!message) {
        atomic_fetch_add(&campaign->malformed, 1);
        return 0;
    }
    error = records[record->record_class].fold(campaign, batch, message);
    return error ? error : store_error(batch->txn);
}

/* -- the rest of the fold -- */

/* Never too few: what a client waits for must be seen before the commit that makes it. */
static int finish(void *self, struct batch *batch)
{
    struct campaign *campaign = self;
    int error = campaign_refresh(campaign, batch->txn);
    count_sheet_flush(&campaign->counts, batch->txn);
    uint64_t pending = campaign->ready + campaign->sending;
    if (!error && pending > atomic_load(&campaign->visible_pending))
        atomic_store(&campaign->visible_pending, pending);
    return error ? error : store_error(batch->txn);
}

static void committed(void *self, struct service *service)
{
    (void)service;
    struct campaign *campaign = self;
    atomic_store(&campaign->visible_ready, campaign->ready);
    atomic_store(&campaign->visible_pending, campaign->ready + campaign->sending);
    struct dispatch *dispatch = atomic_load(&campaign->dispatch);
    if (dispatch && campaign->ready > 0)
        dispatch_wake(dispatch);
}

static bool opens(const struct campaign *campaign, uint32_t number, const struct step *step)
{
    char secret[SECRET_BYTES_MAX + 1];
    if (!step->message.sealed)
        return true;
    int error = secrets_open(&campaign->secret_key, number, step->id, step->message.sealed, secret);
    sodium_memzero(secret, sizeof(secret));
    return error == 0;
}

/* Their deliveries wait; the operator is told why before anybody misses them. */
static void report_lost_secrets(const struct campaign *campaign)
{
    for (size_t i = 0; i < campaign->journey_count; i++) {
        const struct live_journey *journey = campaign->journeys[i];
        const struct journey *running = journey ? journey->running : NULL;
        for (int step = 0; running && step < running->step_count; step++)
            if (!opens(campaign, journey->number, &running->steps[step]))
                log_line(LOG_ERROR,
                    "a webhook's secret cannot be opened: put back the secrets.key that it was sealed with, "
                    "or set "
                    "the secret anew",
                    "journey=%s step=%s", journey->id, running->steps[step].id);
    }
}

static int fold_open(void *self, struct batch *batch)
{
    struct campaign *campaign = self;
    int error = 0;
    if (!campaign->has_secret_key)
        error = secrets_key(service_data_path(batch->service), &campaign->secret_key);
    campaign->has_secret_key = !error;
    if (!error)
        error = campaign_refresh(campaign, batch->txn);
    if (error)
        return error;
    report_lost_secrets(campaign);
    outbox_recover(campaign, batch);
    count_sheet_flush(&campaign->counts, batch->txn);
    atomic_store(&campaign->visible_ready, campaign->ready);
    atomic_store(&campaign->visible_pending, campaign->ready + campaign->sending);
    return store_error(batch->txn);
}

static void discard(void *self)
{
    struct campaign *campaign = self;
    campaign->stale = true;
    atomic_store(&campaign->next_due_ms, INT64_MIN); /* the next record lets advance() look */
}

static void fold_close(void *self)
{
    struct campaign *campaign = self;
    struct dispatch *dispatch = atomic_exchange(&campaign->dispatch, NULL);
    dispatch_close(&dispatch);
    campaign_free(campaign);
}

static uint64_t pending(void *self)
{
    struct campaign *campaign = self;
    return atomic_load(&campaign->visible_pending);
}

static void scrape(void *self, struct metrics_page *page)
{
    struct campaign *campaign = self;
    page_metric(page, METRIC_GAUGE, "quanyu_campaign_outbox_ready", NULL, "Deliveries that wait to be sent.",
        (double)atomic_load(&campaign->visible_ready));
    page_metric(page, METRIC_GAUGE, "quanyu_campaign_outbox_pending", NULL,
        "Deliveries that wait to be sent or are on their way.",
        (double)atomic_load(&campaign->visible_pending));
    page_metric(page, METRIC_COUNTER, "quanyu_campaign_malformed_records_total", NULL,
        "Records of tagging's journal that could not be read.", (double)atomic_load(&campaign->malformed));
}

const struct fold_ops campaign_fold = {
    .open = fold_open,
    .record = fold_record,
    .advance = advance,
    .next_due = next_due,
    .finish = finish,
    .committed = committed,
    .discard = discard,
    .dump = campaign_dump,
    .close = fold_close,
    .pending = pending,
    .scrape = scrape,
};
