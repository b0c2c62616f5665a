/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unit_json.h"

#include "common/id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CODE_PREFIX "code:"

const char *const unit_ownerships[3] = {
    [QUANYU__UNIT__OWNERSHIP__UNSTATED] = "",
    [QUANYU__UNIT__OWNERSHIP__OWNED] = "owned",
    [QUANYU__UNIT__OWNERSHIP__FRANCHISED] = "franchised",
};

const char *unit_id(uint32_t unit, char room[UNIT_ID_BYTES])
{
    snprintf(room, UNIT_ID_BYTES, "u_%" PRIu32, unit);
    return room;
}

uint32_t unit_named(const struct unit_tree *tree, const char *name)
{
    if (strncmp(name, CODE_PREFIX, strlen(CODE_PREFIX)) == 0) {
        const char *code = name + strlen(CODE_PREFIX);
        return unit_tree_find(tree, code, strlen(code));
    }
    uint32_t unit = id_number("u_", name, strlen(name));
    return unit_tree_has(tree, unit) ? unit : 0;
}

static void text_or_null(struct json *json, const char *name, const char *text)
{
    json_name(json, name);
    if (*text)
        json_text(json, text);
    else
        json_null(json);
}

void unit_write_members(struct json *json, const Quanyu__Unit *unit)
{
    char id[UNIT_ID_BYTES];
    json_field_text(json, "id", unit_id(unit->number, id));
    text_or_null(json, "code", unit->code);
    json_field_text(json, "name", unit->name);
    json_field_text(json, "kind", unit->kind);
    text_or_null(json, "parent", unit->parent ? unit_id(unit->parent, id) : "");
    text_or_null(json, "ownership", (unsigned)unit->ownership < 3 ? unit_ownerships[unit->ownership] : "");
    text_or_null(json, "opened_on", unit->opened_on);
    text_or_null(json, "closed_on", unit->closed_on);
    text_or_null(json, "time_zone", unit->time_zone);
    json_field_unsigned(json, "version", unit->version);
    json_field_time(json, "created_at", unit->created_ms);
    json_field_time(json, "changed_at", unit->changed_ms);
}

bool unit_is_closed(const Quanyu__Unit *unit, const char *today)
{
    return *unit->closed_on && strcmp(unit->closed_on, today) <= 0;
}

static const char *state_of(const Quanyu__Unit *unit, const char *today)
{
    if (unit_is_closed(unit, today))
        return "closed";
    return *unit->opened_on && strcmp(unit->opened_on, today) > 0 ? "planned" : "open";
}

void unit_write(struct json *json, const Quanyu__Unit *unit, const struct unit_tree *tree, const char *today,
    uint32_t root)
{
    Quanyu__Unit shown = *unit;
    if (unit->number == root)
        shown.parent = 0;
    json_open(json, '{');
    unit_write_members(json, &shown);
    json_field_text(json, "state", state_of(unit, today));
    json_field_unsigned(json, "depth", unit_tree_depth(tree, unit->number) - unit_tree_depth(tree, root));
    json_field_unsigned(json, "units_below", unit_tree_below(tree, unit->number));
    json_close(json, '}');
}
