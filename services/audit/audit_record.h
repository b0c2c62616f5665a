/* SPDX-License-Identifier: Apache-2.0 */
/* One audit record: what may be in it, and how it is stored. */
#ifndef QY_AUDIT_RECORD_H
#define QY_AUDIT_RECORD_H

#include "common/buffer.h"
#include "proto/audit.pb-c.h"

#include <stdbool.h>

#define RECORD_BYTES_MAX 65535u /* tlog-tiles' limit on an entry */
#define RECORD_PERSONS_MAX 1000u
#define RECORD_NUMBERS_MAX 10000u
#define RECORD_NODES_MAX 10000u
#define RECORD_FIELDS_MAX 1000u
#define RECORD_SET_HASH_BYTES 32u

/* NULL when the record may be taken; else what is wrong with it, with the field's name in *ret_field. Both
 * are static texts. */
const char *audit_record_check(const Quanyu__AuditRecord *record, const char **ret_field);

/* Says the unit that its actor stands at, where it does not yet; the text is in `room`. */
#define RECORD_UNIT_BYTES 16
void audit_record_place(Quanyu__AuditRecord *record, char room[RECORD_UNIT_BYTES]);

/* The record as it will be stored, in `out`, which is emptied first. */
int audit_record_pack(const Quanyu__AuditRecord *record, struct buffer *out);
/* A stored record, in the arena; NULL when it cannot be read or memory is out. */
const Quanyu__AuditRecord *audit_record_unpack(struct bytes stored, struct arena *arena);
/* time_ms of a stored record, without unpacking the rest: it is the first field. */
int64_t audit_record_time(struct bytes stored);

/* Whether a stored record may name an exact set, or identifiers that went over to somebody: what does has the tag of that field, if not
 * only then. Quicker than unpacking. */
bool audit_record_may_name_set(struct bytes stored);
bool audit_record_may_move(struct bytes stored);
/* The action of a stored record, without unpacking the rest; empty where it does not stand where audit puts it. */
struct bytes audit_record_action(struct bytes stored);

/* Whether the log itself says it: journals and whoever hands records over choose their actions, but not the service. */
bool audit_record_is_own(const Quanyu__AuditRecord *record);

/* "staff", "service", … */
const char *audit_actor_kind(Quanyu__Actor__Kind kind);

#endif
