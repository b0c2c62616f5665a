/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the graph share. */
#ifndef QY_IDENTITY_GRAPH_INTERNAL_H
#define QY_IDENTITY_GRAPH_INTERNAL_H

#include "common/buffer.h"
#include "services/identity/busy.h"
#include "services/identity/component.h"
#include "services/identity/digest_index.h"
#include "services/identity/digester.h"
#include "services/identity/evidence_index.h"
#include "services/identity/graph.h"
#include "services/identity/groups.h"
#include "services/identity/link_store.h"
#include "services/identity/name_memo.h"

struct graph {
    const struct vault *vault;
    struct kinds *kinds;
    struct identity_rules rules;
    struct identity_rules former; /* where the batch has changed them */
    bool rules_changed;
    struct sweep_place sweep;
    struct sweep_place committed_sweep;
    struct attribution_place attribution;
    struct attribution_place committed_attribution;
    struct buffer attributed; /* struct attributed */
    struct buffer swept; /* a bit a node: what was solved since the start of the sweep, or of the service */
    struct identity_counters counters;
    struct identity_counters committed;
    struct node_index *index;
    struct groups *groups;
    struct evidence_index *seen;
    struct digest_index *digests;
    struct digester *digester;
    struct fresh_name fresh; /* of the event at hand */
    struct new_link *links;  /* the same; NEW_LINKS_MAX */
    struct name_memo *memo;
    struct buffer
        touched; /* numbers of nodes that are busy, or are not any more: to be solved with whatever is next */
    struct buffer moved;   /* numbers of nodes */
    struct buffer changed; /* numbers of persons */
    struct buffer sealed;
};

/* The nodes, all of the person `from`, are of `to` from now on. Emits NodesMoved. */
int graph_move(struct graph *graph, struct batch *batch, const uint32_t *nodes, size_t count, uint32_t from,
    uint32_t to, const struct cause *cause);
/* In the store and the index. */
int graph_set_flags(struct graph *graph, struct store_txn *txn, uint32_t node, unsigned flags);
/* By the rules, the links and the names. */
struct busy_view graph_busy_view(const struct graph *graph, struct store_txn *txn);
/* Sets or clears NODE_BUSY as it follows. */
int graph_watch(struct graph *graph, struct store_txn *txn, uint32_t node);
/* The same of all that are linked with `node` and may be several people's: of whom these are, something has changed. */
int graph_watch_around(struct graph *graph, struct store_txn *txn, uint32_t node);
/* The same of the numbers of this kind that `node` was verified with. */
int graph_watch_numbers(struct graph *graph, struct store_txn *txn, uint32_t node, unsigned kind);
/* Puts the link on the list of those that join nothing, if it is not there so. */
void graph_note_conflict(struct graph *graph, struct batch *batch, uint32_t node, uint32_t other,
    struct verdict verdict, uint64_t evidence);

/* attribute.c: whether the node is somebody's has changed, or how strong the kinds are: events that carry it, from that one on, are to be
 * looked at again. */
void graph_reattribute(struct graph *graph, struct store_txn *txn, uint64_t evidence);

/* A sweep need not look at the node again. */
void graph_mark_swept(struct graph *graph, uint32_t node);

#endif
