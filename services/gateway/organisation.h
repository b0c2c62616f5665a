/* SPDX-License-Identifier: Apache-2.0 */
/* The units as rights and staff need them: which there are, and what lies below what, now. Any thread. */
#ifndef QY_GATEWAY_ORGANISATION_H
#define QY_GATEWAY_ORGANISATION_H

#include "services/gateway/unit_json.h"

struct gateway;

/* Whether the unit, or where it is no more the next one above it, is `above` or lies below it. */
bool organisation_is_within(const struct gateway *gateway, uint32_t unit, uint32_t above);
/* What unit_tree_lost() says of the tree that is in force. */
uint64_t organisation_lost(const struct gateway *gateway, uint32_t unit);
/* The member of staff that "st_7", or "code:E-1017", names, and that one's unit; 0 where there is none. By id also who has left. */
uint32_t organisation_find_staff(const struct gateway *gateway, const char *name, uint32_t *ret_unit);
/* What unit_named() finds in the tree that is in force. */
uint32_t organisation_find_unit(const struct gateway *gateway, const char *name);

#endif
