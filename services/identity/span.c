/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/span.h"

#include "services/identity/node_set.h"
#include "services/identity/span_evidence.h"

#include "proto/identity.pb-c.h"

#include <sodium.h>
#include <string.h>

#define HASH_KIND "later owner" /* no kind of identifier can be called so */

uint32_t graph_carried(const struct graph *graph, struct store_txn *txn, uint32_t node, int64_t event_ms)
{
    node = graph_plain(graph, txn, node);
    bool spanned = node_index_flags(graph->index, node) & NODE_SPANNED;
    return spanned ? identity_store_owner(txn, node, event_ms) : node;
}

void evidence_put_carried(struct graph *graph, struct store_txn *txn, struct evidence *evidence)
{
    unsigned count = 0;
    for (unsigned i = 0; i < evidence->count; i++) {
        uint32_t node = graph_carried(graph, txn, evidence->items[i].node, evidence->event_ms);
        unsigned place = 0;
        while (place < count && evidence->items[place].node != node)
            place++;
        if (place < count) {
            evidence->items[place].verified |= evidence->items[i].verified;
            evidence->items[place].trusted |= evidence->items[i].trusted;
            evidence->items[place].stated |= evidence->items[i].stated;
            continue;
        }
        evidence->items[count] = evidence->items[i];
        evidence->items[count++].node = node;
    }
    evidence->count = count;
}

/* -- a later node -- */

static int open_value(struct graph *graph, uint32_t node, const struct node_row *row, struct buffer *value)
{
    struct vault_key key;
    int error = vault_unwrap(graph->vault, node, row->wrapped, &key);
    if (!error)
        error = vault_unseal(&key, VAULT_IDENTIFIER, node, row->sealed, value);
    sodium_memzero(&key, sizeof(key));
    return error;
}

/* Nobody finds it by the value: that leads to the first node. */
static void hash_later(const struct graph *graph, const struct node_place *first, uint32_t node,
    uint8_t ret_hash[VAULT_HASH_BYTES])
{
    uint8_t text[VAULT_HASH_BYTES + sizeof(uint32_t)];
    memcpy(text, first->hash, VAULT_HASH_BYTES);
    put_be32(text + VAULT_HASH_BYTES, node);
    vault_hash(graph->vault, HASH_KIND, (const char *)text, sizeof(text), ret_hash);
}

static int store_node(struct graph *graph, struct batch *batch, uint32_t node, const struct node_place *place,
    struct node_row *row, const struct buffer *value)
{
    struct vault_key key;
    const struct node_entry entry = {
        .node = node, .person = node, .kind = place->kind, .flags = place->flags};
    vault_make_key(graph->vault, node, &key, row->wrapped);
    buffer_clear(&graph->sealed);
    vault_seal(&key, VAULT_IDENTIFIER, node, value->data, value->size, &graph->sealed);
    sodium_memzero(&key, sizeof(key));
    int error = buffer_error(&graph->sealed);
    if (!error)
        error = node_index_add(graph->index, place->hash, &entry);
    if (error)
        return error;
    row->sealed = (struct bytes){graph->sealed.data, graph->sealed.size};
    identity_store_add_node(batch->txn, node, place, row);
    Quanyu__NodeCreated created = QUANYU__NODE_CREATED__INIT;
    created.node = created.person = node;
    created.kind = row->kind;
    batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_NODE, &created.base);
    return store_error(batch->txn);
}

/* It has the value in its own right, and is nobody's where the rules block that. */
static int make_later(
    struct graph *graph, struct batch *batch, uint32_t first, int64_t since_ms, uint32_t *ret_node)
{
    struct buffer value = BUFFER_INIT;
    struct node_row row;
    struct node_place first_place;
    if (graph->counters.nodes == UINT32_MAX)
        return -QY_EFULL;
    if (!identity_store_node(batch->txn, first, &row) ||
        !identity_store_place(batch->txn, first, &first_place))
        return store_fail(batch->txn, -QY_ECORRUPT);
    uint32_t node = (uint32_t)graph->counters.nodes + 1;
    struct node_place place = {.person = node,
        .kind = first_place.kind,
        .flags = (uint16_t)(NODE_LATER | NODE_FOUNDER | (first_place.flags & NODE_LISTED))};
    int error = open_value(graph, first, &row, &value);
    row.evidence = graph->counters.latest;
    row.event_ms = since_ms;
    hash_later(graph, &first_place, node, place.hash);
    if (!error)
        error = store_node(graph, batch, node, &place, &row, &value);
    if (value.data)
        sodium_memzero(value.data, value.capacity);
    buffer_free(&value);
    graph->counters.nodes += !error;
    graph->counters.persons += !error;
    *ret_node = node;
    return error;
}

static int set_spanned(struct graph *graph, struct store_txn *txn, uint32_t first, bool spanned)
{
    unsigned flags = node_index_flags(graph->index, first) & ~(unsigned)NODE_SPANNED;
    return graph_set_flags(graph, txn, first, flags | (spanned ? NODE_SPANNED : 0));
}

int span_begin(struct graph *graph, struct batch *batch, Quanyu__Decision *decision)
{
    struct span span = {.since_ms = decision->since_ms, .decision = decision->number};
    uint32_t first = identity_store_first(batch->txn, decision->nodes[0]);
    int error = make_later(graph, batch, first, span.since_ms, &span.node);
    if (!error)
        error = set_spanned(graph, batch->txn, first, true);
    if (error)
        return error;
    decision->others[0] = span.node;
    identity_store_put_span(batch->txn, first, &span);
    const struct cause cause = {.evidence = graph->counters.latest, .decision = decision->number};
    return span_recompute(graph, batch, first, 0, &cause);
}

/* -- undone -- */

static int find_span(
    struct store_txn *txn, uint32_t first, uint64_t decision, struct span *ret_span, unsigned *ret_others)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_spans(txn, first, &scan);
    struct span span;
    bool found = false;
    *ret_others = 0;
    while (!error && identity_store_next_span(txn, scan, &span)) {
        if (span.decision == decision) {
            *ret_span = span;
            found = true;
        } else {
            ++*ret_others;
        }
    }
    return error ? error : found ? store_error(txn) : store_fail(txn, -QY_ECORRUPT);
}

int span_undo(struct graph *graph, struct batch *batch, const Quanyu__Decision *decision)
{
    struct span span = {0};
    unsigned others;
    const struct cause cause = {
        .evidence = graph->counters.latest, .decision = decision->number, .undone = true};
    uint32_t first = identity_store_first(batch->txn, decision->others[0]);
    int error = find_span(batch->txn, first, decision->number, &span, &others);
    if (error)
        return error;
    identity_store_delete_span(batch->txn, first, span.since_ms);
    error = set_spanned(graph, batch->txn, first, others > 0);
    if (!error)
        error = span_recompute(graph, batch, first, span.node, &cause);
    return error ? error : graph_unify(graph, batch, span.node, first);
}
