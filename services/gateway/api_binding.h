/* SPDX-License-Identifier: Apache-2.0 */
/* Home units and guides, as answers show them. */
#ifndef QY_GATEWAY_API_BINDING_H
#define QY_GATEWAY_API_BINDING_H

#include "common/json.h"
#include "proto/tagging.pb-c.h"

/* Members home_unit and guide, each {"id","since"} or null. `binding` may be NULL: nobody's. */
void binding_members(struct json *json, const Quanyu__Binding *binding);

/* The number of a unit ("u_7", or its code) or a member of staff ("st_7") that a text of the body names; 0 and no refusal where
 * it is absent or null. Whether it is there is tagging's to say, by whom the caller may see. */
struct api_call;
int binding_unit(struct api_call *call, yyjson_val *value, const char *field, uint32_t *ret_unit);
int binding_staff(struct api_call *call, yyjson_val *value, const char *field, uint32_t *ret_staff);
/* Whether the caller's scope has this member of staff, or it is the caller. */
bool binding_sees_staff(const struct api_call *call, uint32_t staff);
/* How many people in scope have this home unit, or one below it; or this guide, where `unit` is 0. */
int binding_count_people(struct api_call *call, uint32_t unit, uint32_t guide, uint64_t *ret_count);

#endif
