/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/connected.h"

#include <stdlib.h>

static bool is_out(struct connected *own, uint32_t node)
{
    struct node_place place;
    return !identity_store_place(own->txn, node, &place) || !own->rules->kinds[place.kind].joins ||
           own->is_out(own->self, node, &place);
}

static bool joins_by_evidence(struct connected *own, uint32_t node, uint32_t other, const struct link *link)
{
    return link->has_evidence && !is_out(own, node) && !is_out(own, other);
}

/* A later decision takes an earlier one's place. */
static bool joins_by_hand(const struct link *link)
{
    return link->joined > link->cut;
}

static void add_link(struct connected *own, uint32_t low, uint32_t high, const struct link *link)
{
    struct component_link one = {.low = low, .high = high};
    if (joins_by_hand(link)) {
        one.rank = RANK_HAND;
        one.order = link->joined;
        buffer_append(&own->pairs, &one, sizeof(one));
    }
    if (link->apart) {
        one.apart = true;
        buffer_append(&own->pairs, &one, sizeof(one));
        one.apart = false;
    }
    if (joins_by_evidence(own, low, high, link)) {
        one.rank = link->verified ? RANK_VERIFIED : RANK_CLAIMED;
        one.order = link->evidence;
        one.alias_kind = link->alias ? (uint8_t)own->kinds->user_id->number : 0;
        buffer_append(&own->pairs, &one, sizeof(one));
    }
}

/* From the digest's side: what it is a digest of may be a dead end. */
static void add_same(struct connected *own, uint32_t node, uint32_t other)
{
    struct node_place place;
    struct component_link one = {
        .low = node < other ? node : other, .high = node < other ? other : node, .rank = RANK_SAME};
    if (identity_store_place(own->txn, node, &place) && place.flags & NODE_SAME)
        buffer_append(&own->pairs, &one, sizeof(one));
}

static void idle(struct connected *own, uint32_t node, uint32_t other)
{
    if (own->idle)
        own->idle(own->self, node, other);
}

/* Nothing leads on from one that is out: it may have a million neighbours. */
static bool is_dead_end(struct connected *own, uint32_t node)
{
    struct node_place place;
    return is_out(own, node) && identity_store_place(own->txn, node, &place) &&
           !(place.flags & (NODE_DECIDED | NODE_REFUSED | NODE_SAME));
}

static int add_neighbours(struct connected *own, uint32_t node)
{
    struct store_txn *txn = own->txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint32_t other;
    struct link link;
    int error = is_dead_end(own, node) ? 0 : identity_store_scan_neighbours(txn, node, &scan);
    while (!error && scan && identity_store_next_link_of(txn, scan, node, &other, &link)) {
        if (own->reweigh)
            own->reweigh(own->self, node, other, &link);
        if (other > node)
            add_link(own, node, other, &link);
        if (link.same)
            add_same(own, node, other);
        if (link.same || joins_by_hand(&link) || joins_by_evidence(own, node, other, &link))
            error = node_set_add(&own->set, other);
        else
            idle(own, node, other);
    }
    return error ? error : store_error(txn);
}

/* All that are of the node's person now. */
static int add_members(struct connected *own, uint32_t node)
{
    struct node_place place;
    if (!identity_store_place(own->txn, node, &place))
        return store_fail(own->txn, -QY_ECORRUPT);
    size_t before = node_set_count(&own->expanded);
    int error = node_set_add(&own->expanded, place.person);
    if (error || node_set_count(&own->expanded) == before)
        return error;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    error = identity_store_scan_members(own->txn, place.person, &scan);
    uint32_t member;
    while (!error && identity_store_next_member(scan, &member))
        error = node_set_add(&own->set, member);
    return error ? error : store_error(own->txn);
}

static int64_t first_ms(struct connected *own, uint32_t node, unsigned kind)
{
    struct node_row row;
    if (!rules_has_window(&own->rules->kinds[kind]) || !identity_store_node(own->txn, node, &row))
        return 0;
    return row.event_ms;
}

static int make_nodes(struct connected *own)
{
    own->count = node_set_count(&own->set);
    own->nodes = calloc(own->count, sizeof(*own->nodes));
    own->persons = calloc(own->count, sizeof(*own->persons));
    if (!own->nodes || !own->persons)
        return -QY_ENOMEM;
    uint32_t *numbers = node_set_items(&own->set);
    numbers_sort(numbers, own->count);
    for (size_t i = 0; i < own->count; i++) {
        struct node_place place;
        if (!identity_store_place(own->txn, numbers[i], &place))
            return store_fail(own->txn, -QY_ECORRUPT);
        unsigned kind = place.kind;
        own->persons[i] = place.person;
        own->nodes[i] = (struct component_node){.node = numbers[i],
            .kind = (uint8_t)kind,
            .strength = own->rules->kinds[kind].strength,
            .verified = rules_verify_node(&own->rules->kinds[kind], place.flags),
            .same = place.flags & NODE_SAME,
            .first_ms = first_ms(own, numbers[i], kind)};
    }
    return 0;
}

static bool index_of(const struct connected *own, uint32_t node, uint32_t *ret_index)
{
    const uint32_t *numbers = node_set_items(&own->set);
    const uint32_t *found = numbers_find(numbers, own->count, node);
    if (found)
        *ret_index = (uint32_t)(found - numbers);
    return found;
}

/* Links by index. Those that only keep apart may lead out of what is connected: they say nothing then. */
static void index_links(struct connected *own)
{
    struct component_link *links = (struct component_link *)(void *)own->pairs.data;
    size_t count = own->pairs.size / sizeof(*links), kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct component_link link = links[i];
        if (index_of(own, links[i].low, &link.low) && index_of(own, links[i].high, &link.high))
            links[kept++] = link;
    }
    own->links = links;
    own->link_count = kept;
}

int connected_gather(struct connected *own, const uint32_t *nodes, size_t count)
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
        error = buffer_error(&own->pairs);
    if (!error)
        error = make_nodes(own);
    if (!error)
        index_links(own);
    return error ? error : store_error(own->txn);
}

void connected_free(struct connected *connected)
{
    free(connected->nodes);
    free(connected->persons);
    node_set_free(&connected->set);
    node_set_free(&connected->expanded);
    buffer_free(&connected->pairs);
    connected->nodes = NULL;
    connected->persons = NULL;
    connected->set = connected->expanded = (struct node_set){0};
    connected->pairs = (struct buffer)BUFFER_INIT;
}
