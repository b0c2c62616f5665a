/* SPDX-License-Identifier: Apache-2.0 */
/* Puts a log back from a backup, from a warm copy, or from a backup and what a warm copy has beyond it. What it is put back from is checked
 * first, as `verify` does; where something is wrong with it nothing is put back. */
#ifndef QY_AUDIT_RESTORE_H
#define QY_AUDIT_RESTORE_H

#include "services/audit/verify.h"

struct restore_options {
    const char *from; /* a backup, or a warm copy */
    const char *more; /* a warm copy that may have more of the same log; NULL: none */
    const char *
        to; /* <data>/audit of the service that will start: not there, empty, or left by a restore that was cut short */
    bool as_copy;               /* a warm copy is to go on there, and no service */
    const char *const *trusted; /* as verify.h has it */
    size_t trusted_count;
    unsigned threads;
    void *self;
    void (*problem)(void *self, const char *text);
    void (*progress)(void *self, uint64_t records, uint64_t size); /* NULL: none */
};

struct restore_result {
    uint64_t size;        /* records; the log goes on here */
    uint64_t more;        /* of them from the warm copy */
    uint64_t signed_size; /* under its newest checkpoint */
    bool signs;           /* the secret of its key is there */
    uint64_t problems;    /* more than none: nothing was put back */
    char failed[4096];    /* which file, where there is an error */
};

/* -QY_ENOTFOUND: `failed` is neither a backup nor a warm copy. -QY_EEXISTS: `to` is not empty. -QY_ECONFLICT: `failed` is being written. -QY_EDIVERGED: `from`
 * and `more` are not of one log, or of one that was forked. -QY_EVERSION: of another version. -QY_EFULL. Others are the system's. */
int restore_put_back(const struct restore_options *options, struct restore_result *ret_result);

#endif
