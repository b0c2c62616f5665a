/* SPDX-License-Identifier: Apache-2.0 */
/* Units as JSON, for answers and for acts; and how they are named. */
#ifndef QY_GATEWAY_UNIT_JSON_H
#define QY_GATEWAY_UNIT_JSON_H

#include "common/json.h"
#include "services/gateway/units.h"

#define UNIT_ID_BYTES 16

/* "u_7" */
const char *unit_id(uint32_t unit, char room[UNIT_ID_BYTES]);
/* The unit that "u_7", or "code:S-0012", names; 0 where there is none. */
uint32_t unit_named(const struct unit_tree *tree, const char *name);

/* "", "owned" or "franchised". */
extern const char *const unit_ownerships[3];

/* On that day, YYYY-MM-DD. */
bool unit_is_closed(const Quanyu__Unit *unit, const char *today);

/* What is stored: the members between the braces. */
void unit_write_members(struct json *json, const Quanyu__Unit *unit);
/* And what follows from the tree and from the day, YYYY-MM-DD. `root`: the caller's own unit, in or below which it is; there is nothing
 * above it. */
void unit_write(struct json *json, const Quanyu__Unit *unit, const struct unit_tree *tree, const char *today,
    uint32_t root);

#endif
