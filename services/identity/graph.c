/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/graph.h"

#include "common/buffer.h"
#include "proto/identity.pb-c.h"

#include <stdlib.h>
#include <string.h>

struct graph {
    const struct vault *vault;
    const struct kinds *kinds;
    struct identity_counters counters;
    struct identity_counters committed;
    struct buffer moved; /* numbers of nodes */
    struct buffer sealed;
    struct node_index *index;
};

int graph_open(
    const struct vault *vault, const struct kinds *kinds, struct node_index *index, struct graph **ret_graph)
{
    struct graph *graph = calloc(1, sizeof(*graph));
    if (!graph)
        return -QY_ENOMEM;
    graph->vault = vault;
    graph->kinds = kinds;
    graph->index = index;
    *ret_graph = graph;
    return 0;
}

void graph_close(struct graph **graph)
{
    if (!*graph)
        return;
    buffer_free(&(*graph)->moved);
    buffer_free(&(*graph)->sealed);
    free(*graph);
    *graph = NULL;
}

int graph_load(struct graph *graph, struct store_txn *txn)
{
    identity_store_counters(txn, &graph->counters);
    graph->committed = graph->counters;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_places(txn, 0, &scan);
    uint32_t node;
    struct node_place place;
    while (!error && identity_store_next_place(txn, scan, &node, &place)) {
        error = node_index_add(graph->index, place.hash, node, place.person);
        node_index_keep(graph->index);
    }
    return error ? error : store_error(txn);
}

void graph_save(struct graph *graph, struct store_txn *txn)
{
    if (memcmp(&graph->counters, &graph->committed, sizeof(graph->counters)) != 0)
        identity_store_put_counters(txn, &graph->counters);
}

void graph_keep(struct graph *graph)
{
    graph->committed = graph->counters;
    node_index_keep(graph->index);
}

void graph_forget(struct graph *graph)
{
    graph->counters = graph->committed;
    node_index_revert(graph->index);
}

void graph_count_event(struct graph *graph)
{
    graph->counters.events++;
}

void graph_count_unattributed(struct graph *graph)
{
    graph->counters.unattributed++;
}

/* -- nodes -- */

struct found {
    uint32_t node; /* 0: not there yet */
    uint32_t person;
    bool is_new; /* made for this event: linked to nothing yet */
    const struct identifier *identifier;
    const struct kind *kind;
    uint8_t hash[VAULT_HASH_BYTES];
};

static void hash_identifier(
    struct graph *graph, const struct identifier *identifier, const struct kind *kind, struct found *found)
{
    *found = (struct found){.identifier = identifier, .kind = kind};
    vault_hash(graph->vault, kind->name, identifier->value, identifier->size, found->hash);
    node_index_prefetch(graph->index, found->hash);
}

/* A previousId is a user's id, unless it is known as an anonymous id alone. */
static void find_node(struct graph *graph, struct found *found)
{
    node_index_find(graph->index, found->hash, &found->node, &found->person);
    const struct kind *anonymous = found->identifier->previous ? graph->kinds->anonymous_id : NULL;
    if (found->node || !anonymous)
        return;
    struct found other;
    hash_identifier(graph, found->identifier, anonymous, &other);
    if (node_index_find(graph->index, other.hash, &other.node, &other.person))
        *found = other;
}

static int add_node(struct graph *graph, struct batch *batch, struct found *found, uint32_t person)
{
    if (graph->counters.nodes == UINT32_MAX)
        return -QY_EFULL;
    found->node = (uint32_t)++graph->counters.nodes;
    found->person = person ? person : found->node;
    found->is_new = true;
    graph->counters.persons += person ? 0 : 1;

    struct vault_key key;
    struct node_place place = {.person = found->person, .founder = !person};
    struct node_row row;
    memcpy(row.kind, found->kind->name, found->kind->name_size + 1);
    memcpy(place.hash, found->hash, sizeof(place.hash));
    vault_make_key(graph->vault, found->node, &key, row.wrapped);
    buffer_clear(&graph->sealed);
    vault_seal(&key, VAULT_IDENTIFIER, found->node, found->identifier->value, found->identifier->size,
        &graph->sealed);
    int error = buffer_error(&graph->sealed);
    if (!error)
        error = node_index_add(graph->index, found->hash, found->node, found->person);
    if (error)
        return error;
    row.sealed = (struct bytes){graph->sealed.data, graph->sealed.size};
    identity_store_add_node(batch->txn, found->node, &place, &row);

    Quanyu__NodeCreated created = QUANYU__NODE_CREATED__INIT;
    created.node = found->node;
    created.person = found->person;
    created.kind = row.kind;
    batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_NODE, &created.base);
    return 0;
}

/* -- joins -- */

static int gather_members(struct graph *graph, struct store_txn *txn, uint32_t person)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, person, &scan);
    if (error)
        return error;
    uint32_t node;
    buffer_clear(&graph->moved);
    while (identity_store_next_member(scan, &node))
        buffer_append(&graph->moved, &node, sizeof(node));
    return buffer_error(&graph->moved);
}

static int join(struct graph *graph, struct batch *batch, uint32_t from, uint32_t to, uint64_t evidence)
{
    int error = gather_members(graph, batch->txn, from);
    if (error)
        return error;
    uint32_t *nodes = (uint32_t *)(void *)graph->moved.data;
    size_t count = graph->moved.size / sizeof(*nodes);
    for (size_t i = 0; !error && i < count; i++) {
        uint8_t hash[VAULT_HASH_BYTES];
        identity_store_move_node(batch->txn, nodes[i], from, to, hash);
        error = store_error(batch->txn);
        if (!error)
            error = node_index_move(graph->index, hash, to);
    }
    if (error)
        return error;
    graph->counters.persons--;
    graph->counters.joins++;

    Quanyu__NodesMoved moved = QUANYU__NODES_MOVED__INIT;
    moved.nodes = nodes;
    moved.n_nodes = count;
    moved.from = from;
    moved.to = to;
    moved.evidence = evidence;
    batch_emit(batch, QUANYU__IDENTITY_RECORD__RECORD_MOVED, &moved.base);
    return 0;
}

static uint32_t lowest_person(const struct found *found, unsigned count)
{
    uint32_t lowest = 0;
    for (unsigned i = 0; i < count; i++)
        if (found[i].node && (!lowest || found[i].person < lowest))
            lowest = found[i].person;
    return lowest;
}

static int join_all(struct graph *graph, struct batch *batch, struct found *found, unsigned count,
    uint32_t person, uint64_t evidence, bool *ret_joined)
{
    *ret_joined = false;
    for (unsigned i = 0; i < count; i++) {
        uint32_t from = found[i].person;
        if (!found[i].node || from == person)
            continue;
        int error = join(graph, batch, from, person, evidence);
        if (error)
            return error;
        *ret_joined = true;
        for (unsigned k = i; k < count; k++)
            if (found[k].person == from)
                found[k].person = person;
    }
    return 0;
}

/* -- links -- */

/* `strong` is the event's strongest identifier. Most nodes are linked to one only, and the index remembers to which. */
static void keep_link(struct graph *graph, struct store_txn *txn, const struct found *strong,
    const struct found *found, const struct link *link)
{
    if (node_index_linked(graph->index, found->node) == strong->node)
        return;
    bool is_new = strong->is_new || found->is_new;
    if (is_new || !identity_store_has_link(txn, strong->node, found->node))
        identity_store_put_link(txn, strong->node, found->node, link);
    node_index_link(graph->index, found->node, strong->node);
}

int graph_resolve(struct graph *graph, struct batch *batch, const struct identifiers *identifiers,
    uint64_t evidence, int64_t event_ms, struct resolution *ret_resolution)
{
    struct found found[IDENTIFIERS_MAX];
    unsigned count = identifiers->count;
    for (unsigned i = 0; i < count; i++) {
        const struct identifier *identifier = &identifiers->items[identifiers->order[i]];
        hash_identifier(graph, identifier, identifier->kind, &found[i]);
    }
    for (unsigned i = 0; i < count; i++)
        find_node(graph, &found[i]);

    struct resolution resolution = {.person = lowest_person(found, count)};
    int error = join_all(graph, batch, found, count, resolution.person, evidence, &resolution.joined);
    for (unsigned i = 0; !error && i < count; i++) {
        if (!found[i].node)
            error = add_node(graph, batch, &found[i], resolution.person);
        if (!resolution.person)
            resolution.person = found[i].person;
    }
    if (error)
        return error;
    struct link link = {.evidence = evidence, .event_ms = event_ms};
    for (unsigned i = 0; i < count; i++) {
        if (i == 0) {
            resolution.node = found[0].node;
            continue;
        }
        resolution.linked[resolution.linked_count++] = found[i].node;
        keep_link(graph, batch->txn, &found[0], &found[i], &link);
    }
    *ret_resolution = resolution;
    return store_error(batch->txn);
}
