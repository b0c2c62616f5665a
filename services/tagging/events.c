/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/events.h"

#include <stdlib.h>
#include <string.h>

/* What a row begins with; then the texts, each with a NUL behind it. */
struct event_head {
    int64_t time_ms;
    int64_t latest_ms; /* over this and the node's earlier rows: where a walk backwards may stop */
    int64_t stated_ms;
    int64_t received_ms;
    uint64_t origin;
    uint64_t message_key;
    uint32_t name_size, properties_size, traits_size, context_size;
    uint16_t carried_size;
    uint8_t version, type, history;
    uint8_t unused[3];
};
#define EVENT_VERSION 1
#define FLAG_HISTORY 1

static uint8_t *put_run(uint8_t *at, const void *data, size_t size)
{
    if (size > 0)
        memcpy(at, data, size);
    at[size] = 0;
    return at + size + 1;
}

static struct bytes encode_event(struct people *people, const struct stored_event *event, int64_t latest_ms)
{
    struct event_head head = {
        .time_ms = event->time_ms,
        .latest_ms = latest_ms,
        .stated_ms = event->stated_ms,
        .received_ms = event->received_ms,
        .origin = event->origin,
        .message_key = event->message_key,
        .name_size = (uint32_t)strlen(event->name),
        .properties_size = (uint32_t)event->properties.size,
        .traits_size = (uint32_t)event->traits.size,
        .context_size = (uint32_t)event->context.size,
        .carried_size = (uint16_t)event->carried.size,
        .version = EVENT_VERSION,
        .type = (uint8_t)event->type,
        .history = event->history,
    };
    size_t size = sizeof(head) + head.name_size + head.properties_size + head.traits_size +
                  head.context_size + head.carried_size + 5;
    uint8_t *row = arena_alloc(people->arena, size);
    if (!row) {
        people->error = people->error ? people->error : -QY_ENOMEM;
        return (struct bytes){0};
    }
    memcpy(row, &head, sizeof(head));
    uint8_t *at = put_run(row + sizeof(head), event->name, head.name_size);
    at = put_run(at, event->properties.data, head.properties_size);
    at = put_run(at, event->traits.data, head.traits_size);
    at = put_run(at, event->context.data, head.context_size);
    put_run(at, event->carried.data, head.carried_size);
    return (struct bytes){row, size};
}

static struct bytes take_run(const uint8_t **at, size_t size)
{
    struct bytes run = {*at, size};
    *at += size + 1;
    return run;
}

static bool read_head(struct bytes row, struct event_head *head)
{
    if (row.size < sizeof(*head))
        return false;
    memcpy(head, row.data, sizeof(*head));
    size_t size = sizeof(*head) + head->name_size + head->properties_size + head->traits_size +
                  head->context_size + head->carried_size + 5;
    return head->version == EVENT_VERSION && row.size == size;
}

static struct stored_event event_of(const struct event_head *head, const uint8_t *row, uint32_t node)
{
    const uint8_t *at = row + sizeof(*head);
    struct stored_event event = {
        .time_ms = head->time_ms,
        .stated_ms = head->stated_ms,
        .received_ms = head->received_ms,
        .origin = head->origin,
        .message_key = head->message_key,
        .type = (Quanyu__EventType)head->type,
        .history = head->history,
        .node = node,
    };
    event.name = (const char *)take_run(&at, head->name_size).data;
    event.properties = take_run(&at, head->properties_size);
    event.traits = take_run(&at, head->traits_size);
    event.context = take_run(&at, head->context_size);
    event.carried = take_run(&at, head->carried_size);
    return event;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
uint64_t event_name_bit(const char *name)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * UINT32_C(16777619);
    return UINT64_C(1) << (hash >> 26);
}

int node_add_event(struct people *people, struct node *node, const struct stored_event *event)
{
    int64_t latest = event->time_ms > node->latest_ms ? event->time_ms : node->latest_ms;
    struct bytes row = encode_event(people, event, latest);
    if (!row.data ||
        !people_grow(people, &node->fresh, &node->fresh_capacity, node->fresh_count, sizeof(*node->fresh)))
        return people->error;
    node->fresh[node->fresh_count++] = row;
    node->next_event++;
    node->latest_ms = latest;
    node->names |= event_name_bit(event->name);
    if (event->type != QUANYU__EVENT_TYPE__EVENT_NONE) {
        if (node->events == 0 || event->time_ms < node->first_seen_ms)
            node->first_seen_ms = event->time_ms;
        if (node->events == 0 || event->time_ms > node->last_seen_ms)
            node->last_seen_ms = event->time_ms;
        node->events++;
    }
    node->dirty = true;
    return 0;
}

/* -- walking -- */

struct walk {
    struct people *people;
    int64_t from_ms, to_ms;
    stored_event_fn *visit;
    void *context;
    uint32_t node;
};

enum step { STEP_ON, STEP_NODE_DONE, STEP_STOPPED };

static enum step walk_row(const struct walk *walk, struct bytes row)
{
    struct event_head head;
    if (!read_head(row, &head)) {
        walk->people->error = walk->people->error ? walk->people->error : -QY_ECORRUPT;
        return STEP_STOPPED;
    }
    if (head.latest_ms < walk->from_ms)
        return STEP_NODE_DONE;
    if (head.time_ms < walk->from_ms || head.time_ms >= walk->to_ms)
        return STEP_ON;
    struct stored_event event = event_of(&head, row.data, walk->node);
    return walk->visit(walk->context, &event) ? STEP_ON : STEP_STOPPED;
}

static enum step walk_stored(const struct walk *walk)
{
    struct store_key prefix;
    key_part(&prefix, walk->node, PART_EVENT);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(walk->people->txn, TABLE_PEOPLE, &prefix, NULL, &scan);
    if (error) {
        walk->people->error = error;
        return STEP_STOPPED;
    }
    enum step step = STEP_ON;
    struct bytes key, row;
    while (step == STEP_ON && scan_next(scan, &key, &row))
        step = walk_row(walk, row);
    return step;
}

bool node_walk_events(struct people *people, const struct node *node, int64_t from_ms, int64_t to_ms,
    stored_event_fn *visit, void *context)
{
    struct walk walk = {people, from_ms, to_ms, visit, context, node->number};
    enum step step = STEP_ON;
    if (node->latest_ms < from_ms)
        return true;
    for (size_t i = node->fresh_count; step == STEP_ON && i > 0; i--)
        step = walk_row(&walk, node->fresh[i - 1]);
    if (step == STEP_ON && node->next_event > node->fresh_count)
        step = walk_stored(&walk);
    return step != STEP_STOPPED;
}

bool people_walk_events(struct people *people, const struct person *person, const char *name, int64_t from_ms,
    int64_t to_ms, stored_event_fn *visit, void *context)
{
    uint64_t asked = name ? event_name_bit(name) : UINT64_MAX;
    if (!(person->names & asked))
        return true;
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(people, person->nodes[i].node);
        if (node && !(node->names & asked))
            continue;
        if (!node || !node_walk_events(people, node, from_ms, to_ms, visit, context))
            return false;
    }
    return true;
}
