/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a log that grow by records that were taken elsewhere: a warm copy, or a backup that gets what it lacks. In the formats of the
 * service, so that what was copied can be verified, restored and started.
 *
 * Records are added in a transaction, which makes their tree; who adds them looks at its root before they are committed. Segments
 * are indexed and sealed on the way. It can be killed at any moment: what was committed is there. */
#ifndef QY_AUDIT_LOG_COPY_H
#define QY_AUDIT_LOG_COPY_H

#include "services/audit/audit_store.h"

struct log_copy;

/* The log in `directory`, as <data>/audit; made when missing. -QY_ECONFLICT: somebody else writes it. Others as store_open(). */
int log_copy_open(const char *directory, struct log_copy **ret_copy);
void log_copy_close(struct log_copy **copy); /* for _cleanup_ */

/* Records in it, without those of an open transaction. */
uint64_t log_copy_size(const struct log_copy *copy);
struct store *log_copy_store(struct log_copy *copy);

/* Begins a transaction, in which what is full and has a record behind it is sealed: moved into a file. -QY_ECORRUPT: what is there does not lead to its own tree. */
int log_copy_begin(struct log_copy *copy);
/* The open one: for what else changes with it. NULL: there is none. */
struct store_txn *log_copy_txn(struct log_copy *copy);
void log_copy_add(struct log_copy *copy, struct bytes record);
/* Of all records with those that were added. */
int log_copy_root(struct log_copy *copy, struct merkle_hash *ret_root);
/* Of the first `size` of them. -QY_EINVAL where there are fewer. */
int log_copy_root_at(struct log_copy *copy, uint64_t size, struct merkle_hash *ret_root);
/* Durable when it returns 0. Ends the transaction either way. */
int log_copy_commit(struct log_copy *copy);
void log_copy_abort(struct log_copy *copy);

/* Seals what is left to be, where nothing more is added for now. Between transactions. */
int log_copy_seal(struct log_copy *copy);

#endif
