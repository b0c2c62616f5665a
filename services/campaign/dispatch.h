/* SPDX-License-Identifier: Apache-2.0 */
/* Between the sender's threads and the writer: claims and outcomes as work, and identity's answers for what
 * is being sent. */
#ifndef QY_CAMPAIGN_DISPATCH_H
#define QY_CAMPAIGN_DISPATCH_H

#include "services/campaign/campaign.h"

struct dispatch;

/* For service_spec.start and .stop; `self` is the campaign. */
int dispatch_start(void *self, struct service *service);
void dispatch_stop(void *self, struct service *service);

/* For fold_ops.close: the writer has ended. */
void dispatch_close(struct dispatch **dispatch);

/* Writer's thread: rows are READY. */
void dispatch_wake(struct dispatch *dispatch);

#endif
