/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/worker.h"

#include "proto/gateway.pb-c.h"
#include "proto/identity.pb-c.h"
#include "services/identity/memory.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    const struct identity *identity;
    struct arena *arena; /* of the event at hand */
    struct event_reader *reader;
    struct key_cache *keys;
    struct pseudonymiser *pseudonymiser;
    struct memory *memory;
    struct graph *graph;
    struct event event;
    struct identifiers identifiers;
    struct profile profile;
    struct personal_trait personal[PERSONAL_TRAITS_MAX];
    unsigned personal_count;
    struct buffer name, properties, traits, context; /* of the PersonEvent */
    struct buffer plain, merged, sealed, texts;      /* of a profile */
    struct known recalled;                           /* of the person at hand */
    struct buffer packed;
    struct metric *unattributed[UNUSABLE_COUNT]; /* by why */
    struct metric *unusable[UNUSABLE_COUNT];
    struct metric *joins;
};

int worker_open(const struct identity *identity, struct worker **ret_worker)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -QY_ENOMEM;
    worker->identity = identity;
    int error = arena_open(&worker->arena);
    if (!error)
        error = event_reader_open(&worker->reader);
    if (!error)
        error = key_cache_open(&identity->kinds, &worker->keys);
    if (!error)
        error = pseudonymiser_open(identity->vault, worker->keys, &worker->pseudonymiser);
    if (!error)
        error = memory_open(&worker->memory);
    if (!error)
        error = graph_open(identity->vault, &identity->kinds, &worker->graph);
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
    memory_close(&own->memory);
    graph_close(&own->graph);
    struct buffer *buffers[] = {&own->name, &own->properties, &own->traits, &own->context, &own->plain,
        &own->merged, &own->sealed, &own->texts, &own->packed};
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
        "Events that showed two persons to be one.");
}

void worker_load(struct worker *worker, struct store_txn *txn)
{
    graph_load(worker->graph, txn);
}

void worker_save(struct worker *worker, struct store_txn *txn)
{
    graph_save(worker->graph, txn);
}

void worker_keep(struct worker *worker)
{
    graph_keep(worker->graph);
}

void worker_forget(struct worker *worker)
{
    graph_forget(worker->graph);
    memory_clear(worker->memory);
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

static void count_unusable(struct worker *worker)
{
    for (enum unusable why = UNUSABLE_MALFORMED; why < UNUSABLE_COUNT; why++)
        if (worker->identifiers.unusable[why])
            metric_add(worker->unusable[why], worker->identifiers.unusable[why]);
}

/* -- personal traits -- */

static int read_traits(struct worker *worker, uint32_t node, const struct sealed_traits *sealed)
{
    buffer_clear(&worker->plain);
    int error = identity_open_traits(worker->identity, node, sealed, &worker->plain);
    return error ? error
                 : profile_read((struct bytes){worker->plain.data, worker->plain.size}, &worker->profile);
}

/* Packs what the stored traits of a person say. */
static int recall(struct worker *worker, struct store_txn *txn, uint32_t person, struct buffer *packed)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_traits(txn, person, &scan);
    uint32_t node;
    struct sealed_traits sealed;
    known_reset(&worker->recalled);
    while (!error && identity_store_next_traits(txn, scan, &node, &sealed)) {
        error = read_traits(worker, node, &sealed);
        for (unsigned i = 0; !error && i < worker->profile.count; i++) {
            const struct profile_entry *entry = &worker->profile.entries[i];
            if (entry->json)
                pseudonym_gather(worker->pseudonymiser, entry->key, entry->key_size, entry->json,
                    entry->json_size, &worker->recalled);
        }
    }
    known_pack(&worker->recalled, packed);
    return error ? error : buffer_error(packed);
}

/* What is stored of the person is not to be passed on under another name. */
static int know_person(struct worker *worker, struct store_txn *txn, uint32_t person)
{
    struct bytes packed;
    if (!memory_find(worker->memory, person, &packed)) {
        buffer_clear(&worker->packed);
        int error = recall(worker, txn, person, &worker->packed);
        if (error)
            return error;
        packed = (struct bytes){worker->packed.data, worker->packed.size};
        memory_keep(worker->memory, person, packed);
    }
    pseudonym_know(worker->pseudonymiser, packed);
    return 0;
}

static int seal_traits(struct worker *worker, const uint8_t wrapped[VAULT_WRAPPED_BYTES], uint32_t node)
{
    struct vault_key key;
    int error = vault_unwrap(worker->identity->vault, node, wrapped, &key);
    if (error)
        return error;
    buffer_clear(&worker->merged);
    buffer_clear(&worker->sealed);
    profile_write(&worker->profile, &worker->merged);
    vault_seal(&key, VAULT_TRAITS, node, worker->merged.data, worker->merged.size, &worker->sealed);
    sodium_memzero(&key, sizeof(key));
    error = buffer_error(&worker->merged);
    return error ? error : buffer_error(&worker->sealed);
}

/* Written only where something is new: an event about somebody known costs no random write. */
static int keep_traits(struct worker *worker, struct batch *batch, const struct resolution *whose,
    int64_t event_ms, uint64_t offset)
{
    if (worker->personal_count == 0)
        return 0;
    struct sealed_traits sealed;
    int error = 0;
    worker->profile.count = 0;
    if (identity_store_traits(batch->txn, whose->person, whose->node, &sealed))
        error = read_traits(worker, whose->node, &sealed);
    if (error)
        return error;
    bool changed = profile_merge(
        &worker->profile, worker->personal, worker->personal_count, event_ms, offset, &worker->texts);
    if (buffer_error(&worker->texts) || !changed)
        return buffer_error(&worker->texts);
    struct node_row row;
    if (!identity_store_node(batch->txn, whose->node, &row))
        return store_fail(batch->txn, -QY_ECORRUPT);
    memory_drop(worker->memory, whose->person);
    error = seal_traits(worker, row.wrapped, whose->node);
    if (!error)
        identity_store_put_traits(batch->txn, whose->person, whose->node, row.wrapped,
            (struct bytes){worker->sealed.data, worker->sealed.size});
    return error;
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
    event.name = (char *)(uintptr_t)buffer_c_str(&worker->name);
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
    batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_EVENT, &event.base);
}

static int fold_event(struct worker *worker, struct batch *batch, const struct journal_record *record,
    const Quanyu__RawEvent *raw)
{
    struct bytes body = {raw->body.data, raw->body.len};
    int error = event_read(worker->reader, raw->type, body, &worker->event);
    if (error == -QY_EINVAL)
        return pass_over(worker, UNUSABLE_MALFORMED);
    if (error)
        return error;
    identifiers_extract(&worker->identity->kinds, worker->keys, &worker->event, &worker->identifiers);
    count_unusable(worker);
    if (worker->identifiers.count == 0)
        return pass_over(worker, main_reason(&worker->identifiers));

    struct resolution resolution;
    error =
        graph_resolve(worker->graph, batch, &worker->identifiers, record->offset, raw->event_ms, &resolution);
    if (error)
        return error;
    if (resolution.joined) {
        memory_drop(worker->memory, resolution.person);
        metric_add(worker->joins, 1);
    }
    pseudonym_begin(worker->pseudonymiser, &worker->event, &worker->identifiers);
    error = know_person(worker, batch->txn, resolution.person);
    if (!error)
        error = pseudonymise(worker);
    if (error)
        return error;
    emit(worker, batch, record, raw, &resolution);
    graph_count_event(worker->graph);
    return keep_traits(worker, batch, &resolution, raw->event_ms, record->offset);
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
