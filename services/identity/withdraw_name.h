/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are taken back with the event which states them. */
#ifndef QY_IDENTITY_WITHDRAW_NAME_H
#define QY_IDENTITY_WITHDRAW_NAME_H

#include "services/identity/same.h"

/* Appends the nodes that events may have borne for a node: the value's first one, and its digests. */
int withdraw_forms(struct graph *graph, struct store_txn *txn, uint32_t node, struct buffer *forms);
/* The event, whose items are those that have the links, does not state its name any more, or does again. */
int withdraw_name(struct graph *graph, struct store_txn *txn, const struct evidence *evidence);

#endif
