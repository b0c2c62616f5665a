/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that does not count any more, or counts again. */
#ifndef QY_IDENTITY_WITHDRAW_H
#define QY_IDENTITY_WITHDRAW_H

#include "services/identity/graph.h"
#include "services/identity/link_store.h"

/* What the event at `offset` says of its identifiers does not count, or counts again: their links are shown by the best of the
 * other events, if there is one. Reads little of the evidence (evidence_index.h). The caller solves anew what they
 * are of. -QY_ENOTFOUND: there is no such evidence. */
int withdraw(struct graph *graph, struct store_txn *txn, uint64_t offset, bool withdrawn);

/* What the event, which is in the store as it is, shows of each two of its items may be worth something else than it was. Whatever comes
 * later is asked the same later on. */
int withdraw_worth(struct graph *graph, struct store_txn *txn, const struct evidence *evidence);

#endif
