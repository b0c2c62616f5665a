/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and persons of one transaction: read on first use, changed in memory, written in key order by
 * people_flush().
 *
 * State is kept per node; a person's row holds what is folded over its nodes. A person's number is that of
 * its first node. What a row holds points into the arena and lives until people_forget(). */
#ifndef QY_TAGGING_PEOPLE_H
#define QY_TAGGING_PEOPLE_H

#include "proto/identity.pb-c.h"
#include "services/tagging/binding.h"
#include "services/tagging/tagging_store.h"
#include "services/tagging/totals.h"

#include <yyjson.h>

#define TRAITS_MAX 500u /* a node; more are not kept */

struct trait {
    const char *name;
    const char *json; /* "null": removed; kept, for an older statement may still come */
    size_t size;
    int64_t stated_ms;
    uint64_t origin;
};

/* A tag that was not set by a rule. The same one on several nodes is one tag of their person, which has it as long as
 * any of them. */
struct hand_tag {
    uint32_t definition; /* one that is dropped is nobody's tag any more */
    const char *origin;
    int64_t since_ms;
    int64_t expires_ms; /* 0: never */
};

/* The time at which it ends; later than any for one that has no end. */
static inline int64_t hand_tag_end(const struct hand_tag *tag)
{
    return tag->expires_ms ? tag->expires_ms : INT64_MAX;
}

/* What a node keeps of one of its events; events.h. */
struct event_reference {
    uint64_t sequence; /* of the stored event */
    int64_t time_ms;
    uint16_t name; /* its number; 0: it has none, look at the stored event */
    bool delivery; /* EVENT_NONE */
    bool traits;   /* it states some */
    bool contact;  /* it bears a unit or a member of staff */
};

/* A node's row holds so many references at most; then the oldest REFERENCES_CHUNK go into a row of their own. */
#define REFERENCES_INLINE 48u
#define REFERENCES_CHUNK 32u

struct node {
    uint32_t number;
    uint32_t person; /* 0: there is no such node */
    const char *kind;
    uint64_t events; /* of the six types */
    int64_t first_seen_ms, last_seen_ms;
    int64_t latest_ms;                  /* over all stored events */
    uint64_t names;                     /* of all stored events, as event_name_bit() */
    bool purchases;                     /* there are rows of orders or refunds */
    uint32_t chunks;                    /* rows of older references */
    int64_t chunks_latest_ms;           /* over the events in those */
    struct event_reference *references; /* newest last */
    size_t reference_count, reference_capacity;
    struct trait *traits;
    size_t trait_count, trait_capacity;
    struct hand_tag *tags;
    size_t tag_count, tag_capacity;
    uint64_t contacts;          /* of its events */
    struct binding_fact *hands; /* what was set by hand, in order */
    size_t hand_count, hand_capacity;
    struct bytes row; /* as it was read; size 0: there was none */
    bool dirty;
};

#define HANDS_MAX 64u /* a node; the oldest are forgotten then */

struct membership {
    uint32_t definition;
    int64_t since_ms;
};

struct person_node {
    uint32_t node;
    const char *kind;
};

struct person {
    uint32_t number;
    struct person_node *nodes; /* ascending; none: there is no such person */
    size_t node_count, node_capacity;
    struct totals totals;
    uint64_t names;    /* of its nodes' events, as event_name_bit(), and maybe of nodes that have left */
    const char *stage; /* "": none */
    int64_t stage_since_ms;
    int64_t due_ms;                 /* its timer, TIME_NEVER */
    struct membership *memberships; /* segments, rule tags, watches; by definition */
    size_t membership_count, membership_capacity;
    struct binding binding;
    struct bytes row; /* as it was read; size 0: there was none */
    bool dirty;
    bool facts_dirty; /* nodes, traits or tags by hand have changed */
};

/* From numbers to what they stand for. */
struct number_map {
    uint32_t *numbers; /* 0: free */
    void **values;
    size_t count, capacity; /* capacity: a power of two */
};

struct people {
    struct store_txn *txn;
    struct arena *arena;
    struct number_map nodes, persons;
    uint64_t next_event; /* sequence; 0: to be asked of the table */
    struct buffer row;   /* what is written next */
    int error;           /* first: out of memory, or a corrupt row; sticky until people_forget() */
};

void people_open(struct people *people, struct store_txn *txn, struct arena *arena);
void people_close(struct people *people);
/* Drops what is held, changed or not; the arena is the caller's to reset. */
void people_forget(struct people *people);
/* For those who only read: drops what is held, and resets the arena, once it is much. */
void people_forget_when_large(struct people *people);
/* Writes all that is dirty, in key order. */
void people_flush(struct people *people);

/* Never NULL but on error. Look at person == 0 and node_count == 0 for what does not exist. */
struct node *people_node(struct people *people, uint32_t number);
struct person *people_person(struct people *people, uint32_t number);
/* The person that a number stands for: itself, or the one that its first node has joined. NULL: none. */
struct person *people_resolve(struct people *people, uint32_t number);

int people_create_node(struct people *people, uint32_t number, uint32_t person, const char *kind);
/* False where the node is not in `from` (nothing is done then). Totals are the caller's to take anew. */
bool people_move_node(struct people *people, uint32_t node, uint32_t from, uint32_t to);
/* The person's row goes; its nodes stay. */
void people_remove_person(struct people *people, struct person *person);
/* Person and nodes go, with all rows. */
void people_erase(struct people *people, struct person *person, const uint32_t *nodes, size_t count);

/* The latest statement over the person's nodes; NULL: absent or removed. */
const struct trait *people_trait(struct people *people, const struct person *person, const char *name);
/* States a trait on a node; true when the node's latest statement changed. */
bool node_state_trait(struct people *people, struct node *node, const struct trait *trait);
/* Of several nodes' the one that lasts longest. NULL origin: any. */
const struct hand_tag *people_hand_tag(
    struct people *people, const struct person *person, uint32_t definition, const char *origin);
bool person_has(const struct person *person, uint32_t definition);
/* Adds or takes away a membership; false where it was so already. */
bool person_set(
    struct people *people, struct person *person, uint32_t definition, bool member, int64_t now_ms);

/* Grows an array in the arena; false (and people->error) when memory is out. */
bool people_grow(
    struct people *people, void *array_pointer, size_t *capacity, size_t count, size_t item_size);

/* -- rows, people_rows.c -- */
void node_encode(const struct node *node, struct buffer *out);
/* What is decoded points into `row`. A row of before references has none. */
bool node_decode(struct bytes row, struct arena *arena, struct node *node);
void person_encode(const struct person *person, struct buffer *out);
bool person_decode(struct bytes row, struct arena *arena, struct person *person);
/* A chunk of references; latest_ms: over this one and all earlier ones. */
void chunk_encode(
    const struct event_reference *references, size_t count, int64_t latest_ms, struct buffer *out);
bool chunk_decode(struct bytes row, struct event_reference ret_references[REFERENCES_CHUNK],
    size_t *ret_count, int64_t *ret_latest_ms);

#endif
