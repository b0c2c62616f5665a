/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/role.h"

#include "common/mem.h"

#include <string.h>

#define CAN(permission) PERMISSION_BIT(PERMISSION_##permission)

/* What several have. */
#define PEOPLE (CAN(PERSON_READ) | CAN(PERSONAL_MASKED) | CAN(AMOUNT_READ) | CAN(PERSON_TAG))
#define DEFINITIONS_READ (CAN(SEGMENT_READ) | CAN(TAG_READ) | CAN(STAGE_READ))
#define DEFINITIONS_MANAGE (CAN(SEGMENT_MANAGE) | CAN(TAG_MANAGE) | CAN(STAGE_MANAGE))
#define PLACE (CAN(UNIT_READ) | CAN(CLOCK_READ))
#define TEAM (CAN(STAFF_READ) | CAN(STAFF_MANAGE) | CAN(ROLE_READ) | CAN(PERSON_ASSIGN))

const struct role role_standard[ROLE_STANDARD_COUNT] = {
    {ROLE_HQ_ADMIN, PERMISSION_ALL, false},
    {"hq_marketer",
        PEOPLE | DEFINITIONS_READ | DEFINITIONS_MANAGE | PLACE | CAN(AUDIENCE_COUNT) | CAN(JOURNEY_READ) |
            CAN(JOURNEY_MANAGE) | CAN(DELIVERY_READ) | CAN(STATUS_READ) | CAN(SUMMARY_READ) |
            CAN(STAFF_READ) | CAN(ROLE_READ),
        false},
    {"analyst",
        DEFINITIONS_READ | PLACE | CAN(AUDIENCE_COUNT) | CAN(AMOUNT_READ) | CAN(JOURNEY_READ) |
            CAN(STATUS_READ) | CAN(SUMMARY_READ),
        false},
    {"region_manager",
        PEOPLE | DEFINITIONS_READ | PLACE | TEAM | CAN(PERSONAL_UNMASK) | CAN(AUDIENCE_COUNT) |
            CAN(UNIT_MANAGE) | CAN(IDENTITY_READ),
        false},
    {"store_manager",
        PEOPLE | DEFINITIONS_READ | PLACE | TEAM | CAN(PERSONAL_UNMASK) | CAN(AUDIENCE_COUNT) |
            CAN(IDENTITY_READ),
        false},
    {"guide", PEOPLE | DEFINITIONS_READ | PLACE, true},
    {"finance", PLACE | CAN(AUDIENCE_COUNT) | CAN(AMOUNT_READ) | CAN(SEGMENT_READ) | CAN(SUMMARY_READ),
        false},
    {"designer", PLACE | CAN(JOURNEY_READ), false},
    {"data_manager",
        CAN(PERSON_READ) | CAN(PERSONAL_MASKED) | CAN(PERSON_ERASE) | DEFINITIONS_READ | DEFINITIONS_MANAGE |
            PLACE | CAN(AUDIENCE_COUNT) | CAN(IMPORT_RUN) | CAN(DEAD_LETTER_READ) | CAN(DEAD_LETTER_MANAGE) |
            CAN(WRITE_KEY_READ) | CAN(WRITE_KEY_MANAGE) | CAN(STATUS_READ) | CAN(SUMMARY_READ) |
            CAN(IDENTITY_READ) | CAN(IDENTITY_DECIDE),
        false},
    {"customer_service", PEOPLE | DEFINITIONS_READ | PLACE | CAN(PERSONAL_UNMASK) | CAN(IDENTITY_READ),
        false},
    {"integration",
        CAN(PERSON_READ) | CAN(AMOUNT_READ) | DEFINITIONS_READ | PLACE | CAN(AUDIENCE_COUNT) |
            CAN(IMPORT_RUN) | CAN(STATUS_READ),
        false},
};

const struct role *role_standard_find(const char *name)
{
    for (size_t i = 0; i < ROLE_STANDARD_COUNT; i++)
        if (strcmp(role_standard[i].name, name) == 0)
            return &role_standard[i];
    return NULL;
}

bool role_name_fits(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t size = strlen(name);
    return size > 0 && size < ROLE_NAME_BYTES && strspn(name, allowed) == size && *name >= 'a' &&
           *name <= 'z';
}
