/* SPDX-License-Identifier: Apache-2.0 */
/* The identity graph: nodes are identifiers, links are events that carry two of them, a person is what is
 * connected.
 *
 * A join is a link: the nodes of one person are said to be of the other's, and nothing is rewritten. Of two
 * persons the one with the lower number stays. The writer thread's. */
#ifndef QY_IDENTITY_GRAPH_H
#define QY_IDENTITY_GRAPH_H

#include "common/service.h"
#include "services/identity/identity_store.h"
#include "services/identity/node_index.h"

struct graph;
int graph_open(
    const struct vault *vault, const struct kinds *kinds, struct node_index *index, struct graph **ret_graph);
void graph_close(struct graph **graph);

/* Takes the counters from the store, and every node into the index. */
int graph_load(struct graph *graph, struct store_txn *txn);
/* Writes the counters, where they have changed. */
void graph_save(struct graph *graph, struct store_txn *txn);
/* The batch was committed, or rolled back. */
void graph_keep(struct graph *graph);
void graph_forget(struct graph *graph);

struct resolution {
    uint32_t node;   /* the strongest identifier's */
    uint32_t person; /* after the joins */
    uint32_t linked[IDENTIFIERS_MAX];
    unsigned linked_count;
    bool joined; /* two persons turned out to be one: what is remembered of either is out of date */
};
/* Finds or makes the nodes of an event's identifiers (at least one), joins their persons, keeps the first
 * evidence of each new link, and emits NodesMoved and NodeCreated. */
int graph_resolve(struct graph *graph, struct batch *batch, const struct identifiers *identifiers,
    uint64_t evidence, int64_t event_ms, struct resolution *ret_resolution);

void graph_count_event(struct graph *graph);
void graph_count_unattributed(struct graph *graph);

#endif
