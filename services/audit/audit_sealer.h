/* SPDX-License-Identifier: Apache-2.0 */
/* Moves segments that are full, indexed and under a checkpoint into files of their own, on a thread of its own, so that the store stays small.
 *
 * A file is written and on disk first; then the writer makes it count, in one commit; then the rows that it replaces go, few at a time,
 * so that nobody waits for it. It can be killed at any moment: what is asked for is found in the one place or the other. Like the
 * signer it hashes each record anew: what does not lead to the stored tiles is not moved. */
#ifndef QY_AUDIT_SEALER_H
#define QY_AUDIT_SEALER_H

#include "services/audit/audit.h"

struct audit_sealer;
int audit_sealer_open(struct audit *audit, struct service *service, struct audit_sealer **ret_sealer);
/* Begins to work. */
int audit_sealer_start(struct audit_sealer *sealer);
/* Ends the thread, if there is one; while the writer still takes work. */
void audit_sealer_close(struct audit_sealer **sealer);

/* One step: writes one file and makes it count, or deletes some rows. Sets whether there was something to do. Not while the thread runs.
 * -QY_ECORRUPT: records and tiles say different things; others may be tried again. */
int audit_sealer_step(struct audit_sealer *sealer, bool *ret_done);

#endif
