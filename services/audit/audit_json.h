/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the API shows them: snake_case, ids as texts, times in RFC 3339; what a record does not have is
 * left out. */
#ifndef QY_AUDIT_JSON_H
#define QY_AUDIT_JSON_H

#include "common/json.h"
#include "proto/audit.pb-c.h"
#include "services/audit/audit_check.h"

/* `intact`: the tree holds the record as it is. NULL for a record that can no longer be read. */
void audit_json_record(struct json *json, uint64_t index, bool intact, const Quanyu__AuditRecord *record);
/* Members by which a reader can check it alone: the bytes that were hashed (base64), their hash, and the path from there
 * to the root. -QY_ENOMEM. */
int audit_json_proof(struct json *json, struct bytes record, const struct audit_proof *proof);

#endif
