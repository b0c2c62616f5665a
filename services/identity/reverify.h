/* SPDX-License-Identifier: Apache-2.0 */
/* What events verify, asked again by other rules. */
#ifndef QY_IDENTITY_REVERIFY_H
#define QY_IDENTITY_REVERIFY_H

#include "services/identity/graph_internal.h"

/* Whether they verify by something else. */
bool verification_differs(const struct identity_rules *one, const struct identity_rules *other);
/* Says of the items what the rules make of what was told. True: of some it is something else. */
bool evidence_reverify(
    const struct identity_rules *rules, struct evidence *evidence, node_kind_fn *kind_of, const void *self);

/* The same of so many events of the store from an offset on, with the links that they show. Yields where to go on; UINT64_MAX: there are
 * no more. The writer thread's. */
int graph_reverify(
    struct graph *graph, struct store_txn *txn, uint64_t from, unsigned events, uint64_t *ret_next);

#endif
