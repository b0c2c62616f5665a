/* SPDX-License-Identifier: Apache-2.0 */
/* Witnesses: somebody else's machine that keeps the last checkpoint it saw, signs that the next ones go on from it
 * (cosignature/v1), and hands its signature back. */
#ifndef QY_AUDIT_WITNESSES_H
#define QY_AUDIT_WITNESSES_H

#include "common/rpc.h"
#include "common/service.h"
#include "proto/audit.pb-c.h"
#include "services/audit/note.h"

#define WITNESSES_MAX 100u

/* In the arena. -QY_ENOMEM, -QY_ECORRUPT. */
int audit_witnesses_list(
    struct store_txn *txn, struct arena *arena, Quanyu__AuditWitness ***ret_witnesses, size_t *ret_count);
/* For a copy of the log: these are its witnesses now, and no others. -QY_ECORRUPT: one of them is none. */
int audit_witnesses_replace(
    struct store_txn *txn, struct arena *arena, Quanyu__AuditWitness *const *witnesses, size_t count);
/* Parts of the request "keys": `key` is a verifier key of type 4. On record. */
int audit_witnesses_add(struct rpc_context *context, const char *key);
int audit_witnesses_remove(struct rpc_context *context, const char *key);

/* A checkpoint of this log that a witness hands back with its signature. */
struct cosigned {
    struct note note; /* borrowed */
    struct note_key log;
    struct note_key witness;
    uint64_t size;
    uint64_t time_s;
};
/* 0, or what is wrong, with a static text in `ret_problem`. -QY_EINVAL: that is none. -QY_EDENIED: of another log, or not of a witness of
 * this one. -QY_ECONFLICT: it is signed with a key of this log and is of another tree, or a larger one: this log was rolled back, or forked,
 * or its key is in other hands. */
int audit_witnesses_check(struct store_txn *txn, struct bytes note, struct arena *arena,
    struct cosigned *ret_cosigned, const char **ret_problem);
/* Writer: keeps it. The newest size counts; of the same one each witness's line stands beside the others. */
int audit_witnesses_keep(struct batch *batch, const struct cosigned *cosigned);

#endif
