/* SPDX-License-Identifier: Apache-2.0 */
/* Makes time: a tick into the journal each second of the wall clock, or where a simulated clock is set to. */
#ifndef QY_GATEWAY_TICKER_H
#define QY_GATEWAY_TICKER_H

#include "common/service.h"

struct ticker;

/* A thread that ticks each second; with a simulated clock it ticks once, at `start_ms`, when time has not
 * begun yet. */
int ticker_open(struct service *service, bool simulated, int64_t start_ms, struct ticker **ret_ticker);
void ticker_close(struct ticker **ticker);

/* Simulated clocks: ticks at `now_ms` and waits for the commit. -QY_ECONFLICT when it is before the present
 * time. Any thread. */
int ticker_set(struct service *service, int64_t now_ms);

#endif
