/* SPDX-License-Identifier: Apache-2.0 */
/* Whose an event is follows from what it carries, from what is blocked and from how strong the kinds are: when these change, from the
 * evidence. Events whose identifiers are all blocked stay where they were. */
#include "services/identity/span.h"

#include "proto/identity.pb-c.h"

#include <stdlib.h>

void graph_reattribute(struct graph *graph, struct store_txn *txn, uint64_t evidence)
{
    struct attribution_place *place = &graph->attribution;
    if (place->next >= place->end || evidence < place->next)
        place->next = evidence;
    place->end = graph->counters.latest + 1;
    attribution_save(txn, place);
}

uint64_t graph_attributions_left(const struct graph *graph)
{
    const struct attribution_place *place = &graph->attribution;
    return place->next < place->end ? place->end - place->next : 0;
}

const struct attributed *graph_attributed(const struct graph *graph, size_t *ret_count)
{
    *ret_count = graph->attributed.size / sizeof(struct attributed);
    return (const struct attributed *)(const void *)graph->attributed.data;
}

/* The strongest that is somebody's, of equals the first; 0: there is none. A digest is as strong as digests are, and blocked with what
 * it is a digest of. */
static uint32_t find_lead(const struct graph *graph, struct store_txn *txn, const struct evidence *evidence)
{
    uint32_t lead = 0;
    uint8_t best = UINT8_MAX;
    for (unsigned i = 0; i < evidence->count; i++) {
        uint32_t node = evidence->items[i].node;
        uint32_t carried = graph_carried(graph, txn, node, evidence->event_ms);
        node = node_index_flags(graph->index, carried) & NODE_LATER ? carried : node;
        uint8_t strength = graph->rules.kinds[node_index_kind(graph->index, node)].strength;
        bool nobodys = node_index_flags(graph->index, carried) & NODE_NOBODY;
        if (nobodys || (lead && strength >= best))
            continue;
        lead = node;
        best = strength;
    }
    return lead;
}

static int gather(struct graph *graph, struct store_txn *txn, unsigned events)
{
    struct attribution_place *place = &graph->attribution;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_evidence(txn, place->next, &scan);
    struct evidence evidence;
    bool more = !error;
    for (unsigned i = 0; more && i < events; i++) {
        more = identity_store_next_evidence(txn, scan, &evidence) && evidence.offset < place->end;
        if (!more)
            break;
        uint32_t lead = find_lead(graph, txn, &evidence);
        const struct attributed moved = {evidence.offset, evidence.attributed, lead};
        if (lead && lead != evidence.attributed)
            buffer_append(&graph->attributed, &moved, sizeof(moved));
        place->next = evidence.offset + 1;
    }
    if (!more)
        place->next = place->end;
    return error ? error : buffer_error(&graph->attributed);
}

static int compare(const void *one, const void *other)
{
    const struct attributed *a = one, *b = other;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return a->evidence < b->evidence ? -1 : a->evidence > b->evidence;
}

static void put(struct store_txn *txn, const struct attributed *moved)
{
    struct evidence evidence;
    if (!identity_store_evidence(txn, moved->evidence, &evidence)) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    evidence.attributed = moved->to;
    identity_store_put_evidence(txn, &evidence);
}

/* All of one node. */
static int emit(struct batch *batch, const struct attributed *moved, size_t count)
{
    uint64_t *origins = malloc(count * sizeof(*origins));
    uint32_t *nodes = malloc(count * sizeof(*nodes));
    for (size_t i = 0; origins && nodes && i < count; i++) {
        origins[i] = moved[i].evidence;
        nodes[i] = moved[i].to;
    }
    Quanyu__EventsMoved message = QUANYU__EVENTS_MOVED__INIT;
    message.from = moved->from;
    message.origins = origins;
    message.nodes = nodes;
    message.n_origins = message.n_nodes = count;
    int error = origins && nodes ? 0 : -QY_ENOMEM;
    if (!error)
        batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_EVENTS_MOVED, &message.base);
    free(origins);
    free(nodes);
    return error;
}

static int emit_all(struct batch *batch, const struct attributed *list, size_t count)
{
    int error = 0;
    for (size_t from = 0, to; !error && from < count; from = to) {
        for (to = from + 1; to < count && list[to].from == list[from].from;)
            to++;
        error = emit(batch, &list[from], to - from);
    }
    return error;
}

int graph_attribute(struct graph *graph, struct batch *batch, unsigned events)
{
    buffer_clear(&graph->attributed);
    if (graph->attribution.next >= graph->attribution.end)
        return 0;
    int error = gather(graph, batch->txn, events);
    struct attributed *list = (struct attributed *)(void *)graph->attributed.data;
    size_t count = graph->attributed.size / sizeof(*list);
    if (error)
        return error;
    if (count > 0)
        qsort(list, count, sizeof(*list), compare);
    for (size_t i = 0; i < count; i++)
        put(batch->txn, &list[i]);
    attribution_save(batch->txn, &graph->attribution);
    error = emit_all(batch, list, count);
    return error ? error : store_error(batch->txn);
}
