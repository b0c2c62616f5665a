/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may do: each operation of the API asks for one permission, a role is a list of them, and a token may be limited
 * to some of its owner's. */
#ifndef QY_GATEWAY_PERMISSION_H
#define QY_GATEWAY_PERMISSION_H

#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

/* Stored as numbers: append only, never renumber. */
enum permission {
    PERMISSION_NONE, /* whoever is known, about him- or herself */
    PERMISSION_PERSON_READ,
    PERMISSION_PERSONAL_MASKED,
    PERMISSION_PERSONAL_UNMASK,
    PERMISSION_AMOUNT_READ,
    PERMISSION_PERSON_TAG,
    PERMISSION_PERSON_ASSIGN,
    PERMISSION_PERSON_ERASE,
    PERMISSION_AUDIENCE_COUNT,
    PERMISSION_SEGMENT_READ,
    PERMISSION_SEGMENT_MANAGE,
    PERMISSION_TAG_READ,
    PERMISSION_TAG_MANAGE,
    PERMISSION_STAGE_READ,
    PERMISSION_STAGE_MANAGE,
    PERMISSION_JOURNEY_READ,
    PERMISSION_JOURNEY_MANAGE,
    PERMISSION_DELIVERY_READ,
    PERMISSION_IMPORT_RUN,
    PERMISSION_DEAD_LETTER_READ,
    PERMISSION_DEAD_LETTER_MANAGE,
    PERMISSION_WRITE_KEY_READ,
    PERMISSION_WRITE_KEY_MANAGE,
    PERMISSION_STATUS_READ,
    PERMISSION_SUMMARY_READ,
    PERMISSION_CLOCK_READ,
    PERMISSION_CLOCK_MANAGE,
    PERMISSION_UNIT_READ,
    PERMISSION_UNIT_MANAGE,
    PERMISSION_STAFF_READ,
    PERMISSION_STAFF_MANAGE,
    PERMISSION_ROLE_READ,
    PERMISSION_ROLE_MANAGE,
    PERMISSION_IDENTITY_READ,
    PERMISSION_IDENTITY_DECIDE,
    PERMISSION_COUNT
};

/* A set: bit n is the permission n. */
#define PERMISSION_BIT(permission) (UINT64_C(1) << (permission))
#define PERMISSION_ALL ((UINT64_C(1) << PERMISSION_COUNT) - 2)

static inline bool permission_in(uint64_t set, enum permission permission)
{
    return permission == PERMISSION_NONE || (set & PERMISSION_BIT(permission)) != 0;
}

/* "person.read"; "" for PERMISSION_NONE. */
const char *permission_name(enum permission permission);
/* PERMISSION_NONE where there is no such name. */
enum permission permission_find(const char *name);
/* What it is for, in a sentence's part. */
const char *permission_help(enum permission permission);
/* The names, as a list. */
void permission_list(struct json *json, uint64_t set);

#endif
