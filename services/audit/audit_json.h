/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the API shows them: snake_case, ids as texts, times in RFC 3339; what a record does not have is
 * left out. */
#ifndef QY_AUDIT_JSON_H
#define QY_AUDIT_JSON_H

#include "common/json.h"
#include "proto/audit.pb-c.h"

void audit_json_record(struct json *json, uint64_t index, const Quanyu__AuditRecord *record);

#endif
