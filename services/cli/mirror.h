/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `quanyu audit mirror` share: a warm copy that follows a log over its public interface. */
#ifndef QY_CLI_MIRROR_H
#define QY_CLI_MIRROR_H

#include "proto/audit.pb-c.h"
#include "services/audit/log_copy.h"
#include "services/cli/log_watch.h"

struct mirror {
    struct log_watch watch;
    const char *directory;
    const char *key; /* a verifier key that the operator names; NULL: none */
    struct log_copy *copy;
    /* what the copy holds */
    struct buffer held;     /* its newest checkpoint; empty at first */
    struct checkpoint seen; /* what that says; size 0 at first */
    /* what the log gives out, at this look */
    struct arena *arena;
    struct buffer checkpoint;
    struct buffer cosigned; /* empty: there is none */
    struct note_key log;    /* the key that is believed */
    Quanyu__AuditSigner **signers;
    size_t signer_count;
    Quanyu__AuditWitness **witnesses;
    size_t witness_count;
};

/* All of them yield 0; 1, with watch.error; or LOG_ALARM. */

/* What the system could not do. */
int mirror_fail(struct mirror *mirror, int error, const char *what);

/* Reads the log's keys and witnesses, as far as they belong to a checkpoint of this size, and follows the keys from the one that is believed
 * to the one that signs now. (mirror_keys.c) */
int mirror_read_keys(struct mirror *mirror, uint64_t size);
/* Puts them into the open transaction, with both notes; each is held against the copy's own tree. (mirror_keys.c) */
int mirror_put_proofs(struct mirror *mirror);

/* Takes all records up to the checkpoint, each part once its tree is the one that was signed. (mirror_records.c) */
int mirror_take(struct mirror *mirror, const struct checkpoint *now);

#endif
