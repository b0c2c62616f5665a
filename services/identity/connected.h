/* SPDX-License-Identifier: Apache-2.0 */
/* What may be one person with some identifiers: everything that links or their present persons connect them with, as
 * component_solve() takes it. */
#ifndef QY_IDENTITY_CONNECTED_H
#define QY_IDENTITY_CONNECTED_H

#include "services/identity/component.h"
#include "services/identity/link_store.h"
#include "services/identity/node_set.h"

struct connected {
    struct store_txn *txn;
    const struct identity_rules *rules;
    const struct kinds *kinds;
    void *self; /* of the two below */
    /* Whether an identifier joins nothing, whatever its kind. */
    bool (*is_out)(void *self, uint32_t node, const struct node_place *place);
    /* A link that joins nothing since one end is out; may be NULL. */
    void (*idle)(void *self, uint32_t node, uint32_t other);
    /* Says what a link shows by the rules, where that is something else; may be NULL. */
    void (*reweigh)(void *self, uint32_t node, uint32_t other, struct link *link);
    /* the outcome */
    struct component_node *nodes; /* ascending */
    uint32_t *persons;            /* whose each node is now */
    size_t count;
    struct component_link *links;
    size_t link_count;
    /* its own */
    struct node_set set;
    struct node_set expanded; /* persons whose members are in the set */
    struct buffer pairs;
};

/* From the nodes on. -QY_ENOMEM. */
int connected_gather(struct connected *connected, const uint32_t *nodes, size_t count);
void connected_free(struct connected *connected); /* for _cleanup_; what was given stays */

#endif
