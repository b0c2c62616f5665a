/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a pruning, as it is made and as it is read: of one kind in one segment, with the exact set of places. */
#ifndef QY_AUDIT_PRUNING_H
#define QY_AUDIT_PRUNING_H

#include "services/audit/audit_prune.h"

struct pruning {
    uint64_t segment;
    enum record_kind kind;
    uint32_t days; /* what the policy said of that kind */
    uint32_t policy_version;
    uint64_t records;
    int64_t first_ms, last_ms;
    struct place_set places;
};

/* What the record says, as JSON for its detail. */
void pruning_describe(const struct pruning *pruning, uint64_t bytes, struct json *json);
/* The set for its places. */
void pruning_write_places(const struct place_set *places, struct buffer *out);
/* -QY_ECORRUPT: it does not say what such a record says. */
int pruning_read(const Quanyu__AuditRecord *record, struct pruning *ret_pruning);

#endif
