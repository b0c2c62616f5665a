/* SPDX-License-Identifier: Apache-2.0 */
/* Searches for likely duplicates, one at a time, on a thread of their own that gives way to everything else: when somebody asks
 * for one (in the state, so that it begins anew after a restart), and every so often where identity.duplicates_every says so.
 * What was found goes to the state through the writer, in small batches; a list is replaced by the next one as a whole. */
#ifndef QY_IDENTITY_DUPLICATE_SEARCH_H
#define QY_IDENTITY_DUPLICATE_SEARCH_H

#include "common/service.h"
#include "services/identity/duplicate_run.h"

struct duplicate_search;
/* Asleep. */
int duplicate_search_open(
    const struct identity *identity, struct service *service, struct duplicate_search **ret_search);
/* Starts the thread. */
int duplicate_search_start(struct duplicate_search *search);
/* Ends the thread, before the writer: a search that runs is begun anew by the next start. */
void duplicate_search_stop(struct duplicate_search *search);
/* Safe on NULL. */
void duplicate_search_close(struct duplicate_search **search);

/* Something was asked for, and is committed. Any thread. */
void duplicate_search_wake(struct duplicate_search *search);
/* False where none runs. Any thread. */
bool duplicate_search_progress(struct duplicate_search *search, struct duplicate_progress *ret_progress);

/* One more is asked for, unless one waits or runs. NULL: no memory, or the transaction has failed. */
Quanyu__DuplicateState *duplicate_search_ask(struct store_txn *txn, int64_t now_ms, struct arena *arena);
/* One that was asked for has not ended. */
bool duplicate_search_is_asked(const Quanyu__DuplicateState *state);
/* The model as it is stored and shown, in `arena`. NULL: no memory. */
Quanyu__DuplicateModel *duplicate_model_view(const struct duplicate_model *model, struct arena *arena);

#endif
