/* SPDX-License-Identifier: Apache-2.0 */
/* Members of staff, tokens and roles as the API shows them, and as the audit log does: there never with a personal value. */
#ifndef QY_GATEWAY_STAFF_JSON_H
#define QY_GATEWAY_STAFF_JSON_H

#include "common/json.h"
#include "services/gateway/access.h"

extern const char *const staff_states[3]; /* by Staff.State */

/* What is no personal value; without the object's brackets, as all of these. */
void staff_members(struct json *json, const Quanyu__Staff *staff);
/* A member with them as an object; null for nobody. */
void staff_row(struct json *json, const char *name, const Quanyu__Staff *staff);
/* Login, name, email and phone; masked, but for the name, unless `clear`. */
void staff_personal_members(struct json *json, const Quanyu__StaffPersonal *personal, bool clear);
void token_members(struct json *json, const Quanyu__Credential *token);
void role_members(struct json *json, const Quanyu__Role *role);
void role_standard_members(struct json *json, const struct role *role);

/* null where it is 0 or "". */
void staff_json_time(struct json *json, const char *name, int64_t ms);
void staff_json_text(struct json *json, const char *name, const char *text);

#endif
