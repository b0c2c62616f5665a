/* SPDX-License-Identifier: Apache-2.0 */
/* Signs the log: a new checkpoint some times a second while there is something new, on a thread of its own.
 *
 * It never signs a hash that it has only read: what is new since the last checkpoint it hashes itself, record by record as they
 * lie in the store, onto an edge whose root is the one that was signed before, and signs when the stored tiles say the same. Where they
 * do not it signs nothing any more, and says so: a wrong hash under a signature could never be taken back. */
#ifndef QY_AUDIT_SIGNER_H
#define QY_AUDIT_SIGNER_H

#include "services/audit/audit.h"

struct audit_signer;

/* Reads where the last checkpoint stands. What keeps it from signing is no error: the log is still to be written and read. */
int audit_signer_open(struct audit *audit, struct service *service, struct audit_signer **ret_signer);
/* Begins to sign. */
int audit_signer_start(struct audit_signer *signer);
/* Ends the thread, if there is one; while the writer still takes work. */
void audit_signer_close(struct audit_signer **signer);

/* Signs what is there now; where a key hands over to the next one, that alone. Sets whether there is more to sign at once. Not while the
 * thread runs. -QY_ECORRUPT: records and tiles say different things; others are the store's, and it may be tried again. */
int audit_signer_step(struct audit_signer *signer, bool *ret_more);

#endif
