/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: those out of the box are fixed, the brand's own are lists of permissions. Nobody makes a role that holds more than they do. */
#include "services/gateway/role_store.h"
#include "services/gateway/staff_body.h"
#include "services/gateway/staff_change.h"
#include "services/gateway/staff_json.h"

#include <stdio.h>
#include <string.h>

struct change {
    const char *name;
    uint64_t version; /* that was asked for; 0: any */
    const char *description;
    bool has_permissions, has_own_people, own_people;
    uint64_t permissions;
    Quanyu__Role *role;
};

/* -- the body -- */

static int read_permissions(struct api_call *call, struct change *change)
{
    yyjson_val *list = yyjson_obj_get(call->body, "permissions"), *item;
    size_t index, count;
    char field[64];
    if (!list)
        return 0;
    if (!yyjson_is_arr(list))
        return api_refuse(call, -QY_EINVAL, "permissions", "must be a list of permissions");
    yyjson_arr_foreach(list, index, count, item)
    {
        enum permission permission =
            yyjson_is_str(item) ? permission_find(yyjson_get_str(item)) : PERMISSION_NONE;
        snprintf(field, sizeof(field), "/permissions/%zu", index);
        if (permission == PERMISSION_NONE)
            return api_refuse(call, -QY_EINVAL, field, "there is no such permission");
        if (!permission_in(call->permissions, permission))
            return api_refuse(call, -QY_EDENIED, field, "you do not have this permission yourself");
        change->permissions |= PERMISSION_BIT(permission);
    }
    change->has_permissions = true;
    return 0;
}

static int read_body(struct api_call *call, struct change *change)
{
    change->has_own_people = yyjson_obj_get(call->body, "own_people") != NULL;
    int error = api_boolean(call, "own_people", false, &change->own_people);
    if (!error)
        error = staff_read_text(call, "description", false, ROLE_DESCRIPTION_BYTES, &change->description);
    return error ? error : read_permissions(call, change);
}

/* -- changes -- */

struct states {
    const Quanyu__Role *before, *after;
};

static void write_state(struct json *json, const char *name, const Quanyu__Role *role)
{
    json_name(json, name);
    if (!role) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    role_members(json, role);
    json_close(json, '}');
}

static void write_states(struct json *json, const void *self)
{
    const struct states *states = self;
    write_state(json, "before", states->before);
    write_state(json, "after", states->after);
}

static int emit(struct api_call *call, struct batch *batch, const char *action, const struct states *states)
{
    const struct staff_act act = {.action = action, .more = write_states, .self = states};
    return staff_emit_act(call, batch, &act);
}

static int refuse_missing(struct api_call *call)
{
    (void)api_refuse(call, -QY_ENOTFOUND, "role", "there is no such role");
    return -QY_ENOTFOUND;
}

/* One's own role; those out of the box stay as they are. */
static int fetch_own(struct api_call *call, struct store_txn *txn, const char *name, Quanyu__Role **ret_role)
{
    if (role_standard_find(name)) {
        (void)api_refuse(call, -QY_ECONFLICT, "role", "this role comes with the suite: it cannot be changed");
        return -QY_ECONFLICT;
    }
    Quanyu__Role *role = role_name_fits(name) ? role_get(txn, name, arena_allocator(call->arena)) : NULL;
    int error = store_error(txn);
    if (error)
        return error;
    if (!role)
        return refuse_missing(call);
    *ret_role = role;
    if (role->permissions & ~call->permissions)
        return api_refuse(call, -QY_EDENIED, "role", "this role holds permissions that you do not have");
    return 0;
}

/* In the version that the caller has seen. */
static int fetch_version(
    struct api_call *call, struct store_txn *txn, const struct change *change, Quanyu__Role **ret_role)
{
    int error = fetch_own(call, txn, change->name, ret_role);
    if (!error && change->version && (*ret_role)->version != change->version)
        return api_refuse(call, -QY_EOVERTAKEN, "If-Match", "the role has another version by now");
    return error;
}

static void overlay(const struct change *change, Quanyu__Role *role)
{
    if (change->description)
        role->description = (char *)(uintptr_t)change->description;
    if (change->has_own_people)
        role->own_people = change->own_people;
    if (change->has_permissions)
        role->permissions = change->permissions;
}

static int check_new(struct api_call *call, struct store_txn *txn, const char *name)
{
    struct role taken;
    if (role_find(txn, name, &taken))
        return api_refuse(call, -QY_EEXISTS, "name", "there is a role of this name");
    return role_has_room(txn)
               ? 0
               : api_refuse(call, -QY_ECONFLICT, NULL, "there are %u roles; delete one first", ROLES_MAX);
}

static int apply_create(struct api_call *call, struct batch *batch, void *self)
{
    struct change *change = self;
    int error = check_new(call, batch->txn, change->name);
    Quanyu__Role *role = error ? NULL : arena_alloc(call->arena, sizeof(*role));
    if (!role)
        return error ? error : -QY_ENOMEM;
    quanyu__role__init(role);
    role->name = (char *)(uintptr_t)change->name;
    role->version = 1;
    role->created_ms = role->changed_ms = batch->now_ms;
    overlay(change, role);
    role_put(batch->txn, role);
    change->role = role;
    return emit(call, batch, "role.create", &(struct states){.after = role});
}

static int apply_change(struct api_call *call, struct batch *batch, void *self)
{
    struct change *change = self;
    Quanyu__Role *before;
    int error = fetch_version(call, batch->txn, change, &before);
    Quanyu__Role *role = error ? NULL : role_get(batch->txn, change->name, arena_allocator(call->arena));
    if (!role)
        return error ? error : -QY_ENOMEM;
    overlay(change, role);
    role->version++;
    role->changed_ms = batch->now_ms;
    role_put(batch->txn, role);
    change->role = role;
    call->access_ended = strcmp(role->name, call->access.role.name) == 0;
    return emit(call, batch, "role.change", &(struct states){.before = before, .after = role});
}

static int apply_delete(struct api_call *call, struct batch *batch, void *self)
{
    const struct change *change = self;
    Quanyu__Role *before;
    int error = fetch_version(call, batch->txn, change, &before);
    if (error)
        return error;
    if (staff_next_of_role(batch->txn, change->name, 0))
        return api_refuse(
            call, -QY_ECONFLICT, "role", "members of staff have this role: give them another one first");
    role_delete(batch->txn, change->name);
    return emit(call, batch, "role.delete", &(struct states){.before = before});
}

/* -- operations -- */

static int show(struct api_call *call, const Quanyu__Role *role)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    role_members(&json, role);
    json_close(&json, '}');
    api_write_version(call, role->version);
    return 0;
}

int role_create(struct api_call *call)
{
    struct change change = {.version = 0};
    int error = staff_read_text(call, "name", true, ROLE_NAME_BYTES, &change.name);
    if (!error && !role_name_fits(change.name))
        error = api_refuse(call, -QY_EINVAL, "name",
            "must be up to %d of a-z, 0-9 and _, and begin with a letter", ROLE_NAME_BYTES - 1);
    if (!error)
        error = read_body(call, &change);
    if (!error && !change.permissions)
        error = api_refuse(call, -QY_EINVAL, "permissions", "must hold at least one");
    if (!error)
        error = staff_commit(call, apply_create, &change);
    if (error)
        return error;
    call->status = 201;
    return show(call, change.role);
}

int role_update(struct api_call *call)
{
    struct change change = {.name = call->parameters[0]};
    int error = api_read_version(call, &change.version);
    if (!error)
        error = read_body(call, &change);
    if (!error && change.has_permissions && !change.permissions)
        error = api_refuse(call, -QY_EINVAL, "permissions", "must hold at least one");
    if (!error)
        error = staff_commit(call, apply_change, &change);
    return error ? error : show(call, change.role);
}

int role_remove(struct api_call *call)
{
    struct change change = {.name = call->parameters[0]};
    int error = api_read_version(call, &change.version);
    return error ? error : staff_commit(call, apply_delete, &change);
}

int role_show(struct api_call *call)
{
    const struct role *standard = role_standard_find(call->parameters[0]);
    struct store_txn *txn;
    if (standard) {
        struct json json = json_to(&call->out);
        json_open(&json, '{');
        role_standard_members(&json, standard);
        json_close(&json, '}');
        api_write_version(call, 1);
        return 0;
    }
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    Quanyu__Role *role = role_name_fits(call->parameters[0])
                             ? role_get(txn, call->parameters[0], arena_allocator(call->arena))
                             : NULL;
    error = store_error(txn);
    store_abort(&txn);
    if (error)
        return error;
    return role ? show(call, role) : refuse_missing(call);
}

/* There are few: all at once. */
int role_list(struct api_call *call)
{
    struct store_txn *txn;
    struct json json = json_to(&call->out);
    Quanyu__Role *role;
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    json_open_page(&json, "roles");
    for (size_t i = 0; i < ROLE_STANDARD_COUNT; i++) {
        json_open(&json, '{');
        role_standard_members(&json, &role_standard[i]);
        json_close(&json, '}');
    }
    for (const char *at = ""; (role = role_next(txn, at, arena_allocator(call->arena))); at = role->name) {
        json_open(&json, '{');
        role_members(&json, role);
        json_close(&json, '}');
    }
    json_close_page(&json, "");
    error = store_error(txn);
    store_abort(&txn);
    return error;
}
