/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that lets the writer apply other rules to everybody, a part at a time, while it takes events in between. */
#ifndef QY_IDENTITY_SWEEPER_H
#define QY_IDENTITY_SWEEPER_H

#include "common/service.h"
#include "services/identity/worker.h"

struct sweeper;
int sweeper_open(struct worker *worker, struct service *service, struct sweeper **ret_sweeper);
void sweeper_close(struct sweeper **sweeper);
/* There may be something to do. Any thread. */
void sweeper_wake(struct sweeper *sweeper);
/* Whether there is. Any thread. */
bool sweeper_works(const struct sweeper *sweeper);

#endif
