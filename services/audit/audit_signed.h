/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the log was signed before, as far as more than its newest checkpoint tells: sealed segments, the sizes at which keys took over,
 * what witnesses have cosigned. A newest checkpoint of fewer records is an older one, put back. */
#ifndef QY_AUDIT_SIGNED_H
#define QY_AUDIT_SIGNED_H

#include "common/mem.h"
#include "common/store.h"

struct signed_before {
    uint64_t size;
    const char *witness; /* what tells of so many; static */
};
/* -QY_ENOMEM, -QY_ECORRUPT. */
int audit_signed_before(struct store_txn *txn, struct arena *arena, struct signed_before *ret_before);

#endif
