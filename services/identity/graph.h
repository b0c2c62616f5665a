/* SPDX-License-Identifier: Apache-2.0 */
/* The identity graph: nodes are identifiers, links are events that carry two of them, a person is what is
 * connected under the rules.
 *
 * Who is who follows from the links and the rules alone (component.h). Most events change nothing of it, or add a link that counts
 * after all others and needs no second look; where one may change what others are worth, what they connect is solved anew
 * (graph_solve()). A person's number is that of its first node; nothing is rewritten but whose the nodes are. The writer thread's. */
#ifndef QY_IDENTITY_GRAPH_H
#define QY_IDENTITY_GRAPH_H

#include "common/service.h"
#include "services/identity/decision_store.h"
#include "services/identity/identity_store.h"
#include "services/identity/node_index.h"
#include "services/identity/rules.h"

struct graph;
int graph_open(
    const struct vault *vault, struct kinds *kinds, struct node_index *index, struct graph **ret_graph);
void graph_close(struct graph **graph);

/* Takes the counters and the rules from the store, and every node into the index. */
int graph_load(struct graph *graph, struct store_txn *txn);
/* Writes the counters, where they have changed. */
void graph_save(struct graph *graph, struct store_txn *txn);
/* The batch was committed, or rolled back. */
void graph_keep(struct graph *graph);
void graph_forget(struct graph *graph);

struct resolution {
    uint32_t node;   /* the strongest identifier's; 0: all of them are blocked */
    uint32_t person; /* after the joins */
    uint32_t linked[IDENTIFIERS_MAX];
    unsigned linked_count;
    bool moved; /* persons are not what they were: see graph_changed() */
};
/* An event that carries identifiers. */
struct sighting {
    uint64_t evidence; /* its offset in the gateway's journal */
    int64_t event_ms;
    uint32_t source;
    bool browser;          /* verifies nothing */
    yyjson_val *traits[2]; /* about the person, where it may say a name; NULL: none */
};
/* Finds or makes the nodes of an event's identifiers (at least one), joins their persons, keeps what it shows, and emits
 * NodesMoved and NodeCreated. Marks those that are blocked. */
int graph_resolve(struct graph *graph, struct batch *batch, struct identifiers *identifiers,
    const struct sighting *sighting, struct resolution *ret_resolution);

/* Solves anew what is connected with the nodes' persons, since links of theirs or what is said of the nodes has changed; emits
 * NodesMoved. */
int graph_solve(
    struct graph *graph, struct batch *batch, const uint32_t *nodes, size_t count, const struct cause *cause);

/* sweep.c: other rules, for all that was and will be. They hold for events at once; what was is solved anew a part at a time, by
 * graph_sweep() until it is done, also after a restart. */
int graph_change_rules(struct graph *graph, struct batch *batch, struct identity_rules *rules);
int graph_sweep(struct graph *graph, struct batch *batch, unsigned nodes);
/* How far it has come, of how much; false: there is nothing to be done. */
bool graph_sweeps(const struct graph *graph, uint64_t *ret_done, uint64_t *ret_all);
const struct identity_rules *graph_rules(const struct graph *graph);

/* attribute.c: whose events are, by the rules and what is blocked now. Goes on through the evidence, of so many events at most, and emits
 * EventsMoved. */
int graph_attribute(struct graph *graph, struct batch *batch, unsigned events);
/* How many events may still have to be looked at. */
uint64_t graph_attributions_left(const struct graph *graph);
struct attributed {
    uint64_t evidence;
    uint32_t from, to; /* nodes */
};
/* What graph_attribute() has moved last, by `from`; borrowed. */
const struct attributed *graph_attributed(const struct graph *graph, size_t *ret_count);

/* Persons whose nodes are others than before, since graph_forget_changed(); borrowed. */
const uint32_t *graph_changed(const struct graph *graph, size_t *ret_count);
void graph_forget_changed(struct graph *graph);

void graph_count_event(struct graph *graph);
void graph_count_unattributed(struct graph *graph);

#endif
