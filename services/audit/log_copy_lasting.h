/* SPDX-License-Identifier: Apache-2.0 */
/* How long records are kept, which are on hold and which were pruned follows from the log's own word of it: a copy that grows by its records
 * knows as much as the log did. */
#ifndef QY_AUDIT_LOG_COPY_LASTING_H
#define QY_AUDIT_LOG_COPY_LASTING_H

#include "services/audit/audit_store.h"

/* Takes up what the record at this index says of that, if it does. What is pruned stays in the copy until a service goes on with it.
 * -QY_ECORRUPT: it cannot be read; others are the transaction's. The arena is reset. */
int log_copy_lasting(struct store_txn *txn, uint64_t index, struct bytes stored, struct arena *arena);

#endif
