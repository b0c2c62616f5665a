/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of people for callers who may not see single ones: none that points at a few (setting gateway.least_people). */
#ifndef QY_GATEWAY_GUARD_H
#define QY_GATEWAY_GUARD_H

#include "services/gateway/api.h"

struct guarded {
    bool too_few; /* nothing is told */
    uint64_t count;
    int64_t counted_ms; /* an earlier answer may be given again */
};

/* The threshold for this caller; 0: every count is told. */
uint32_t guard_least(const struct api_call *call);
/* How many a rule picks. `as_of_ms` 0: now. */
int guard_count(
    struct api_call *call, struct bytes rule, int64_t as_of_ms, uint32_t least, struct guarded *ret_guarded);
/* The same of who is in a segment, has a tag or is in a stage: the member of a rule that says so. */
int guard_count_named(
    struct api_call *call, const char *member, const char *name, uint32_t least, struct guarded *ret_guarded);

#endif
