/* SPDX-License-Identifier: Apache-2.0 */
/* All members of staff side by side, eight bytes each: what a list picks them by. No order serves every filter within every scope; a
 * hundred thousand of these are looked at in a fraction of a millisecond, whatever is asked for.
 *
 * Rows of TABLE_STAFF_INDEX, written with the member's own by staff_put(): (block of numbers) -> unit, state and a mark of the role
 * of each. */
#ifndef QY_GATEWAY_STAFF_ROSTER_H
#define QY_GATEWAY_STAFF_ROSTER_H

#include "services/gateway/staff_store.h"
#include "services/gateway/units.h"

#define STAFF_ANY_STATE (-1)

/* Whom a list shows. Who was in a unit that is no more counts as in the one above it. */
struct staff_pick {
    const struct unit_tree *units; /* borrowed */
    uint32_t scope;                /* in it, or below */
    uint32_t unit;                 /* and in this one, or below; 0: any */
    const char *role;              /* "": any */
    int state;                     /* enum Quanyu__Staff__State, or STAFF_ANY_STATE */
};

/* The first one of these whose number is above `after`; NULL behind the last. */
Quanyu__Staff *staff_pick_next(
    struct store_txn *txn, const struct staff_pick *pick, uint32_t after, ProtobufCAllocator *allocator);

/* For staff_put(). */
void staff_roster_put(struct store_txn *txn, const Quanyu__Staff *staff);

#endif
