/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of identifiers, and the identifiers in the clear: each has a node of its own, and where both are known they are the same.
 * The one in the clear has all links then, as if every event had carried it, claimed; so it makes no difference which came first. */
#ifndef QY_IDENTITY_SAME_H
#define QY_IDENTITY_SAME_H

#include "services/identity/graph_internal.h"

/* As identity_store_plain(), and quicker. */
uint32_t graph_plain(const struct graph *graph, struct store_txn *txn, uint32_t node);
/* A digest's node is that of an identifier in the clear. Emits NodesMoved. */
int graph_unify(struct graph *graph, struct batch *batch, uint32_t digest, uint32_t plain);

/* A digest of this kind has a node: such digests are looked for from now on. */
void graph_note_digest(struct graph *graph, struct store_txn *txn, const struct kind *digest);
/* Takes nodes that are not yet in the index of digests into it, some of them, and unifies those of which a digest is there. */
int graph_index_digests(struct graph *graph, struct batch *batch);
/* How many nodes are left to take in; 0 also where no digests are in use. */
uint64_t graph_digests_left(const struct graph *graph);

#endif
