/* SPDX-License-Identifier: Apache-2.0 */
/* Lets an operator know that the log was altered: in the service's own log, and on /readyz until the next start. */
#ifndef QY_AUDIT_WATCH_H
#define QY_AUDIT_WATCH_H

#include "common/service.h"

/* At start: checks the newest records, for a bounded time. Finding some altered is no error: what is there is still
 * to be read, and what happens is still to be recorded. */
int audit_watch_start(struct service *service);
/* The record at `index` was found altered. Any thread. */
void audit_watch_report(struct service *service, uint64_t index);

#endif
