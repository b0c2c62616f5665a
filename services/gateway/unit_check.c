/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unit_check.h"

#include "common/clock.h"
#include "common/config_value.h"
#include "common/looks.h"
#include "services/gateway/unit_json.h"

#include <string.h>

#define NAME_BYTES 200
#define KIND_BYTES 32

const char *const unit_fields[UNIT_FIELD_COUNT] = {
    [UNIT_FIELD_CODE] = "code",
    [UNIT_FIELD_NAME] = "name",
    [UNIT_FIELD_KIND] = "kind",
    [UNIT_FIELD_OWNERSHIP] = "ownership",
    [UNIT_FIELD_OPENED_ON] = "opened_on",
    [UNIT_FIELD_CLOSED_ON] = "closed_on",
    [UNIT_FIELD_TIME_ZONE] = "time_zone",
};

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* Names and codes stand in acts, logs and paths. */
static const char *check_impersonal(const char *text)
{
    size_t size = strlen(text);
    return looks_personal(text, size)
               ? "looks like a phone number, an email address or the like; personal values never reach names"
               : NULL;
}

/* One that is no id, and can stand in a path and in a CSV without thinking. */
static const char *set_code(Quanyu__Unit *unit, char *text)
{
    if (strlen(text) > UNIT_CODE_BYTES)
        return "must be at most 64 bytes";
    if (has_control(text) || strpbrk(text, " /\"'"))
        return "must not hold spaces, slashes, quotes or control characters";
    const char *wrong = check_impersonal(text);
    if (!wrong)
        unit->code = text;
    return wrong;
}

static const char *set_name(Quanyu__Unit *unit, char *text)
{
    if (!*text)
        return "must not be empty";
    if (strlen(text) > NAME_BYTES)
        return "must be at most 200 bytes";
    if (has_control(text))
        return "must not hold control characters";
    const char *wrong = check_impersonal(text);
    if (!wrong)
        unit->name = text;
    return wrong;
}

static const char *set_kind(Quanyu__Unit *unit, char *text)
{
    size_t size = strlen(text);
    if (size == 0 || size > KIND_BYTES || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") != size)
        return "must be a word of small letters, digits and _: region, distributor, store, or one of your "
               "own";
    if ((strcmp(text, "hq") == 0) != (unit->number == UNIT_ROOT))
        return "hq is the root's kind, and no other's";
    unit->kind = text;
    return NULL;
}

static const char *set_ownership(Quanyu__Unit *unit, const char *text)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(text, unit_ownerships[i]) == 0) {
            unit->ownership = (Quanyu__Unit__Ownership)i;
            return NULL;
        }
    return "must be owned or franchised";
}

static const char *set_date(char **date, char *text)
{
    int64_t ms;
    if (*text && (strlen(text) != strlen("2026-03-01") || !time_parse(text, strlen(text), true, &ms)))
        return "must be a date: 2026-03-01";
    *date = text;
    return NULL;
}

static const char *set_zone(Quanyu__Unit *unit, char *text)
{
    const char *wrong = *text ? config_check_zone(text) : NULL;
    if (!wrong)
        unit->time_zone = text;
    return wrong;
}

const char *unit_set(Quanyu__Unit *unit, enum unit_field field, const char *value)
{
    char *text = (char *)(uintptr_t)value;
    switch (field) {
    case UNIT_FIELD_CODE:
        return set_code(unit, text);
    case UNIT_FIELD_NAME:
        return set_name(unit, text);
    case UNIT_FIELD_KIND:
        return set_kind(unit, text);
    case UNIT_FIELD_OWNERSHIP:
        return set_ownership(unit, text);
    case UNIT_FIELD_OPENED_ON:
        return set_date(&unit->opened_on, text);
    case UNIT_FIELD_CLOSED_ON:
        return set_date(&unit->closed_on, text);
    case UNIT_FIELD_TIME_ZONE:
        return set_zone(unit, text);
    default:
        return "is unknown";
    }
}

const char *unit_check(const Quanyu__Unit *unit, enum unit_field *ret_field)
{
    *ret_field = UNIT_FIELD_NAME;
    if (!*unit->name)
        return "is required";
    *ret_field = UNIT_FIELD_KIND;
    if (!*unit->kind)
        return "is required";
    *ret_field = UNIT_FIELD_CLOSED_ON;
    if (*unit->opened_on && *unit->closed_on && strcmp(unit->closed_on, unit->opened_on) < 0)
        return "must not be before opened_on";
    return NULL;
}
