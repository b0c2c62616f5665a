/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/tagging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many nodes and persons are held before they are written, however long the batch is. */
#define HELD_MAX 50000u
#define FEW_PEOPLE 1000u

enum input { INPUT_IDENTITY, INPUT_CAMPAIGN };

/* The stages that a new deployment starts with. */
static const char standard_stages[] =
    "[{\"stage\":\"prospect\",\"rule\":{\"metric\":\"orders\",\"is\":0}},"
    "{\"stage\":\"new\",\"rule\":{\"all\":[{\"metric\":\"orders\",\"is\":1},"
    "{\"metric\":\"last_order_at\",\"newer_than\":\"30d\"}]}},"
    "{\"stage\":\"active\",\"rule\":{\"metric\":\"last_order_at\",\"newer_than\":\"90d\"}},"
    "{\"stage\":\"dormant\",\"rule\":{\"metric\":\"last_order_at\",\"newer_than\":\"180d\"}},"
    "{\"stage\":\"lost\",\"rule\":{\"everyone\":true}}]";

void tagging_set_currency(struct tagging *tagging, const char *currency)
{
    snprintf(tagging->money.currency, sizeof(tagging->money.currency), "%s", currency);
    tagging->money.scale = currency_scale(tagging->money.currency);
}

void tagging_note_due(struct tagging *tagging)
{
    int64_t due_ms = tagging->timers.next_due_ms;
    if (tagging->state.next_midnight_ms < due_ms)
        due_ms = tagging->state.next_midnight_ms;
    bool waits = tagging->unsettled.count > 0 || tagging->regrouped.count > 0;
    if (waits && tagging->unsettled_ms + 1 < due_ms)
        due_ms = tagging->unsettled_ms + 1;
    atomic_store(&tagging->next_due_ms, due_ms);
}

int tagging_begin(struct tagging *tagging, struct batch *batch)
{
    if (tagging->begun)
        return 0;
    people_forget(&tagging->people);
    index_discard(tagging->index);
    arena_reset(tagging->arena);
    tagging->people.txn = batch->txn;
    tagging->people.arena = tagging->arena;
    if (tagging->stale) {
        int error = tagging_load(tagging, batch->txn);
        if (error)
            return error;
        tagging->stale = false;
    }
    tagging->begun = true;
    return 0;
}

int tagging_flush(struct tagging *tagging, struct batch *batch)
{
    int folded = tagging_fold_regrouped(tagging, batch);
    tagging_note_persons(tagging);
    people_flush(&tagging->people);
    int error = folded ? folded : tagging->people.error;
    if (!error)
        error = index_flush(tagging->index, batch->txn, tagging->state.persons);
    people_forget(&tagging->people);
    arena_reset(tagging->arena);
    return error ? error : store_error(batch->txn);
}

int tagging_flush_when_large(struct tagging *tagging, struct batch *batch)
{
    if (tagging->people.nodes.count + tagging->people.persons.count < HELD_MAX)
        return 0;
    return tagging_flush(tagging, batch);
}

/* -- the fold -- */

static int make_memory(struct tagging *tagging, const struct batch *batch)
{
    if (!*tagging->money.currency) {
        const struct config *config = service_config(batch->service);
        tagging_set_currency(tagging, config_text(config, "currency"));
        tagging->question_limits = (struct question_limits){
            .count = (uint64_t)config_number(config, "tagging.questions_max"),
            .bytes = (uint64_t)config_number(config, "tagging.questions_size"),
            .age_ms = config_number(config, "tagging.questions_age"),
        };
    }
    tagging->few_people = FEW_PEOPLE;
    int error = arena_open(&tagging->arena);
    if (!error)
        error = arena_open(&tagging->scratch);
    if (!error)
        error = arena_open(&tagging->rules_arena);
    if (!error)
        error = registry_open(tagging->money.scale, &tagging->registry);
    if (!error)
        error = index_writer_open(&tagging->index);
    people_open(&tagging->people, batch->txn, tagging->arena);
    return error;
}

static int define_stages(struct tagging *tagging, struct batch *batch)
{
    if (registry_find(tagging->registry, DEFINITION_STAGES, STAGES_ID))
        return 0;
    struct definition *stages;
    struct rule_problem problem;
    int error =
        definition_make(tagging->registry, DEFINITION_STAGES, STAGES_ID, standard_stages, &stages, &problem);
    return error ? error : tagging_define(tagging, batch, stages, &problem);
}

static int finish(void *self, struct batch *batch)
{
    struct tagging *tagging = self;
    int error = tagging_begin(tagging, batch);
    if (!error)
        error = tagging_flush(tagging, batch);
    if (!error)
        error = tagging_save(tagging, batch->txn);
    tagging->begun = false;
    tagging_note_due(tagging);
    return error;
}

static int open_fold(void *self, struct batch *batch)
{
    struct tagging *tagging = self;
    int error = make_memory(tagging, batch);
    tagging->stale = true;
    if (!error)
        error = tagging_begin(tagging, batch);
    if (!error)
        error = define_stages(tagging, batch);
    return error ? error : finish(self, batch);
}

static void close_fold(void *self)
{
    struct tagging *tagging = self;
    people_close(&tagging->people);
    registry_close(&tagging->registry);
    index_writer_close(&tagging->index);
    arena_close(&tagging->arena);
    arena_close(&tagging->scratch);
    arena_close(&tagging->rules_arena);
    free(TAKE(tagging->transfers.numbers));
    tagging->transfers = (struct number_list){0};
    free(TAKE(tagging->stages));
    tagging->stage_count = tagging->stage_capacity = 0;
    free(TAKE(tagging->unsettled.numbers));
    tagging->unsettled = (struct number_list){0};
    free(TAKE(tagging->regrouped.numbers));
    tagging->regrouped = (struct number_list){0};
}

static int record(void *self, struct batch *batch, unsigned input, const struct journal_record *record)
{
    struct tagging *tagging = self;
    int error = tagging_begin(tagging, batch);
    if (error)
        return error;
    if (tagging->state.next_midnight_ms == 0)
        tagging->state.next_midnight_ms = clock_next_midnight(batch->now_ms);
    if (input == INPUT_IDENTITY)
        error = tagging_identity_record(tagging, batch, record);
    else
        error = tagging_campaign_record(tagging, batch, record);
    if (!error)
        error = tagging->people.error;
    if (!error)
        error = tagging_flush_when_large(tagging, batch);
    tagging_note_due(tagging);
    return error;
}

static int fire_timer(struct tagging *tagging, struct batch *batch, int64_t until_ms)
{
    uint8_t payload[256];
    size_t size;
    int64_t due_ms;
    if (!timers_pop(&tagging->timers, batch->txn, until_ms, &due_ms, payload, &size) || size != 4)
        return store_error(batch->txn);
    batch->now_ms = due_ms;
    batch->timers++;
    struct person *person = people_person(&tagging->people, get_be32(payload));
    if (!person)
        return tagging->people.error;
    int error = person->node_count > 0 ? tagging_evaluate_due(tagging, batch, person) : 0;
    return error ? error : tagging_flush_when_large(tagging, batch);
}

static int advance(void *self, struct batch *batch, int64_t until_ms)
{
    struct tagging *tagging = self;
    int64_t now_ms = batch->now_ms;
    bool full = false;
    int error = tagging_begin(tagging, batch);
    if (!error)
        error = tagging_fold_regrouped(tagging, batch);
    if (!error && tagging->unsettled.count > 0)
        error = tagging_settle(tagging, batch, &(struct cause){.kind = CAUSE_EVENT});
    for (;;) {
        int64_t midnight_ms = tagging->state.next_midnight_ms, timer_ms = tagging->timers.next_due_ms;
        if (error || (midnight_ms > until_ms && timer_ms > until_ms))
            break;
        full = batch_is_full(batch);
        if (full)
            break;
        if (midnight_ms <= timer_ms || tagging->state.midnight_next) {
            batch->now_ms = midnight_ms;
            error = tagging_midnight(tagging, batch);
        } else {
            error = fire_timer(tagging, batch, until_ms);
        }
    }
    if (!full)
        batch->now_ms = now_ms;
    tagging_note_due(tagging);
    return error;
}

static int64_t next_due(void *self)
{
    struct tagging *tagging = self;
    return atomic_load(&tagging->next_due_ms);
}

static void committed(void *self, struct service *service)
{
    struct tagging *tagging = self;
    uint64_t building = tagging->transfers.count;
    for (size_t i = 0; i < tagging->registry->count; i++)
        building += tagging->registry->slots[i]->build_next != 0;
    atomic_store(&tagging->building, building);
    atomic_store(&tagging->shown_persons, tagging->state.persons);
    atomic_store(&tagging->shown_events, tagging->state.events);
    atomic_store(&tagging->shown_ignored, tagging->state.ignored);
    if (building > 0)
        tagging_queue_step(tagging, service);
}

static void discard(void *self)
{
    struct tagging *tagging = self;
    tagging->begun = false;
    tagging->stale = true;
    tagging->regrouped.count = 0;
    tagging->regrouped_contacts = false;
}

static uint64_t pending(void *self)
{
    struct tagging *tagging = self;
    return atomic_load(&tagging->building);
}

static void scrape(void *self, struct metrics_page *page)
{
    struct tagging *tagging = self;
    page_metric(page, METRIC_GAUGE, "quanyu_persons", NULL, "Persons that exist.",
        (double)atomic_load(&tagging->shown_persons));
    page_metric(page, METRIC_COUNTER, "quanyu_person_events_total", NULL, "Events folded into profiles.",
        (double)atomic_load(&tagging->shown_events));
    page_metric(page, METRIC_COUNTER, "quanyu_ignored_records_total", NULL,
        "Records that were malformed or named what does not exist.",
        (double)atomic_load(&tagging->shown_ignored));
    page_metric(page, METRIC_COUNTER, "quanyu_amounts_beyond_bounds_total", NULL,
        "Orders and refunds whose total is beyond all bounds, and counts as none.",
        (double)atomic_load(&tagging->beyond_amounts));
    page_metric(page, METRIC_GAUGE, "quanyu_definitions_building", NULL,
        "Definitions that are still being evaluated for everybody, and transfers of people that go on.",
        (double)atomic_load(&tagging->building));
}

const struct fold_ops tagging_fold = {
    .open = open_fold,
    .record = record,
    .advance = advance,
    .next_due = next_due,
    .finish = finish,
    .committed = committed,
    .discard = discard,
    .dump = tagging_dump,
    .close = close_fold,
    .pending = pending,
    .scrape = scrape,
};
