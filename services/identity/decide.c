/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/decide.h"

#include "services/identity/node_set.h"
#include "services/identity/span.h"
#include "services/identity/withdraw.h"

#include <stdlib.h>

struct deciding {
    struct graph *graph;
    struct batch *batch;
    Quanyu__Decision *decision;
};

/* -- one pair -- */

static bool is_empty(const struct link *link)
{
    return !link->has_evidence && !link->joined && !link->cut && !link->apart;
}

static int put(struct deciding *own, uint32_t node, uint32_t other, const struct link *link, bool is_new)
{
    struct store_txn *txn = own->batch->txn;
    if (is_empty(link))
        identity_store_delete_link(txn, node, other);
    else
        identity_store_put_link(txn, node, other, link, is_new);
    return store_error(txn);
}

static int flag_decided(struct deciding *own, uint32_t node)
{
    return graph_set_flags(
        own->graph, own->batch->txn, node, node_index_flags(own->graph->index, node) | NODE_DECIDED);
}

static int join_pair(struct deciding *own, uint32_t node, uint32_t other)
{
    struct link link = {0};
    if (node == other)
        return 0;
    bool there = identity_store_link(own->batch->txn, node, other, &link);
    if (link.joined < own->decision->number)
        link.joined = own->decision->number;
    int error = put(own, node, other, &link, !there);
    if (!error)
        error = flag_decided(own, node);
    return error ? error : flag_decided(own, other);
}

static int part_pair(struct deciding *own, uint32_t node, uint32_t other)
{
    struct link link = {0};
    if (node == other)
        return 0;
    bool there = identity_store_link(own->batch->txn, node, other, &link);
    if (!link.apart)
        link.apart = own->decision->number;
    int error = put(own, node, other, &link, !there);
    if (!error)
        error = flag_decided(own, node);
    return error ? error : flag_decided(own, other);
}

/* What was joined by hand before between the two sides. */
static int cut_pair(struct deciding *own, uint32_t node, uint32_t other)
{
    struct link link;
    if (node == other || !identity_store_link(own->batch->txn, node, other, &link) || !link.joined ||
        link.cut >= own->decision->number)
        return store_error(own->batch->txn);
    link.cut = own->decision->number;
    return put(own, node, other, &link, false);
}

/* -- decisions -- */

static int join(struct deciding *own)
{
    return join_pair(own, own->decision->nodes[0], own->decision->nodes[1]);
}

/* `goes`: so many of the nodes leave the others. */
static int part(struct deciding *own, size_t goes)
{
    const Quanyu__Decision *decision = own->decision;
    int error = 0;
    for (size_t i = 0; !error && i < decision->n_others; i++) {
        error = part_pair(own, decision->nodes[0], decision->others[i]);
        for (size_t k = 0; !error && k < goes; k++)
            error = cut_pair(own, decision->nodes[k], decision->others[i]);
    }
    for (size_t i = 1; !error && i < decision->n_nodes; i++)
        error = join_pair(own, decision->nodes[0], decision->nodes[i]);
    return error;
}

static int block(struct deciding *own, bool blocked)
{
    uint32_t node = own->decision->nodes[0];
    unsigned flags = node_index_flags(own->graph->index, node) & ~(unsigned)NODE_BLOCKED;
    return graph_set_flags(own->graph, own->batch->txn, node, flags | (blocked ? NODE_BLOCKED : 0));
}

static int apply(struct deciding *own)
{
    switch (own->decision->kind) {
    case QUANYU__DECISION__KIND__JOIN:
        return join(own);
    case QUANYU__DECISION__KIND__SPLIT:
        return part(own, own->decision->n_nodes);
    case QUANYU__DECISION__KIND__MOVE:
        return part(own, 1);
    case QUANYU__DECISION__KIND__BLOCK:
        return block(own, true);
    case QUANYU__DECISION__KIND__WITHDRAW:
        return withdraw(own->graph, own->batch->txn, own->decision->evidence, true);
    case QUANYU__DECISION__KIND__REASSIGN:
        return span_begin(own->graph, own->batch, own->decision);
    default:
        return -QY_EINVAL;
    }
}

static int solve(struct deciding *own)
{
    const Quanyu__Decision *decision = own->decision;
    const struct cause cause = {.evidence = own->graph->counters.latest,
        .decision = decision->number,
        .undone = decision->undone_ms != 0};
    _cleanup_(buffer_free) struct buffer nodes = BUFFER_INIT;
    buffer_append(&nodes, decision->nodes, decision->n_nodes * sizeof(uint32_t));
    buffer_append(&nodes, decision->others, decision->n_others * sizeof(uint32_t));
    if (buffer_error(&nodes))
        return buffer_error(&nodes);
    return graph_solve(own->graph, own->batch, (const uint32_t *)(const void *)nodes.data,
        nodes.size / sizeof(uint32_t), &cause);
}

/* What was decided of a digest is decided of the identifier, once that is known. */
static void name_plain(struct deciding *own, Quanyu__Decision *decision)
{
    for (size_t i = 0; i < decision->n_nodes; i++)
        decision->nodes[i] = graph_plain(own->graph, own->batch->txn, decision->nodes[i]);
    for (size_t i = 0; i < decision->n_others; i++)
        decision->others[i] = graph_plain(own->graph, own->batch->txn, decision->others[i]);
}

int decide(struct graph *graph, struct batch *batch, Quanyu__Decision *decision)
{
    struct deciding own = {graph, batch, decision};
    decision->number = ++graph->counters.decisions;
    int error = apply(&own);
    if (!error)
        error = solve(&own);
    if (!error)
        identity_store_put_decision(batch->txn, decision);
    return error ? error : store_error(batch->txn);
}

/* -- undoing -- */

/* The other ends of a node's links that bear this decision; and whether another one bears on the node. */
static int gather_pairs(struct deciding *own, uint32_t node, struct buffer *others, bool *ret_decided)
{
    struct store_txn *txn = own->batch->txn;
    uint64_t number = own->decision->number;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(txn, node, &scan);
    uint32_t other;
    struct link link;
    *ret_decided = false;
    while (!error && identity_store_next_link_of(txn, scan, node, &other, &link)) {
        if (link.joined == number || link.cut == number || link.apart == number)
            buffer_append(others, &other, sizeof(other));
        *ret_decided |= (link.apart && link.apart != number) || (link.joined && link.joined != number);
    }
    return error ? error : store_error(txn);
}

static int clear_pair(struct deciding *own, uint32_t node, uint32_t other)
{
    struct link link;
    uint64_t number = own->decision->number;
    if (!identity_store_link(own->batch->txn, node, other, &link))
        return store_error(own->batch->txn);
    link.joined = link.joined == number ? 0 : link.joined;
    link.cut = link.cut == number ? 0 : link.cut;
    link.apart = link.apart == number ? 0 : link.apart;
    return put(own, node, other, &link, false);
}

static int clear_node(struct deciding *own, uint32_t node)
{
    _cleanup_(buffer_free) struct buffer others = BUFFER_INIT;
    bool decided;
    int error = gather_pairs(own, node, &others, &decided);
    if (!error)
        error = buffer_error(&others);
    const uint32_t *numbers = (const uint32_t *)(const void *)others.data;
    for (size_t i = 0; !error && i < others.size / sizeof(*numbers); i++)
        error = clear_pair(own, node, numbers[i]);
    unsigned flags = node_index_flags(own->graph->index, node) & ~(unsigned)NODE_DECIDED;
    return error ? error
                 : graph_set_flags(own->graph, own->batch->txn, node, flags | (decided ? NODE_DECIDED : 0));
}

/* Numbers of the decisions that are about nodes of this one too. */
static int gather_others(struct deciding *own, const uint32_t *nodes, size_t count, struct node_set *numbers)
{
    int error = 0;
    for (size_t i = 0; !error && i < count; i++) {
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        uint64_t number;
        error = identity_store_scan_decided(own->batch->txn, nodes[i], &scan);
        while (!error && identity_store_next_decided(scan, &number))
            error = number == own->decision->number ? 0 : node_set_add(numbers, (uint32_t)number);
    }
    return error ? error : store_error(own->batch->txn);
}

/* A pair bears one number of each sort: what other decisions say of the same pairs is put there again. */
static int assert_others(struct deciding *own, struct arena *arena)
{
    _cleanup_(node_set_free) struct node_set numbers = {0};
    const Quanyu__Decision *decision = own->decision;
    int error = gather_others(own, decision->nodes, decision->n_nodes, &numbers);
    if (!error)
        error = gather_others(own, decision->others, decision->n_others, &numbers);
    size_t count = node_set_count(&numbers);
    numbers_sort(node_set_items(&numbers), count);
    for (size_t i = 0; !error && i < count; i++) {
        Quanyu__Decision *other =
            identity_store_decision(own->batch->txn, node_set_items(&numbers)[i], arena);
        bool holds = other && other->undone_ms == 0 && other->kind != QUANYU__DECISION__KIND__WITHDRAW &&
                     other->kind != QUANYU__DECISION__KIND__REASSIGN;
        struct deciding again = {own->graph, own->batch, other};
        if (holds)
            name_plain(own, other);
        if (holds)
            error = apply(&again);
    }
    return error ? error : store_error(own->batch->txn);
}

int decide_undo(struct graph *graph, struct batch *batch, Quanyu__Decision *decision, struct arena *arena)
{
    struct deciding own = {graph, batch, decision};
    int error = 0;
    name_plain(&own, decision);
    for (size_t i = 0; !error && i < decision->n_nodes; i++)
        error = clear_node(&own, decision->nodes[i]);
    for (size_t i = 0; !error && i < decision->n_others; i++)
        error = clear_node(&own, decision->others[i]);
    if (!error && decision->kind == QUANYU__DECISION__KIND__BLOCK)
        error = block(&own, false);
    if (!error && decision->kind == QUANYU__DECISION__KIND__WITHDRAW)
        error = withdraw(graph, batch->txn, decision->evidence, false);
    if (!error && decision->kind == QUANYU__DECISION__KIND__REASSIGN)
        error = span_undo(graph, batch, decision);
    if (!error)
        error = assert_others(&own, arena);
    if (!error)
        error = solve(&own);
    if (!error)
        identity_store_put_decision(batch->txn, decision);
    return error ? error : store_error(batch->txn);
}
