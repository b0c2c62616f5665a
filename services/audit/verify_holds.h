/* SPDX-License-Identifier: Apache-2.0 */
/* The legal holds that stood at some record of a log, as the records before it say. */
#ifndef QY_AUDIT_VERIFY_HOLDS_H
#define QY_AUDIT_VERIFY_HOLDS_H

#include "services/audit/audit_retention.h"

struct verify_holds;
int verify_holds_open(struct verify_holds **ret_holds);
void verify_holds_close(struct verify_holds **holds);
/* What the record of a hold, or of its release, says. -QY_ENOMEM. */
int verify_holds_add(struct verify_holds *holds, yyjson_val *detail);
void verify_holds_release(struct verify_holds *holds, yyjson_val *detail);
/* Whether one that goes by times alone was on what was between these two: of others it cannot be told of what is gone. */
bool verify_holds_time(const struct verify_holds *holds, int64_t least_ms, int64_t most_ms);
/* Whether one was on this record; of those about a person, by what the record itself says of whom. Its number; 0: none. */
uint32_t verify_holds_record(const struct verify_holds *holds, const Quanyu__AuditRecord *record);

#endif
