/* SPDX-License-Identifier: Apache-2.0 */
/* What everybody shares who watches a log from his own machine, witness or warm copy: looks again and again, tells what is away for a
 * while from what is gone, follows its keys, and raises the alarm. */
#ifndef QY_CLI_LOG_WATCH_H
#define QY_CLI_LOG_WATCH_H

#include "services/audit/checkpoint.h"
#include "services/cli/log_client.h"
#include "services/cli/witness_alarm.h"

#include <time.h>
#include <yyjson.h>

#define LOG_ALARM 3 /* the exit status */

struct log_watch {
    struct log_client client;
    struct alarm alarm;
    uint64_t seen;               /* records that it was seen with; 0: it was not yet */
    char error[LOG_ERROR_BYTES]; /* why nothing could be found out */
    char said[LOG_ERROR_BYTES];  /* the last time */
    time_t verified;             /* when something was, or this began */
};

/* Where `what` could not be had. 1, or the alarm's status: a log that was deleted, or put in another's place, knows neither its
 * checkpoints nor who reads them. That something is away for a while is no alarm by itself; that nothing can be verified for long is. */
int log_watch_cannot(struct log_watch *watch, long status, const char *what);

/* Looks until there is an alarm, or `once`; yields the last status. `look` yields 0, 1 with `error` set, or LOG_ALARM. */
int log_watch_run(struct log_watch *watch, int (*look)(void *self), void *self, bool once, unsigned every);
/* Seconds between looks; false where that is no such number. */
bool log_watch_every(const char *text, unsigned standard, unsigned *ret_every);

/* Whether this key (as /v1/keys lists it) takes over from the one that is believed: that one has signed the checkpoint at which it does, of
 * `seen` records or more. */
bool log_watch_takes_over(
    const struct note_key *believed, uint64_t seen, yyjson_val *item, struct note_key *ret_key);

/* Whether the tree of `to` goes on from that of `from`, as the answer of /v1/proofs/consistency proves. */
bool log_watch_proves(
    const struct buffer *answer, const struct checkpoint *from, const struct checkpoint *to);

#endif
