/* SPDX-License-Identifier: Apache-2.0 */
/* The units as rights and staff need them: which there are, and what lies below what. */
#ifndef QY_GATEWAY_ORGANISATION_H
#define QY_GATEWAY_ORGANISATION_H

#include <stdbool.h>
#include <stdint.h>

struct gateway;

#define UNIT_ROOT 1u

bool organisation_has_unit(const struct gateway *gateway, uint32_t unit);
/* Whether the unit is `above` or lies below it. */
bool organisation_is_within(const struct gateway *gateway, uint32_t unit, uint32_t above);

/* "u_7" */
#define UNIT_ID_BYTES 16
const char *organisation_unit_id(uint32_t unit, char room[UNIT_ID_BYTES]);
/* 0 where the text is not the id of a unit that is there. */
uint32_t organisation_find_unit(const struct gateway *gateway, const char *id);

#endif
