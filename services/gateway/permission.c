/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/permission.h"

#include <string.h>

static const struct {
    const char *name, *help;
} permissions[PERMISSION_COUNT] = {
    [PERMISSION_NONE] = {"", ""},
    [PERMISSION_PERSON_READ] = {"person.read", "people, without personal fields"},
    [PERMISSION_PERSONAL_MASKED] = {"personal.masked", "personal fields, masked, and finding people by them"},
    [PERMISSION_PERSONAL_UNMASK] = {"personal.unmask", "a personal field in the clear, for a stated purpose"},
    [PERMISSION_AMOUNT_READ] = {"amount.read", "money: what people spent, and totals"},
    [PERMISSION_PERSON_TAG] = {"person.tag", "tags by hand"},
    [PERMISSION_PERSON_ASSIGN] = {"person.assign", "people's home unit and guide"},
    [PERMISSION_PERSON_ERASE] = {"person.erase", "what is kept of a person who asks to be forgotten"},
    [PERMISSION_AUDIENCE_COUNT] = {"audience.count", "how many people a rule picks"},
    [PERMISSION_SEGMENT_READ] = {"segment.read", "segments and their counts"},
    [PERMISSION_SEGMENT_MANAGE] = {"segment.manage", "making, changing and deleting segments"},
    [PERMISSION_TAG_READ] = {"tag.read", "tags and their counts"},
    [PERMISSION_TAG_MANAGE] = {"tag.manage", "making, changing and deleting tags"},
    [PERMISSION_STAGE_READ] = {"stage.read", "the lifecycle stages"},
    [PERMISSION_STAGE_MANAGE] = {"stage.manage", "changing the lifecycle stages"},
    [PERMISSION_JOURNEY_READ] = {"journey.read", "journeys, their content and counts"},
    [PERMISSION_JOURNEY_MANAGE] = {"journey.manage",
        "making, changing, publishing, pausing and deleting journeys"},
    [PERMISSION_DELIVERY_READ] = {"delivery.read", "what was sent to whom"},
    [PERMISSION_IMPORT_RUN] = {"import.run", "taking in files"},
    [PERMISSION_DEAD_LETTER_READ] = {"dead_letter.read", "refused events, masked"},
    [PERMISSION_DEAD_LETTER_MANAGE] = {"dead_letter.manage",
        "trying refused events again, and deleting them"},
    [PERMISSION_WRITE_KEY_READ] = {"write_key.read", "write keys, without their secrets"},
    [PERMISSION_WRITE_KEY_MANAGE] = {"write_key.manage", "making, changing and revoking write keys"},
    [PERMISSION_STATUS_READ] = {"status.read", "how far each service has come"},
    [PERMISSION_SUMMARY_READ] = {"summary.read", "totals of the whole brand"},
    [PERMISSION_CLOCK_READ] = {"clock.read", "the suite's time"},
    [PERMISSION_CLOCK_MANAGE] = {"clock.manage", "moving a simulated clock"},
    [PERMISSION_UNIT_READ] = {"unit.read", "units of the organisation"},
    [PERMISSION_UNIT_MANAGE] = {"unit.manage", "making, changing, moving and deleting units"},
    [PERMISSION_STAFF_READ] = {"staff.read", "members of staff, their contact masked"},
    [PERMISSION_STAFF_MANAGE] = {"staff.manage",
        "members of staff, their contact, invitations, tokens and leaving"},
    [PERMISSION_ROLE_READ] = {"role.read", "roles"},
    [PERMISSION_ROLE_MANAGE] = {"role.manage", "making, changing and deleting the brand's own roles"},
    [PERMISSION_IDENTITY_READ] = {"identity.read", "why identifiers are one person, or are not"},
    [PERMISSION_IDENTITY_DECIDE] = {"identity.decide", "joining and splitting people by hand"},
};

const char *permission_name(enum permission permission)
{
    return permissions[permission].name;
}

const char *permission_help(enum permission permission)
{
    return permissions[permission].help;
}

enum permission permission_find(const char *name)
{
    for (unsigned i = PERMISSION_NONE + 1; i < PERMISSION_COUNT; i++)
        if (strcmp(permissions[i].name, name) == 0)
            return (enum permission)i;
    return PERMISSION_NONE;
}

void permission_list(struct json *json, uint64_t set)
{
    json_open(json, '[');
    for (unsigned i = PERMISSION_NONE + 1; i < PERMISSION_COUNT; i++)
        if (set & PERMISSION_BIT(i))
            json_text(json, permissions[i].name);
    json_close(json, ']');
}
