/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/worker.h"

#include "common/clock.h"
#include "proto/gateway.pb-c.h"
#include "proto/identity.pb-c.h"
#include "services/identity/decide.h"
#include "services/identity/keeper.h"
#include "services/identity/same.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    const struct identity *identity;
    struct kinds *kinds; /* the identity's, to be added to */
    struct arena *arena; /* of the event at hand */
    struct event_reader *reader;
    struct key_cache *keys;
    struct pseudonymiser *pseudonymiser;
    struct keeper *keeper;
    struct graph *graph;
    struct event event;
    struct identifiers identifiers;
    struct personal_trait personal[PERSONAL_TRAITS_MAX];
    unsigned personal_count;
    struct buffer name, properties, traits, context; /* of the PersonEvent */
    struct metric *unattributed[UNUSABLE_COUNT];     /* by why */
    struct metric *unusable[UNUSABLE_COUNT];
    struct metric *joins;
};

int worker_open(struct identity *identity, struct worker **ret_worker)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -QY_ENOMEM;
    worker->identity = identity;
    worker->kinds = &identity->kinds;
    int error = arena_open(&worker->arena);
    if (!error)
        error = event_reader_open(&worker->reader);
    if (!error)
        error = key_cache_open(&identity->kinds, &worker->keys);
    if (!error)
        error = pseudonymiser_open(identity->vault, worker->keys, &worker->pseudonymiser);
    if (!error)
        error = keeper_open(identity, worker->pseudonymiser, &worker->keeper);
    if (!error)
        error = graph_open(identity->vault, &identity->kinds, identity->index, &worker->graph);
    if (error)
        worker_close(&worker);
    *ret_worker = worker;
    return error;
}

void worker_close(struct worker **worker)
{
    struct worker *own = *worker;
    if (!own)
        return;
    arena_close(&own->arena);
    event_reader_close(&own->reader);
    pseudonymiser_close(&own->pseudonymiser);
    key_cache_close(&own->keys);
    keeper_close(&own->keeper);
    graph_close(&own->graph);
    struct buffer *buffers[] = {&own->name, &own->properties, &own->traits, &own->context};
    for (size_t i = 0; i < COUNT_OF(buffers); i++)
        buffer_free(buffers[i]);
    free(own);
    *worker = NULL;
}

void worker_measure(struct worker *worker, struct metrics *metrics)
{
    for (enum unusable why = UNUSABLE_MALFORMED; why < UNUSABLE_COUNT; why++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "reason=\"%s\"", unusable_name(why));
        worker->unattributed[why] =
            metrics_series(metrics, METRIC_COUNTER, "quanyu_identity_unattributed_events_total", labels,
                "Events that belong to nobody, because none of their identifiers could be used.");
        worker->unusable[why] =
            metrics_series(metrics, METRIC_COUNTER, "quanyu_identity_unusable_identifiers_total", labels,
                "Identifiers that were left out of events.");
    }
    worker->joins = metrics_series(metrics, METRIC_COUNTER, "quanyu_identity_joining_events_total", NULL,
        "Events that changed who is who.");
}

/* What is remembered of persons who are not what they were is out of date. */
static void forget_changed(struct worker *worker)
{
    size_t count;
    const uint32_t *persons = graph_changed(worker->graph, &count);
    for (size_t i = 0; i < count; i++)
        keeper_changed(worker->keeper, persons[i]);
    graph_forget_changed(worker->graph);
}

static void tell_settled(struct batch *batch)
{
    const Quanyu__PersonsSettled settled = QUANYU__PERSONS_SETTLED__INIT;
    batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_SETTLED, &settled.base);
}

/* Where persons changed and no event goes with it: whoever follows need not wait for one. */
static void settle(struct worker *worker, struct batch *batch)
{
    size_t count;
    graph_changed(worker->graph, &count);
    if (count > 0)
        tell_settled(batch);
    forget_changed(worker);
}

/* The same, but not before the events of these persons are where they belong. */
static void settle_with_events(struct worker *worker, struct batch *batch)
{
    if (graph_attributions_left(worker->graph))
        forget_changed(worker); /* worker_attribute() tells */
    else
        settle(worker, batch);
}

int worker_load(struct worker *worker, struct store_txn *txn)
{
    return graph_load(worker->graph, txn);
}

int worker_save(struct worker *worker, struct batch *batch)
{
    int error = graph_index_digests(worker->graph, batch);
    settle_with_events(worker, batch);
    graph_save(worker->graph, batch->txn);
    return error;
}

uint64_t worker_left(const struct worker *worker)
{
    uint64_t done, all;
    uint64_t unswept = graph_sweeps(worker->graph, &done, &all) ? 1 + all - (done < all ? done : all) : 0;
    return graph_digests_left(worker->graph) + unswept + graph_attributions_left(worker->graph);
}

void worker_keep(struct worker *worker)
{
    graph_keep(worker->graph);
}

void worker_forget(struct worker *worker)
{
    graph_forget(worker->graph);
    keeper_forget(worker->keeper);
}

/* -- events of nobody -- */

static enum unusable main_reason(const struct identifiers *identifiers)
{
    static const enum unusable order[] = {
        UNUSABLE_BLOCKED, UNUSABLE_MALFORMED, UNUSABLE_ENCODED, UNUSABLE_KIND};
    for (size_t i = 0; i < COUNT_OF(order); i++)
        if (identifiers->unusable[order[i]])
            return order[i];
    return UNUSABLE_MALFORMED;
}

static int pass_over(struct worker *worker, enum unusable why)
{
    graph_count_unattributed(worker->graph);
    metric_add(worker->unattributed[why], 1);
    return 0;
}

/* It goes back to the gateway. */
static int return_event(struct worker *worker, struct batch *batch, const struct journal_record *record,
    const Quanyu__RawEvent *raw, enum unusable why)
{
    Quanyu__EventOfNobody nobody = QUANYU__EVENT_OF_NOBODY__INIT;
    nobody.origin = record->offset;
    nobody.source = raw->source;
    nobody.reason = (char *)(uintptr_t)unusable_name(why);
    batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_NOBODY, &nobody.base);
    return pass_over(worker, why);
}

static void count_unusable(struct worker *worker)
{
    for (enum unusable why = UNUSABLE_MALFORMED; why < UNUSABLE_COUNT; why++)
        if (worker->identifiers.unusable[why])
            metric_add(worker->unusable[why], worker->identifiers.unusable[why]);
}

/* -- events -- */

static ProtobufCBinaryData binary(const struct buffer *buffer)
{
    return (ProtobufCBinaryData){.len = buffer->size, .data = buffer->data};
}

static int pseudonymise(struct worker *worker)
{
    struct buffer *buffers[] = {&worker->name, &worker->properties, &worker->traits, &worker->context};
    for (size_t i = 0; i < COUNT_OF(buffers); i++)
        buffer_clear(buffers[i]);
    pseudonym_name(worker->pseudonymiser, &worker->name);
    pseudonym_properties(worker->pseudonymiser, &worker->properties);
    pseudonym_traits(worker->pseudonymiser, &worker->traits, worker->personal, &worker->personal_count);
    pseudonym_context(worker->pseudonymiser, &worker->context);
    buffer_c_str(&worker->name);
    if (pseudonym_error(worker->pseudonymiser))
        return pseudonym_error(worker->pseudonymiser);
    for (size_t i = 0; i < COUNT_OF(buffers); i++)
        if (buffer_error(buffers[i]))
            return buffer_error(buffers[i]);
    return 0;
}

static void emit(struct worker *worker, struct batch *batch, const struct journal_record *record,
    const Quanyu__RawEvent *raw, struct resolution *resolution)
{
    Quanyu__PersonEvent event = QUANYU__PERSON_EVENT__INIT;
    event.origin = record->offset;
    event.node = resolution->node;
    event.person = resolution->person;
    event.type = raw->type;
    event.name = (char *)buffer_c_str(&worker->name);
    event.received_ms = raw->received_ms;
    event.event_ms = raw->event_ms;
    event.history = raw->history;
    event.message_key =
        vault_message_key(worker->identity->vault, raw->source, raw->message_id, strlen(raw->message_id));
    event.properties = binary(&worker->properties);
    event.traits = binary(&worker->traits);
    event.context = binary(&worker->context);
    event.linked = resolution->linked;
    event.n_linked = resolution->linked_count;
    event.source = raw->source;
    event.clock = raw->clock;
    event.unit = raw->unit;
    event.staff = raw->staff;
    batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_EVENT, &event.base);
}

static int fold_event(struct worker *worker, struct batch *batch, const struct journal_record *record,
    const Quanyu__RawEvent *raw)
{
    struct bytes body = {raw->body.data, raw->body.len};
    int error = event_read(worker->reader, raw->type, body, &worker->event);
    if (error == -QY_EINVAL)
        return return_event(worker, batch, record, raw, UNUSABLE_MALFORMED);
    if (error)
        return error;
    identifiers_extract(&worker->identity->kinds, worker->keys, &worker->event, &worker->identifiers);
    count_unusable(worker);
    if (worker->identifiers.count == 0)
        return return_event(worker, batch, record, raw, main_reason(&worker->identifiers));

    struct resolution resolution;
    const struct sighting sighting = {.evidence = record->offset,
        .event_ms = raw->event_ms,
        .source = raw->source,
        .browser = raw->browser,
        .traits = {worker->event.traits, worker->event.context_traits}};
    error = graph_resolve(worker->graph, batch, &worker->identifiers, &sighting, &resolution);
    if (error)
        return error;
    if (resolution.node == 0)
        return return_event(worker, batch, record, raw, UNUSABLE_BLOCKED);
    if (resolution.moved) {
        forget_changed(worker);
        metric_add(worker->joins, 1);
    }
    keeper_expect(worker->keeper, resolution.person);
    pseudonym_begin(worker->pseudonymiser, &worker->event, &worker->identifiers);
    error = keeper_recall(worker->keeper, batch->txn, resolution.person);
    if (!error)
        error = pseudonymise(worker);
    if (error)
        return error;
    emit(worker, batch, record, raw, &resolution);
    graph_count_event(worker->graph);
    struct statement statement = {
        .node = resolution.node,
        .person = resolution.person,
        .event_ms = clock_event_ms(raw->event_ms, raw->received_ms, raw->clock == QUANYU__CLOCK__CLOCK_PAST),
        .offset = record->offset,
        .traits = worker->personal,
        .count = worker->personal_count,
    };
    return keeper_take(worker->keeper, batch->txn, &statement);
}

/* Kinds are only ever added, and stay where they are: readers go on meanwhile. One that a batch adds which is rolled back is known, and
 * has no rule, until the same is asked for again. */
static int add_kinds(struct worker *worker, struct store_txn *txn, const struct kinds *kinds)
{
    _cleanup_(buffer_free) struct buffer registry = BUFFER_INIT;
    struct kinds *own = worker->kinds;
    const struct kind *added;
    int error = 0;
    identity_store_kinds(txn, &registry);
    for (unsigned i = own->count; !error && i < kinds->count; i++) {
        error = kinds_add(own, kinds->items[i].name, kind_form_name(kinds->items[i].form), &added);
        if (!error)
            kind_register(added, &registry);
    }
    if (!error)
        error = buffer_error(&registry);
    if (!error)
        identity_store_put_kinds(txn, &registry);
    key_cache_clear(worker->keys);
    return error ? error : store_error(txn);
}

int worker_change_rules(
    struct worker *worker, struct batch *batch, const struct kinds *kinds, struct identity_rules *rules)
{
    int error = add_kinds(worker, batch->txn, kinds);
    return error ? error : graph_change_rules(worker->graph, batch, rules);
}

const struct identity_rules *worker_rules(const struct worker *worker)
{
    return graph_rules(worker->graph);
}

int worker_sweep(struct worker *worker, struct batch *batch, unsigned nodes)
{
    int error = graph_sweep(worker->graph, batch, nodes);
    settle(worker, batch);
    return error;
}

int worker_attribute(struct worker *worker, struct batch *batch, unsigned events)
{
    uint64_t left = graph_attributions_left(worker->graph);
    int error = graph_attribute(worker->graph, batch, events);
    size_t count, next;
    const struct attributed *moved = graph_attributed(worker->graph, &count);
    for (size_t i = 0; !error && i < count; i = next) {
        for (next = i + 1; next < count && moved[next].from == moved[i].from;)
            next++;
        error = keeper_move(worker->keeper, batch->txn, &moved[i], next - i);
    }
    if (count > 0 || (left && !graph_attributions_left(worker->graph)))
        tell_settled(batch);
    return error;
}

bool worker_sweeps(const struct worker *worker, uint64_t *ret_done, uint64_t *ret_all)
{
    return graph_sweeps(worker->graph, ret_done, ret_all);
}

int worker_decide(struct worker *worker, struct batch *batch, Quanyu__Decision *decision)
{
    int error = decide(worker->graph, batch, decision);
    settle_with_events(worker, batch);
    return error;
}

int worker_undo(struct worker *worker, struct batch *batch, Quanyu__Decision *decision, struct arena *arena)
{
    int error = decide_undo(worker->graph, batch, decision, arena);
    settle_with_events(worker, batch);
    return error;
}

int worker_fold(struct worker *worker, struct batch *batch, const struct journal_record *record)
{
    arena_reset(worker->arena);
    Quanyu__RawEvent *raw =
        quanyu__raw_event__unpack(arena_allocator(worker->arena), record->data.size, record->data.data);
    if (!raw)
        return pass_over(worker, UNUSABLE_MALFORMED);
    return fold_event(worker, batch, record, raw);
}

int worker_pass_on(struct worker *worker, struct batch *batch, const struct journal_record *record)
{
    arena_reset(worker->arena);
    Quanyu__OrganisationChanged *changed = quanyu__organisation_changed__unpack(
        arena_allocator(worker->arena), record->data.size, record->data.data);
    if (changed)
        batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_ORGANISATION, &changed->base);
    return 0;
}
