/* SPDX-License-Identifier: Apache-2.0 */
/* Tries dead letters again: corrected by a mapping, parsed as the call that they came in, as at the time of their arrival, and
 * committed as every event is. A letter that is accepted, or was meanwhile, is gone in that same commit; one that is refused again stays
 * as it came, with its new reason. One whose event was accepted, and belonged to nobody, is no duplicate of itself. Of letters of one run that have one message id, or are given one, only the first can be accepted: the
 * others are other letters, perhaps other events, and are refused and stay untouched. */
#ifndef QY_GATEWAY_DEAD_LETTER_REPLAY_H
#define QY_GATEWAY_DEAD_LETTER_REPLAY_H

#include "services/gateway/api.h"
#include "services/gateway/dead_letter_tried.h"
#include "services/gateway/dead_letters.h"

#define REPLAY_ERRORS_MAX 20

struct replay_error {
    uint64_t number;
    const char *reason;
    char *field, *detail; /* in the call's arena */
};

struct replay {
    struct api_call *call;
    yyjson_val *mapping;             /* checked; NULL: none */
    bool dry_run;                    /* nothing is changed; counted is what would be */
    const char *what;                /* for the record: which letters */
    struct letter_set run;           /* all its letters */
    struct tried tried;              /* those that were accepted so far */
    struct write_key_snapshot *keys; /* what each source may send now */
    struct unit_tree *units;
    struct staff_roll *staff;
    uint64_t accepted, duplicates, refused, gone;
    uint64_t position; /* the gateway's journal is at least this long */
    struct replay_error errors[REPLAY_ERRORS_MAX];
    size_t error_count;
};

/* In parts, each in a transaction of its own; what was done before an error stays done. */
int replay_run(struct replay *replay, const uint64_t *numbers, size_t count);

#endif
