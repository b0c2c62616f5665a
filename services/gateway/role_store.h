/* SPDX-License-Identifier: Apache-2.0 */
/* The brand's own roles: name -> Role. */
#ifndef QY_GATEWAY_ROLE_STORE_H
#define QY_GATEWAY_ROLE_STORE_H

#include "proto/staff.pb-c.h"
#include "services/gateway/gateway_store.h"
#include "services/gateway/role.h"

#define ROLES_MAX 200u
#define ROLE_DESCRIPTION_BYTES 255u

void role_put(struct store_txn *txn, const Quanyu__Role *role);
/* NULL where there is none. */
Quanyu__Role *role_get(struct store_txn *txn, const char *name, ProtobufCAllocator *allocator);
/* The first one whose name is behind `after`; NULL behind the last. */
Quanyu__Role *role_next(struct store_txn *txn, const char *after, ProtobufCAllocator *allocator);
void role_delete(struct store_txn *txn, const char *name);
bool role_has_room(struct store_txn *txn);

/* One out of the box or one's own; false where there is no such role. */
bool role_find(struct store_txn *txn, const char *name, struct role *ret_role);

#endif
