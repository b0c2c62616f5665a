/* SPDX-License-Identifier: Apache-2.0 */
/* A backup of the log, taken while the service runs: a snapshot of its state, and the files of the segments that this state names.
 *
 * It is made beside its place, checked as `verify` does, and gets its name when it is whole and durable: what was cut short is no backup, and
 * the next one goes on from what lies there. What an earlier backup in the same directory holds with the same bytes is not copied again
 * but linked, so that each of them is whole by itself and may be deleted without the others. */
#ifndef QY_AUDIT_BACKUP_H
#define QY_AUDIT_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

struct backup_options {
    const char *from; /* <data>/audit */
    const char *to;   /* does not exist yet */
    bool with_key;    /* the secret that signs, too: whoever has it can sign another log in this one's name */
    unsigned threads; /* for the check */
    void *self;
    void (*problem)(void *self, const char *text); /* what is wrong with the log; one line */
};

struct backup_result {
    uint64_t size; /* records */
    uint64_t signed_size;
    uint64_t bytes;    /* of all files */
    uint64_t copied;   /* bytes of them that no earlier backup had */
    uint64_t problems; /* more than none: no backup was made */
    char failed[4096]; /* which file, where there is an error */
};

/* -QY_EEXISTS: `to` is there. -QY_ENOTFOUND: `from` holds no log. -QY_ECONFLICT: another backup is being made there. -QY_EFULL: there is no
 * room, or the service on the same disk would be left with too little; nothing is left of the attempt then. Others are the system's. */
int backup_take(const struct backup_options *options, struct backup_result *ret_result);

#endif
