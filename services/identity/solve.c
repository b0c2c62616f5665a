/* SPDX-License-Identifier: Apache-2.0 */
/* What is connected with some persons, solved anew from the links. */
#include "services/identity/connected.h"
#include "services/identity/graph_internal.h"

#include <stdlib.h>
#include <string.h>

struct solving {
    struct graph *graph;
    struct batch *batch;
    const struct cause *cause;
    struct connected connected;
};

static bool is_out(void *self, uint32_t node, const struct node_place *place)
{
    (void)self;
    (void)node;
    return place->flags & NODE_OUT;
}

/* It is out of the question: nothing to look at. */
static void strike_off(void *self, uint32_t node, uint32_t other)
{
    struct solving *own = self;
    struct graph *graph = own->graph;
    unsigned flags = node_index_flags(graph->index, node) & node_index_flags(graph->index, other);
    uint32_t low = node < other ? node : other, high = node < other ? other : node;
    if (flags & NODE_REFUSED && identity_store_delete_conflict(own->batch->txn, low, high))
        graph->counters.conflicts--;
}

/* -- the outcome -- */

struct moving {
    uint32_t from, to, node;
};

static int compare_moving(const void *left, const void *right)
{
    const struct moving *one = left, *other = right;
    if (one->from != other->from)
        return one->from < other->from ? -1 : 1;
    if (one->to != other->to)
        return one->to < other->to ? -1 : 1;
    return (one->node > other->node) - (one->node < other->node);
}

static int move_group(struct solving *own, const struct moving *moving, size_t count)
{
    struct buffer *nodes = &own->graph->moved;
    buffer_clear(nodes);
    for (size_t i = 0; i < count; i++)
        buffer_append(nodes, &moving[i].node, sizeof(moving[i].node));
    if (buffer_error(nodes))
        return buffer_error(nodes);
    return graph_move(own->graph, own->batch, (const uint32_t *)(const void *)nodes->data, count,
        moving[0].from, moving[0].to, own->cause);
}

static int move(struct solving *own)
{
    _cleanup_(buffer_free) struct buffer list = BUFFER_INIT;
    for (size_t i = 0; i < own->connected.count; i++) {
        struct moving one = {
            own->connected.persons[i], own->connected.nodes[i].person, own->connected.nodes[i].node};
        if (one.from != one.to)
            buffer_append(&list, &one, sizeof(one));
    }
    struct moving *moving = (struct moving *)(void *)list.data;
    size_t count = list.size / sizeof(*moving), next;
    int error = buffer_error(&list);
    if (count > 0)
        qsort(moving, count, sizeof(*moving), compare_moving);
    for (size_t i = 0; !error && i < count; i = next) {
        for (next = i + 1;
            next < count && moving[next].from == moving[i].from && moving[next].to == moving[i].to;)
            next++;
        error = move_group(own, moving + i, next - i);
    }
    return error;
}

static void count_persons(struct solving *own)
{
    struct identity_counters *counters = &own->graph->counters;
    uint64_t before = 0, after = 0;
    for (size_t i = 0; i < own->connected.count; i++) {
        before += own->connected.persons[i] == own->connected.nodes[i].node;
        after += own->connected.nodes[i].person == own->connected.nodes[i].node;
    }
    counters->persons += after - before;
    counters->joins += before > after ? before - after : 0;
    counters->splits += after > before ? after - before : 0;
}

static int flag(struct solving *own)
{
    int error = 0;
    for (size_t i = 0; !error && i < own->connected.count; i++) {
        uint32_t node = own->connected.nodes[i].node;
        unsigned flags = node_index_flags(own->graph->index, node) & ~(unsigned)NODE_REFUSED;
        graph_mark_swept(own->graph, node);
        groups_drop(own->graph->groups, own->connected.persons[i]);
        groups_drop(own->graph->groups, own->connected.nodes[i].person);
        error = graph_set_flags(
            own->graph, own->batch->txn, node, flags | (own->connected.nodes[i].refused ? NODE_REFUSED : 0));
    }
    return error;
}

static void list_conflicts(struct solving *own)
{
    const struct component_link *links = own->connected.links;
    for (size_t i = 0; i < own->connected.link_count; i++) {
        uint32_t low = own->connected.nodes[links[i].low].node,
                 high = own->connected.nodes[links[i].high].node;
        enum refusal refusal = links[i].verdict.refusal;
        if (refusal && refusal != REFUSED_APART)
            graph_note_conflict(own->graph, own->batch, low, high, links[i].verdict, own->cause->evidence);
        else
            strike_off(own, low, high);
    }
}

/* With those that are busy since, or are not any more: nothing else may lead to them. */
static int gather(struct solving *own, const uint32_t *nodes, size_t count)
{
    _cleanup_(buffer_free) struct buffer all = own->graph->touched;
    own->graph->touched = (struct buffer)BUFFER_INIT;
    buffer_append(&all, nodes, count * sizeof(*nodes));
    if (buffer_error(&all))
        return buffer_error(&all);
    return connected_gather(
        &own->connected, (const uint32_t *)(const void *)all.data, all.size / sizeof(*nodes));
}

int graph_solve(
    struct graph *graph, struct batch *batch, const uint32_t *nodes, size_t count, const struct cause *cause)
{
    struct solving own = {.graph = graph,
        .batch = batch,
        .cause = cause,
        .connected = {.txn = batch->txn,
            .rules = &graph->rules,
            .kinds = graph->kinds,
            .self = &own,
            .is_out = is_out,
            .idle = strike_off}};
    struct connected *connected = &own.connected;
    int error = gather(&own, nodes, count);
    if (!error)
        error = component_solve(
            &graph->rules, connected->nodes, connected->count, connected->links, connected->link_count);
    if (!error) {
        list_conflicts(&own);
        error = move(&own);
    }
    if (!error) {
        count_persons(&own);
        error = flag(&own);
    }
    connected_free(connected);
    return error ? error : store_error(batch->txn);
}
