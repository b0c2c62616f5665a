/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers that are seen with very many: a shop's tablet, a shared landline; and those that were proved to be several people's:
 * a family's phone, a number that went to somebody else. */
#ifndef QY_IDENTITY_BUSY_H
#define QY_IDENTITY_BUSY_H

#include "services/identity/link_store.h"
#include "services/identity/rules.h"

/* The kind of a node, by its number; 0: it is not known. */
typedef unsigned node_kind_fn(const void *self, uint32_t node);

/* Whether a node was seen with more of one stronger kind than the rules allow, or verified with two where it has one owner. Reads no more links than it takes to know. */
int busy_find(const struct identity_rules *rules, struct store_txn *txn, uint32_t node, node_kind_fn *kind_of,
    const void *self, bool *ret_busy);

#endif
