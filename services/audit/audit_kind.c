/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_kind.h"

#include "common/mem.h"

#include <string.h>

const struct record_kind_text record_kinds[KIND_COUNT] = {
    [KIND_PERSON] = {.name = "person", .about = "looks at single people, unmasking among them"},
    [KIND_LIST] = {.name = "list", .about = "lists, searches and counts of people"},
    [KIND_EXPORT] = {.name = "export", .about = "people's data that went to others"},
    [KIND_CHANGE] = {.name = "change", .about = "changes of people's tags, units and guides"},
    [KIND_IDENTITY] = {.name = "identity", .about = "decisions about who is who, and erasures"},
    [KIND_DELIVERY] = {.name = "delivery", .about = "what journeys sent to people"},
    [KIND_SETTING] = {.name = "setting",
        .about = "definitions, rules, journeys, units, roles, imports and keys"},
    [KIND_ACCESS] = {.name = "access", .about = "sign-ins, sessions, tokens, passwords and invitations"},
    [KIND_AUDITOR] = {.name = "auditor", .about = "auditors' own looks into the log"},
    [KIND_ALERT] = {.name = "alert", .about = "unusual use that was noticed"},
    [KIND_OTHER] = {.name = "other", .about = "what is of none of these kinds"},
    [KIND_JOIN] = {.name = "join",
        .about = "joins and splits of people, which searches follow; for ever",
        .for_ever = true},
    [KIND_LOG] = {.name = "log",
        .about =
            "the log's own: keys, witnesses, clock, copies, retention, legal holds and prunings; for ever",
        .for_ever = true},
};

bool record_kind_find(const char *name, enum record_kind *ret_kind)
{
    for (unsigned i = 0; i < KIND_COUNT; i++)
        if (strcmp(record_kinds[i].name, name) == 0) {
            *ret_kind = i;
            return true;
        }
    return false;
}

/* The first that fits counts. What ends in '.' is all that begins so, what begins with '.' all that ends so. */
static const struct {
    const char *action;
    enum record_kind kind;
} actions[] = {
    {"retention.", KIND_LOG},
    {"hold.", KIND_LOG},
    {"log_key.", KIND_LOG},
    {"witness.", KIND_LOG},
    {"audit.restore", KIND_LOG},
    {"audit.backup", KIND_LOG}, /* who has a copy has it for ever */
    {"clock.doubt", KIND_LOG},
    {"clock.believe", KIND_LOG},
    {"audit.away", KIND_OTHER}, /* the gateway's, of a time in which nothing was shown */
    {"audit.", KIND_AUDITOR},
    {"auditor.", KIND_AUDITOR},
    {"alert.raise", KIND_ALERT},
    {"alert.", KIND_AUDITOR},
    {"alert_rules.show", KIND_AUDITOR},
    {"delivery", KIND_DELIVERY},
    {"segment.changes", KIND_EXPORT},
    {"person.join", KIND_JOIN},
    {"person.split", KIND_JOIN},
    {"person.erase", KIND_IDENTITY},
    {"person.events_moved", KIND_IDENTITY},
    {"person.tag", KIND_CHANGE},
    {"person.assign", KIND_CHANGE},
    {"person.", KIND_PERSON},
    {"identity.explain", KIND_PERSON},
    {"identity.duplicates", KIND_LIST},
    {"identity.duplicates.", KIND_LIST},
    {"identity.busy", KIND_LIST},
    {"identity.conflicts", KIND_LIST},
    {"identity.decisions", KIND_LIST},
    {"identity.", KIND_IDENTITY},
    {"identity_rules.dry_run", KIND_LIST},
    {"dead_letter.show", KIND_PERSON},
    {"dead_letter.list", KIND_LIST},
    {"tag.add", KIND_CHANGE},
    {"tag.remove", KIND_CHANGE},
    {"binding.", KIND_CHANGE},
    {"audience.", KIND_LIST},
    {"journey.deliveries", KIND_LIST},
    {"staff.people", KIND_LIST},
    {"staff.open_work", KIND_LIST},
    {"unit.people", KIND_LIST},
    {"segment.show", KIND_LIST},
    {"tag.show", KIND_LIST},
    {"journey.show", KIND_LIST},
    {".list", KIND_LIST},
    {"session.", KIND_ACCESS},
    {"token.", KIND_ACCESS},
    {"password.", KIND_ACCESS},
    {"second_factor.", KIND_ACCESS},
    {"invitation.", KIND_ACCESS},
    {"staff.invite", KIND_ACCESS},
    {"staff.bootstrap", KIND_ACCESS},
    {".create", KIND_SETTING},
    {".change", KIND_SETTING},
    {".delete", KIND_SETTING},
    {".revoke", KIND_SETTING},
    {".rotate", KIND_SETTING},
    {".move", KIND_SETTING},
    {"unit.", KIND_SETTING},
    {"staff.", KIND_SETTING},
    {"journey.", KIND_SETTING},
    {"import.", KIND_SETTING},
    {"clock.", KIND_SETTING},
    {"dead_letter.", KIND_SETTING},
};

static bool fits(const char *pattern, const char *action)
{
    size_t size = strlen(pattern), length = strlen(action);
    if (pattern[0] == '.')
        return length >= size && strcmp(action + length - size, pattern) == 0;
    return pattern[size - 1] == '.' ? strncmp(action, pattern, size) == 0 : strcmp(action, pattern) == 0;
}

enum record_kind record_kind_of(const char *action)
{
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (fits(actions[i].action, action))
            return actions[i].kind;
    return KIND_OTHER;
}
