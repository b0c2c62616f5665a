/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the stored indexes of full segments beside the writer, on a thread of its own: a tenth of a second each, which would be latency
 * of every record that comes meanwhile. */
#ifndef QY_AUDIT_INDEXER_H
#define QY_AUDIT_INDEXER_H

#include "services/audit/audit.h"

/* Starts it; it is the audit's helper from then on. -QY_ENOMEM. */
int audit_indexer_start(struct audit *audit, struct service *service);
/* Ends its work, while the writer still runs, which may go on waking it. */
void audit_indexer_stop(struct audit *audit);

#endif
