/* SPDX-License-Identifier: Apache-2.0 */
/* What is connected with some persons, solved anew from the links. */
#include "services/identity/graph_internal.h"
#include "services/identity/node_set.h"

#include <stdlib.h>
#include <string.h>

struct solving {
    struct graph *graph;
    struct batch *batch;
    const struct cause *cause;
    struct node_set set;
    struct node_set persons; /* whose members are in the set */
    struct buffer links;     /* struct component_link, by node number, not by index, until they are indexed */
    struct component_node *nodes;
    uint32_t *before; /* each node's person */
    size_t count;
};

/* -- gathering -- */

static bool is_out(const struct graph *graph, uint32_t node)
{
    return node_index_flags(graph->index, node) & NODE_OUT ||
           !graph->rules.kinds[node_index_kind(graph->index, node)].joins;
}

static bool joins_by_evidence(
    const struct graph *graph, uint32_t node, uint32_t other, const struct link *link)
{
    return link->has_evidence && !is_out(graph, node) && !is_out(graph, other);
}

/* A later decision takes an earlier one's place. */
static bool joins_by_hand(const struct link *link)
{
    return link->joined > link->cut;
}

static void add_link(struct solving *own, uint32_t low, uint32_t high, const struct link *link)
{
    struct component_link one = {.low = low, .high = high, .rank = RANK_SAME};
    if (link->same)
        buffer_append(&own->links, &one, sizeof(one));
    if (joins_by_hand(link)) {
        one.rank = RANK_HAND;
        one.order = link->joined;
        buffer_append(&own->links, &one, sizeof(one));
    }
    if (link->apart) {
        one.apart = true;
        buffer_append(&own->links, &one, sizeof(one));
        one.apart = false;
    }
    if (joins_by_evidence(own->graph, low, high, link)) {
        one.rank = link->verified ? RANK_VERIFIED : RANK_CLAIMED;
        one.order = link->evidence;
        one.alias_kind = link->alias ? (uint8_t)own->graph->kinds->user_id->number : 0;
        buffer_append(&own->links, &one, sizeof(one));
    }
}

static void strike_off(struct solving *own, uint32_t node, uint32_t other)
{
    struct graph *graph = own->graph;
    unsigned flags = node_index_flags(graph->index, node) & node_index_flags(graph->index, other);
    uint32_t low = node < other ? node : other, high = node < other ? other : node;
    if (flags & NODE_REFUSED && identity_store_delete_conflict(own->batch->txn, low, high))
        graph->counters.conflicts--;
}

static int add_neighbours(struct solving *own, uint32_t node)
{
    struct store_txn *txn = own->batch->txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(txn, node, &scan);
    uint32_t other;
    struct link link;
    while (!error && identity_store_next_neighbour(txn, scan, node, &other, &link)) {
        if (other < node && !identity_store_link(txn, other, node, &link))
            return store_fail(txn, -QY_ECORRUPT);
        if (other > node)
            add_link(own, node, other, &link);
        if (link.same || joins_by_hand(&link) || joins_by_evidence(own->graph, node, other, &link))
            error = node_set_add(&own->set, other);
        else
            strike_off(own, node, other); /* it is out of the question: nothing to look at */
    }
    return error ? error : store_error(txn);
}

/* All that are of the node's person now. */
static int add_members(struct solving *own, uint32_t node)
{
    struct node_place place;
    if (!identity_store_place(own->batch->txn, node, &place))
        return store_fail(own->batch->txn, -QY_ECORRUPT);
    size_t before = node_set_count(&own->persons);
    int error = node_set_add(&own->persons, place.person);
    if (error || node_set_count(&own->persons) == before)
        return error;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    error = identity_store_scan_members(own->batch->txn, place.person, &scan);
    uint32_t member;
    while (!error && identity_store_next_member(scan, &member))
        error = node_set_add(&own->set, member);
    return error ? error : store_error(own->batch->txn);
}

static int compare_numbers(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static int64_t first_ms(struct solving *own, uint32_t node, unsigned kind)
{
    struct node_row row;
    if (!rules_has_window(&own->graph->rules.kinds[kind]) ||
        !identity_store_node(own->batch->txn, node, &row))
        return 0;
    return row.event_ms;
}

static int make_nodes(struct solving *own)
{
    own->count = node_set_count(&own->set);
    own->nodes = calloc(own->count, sizeof(*own->nodes));
    own->before = calloc(own->count, sizeof(*own->before));
    if (!own->nodes || !own->before)
        return -QY_ENOMEM;
    uint32_t *numbers = node_set_items(&own->set);
    qsort(numbers, own->count, sizeof(*numbers), compare_numbers);
    for (size_t i = 0; i < own->count; i++) {
        struct node_place place;
        unsigned kind = node_index_kind(own->graph->index, numbers[i]);
        const struct kind *known = kind_numbered(own->graph->kinds, kind);
        if (!identity_store_place(own->batch->txn, numbers[i], &place))
            return store_fail(own->batch->txn, -QY_ECORRUPT);
        own->before[i] = place.person;
        own->nodes[i] = (struct component_node){.node = numbers[i],
            .kind = (uint8_t)kind,
            .strength = (uint8_t)(known ? known->priority : KINDS_MAX),
            .verified = place.flags & NODE_VERIFIED,
            .same = place.flags & NODE_SAME,
            .first_ms = first_ms(own, numbers[i], kind)};
    }
    return 0;
}

static bool index_of(const struct solving *own, uint32_t node, uint32_t *ret_index)
{
    const uint32_t *numbers = node_set_items(&own->set);
    const uint32_t *found = bsearch(&node, numbers, own->count, sizeof(node), compare_numbers);
    if (found)
        *ret_index = (uint32_t)(found - numbers);
    return found;
}

/* Links by index. Those that only keep apart may lead out of what is connected: they say nothing then. */
static size_t index_links(struct solving *own)
{
    struct component_link *links = (struct component_link *)(void *)own->links.data;
    size_t count = own->links.size / sizeof(*links), kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct component_link link = links[i];
        if (index_of(own, links[i].low, &link.low) && index_of(own, links[i].high, &link.high))
            links[kept++] = link;
    }
    return kept;
}

static int gather(struct solving *own, const uint32_t *nodes, size_t count)
{
    int error = 0;
    for (size_t i = 0; !error && i < count; i++)
        error = node_set_add(&own->set, nodes[i]);
    for (size_t i = 0; !error && i < node_set_count(&own->set); i++) {
        uint32_t node = node_set_items(&own->set)[i];
        error = add_members(own, node);
        if (!error)
            error = add_neighbours(own, node);
    }
    if (!error)
        error = buffer_error(&own->links);
    return error ? error : make_nodes(own);
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
    for (size_t i = 0; i < own->count; i++) {
        struct moving one = {own->before[i], own->nodes[i].person, own->nodes[i].node};
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
    for (size_t i = 0; i < own->count; i++) {
        before += own->before[i] == own->nodes[i].node;
        after += own->nodes[i].person == own->nodes[i].node;
    }
    counters->persons += after - before;
    counters->joins += before > after ? before - after : 0;
    counters->splits += after > before ? after - before : 0;
}

static int flag(struct solving *own)
{
    int error = 0;
    for (size_t i = 0; !error && i < own->count; i++) {
        uint32_t node = own->nodes[i].node;
        unsigned flags = node_index_flags(own->graph->index, node) & ~(unsigned)NODE_REFUSED;
        groups_drop(own->graph->groups, own->before[i]);
        groups_drop(own->graph->groups, own->nodes[i].person);
        error = graph_set_flags(
            own->graph, own->batch->txn, node, flags | (own->nodes[i].refused ? NODE_REFUSED : 0));
    }
    return error;
}

static void list_conflicts(struct solving *own, size_t link_count)
{
    const struct component_link *links = (const struct component_link *)(const void *)own->links.data;
    for (size_t i = 0; i < link_count; i++) {
        uint32_t low = own->nodes[links[i].low].node, high = own->nodes[links[i].high].node;
        enum refusal refusal = links[i].verdict.refusal;
        if (refusal && refusal != REFUSED_APART)
            graph_note_conflict(own->graph, own->batch, low, high, links[i].verdict, own->cause->evidence);
        else
            strike_off(own, low, high);
    }
}

int graph_solve(
    struct graph *graph, struct batch *batch, const uint32_t *nodes, size_t count, const struct cause *cause)
{
    struct solving own = {.graph = graph, .batch = batch, .cause = cause};
    int error = gather(&own, nodes, count);
    size_t links = error ? 0 : index_links(&own);
    if (!error)
        error = component_solve(
            &graph->rules, own.nodes, own.count, (struct component_link *)(void *)own.links.data, links);
    if (!error)
        list_conflicts(&own, links);
    if (!error)
        error = move(&own);
    if (!error) {
        count_persons(&own);
        error = flag(&own);
    }
    free(own.nodes);
    free(own.before);
    node_set_free(&own.set);
    node_set_free(&own.persons);
    buffer_free(&own.links);
    return error ? error : store_error(batch->txn);
}
