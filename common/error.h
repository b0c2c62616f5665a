/* SPDX-License-Identifier: Apache-2.0 */
/* One set of error codes for the whole suite: functions return 0 or a negative enum value (-QY_EFULL). */
#ifndef QY_COMMON_ERROR_H
#define QY_COMMON_ERROR_H

/* Part of the message protocol (Outcome.code): append only, never renumber. */
enum qy_error {
    QY_OK = 0,
    QY_ENOMEM = 1,        /* memory could not be had */
    QY_EINVAL = 2,        /* bad input: the message names the field and what is wrong with its value */
    QY_ENOTFOUND = 3,     /* what was named does not exist, or the caller may not know that it does */
    QY_EEXISTS = 4,       /* what should be made is there already */
    QY_ECONFLICT = 5,     /* the present state forbids it (still referred to, already ended) */
    QY_EDENIED = 6,       /* the caller may not */
    QY_EUNAUTHENTIC = 7,  /* the caller is not known: missing, wrong or expired credentials */
    QY_ETOOLARGE = 8,     /* a limit on size or number would be passed */
    QY_EFULL = 9,         /* quota, map or disk is full; nothing was changed */
    QY_EUNAVAILABLE = 10, /* a peer or a part is not there now; try again later */
    QY_ETIMEOUT = 11,     /* the deadline passed; whether it happened is not known */
    QY_ECORRUPT = 12,     /* stored or received bytes are not what they must be */
    QY_EIO = 13,          /* the operating system failed a read, a write or a sync */
    QY_EVERSION = 14,     /* a schema or message version that this program does not know */
    QY_ETRIMMED = 15,     /* the journal no longer holds this offset */
    QY_EDIVERGED = 16,    /* leader and follower have different histories */
    QY_EAHEAD = 17,       /* the follower is past the leader's end */
    QY_ESTOPPED = 18,     /* shutting down */
    QY_EUNSUPPORTED = 19, /* no such call */
    QY_EOVERTAKEN = 20,   /* no longer the version that the caller has seen */
    QY_ERROR_COUNT
};

/* A short lower-case text for 0 or a negative code; never NULL, static storage. */
const char *error_text(int code);

/* The enum's name without its prefix ("FULL"), for logs and metrics; static storage. */
const char *error_name(int code);

/* Maps errno after a failed system call to a negative code: ENOSPC, EDQUOT to -QY_EFULL, ENOMEM to
 * -QY_ENOMEM, ENOENT to -QY_ENOTFOUND, else -QY_EIO. */
int error_from_errno(int system_errno);

#endif
