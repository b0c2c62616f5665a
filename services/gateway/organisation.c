/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/organisation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool organisation_has_unit(const struct gateway *gateway, uint32_t unit)
{
    (void)gateway;
    return unit == UNIT_ROOT;
}

bool organisation_is_within(const struct gateway *gateway, uint32_t unit, uint32_t above)
{
    return above == UNIT_ROOT || (unit == above && organisation_has_unit(gateway, unit));
}

const char *organisation_unit_id(uint32_t unit, char room[UNIT_ID_BYTES])
{
    snprintf(room, UNIT_ID_BYTES, "u_%" PRIu32, unit);
    return room;
}

uint32_t organisation_find_unit(const struct gateway *gateway, const char *id)
{
    char room[UNIT_ID_BYTES];
    unsigned long number = strncmp(id, "u_", 2) == 0 ? strtoul(id + 2, NULL, 10) : 0;
    uint32_t unit = number <= UINT32_MAX ? (uint32_t)number : 0;
    return strcmp(organisation_unit_id(unit, room), id) == 0 && organisation_has_unit(gateway, unit) ? unit
                                                                                                     : 0;
}
