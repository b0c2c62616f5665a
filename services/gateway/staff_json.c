/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_json.h"

#include "common/mask.h"
#include "services/gateway/organisation.h"

#include <string.h>

const char *const staff_states[3] = {
    [QUANYU__STAFF__STATE__INVITED] = "invited",
    [QUANYU__STAFF__STATE__ACTIVE] = "active",
    [QUANYU__STAFF__STATE__LEFT] = "left",
};

void staff_json_time(struct json *json, const char *name, int64_t ms)
{
    json_name(json, name);
    if (ms)
        json_time(json, ms);
    else
        json_null(json);
}

void staff_json_text(struct json *json, const char *name, const char *text)
{
    json_name(json, name);
    if (*text)
        json_text(json, text);
    else
        json_null(json);
}

void staff_members(struct json *json, const Quanyu__Staff *staff)
{
    char id[STAFF_ID_BYTES], unit[UNIT_ID_BYTES];
    json_field_text(json, "id", staff_id(staff->number, id));
    staff_json_text(json, "code", staff->code);
    json_field_text(json, "role", staff->role);
    json_field_text(json, "unit", unit_id(staff->unit, unit));
    json_field_text(json, "state", (unsigned)staff->state < 3 ? staff_states[staff->state] : "");
    json_field_unsigned(json, "version", staff->version);
    staff_json_time(json, "created_at", staff->created_ms);
    staff_json_time(json, "changed_at", staff->changed_ms);
    staff_json_time(json, "left_at", staff->left_ms);
}

typedef void mask_fn(const char *value, size_t size, struct buffer *out);

static void masked(struct json *json, const char *name, const char *value, mask_fn *mask)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    if (*value)
        mask(value, strlen(value), &text);
    staff_json_text(json, name, buffer_c_str(&text));
}

static void mask_login(const char *value, size_t size, struct buffer *out)
{
    mask_identifier("login", value, size, out);
}

void staff_personal_members(struct json *json, const Quanyu__StaffPersonal *personal, bool clear)
{
    staff_json_text(json, "name", personal->name);
    if (clear) {
        staff_json_text(json, "login", personal->login);
        staff_json_text(json, "email", personal->email);
        staff_json_text(json, "phone", personal->phone);
        return;
    }
    masked(json, "login", personal->login, mask_login);
    masked(json, "email", personal->email, mask_email);
    masked(json, "phone", personal->phone, mask_phone);
}

void token_members(struct json *json, const Quanyu__Credential *token)
{
    char id[STAFF_ID_BYTES];
    json_field_text(json, "id", token_id(token->number, id));
    staff_json_text(json, "name", token->name);
    json_name(json, "permissions");
    if (token->limited)
        permission_list(json, token->permissions);
    else
        json_null(json);
    staff_json_time(json, "created_at", token->created_ms);
    staff_json_time(json, "expires_at", token->expires_ms);
    staff_json_time(json, "used_at", token->used_ms);
}

void role_members(struct json *json, const Quanyu__Role *role)
{
    json_field_text(json, "name", role->name);
    json_field_bool(json, "fixed", false);
    staff_json_text(json, "description", role->description);
    json_field_bool(json, "own_people", role->own_people);
    json_name(json, "permissions");
    permission_list(json, role->permissions);
    json_field_unsigned(json, "version", role->version);
    staff_json_time(json, "created_at", role->created_ms);
    staff_json_time(json, "changed_at", role->changed_ms);
}

void role_standard_members(struct json *json, const struct role *role)
{
    json_field_text(json, "name", role->name);
    json_field_bool(json, "fixed", true);
    json_field_bool(json, "own_people", role->own_people);
    json_name(json, "permissions");
    permission_list(json, role->permissions);
    json_field_unsigned(json, "version", 1);
}

void staff_row(struct json *json, const char *name, const Quanyu__Staff *staff)
{
    json_name(json, name);
    if (!staff) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    staff_members(json, staff);
    json_close(json, '}');
}
