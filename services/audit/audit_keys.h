/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that sign the log: which there were and from which size each signs lies in the store; the secret of the one in
 * force in a file of its own, <data>/audit/keys/<id>.key, which nobody but this service can read.
 *
 * A new key is put on record; the old one's last signature is under the checkpoint that covers this record, and the new
 * one signs that checkpoint, too. So whoever trusts the old key finds the new one. */
#ifndef QY_AUDIT_KEYS_H
#define QY_AUDIT_KEYS_H

#include "common/config.h"
#include "common/rpc.h"
#include "common/store.h"
#include "proto/audit.pb-c.h"
#include "services/audit/note.h"

/* In fold.open: makes the first key. -QY_EINVAL: the setting audit.origin is no name that a log can have, or another one than
 * at the first start; others: its file cannot be written. */
int audit_keys_open(struct store_txn *txn, const struct config *config);

/* The secret of a key. -QY_ENOTFOUND: its file is not there. -QY_ECORRUPT: it holds another one. */
int audit_keys_secret(struct store_txn *txn, const struct note_key *key, struct note_signer *ret_signer);
/* Removes it: what signed its last checkpoint needs it no more. */
int audit_keys_forget(struct store_txn *txn, const struct note_key *key);

/* One key of the log, in the arena; NULL where there is none, or memory is out. */
Quanyu__AuditSigner *audit_keys_signer(struct store_txn *txn, uint32_t generation, struct arena *arena);
int audit_keys_put(struct store_txn *txn, uint32_t generation, const Quanyu__AuditSigner *signer);
/* The generation that signs now: the newest that the one before has handed over to. There is one. */
uint32_t audit_keys_in_force(struct store_txn *txn, struct arena *arena);

/* Puts a change of keys on record. `previous` may be NULL. Errors as audit_take(). */
int audit_keys_record(struct rpc_context *context, const char *action, const char *key, const char *previous,
    uint64_t *ret_index);

/* The request "keys". */
rpc_handler_fn audit_keys;

#endif
