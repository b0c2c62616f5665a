/* SPDX-License-Identifier: Apache-2.0 */
/* What a witness remembers, in a file of its own (mode 0600): its key, which keys of the log it believes, and the last checkpoint that
 * it saw. It is replaced whole, and on disk before anything is signed. */
#ifndef QY_CLI_WITNESS_STATE_H
#define QY_CLI_WITNESS_STATE_H

#include "services/audit/checkpoint.h"

struct witness_state {
    const char *path; /* borrowed */
    struct note_signer own;
    struct note_key log;    /* the key that it believes now */
    struct buffer note;     /* the last checkpoint, as it was given out; empty at first */
    struct checkpoint seen; /* what it says; size 0 at first */
};

/* 0, -QY_ENOTFOUND (there is none yet), -QY_ECORRUPT, or the system's. */
int witness_state_load(const char *path, struct witness_state *ret_state);
int witness_state_save(const struct witness_state *state);
void witness_state_free(struct witness_state *state);

#endif
