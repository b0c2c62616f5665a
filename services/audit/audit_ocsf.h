/* SPDX-License-Identifier: Apache-2.0 */
/* A record as an event of the Open Cybersecurity Schema Framework, for the systems in which security teams watch everything else. */
#ifndef QY_AUDIT_OCSF_H
#define QY_AUDIT_OCSF_H

#include "common/json.h"
#include "proto/audit.pb-c.h"

#define OCSF_VERSION "1.3.0"
#define OCSF_TYPE "application/x-ndjson"

/* One event, as an object: Datastore Activity (6005) where the record is about people's data, else API Activity (6003). What has no
 * place of its own stands in "unmapped". `record` NULL: it was altered and says nothing. */
void audit_ocsf_event(struct json *json, uint64_t index, bool intact, const Quanyu__AuditRecord *record);

#endif
