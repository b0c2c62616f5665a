/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the units: number -> Unit. A removed one stays as what is left of it, so that its number is never another's. */
#ifndef QY_GATEWAY_UNIT_STORE_H
#define QY_GATEWAY_UNIT_STORE_H

#include "proto/organisation.pb-c.h"
#include "services/gateway/gateway_store.h"

#define UNIT_ROOT 1u

void unit_put(struct store_txn *txn, const Quanyu__Unit *unit);
/* NULL where there is none; -QY_ECORRUPT and -QY_ENOMEM are the transaction's. Removed ones too. */
Quanyu__Unit *unit_get(struct store_txn *txn, uint32_t number, ProtobufCAllocator *allocator);

/* Calls `each` with every unit, in the order of their numbers, until it yields other than 0, which is yielded. */
typedef int unit_each_fn(void *self, const Quanyu__Unit *unit);
int unit_walk(struct store_txn *txn, unit_each_fn *each, void *self);

#endif
