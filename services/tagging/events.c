/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/events.h"

#include <string.h>

static bool fail(struct people *people, int error)
{
    if (!people->error)
        people->error = store_error(people->txn) ? store_error(people->txn) : error;
    return false;
}

/* -- writing -- */

/* The sequence behind the table's last: it is the table that knows, whatever was rolled back. */
static bool next_sequence(struct people *people, uint64_t *ret_sequence)
{
    if (people->next_event == 0) {
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        struct store_key all;
        struct bytes key, row;
        key_reset(&all);
        int error = scan_open_reverse(people->txn, TABLE_EVENTS, &all, NULL, &scan);
        if (error)
            return fail(people, error);
        bool any = scan_next(scan, &key, &row);
        if (any && key.size != sizeof(uint64_t))
            return fail(people, -QY_ECORRUPT);
        people->next_event = any ? get_be64(key.data) + 1 : 1;
    }
    *ret_sequence = people->next_event++;
    return true;
}

/* Moves the oldest references into a row of their own. */
static bool put_chunk(struct people *people, struct node *node)
{
    struct buffer *row = &people->row;
    struct store_key key;
    int64_t latest_ms = node->chunks > 0 ? node->chunks_latest_ms : INT64_MIN;
    for (size_t i = 0; i < REFERENCES_CHUNK; i++)
        if (node->references[i].time_ms > latest_ms)
            latest_ms = node->references[i].time_ms;
    buffer_clear(row);
    chunk_encode(node->references, REFERENCES_CHUNK, latest_ms, row);
    if (buffer_error(row))
        return fail(people, buffer_error(row));
    key_chunk(&key, node->number, node->chunks);
    store_put(people->txn, TABLE_PEOPLE, &key, row->data, row->size);
    node->chunks++;
    node->chunks_latest_ms = latest_ms;
    node->reference_count -= REFERENCES_CHUNK;
    memmove(node->references, node->references + REFERENCES_CHUNK,
        node->reference_count * sizeof(*node->references));
    return true;
}

static bool refer(struct people *people, struct node *node, const struct event_reference *reference)
{
    if (node->reference_count >= REFERENCES_INLINE && !put_chunk(people, node))
        return false;
    if (!people_grow(people, &node->references, &node->reference_capacity, node->reference_count,
            sizeof(*node->references)))
        return false;
    node->references[node->reference_count++] = *reference;
    node->dirty = true;
    return true;
}

/* As the node's, into people->row. */
static bool write_row(struct people *people, const struct node *node, const struct stored_event *event)
{
    struct stored_event stored = *event;
    stored.node = node->number;
    buffer_clear(&people->row);
    event_encode(&stored, &people->row);
    return !buffer_error(&people->row) || fail(people, buffer_error(&people->row));
}

int node_store_event(struct people *people, struct node *node, const struct stored_event *event)
{
    struct event_reference reference = {.time_ms = event->time_ms,
        .delivery = event->type == QUANYU__EVENT_TYPE__EVENT_NONE,
        .traits = event->traits.size > 0,
        .contact = event_is_contact(event)};
    struct store_key key;
    if (!write_row(people, node, event) || !next_sequence(people, &reference.sequence))
        return people->error;
    key_event(&key, reference.sequence);
    store_append(people->txn, TABLE_EVENTS, &key, people->row.data, people->row.size);
    reference.name = event_name_take(people, event->name);
    refer(people, node, &reference);
    return people->error;
}

static void count(struct node *node, const struct event_reference *reference, const char *name)
{
    int64_t time_ms = reference->time_ms;
    if (time_ms > node->latest_ms)
        node->latest_ms = time_ms;
    node->names |= event_name_bit(name);
    node->contacts += reference->contact;
    if (!reference->delivery) {
        if (node->events == 0 || time_ms < node->first_seen_ms)
            node->first_seen_ms = time_ms;
        if (node->events == 0 || time_ms > node->last_seen_ms)
            node->last_seen_ms = time_ms;
        node->events++;
    }
}

int node_add_event(struct people *people, struct node *node, const struct stored_event *event)
{
    int error = node_store_event(people, node, event);
    if (!error)
        count(node, &node->references[node->reference_count - 1], event->name);
    return error;
}

int node_adopt_event(struct people *people, struct node *node, const struct event_reference *reference,
    const struct stored_event *event)
{
    struct store_key key;
    if (!write_row(people, node, event))
        return people->error;
    key_event(&key, reference->sequence);
    store_put(people->txn, TABLE_EVENTS, &key, people->row.data, people->row.size);
    if (refer(people, node, reference))
        count(node, reference, event->name);
    return people->error;
}

int node_keep_events(
    struct people *people, struct node *node, const struct event_reference *references, size_t kept)
{
    struct store_key prefix;
    key_part(&prefix, node->number, PART_EVENT);
    store_delete_prefix(people->txn, TABLE_PEOPLE, &prefix);
    node->reference_count = 0;
    node->chunks = 0;
    node->events = node->contacts = node->names = 0;
    node->first_seen_ms = node->last_seen_ms = 0;
    node->latest_ms = INT64_MIN;
    node->dirty = true;
    for (size_t i = 0; i < kept; i++) {
        const char *name = event_name(people, node->number, &references[i]);
        if (!name || !refer(people, node, &references[i]))
            break;
        count(node, &references[i], name);
    }
    return people->error;
}

/* -- reading one -- */

bool event_load(struct people *people, uint32_t node, const struct event_reference *reference,
    struct stored_event *ret_event)
{
    struct store_key key;
    struct bytes row;
    key_event(&key, reference->sequence);
    if (!store_get(people->txn, TABLE_EVENTS, &key, &row) || !event_decode(row, ret_event) ||
        ret_event->node != node || ret_event->time_ms != reference->time_ms)
        return fail(people, -QY_ECORRUPT);
    return true;
}

const char *event_name(struct people *people, uint32_t node, const struct event_reference *reference)
{
    struct stored_event event;
    if (reference->name)
        return event_name_text(people, reference->name);
    return event_load(people, node, reference, &event) ? event.name : NULL;
}

/* -- walking -- */

struct walk {
    struct people *people;
    const char *name; /* NULL: any */
    uint16_t name_number;
    int64_t from_ms, to_ms;
    event_fn *visit;
    void *context;
    const struct node *node;
};

enum step { STEP_ON, STEP_NODE_DONE, STEP_STOPPED };

/* Of the others only what has no number may bear the name that is asked for. */
static enum step walk_reference(const struct walk *walk, const struct event_reference *reference)
{
    if (reference->time_ms < walk->from_ms || reference->time_ms >= walk->to_ms)
        return STEP_ON;
    if (walk->name && reference->name != 0 && reference->name != walk->name_number)
        return STEP_ON;
    if (walk->name && reference->name == 0) {
        const char *name = event_name(walk->people, walk->node->number, reference);
        if (!name)
            return STEP_STOPPED;
        if (strcmp(name, walk->name) != 0)
            return STEP_ON;
    }
    return walk->visit(walk->context, walk->node->number, reference) ? STEP_ON : STEP_STOPPED;
}

static enum step walk_references(
    const struct walk *walk, const struct event_reference *references, size_t count)
{
    enum step step = STEP_ON;
    for (size_t i = count; step == STEP_ON && i > 0; i--)
        step = walk_reference(walk, &references[i - 1]);
    return step;
}

static enum step walk_chunk(const struct walk *walk, struct bytes row)
{
    struct event_reference references[REFERENCES_CHUNK];
    size_t count;
    int64_t latest_ms;
    if (!chunk_decode(row, references, &count, &latest_ms)) {
        fail(walk->people, -QY_ECORRUPT);
        return STEP_STOPPED;
    }
    return latest_ms < walk->from_ms ? STEP_NODE_DONE : walk_references(walk, references, count);
}

static enum step walk_chunks(const struct walk *walk)
{
    struct store_key prefix;
    key_part(&prefix, walk->node->number, PART_EVENT);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(walk->people->txn, TABLE_PEOPLE, &prefix, NULL, &scan);
    if (error) {
        fail(walk->people, error);
        return STEP_STOPPED;
    }
    enum step step = STEP_ON;
    struct bytes key, row;
    while (step == STEP_ON && scan_next(scan, &key, &row))
        step = walk_chunk(walk, row);
    return step;
}

static bool walk_node(const struct walk *walk)
{
    const struct node *node = walk->node;
    if (node->latest_ms < walk->from_ms)
        return true;
    enum step step = walk_references(walk, node->references, node->reference_count);
    if (step == STEP_ON && node->chunks > 0 && node->chunks_latest_ms >= walk->from_ms)
        step = walk_chunks(walk);
    return step != STEP_STOPPED;
}

bool node_walk_events(struct people *people, const struct node *node, event_fn *visit, void *context)
{
    struct walk walk = {.people = people,
        .node = node,
        .from_ms = INT64_MIN,
        .to_ms = INT64_MAX,
        .visit = visit,
        .context = context};
    return walk_node(&walk);
}

bool people_walk_events(struct people *people, const struct person *person, const char *name, int64_t from_ms,
    int64_t to_ms, event_fn *visit, void *context)
{
    uint64_t asked = name ? event_name_bit(name) : UINT64_MAX;
    if (!(person->names & asked))
        return true;
    struct walk walk = {.people = people,
        .name = name,
        .name_number = name ? event_name_number(people, name) : 0,
        .from_ms = from_ms,
        .to_ms = to_ms,
        .visit = visit,
        .context = context};
    for (size_t i = 0; i < person->node_count; i++) {
        walk.node = people_node(people, person->nodes[i].node);
        if (walk.node && !(walk.node->names & asked))
            continue;
        if (!walk.node || !walk_node(&walk))
            return false;
    }
    return true;
}

/* -- deleting -- */

static bool delete_event(void *context, uint32_t node, const struct event_reference *reference)
{
    struct people *people = context;
    struct store_key key;
    (void)node;
    key_event(&key, reference->sequence);
    store_delete(people->txn, TABLE_EVENTS, &key);
    return true;
}

void node_delete_events(struct people *people, const struct node *node)
{
    node_walk_events(people, node, delete_event, people);
}
