/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/graph_internal.h"

#include "proto/identity.pb-c.h"

#include <stdlib.h>
#include <string.h>

int graph_open(
    const struct vault *vault, struct kinds *kinds, struct node_index *index, struct graph **ret_graph)
{
    struct graph *graph = calloc(1, sizeof(*graph));
    if (!graph)
        return -QY_ENOMEM;
    graph->vault = vault;
    graph->kinds = kinds;
    graph->index = index;
    graph->links = calloc(NEW_LINKS_MAX, sizeof(*graph->links));
    int error = graph->links ? groups_open(index, &graph->groups) : -QY_ENOMEM;
    if (!error)
        error = digest_index_open(kinds, &graph->digests);
    if (!error)
        error = evidence_index_open(&graph->seen);
    if (!error)
        error = digester_open(&graph->digester);
    if (!error)
        error = name_memo_open(&graph->memo);
    if (error)
        graph_close(&graph);
    *ret_graph = graph;
    return error;
}

void graph_close(struct graph **graph)
{
    if (!*graph)
        return;
    groups_close(&(*graph)->groups);
    free((*graph)->links);
    evidence_index_close(&(*graph)->seen);
    digest_index_close(&(*graph)->digests);
    digester_close(&(*graph)->digester);
    name_memo_close(&(*graph)->memo);
    fresh_name_forget(&(*graph)->fresh);
    buffer_free(&(*graph)->touched);
    buffer_free(&(*graph)->moved);
    buffer_free(&(*graph)->changed);
    buffer_free(&(*graph)->sealed);
    rules_free(&(*graph)->rules);
    rules_free(&(*graph)->former);
    buffer_free(&(*graph)->swept);
    buffer_free(&(*graph)->attributed);
    free(*graph);
    *graph = NULL;
}

/* Some at a time: the places of those that follow come near meanwhile. */
struct loading {
    struct {
        uint32_t node;
        struct node_place place;
    } rows[32];
    unsigned count;
};

static int load_rows(struct graph *graph, const struct loading *own)
{
    int error = 0;
    for (unsigned i = 0; !error && i < own->count; i++) {
        const struct node_place *place = &own->rows[i].place;
        const struct node_entry entry = {
            .node = own->rows[i].node, .person = place->person, .kind = place->kind, .flags = place->flags};
        error = node_index_add(graph->index, place->hash, &entry);
    }
    node_index_keep(graph->index);
    return error;
}

static int load_nodes(struct graph *graph, struct store_txn *txn)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct loading own = {0};
    int error = node_index_expect(graph->index, graph->counters.nodes);
    if (!error)
        error = identity_store_scan_places(txn, 0, &scan);
    while (!error &&
           identity_store_next_place(txn, scan, &own.rows[own.count].node, &own.rows[own.count].place)) {
        node_index_prefetch(graph->index, own.rows[own.count++].place.hash);
        if (own.count < COUNT_OF(own.rows))
            continue;
        error = load_rows(graph, &own);
        own.count = 0;
    }
    if (!error)
        error = load_rows(graph, &own);
    return error ? error : store_error(txn);
}

int graph_load(struct graph *graph, struct store_txn *txn)
{
    identity_store_counters(txn, &graph->counters);
    graph->committed = graph->counters;
    digest_index_load(graph->digests, txn);
    sweep_load(txn, &graph->sweep);
    graph->committed_sweep = graph->sweep;
    attribution_load(txn, &graph->attribution);
    graph->committed_attribution = graph->attribution;
    int error = rules_load(txn, graph->kinds, &graph->rules);
    if (!error)
        error = evidence_index_load(graph->seen, txn);
    return error ? error : load_nodes(graph, txn);
}

void graph_save(struct graph *graph, struct store_txn *txn)
{
    if (memcmp(&graph->counters, &graph->committed, sizeof(graph->counters)) != 0)
        identity_store_put_counters(txn, &graph->counters);
}

void graph_keep(struct graph *graph)
{
    graph->committed = graph->counters;
    graph->committed_sweep = graph->sweep;
    graph->committed_attribution = graph->attribution;
    if (graph->rules_changed)
        rules_free(&graph->former);
    graph->rules_changed = false;
    node_index_keep(graph->index);
}

void graph_forget(struct graph *graph)
{
    graph->counters = graph->committed;
    graph->sweep = graph->committed_sweep;
    graph->attribution = graph->committed_attribution;
    if (graph->rules_changed) {
        rules_free(&graph->rules);
        graph->rules = graph->former;
        graph->former = (struct identity_rules){0};
    }
    graph->rules_changed = false;
    buffer_clear(&graph->swept);
    buffer_clear(&graph->touched);
    fresh_name_forget(&graph->fresh);
    name_memo_clear(graph->memo);
    node_index_revert(graph->index);
    groups_clear(graph->groups);
    evidence_index_forget(graph->seen);
    digest_index_forget(graph->digests);
    graph_forget_changed(graph);
}

void graph_count_event(struct graph *graph)
{
    graph->counters.events++;
}

void graph_count_unattributed(struct graph *graph)
{
    graph->counters.unattributed++;
}

/* -- changes -- */

const uint32_t *graph_changed(const struct graph *graph, size_t *ret_count)
{
    *ret_count = graph->changed.size / sizeof(uint32_t);
    return (const uint32_t *)(const void *)graph->changed.data;
}

void graph_forget_changed(struct graph *graph)
{
    buffer_clear(&graph->changed);
}

static int move_node(struct graph *graph, struct store_txn *txn, uint32_t node, uint32_t from, uint32_t to)
{
    uint8_t hash[VAULT_HASH_BYTES];
    identity_store_move_node(txn, node, from, to, hash);
    int error = store_error(txn);
    if (!error)
        error = node_index_move(graph->index, hash, to);
    if (!error && node == to)
        error = node_index_set_flags(graph->index, node, node_index_flags(graph->index, node) | NODE_FOUNDER);
    return error;
}

int graph_move(struct graph *graph, struct batch *batch, const uint32_t *nodes, size_t count, uint32_t from,
    uint32_t to, const struct cause *cause)
{
    const struct move move = {.number = ++graph->counters.moves,
        .from = from,
        .to = to,
        .at_ms = batch->now_ms,
        .cause = *cause,
        .count = count};
    int error = 0;
    for (size_t i = 0; !error && i < count; i++)
        error = move_node(graph, batch->txn, nodes[i], from, to);
    if (error)
        return error;
    identity_store_add_move(batch->txn, &move, nodes);
    groups_drop(graph->groups, from);
    groups_drop(graph->groups, to);
    buffer_append(&graph->changed, &from, sizeof(from));
    buffer_append(&graph->changed, &to, sizeof(to));

    Quanyu__NodesMoved moved = QUANYU__NODES_MOVED__INIT;
    moved.nodes = (uint32_t *)(uintptr_t)nodes;
    moved.n_nodes = count;
    moved.from = from;
    moved.to = to;
    moved.evidence = cause->evidence;
    moved.decision = cause->decision;
    batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_MOVED, &moved.base);
    return buffer_error(&graph->changed);
}

/* From the first that carries the node on. */
static void reattribute_of(struct graph *graph, struct store_txn *txn, uint32_t node)
{
    struct node_row row;
    if (identity_store_node(txn, node, &row))
        graph_reattribute(graph, txn, row.evidence);
}

int graph_set_flags(struct graph *graph, struct store_txn *txn, uint32_t node, unsigned flags)
{
    struct node_place place;
    if (node_index_flags(graph->index, node) == flags)
        return 0;
    if (!identity_store_place(txn, node, &place))
        return store_fail(txn, -QY_ECORRUPT);
    if (!(place.flags & NODE_NOBODY) != !(flags & NODE_NOBODY))
        reattribute_of(graph, txn, node);
    if ((place.flags ^ flags) & NODE_BUSY) {
        identity_store_set_busy(txn, node, flags & NODE_BUSY);
        buffer_append(&graph->touched, &node, sizeof(node));
    }
    place.flags = (uint16_t)flags;
    identity_store_put_place(txn, node, &place);
    return node_index_set_flags(graph->index, node, flags);
}

void graph_note_conflict(struct graph *graph, struct batch *batch, uint32_t node, uint32_t other,
    struct verdict verdict, uint64_t evidence)
{
    uint32_t low = node < other ? node : other, high = node < other ? other : node;
    struct conflict conflict;
    bool there = identity_store_conflict(batch->txn, low, high, &conflict);
    if (there && conflict.verdict.refusal == verdict.refusal && conflict.verdict.kind == verdict.kind)
        return;
    graph->counters.conflicts += there ? 0 : 1;
    conflict = (struct conflict){.verdict = verdict, .evidence = evidence, .since_ms = batch->now_ms};
    identity_store_put_conflict(batch->txn, low, high, &conflict);
}

static unsigned kind_of(const void *self, uint32_t node)
{
    return node_index_kind(self, node);
}

struct busy_view graph_busy_view(const struct graph *graph, struct store_txn *txn)
{
    return (struct busy_view){.rules = &graph->rules,
        .txn = txn,
        .vault = graph->vault,
        .kind_of = kind_of,
        .self = graph->index,
        .fresh = &graph->fresh};
}

int graph_watch(struct graph *graph, struct store_txn *txn, uint32_t node)
{
    const struct busy_view view = graph_busy_view(graph, txn);
    enum busy_reason reason;
    int error = busy_find(&view, node, &reason);
    unsigned flags = node_index_flags(graph->index, node) & ~(unsigned)NODE_BUSY;
    return error ? error : graph_set_flags(graph, txn, node, flags | (reason ? NODE_BUSY : 0));
}

static int watch_all(struct graph *graph, struct store_txn *txn, const struct buffer *nodes)
{
    int error = 0;
    for (size_t at = 0; !error && at < nodes->size; at += sizeof(uint32_t)) {
        uint32_t node;
        memcpy(&node, nodes->data + at, sizeof(node));
        error = graph_watch(graph, txn, node);
    }
    return error ? error : store_error(txn);
}

/* Of what an account may be the one owner, or one of several. */
static int gather_owned(struct graph *graph, struct store_txn *txn, uint32_t node, struct buffer *owned)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(txn, node, &scan);
    uint32_t other;
    while (!error && identity_store_next_neighbour(scan, &other)) {
        const struct kind_rule *rule = &graph->rules.kinds[node_index_kind(graph->index, other)];
        if (rule->one_owner || rule->one_name || rule->handed_on)
            buffer_append(owned, &other, sizeof(other));
    }
    return error ? error : buffer_error(owned);
}

int graph_watch_around(struct graph *graph, struct store_txn *txn, uint32_t node)
{
    _cleanup_(buffer_free) struct buffer owned = BUFFER_INIT;
    int error = gather_owned(graph, txn, node, &owned);
    return error ? error : watch_all(graph, txn, &owned);
}

int graph_watch_numbers(struct graph *graph, struct store_txn *txn, uint32_t node, unsigned kind)
{
    _cleanup_(buffer_free) struct buffer numbers = BUFFER_INIT;
    const struct busy_view view = graph_busy_view(graph, txn);
    int error = busy_numbers(&view, node, kind, &numbers);
    bool many =
        numbers.size / sizeof(uint32_t) > NUMBERS_OF_ONE + 1; /* they say nothing, and did not before */
    return error || many ? error : watch_all(graph, txn, &numbers);
}
