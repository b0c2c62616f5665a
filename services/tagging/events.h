/* SPDX-License-Identifier: Apache-2.0 */
/* The stored events of a node, in the order of their arrival. */
#ifndef QY_TAGGING_EVENTS_H
#define QY_TAGGING_EVENTS_H

#include "proto/common.pb-c.h"
#include "services/tagging/people.h"

/* An event, or what a row holds of it; texts are NUL-terminated and borrowed. */
struct stored_event {
    int64_t time_ms; /* min(as stated, arrival): what windows and metrics use */
    int64_t stated_ms;
    int64_t received_ms;
    uint64_t origin; /* offset in the gateway's journal; 0 for what campaign reports */
    uint64_t message_key;
    Quanyu__EventType type; /* EVENT_NONE: a delivery, counted nowhere but in event conditions */
    bool history;
    const char *name;
    struct bytes properties, traits, context; /* JSON objects; size 0: none */
    struct bytes carried; /* kinds of the identifiers that it carries, each with its NUL */
    uint32_t node;        /* as read */
};

/* A name as one bit of 64: who has none of that bit has no event of that name. */
uint64_t event_name_bit(const char *name);

/* Appends it to the node's events and counts it among what the node has seen. */
int node_add_event(struct people *people, struct node *node, const struct stored_event *event);

/* Returns false to stop. The event is borrowed for the call; nothing may be written meanwhile. */
typedef bool stored_event_fn(void *context, const struct stored_event *event);
/* The person's events with from_ms <= time < to_ms, any order; with a name, at least those that bear it. False when it was stopped. */
bool people_walk_events(struct people *people, const struct person *person, const char *name, int64_t from_ms,
    int64_t to_ms, stored_event_fn *visit, void *context);
/* The same for one node. */
bool node_walk_events(struct people *people, const struct node *node, int64_t from_ms, int64_t to_ms,
    stored_event_fn *visit, void *context);

/* The newest `limit` events as a JSON array, newest first. */
int people_events_json(struct people *people, const struct person *person, size_t limit, struct buffer *out);

#endif
