/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a node. Each is stored in a row of its own, in the order in which all of them arrived; the node refers
 * to it, and knows already what conditions ask most: when it was, and its name. */
#ifndef QY_TAGGING_EVENTS_H
#define QY_TAGGING_EVENTS_H

#include "proto/common.pb-c.h"
#include "services/tagging/people.h"

/* An event, or what a row holds of it; texts are NUL-terminated and borrowed. */
struct stored_event {
    int64_t time_ms; /* clock_event_ms(): what windows, metrics and the order of statements go by */
    int64_t stated_ms;
    int64_t received_ms;
    uint64_t origin; /* offset in the gateway's journal; 0 for what campaign reports */
    uint64_t message_key;
    Quanyu__EventType type; /* EVENT_NONE: a delivery, counted nowhere but in event conditions */
    bool history;
    Quanyu__Clock clock;
    const char *name;
    struct bytes properties, traits, context; /* JSON objects; size 0: none */
    struct bytes
        carried;   /* a NUL and the nodes that it carries, u32 each; in old rows kinds, each with its NUL */
    uint32_t node; /* as read */
    uint32_t unit, staff; /* where it happened, who served; 0: it does not say */
    uint32_t person;      /* where it says either: whom the node was then */
};

static inline bool event_is_contact(const struct stored_event *event)
{
    return event->unit != 0 || event->staff != 0;
}

/* -- writing -- */

/* Appends it to the node's events and counts it among what the node has seen. */
int node_add_event(struct people *people, struct node *node, const struct stored_event *event);
/* Stores it and refers to it, no more: for what the node has counted before. */
int node_store_event(struct people *people, struct node *node, const struct stored_event *event);
/* A stored event of another node is this one's from now on: counted here, and no more there only by node_keep_events(). */
int node_adopt_event(struct people *people, struct node *node, const struct event_reference *reference,
    const struct stored_event *event);
/* The node has these events alone, in this order, and counts them anew; of the others the rows stay. */
int node_keep_events(
    struct people *people, struct node *node, const struct event_reference *references, size_t kept);
/* Deletes what is stored of the node's events; the references are the caller's to forget. */
void node_delete_events(struct people *people, const struct node *node);

/* States on the node what the event states, and tells of each trait whose latest statement that is; event_traits.c. */
typedef void trait_fn(void *context, const char *name);
int node_state_traits(struct people *people, struct node *node, const struct stored_event *event,
    struct arena *scratch, trait_fn *changed, void *context);

/* -- walking -- */

/* Returns false to stop. The reference is borrowed for the call; no person or node may be written meanwhile. */
typedef bool event_fn(void *context, uint32_t node, const struct event_reference *reference);
/* The person's events with from_ms <= time < to_ms, any order; with a name, those that bear it. False when it
 * was stopped. */
bool people_walk_events(struct people *people, const struct person *person, const char *name, int64_t from_ms,
    int64_t to_ms, event_fn *visit, void *context);
/* The same for one node, and all its events. */
bool node_walk_events(struct people *people, const struct node *node, event_fn *visit, void *context);

/* What is stored of it: its texts live until something is written. False (and people->error) when it cannot be read. */
bool event_load(struct people *people, uint32_t node, const struct event_reference *reference,
    struct stored_event *ret_event);
/* Its name alone, which lives as long; NULL (and people->error) when it cannot be read. */
const char *event_name(struct people *people, uint32_t node, const struct event_reference *reference);

/* The newest `limit` events as a JSON array, newest first. */
int people_events_json(
    struct people *people, const struct person *person, size_t limit, bool amounts, struct buffer *out);

/* -- rows of stored events, event_rows.c -- */

void event_encode(const struct stored_event *event, struct buffer *out);
/* Texts point into `row`. The first version did not say whose event it is: then node is 0. */
bool event_decode(struct bytes row, struct stored_event *ret_event);

/* -- names, event_names.c -- */

/* A name as one bit of 64: who has none of that bit has no event of that name. */
uint64_t event_name_bit(const char *name);
/* The name's number; 0: it has none (yet). Those who read ask their snapshot. */
uint16_t event_name_number(struct people *people, const char *name);
/* As above, and gives it the next number where it has none: 0 only where it is too long, or all are given. */
uint16_t event_name_take(struct people *people, const char *name);
/* The name with that number; NULL (and people->error): there is none. */
const char *event_name_text(struct people *people, uint16_t number);

#endif
