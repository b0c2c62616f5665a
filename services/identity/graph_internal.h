/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the graph share. */
#ifndef QY_IDENTITY_GRAPH_INTERNAL_H
#define QY_IDENTITY_GRAPH_INTERNAL_H

#include "common/buffer.h"
#include "services/identity/component.h"
#include "services/identity/digest_index.h"
#include "services/identity/digester.h"
#include "services/identity/graph.h"
#include "services/identity/groups.h"
#include "services/identity/link_store.h"

struct graph {
    const struct vault *vault;
    const struct kinds *kinds;
    struct identity_rules rules;
    struct identity_counters counters;
    struct identity_counters committed;
    struct node_index *index;
    struct groups *groups;
    struct digest_index *digests;
    struct digester *digester;
    struct buffer moved;   /* numbers of nodes */
    struct buffer changed; /* numbers of persons */
    struct buffer sealed;
};

/* The nodes, all of the person `from`, are of `to` from now on. Emits NodesMoved. */
int graph_move(struct graph *graph, struct batch *batch, const uint32_t *nodes, size_t count, uint32_t from,
    uint32_t to, const struct cause *cause);
/* In the store and the index. */
int graph_set_flags(struct graph *graph, struct store_txn *txn, uint32_t node, unsigned flags);
/* Whether it was seen with more of one stronger kind than its own allows. */
int graph_is_busy(const struct graph *graph, struct store_txn *txn, uint32_t node, bool *ret_busy);
/* Flags it so, or not. */
int graph_watch(struct graph *graph, struct store_txn *txn, uint32_t node);
/* Puts the link on the list of those that join nothing, if it is not there so. */
void graph_note_conflict(struct graph *graph, struct batch *batch, uint32_t node, uint32_t other,
    struct verdict verdict, uint64_t evidence);

#endif
