/* SPDX-License-Identifier: Apache-2.0 */
/* How long records of each kind are kept, what is on hold, and what was pruned so far. All three are on record, each change before it has an
 * effect: retention.change, hold.add and hold.release, retention.prune. */
#ifndef QY_AUDIT_RETENTION_H
#define QY_AUDIT_RETENTION_H

#include "common/json.h"
#include "proto/audit.pb-c.h"
#include "services/audit/audit_filter.h"
#include "services/audit/audit_kind.h"
#include "services/audit/audit_store.h"

#define RETENTION_DAYS_LEAST 183u /* six months, as the Cybersecurity Law has it for logs */
#define RETENTION_DAYS_MOST 36500u
#define HOLDS_MAX 100u
#define HOLD_NAME_BYTES_MAX 100u
#define HOLD_REASON_BYTES_MAX 1000u

#define ACTION_CHANGE "retention.change"
#define ACTION_PRUNE "retention.prune"
#define ACTION_HOLD "hold.add"
#define ACTION_RELEASE "hold.release"

/* -- policy -- */
struct retention {
    uint32_t version;          /* 1: nobody has set any yet */
    uint32_t days[KIND_COUNT]; /* 0: for ever */
    uint32_t holds;            /* that were ever made */
    uint32_t revision;         /* rises with each change of what may be pruned */
    int64_t in_force_ms;       /* by the log's time; until then nothing is pruned */
};
/* -QY_ECORRUPT, -QY_ENOMEM. */
int retention_read(struct store_txn *txn, struct retention *ret_retention);
/* With the next revision. */
int retention_put(struct store_txn *txn, struct retention *retention);
/* Days from a body {"days":{"person":1095, …}}: what is left out is kept for ever, as is what is null. NULL, or what is wrong, with the member's
 * pointer in `ret_field`; the policy is changed in the first case alone. */
#define RETENTION_FIELD_BYTES 64
const char *retention_parse(
    yyjson_val *days, struct retention *retention, char ret_field[RETENTION_FIELD_BYTES]);
/* {"person":1095,"list":null, …} */
void retention_write_days(struct json *json, const struct retention *retention);

/* Whether some kind is kept for less time than before. */
bool retention_is_shorter(const struct retention *before, const struct retention *after);
/* What a change says, as JSON for its record. */
void retention_describe(const struct retention *before, const struct retention *after, struct json *json);

/* -- holds -- */
#define HOLD_ID_BYTES 16 /* "hold_7" */
const char *hold_id(uint32_t number, char text[HOLD_ID_BYTES]);
bool hold_parse_id(const char *text, uint32_t *ret_number);
/* In the arena; NULL: there is none in force, or memory is out. */
Quanyu__AuditHold *hold_get(struct store_txn *txn, uint32_t number, struct arena *arena);
int hold_put(struct store_txn *txn, uint32_t number, const Quanyu__AuditHold *hold);
/* Members of an open object: id, name, reason, filter, and with `whole` who made it, and when. */
void hold_write(struct json *json, uint32_t number, const Quanyu__AuditHold *hold, bool whole);
/* What it finds, resolved. -QY_ECORRUPT, -QY_ENOMEM. */
int hold_filter(const Quanyu__AuditHold *hold, struct audit_view *view, struct arena *arena,
    struct audit_filter *ret_filter);

/* -- what was pruned so far -- */
/* In the arena; NULL where it cannot be read. */
Quanyu__AuditPruned *retention_pruned(struct store_txn *txn, struct arena *arena);
int retention_put_pruned(struct store_txn *txn, const Quanyu__AuditPruned *pruned);
/* Where something was: a member "pruned" of the open object, so that nobody takes silence for innocence; only what was newer than `from_ms`, 0: all. */
void retention_write_pruned(struct json *json, const Quanyu__AuditPruned *pruned, int64_t from_ms);
/* The index of the record that says that this one was pruned. False: none does. */
bool retention_pruning_of(struct store_txn *txn, uint64_t index, struct arena *arena, uint64_t *ret_record);

#endif
