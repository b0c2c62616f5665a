/* SPDX-License-Identifier: Apache-2.0 */
/* How many people's fields each member of staff may unmask within an hour and within a day. Kept in memory: a restart forgets it, and
 * what was unmasked is on record all the same. Any thread. */
#ifndef QY_GATEWAY_UNMASK_LIMIT_H
#define QY_GATEWAY_UNMASK_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct unmask_limit;
int unmask_limit_open(uint32_t hour, uint32_t day, struct unmask_limit **ret_limit);
void unmask_limit_close(struct unmask_limit **limit);

/* Counts one for `staff`. False where there were too many already: it can be tried again after so long. */
bool unmask_limit_take(struct unmask_limit *limit, uint32_t staff, int64_t now_ms, int64_t *ret_wait_ms);

#endif
