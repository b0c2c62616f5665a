/* SPDX-License-Identifier: Apache-2.0 */
/* How many people's fields each member of staff has unmasked within an hour and within a day: durable before anything is shown, so
 * that a restart, or whoever ends the process, forgives nothing. Rows of TABLE_STAFF_INDEX: (staff, sequence) -> when. */
#ifndef QY_GATEWAY_UNMASK_STORE_H
#define QY_GATEWAY_UNMASK_STORE_H

#include "services/gateway/staff_store.h"

/* How many there may be; 0: none. */
struct unmask_limits {
    uint32_t hour, day;
};

/* Counts one for `staff`: 0. Where there were too many already, counts nothing and yields how long to wait, in ms. Two look-ups however
 * many there were. */
int64_t unmask_take(
    struct store_txn *txn, const struct unmask_limits *limits, uint32_t staff, int64_t now_ms);
/* Of who has left: they unmask nothing any more. */
void unmask_forget(struct store_txn *txn, uint32_t staff);

#endif
