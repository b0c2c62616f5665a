/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers that go from one owner to another at a time: each owner has a node of its own, with the links, the names and the events of
 * its time. The writer thread's. */
#ifndef QY_IDENTITY_SPAN_H
#define QY_IDENTITY_SPAN_H

#include "services/identity/same.h"
#include "services/identity/span_store.h"

/* As identity_store_carried(), and quicker. */
uint32_t graph_carried(const struct graph *graph, struct store_txn *txn, uint32_t node, int64_t event_ms);
/* An event's items with the nodes that have what it shows, each once. */
void evidence_put_carried(struct graph *graph, struct store_txn *txn, struct evidence *evidence);

/* The decision's first node has a later one from its time on, which is put as the one of `others`; emits NodeCreated, NodesMoved. */
int span_begin(struct graph *graph, struct batch *batch, Quanyu__Decision *decision);
/* As if it had not: the later node is the same as the one before. */
int span_undo(struct graph *graph, struct batch *batch, const Quanyu__Decision *decision);

#endif
