/* SPDX-License-Identifier: Apache-2.0 */
/* Members of staff: made, listed, changed, leaving. Whom the caller's scope does not cover looks as if not there, and nobody gives
 * away, or changes, what they do not have themselves. */
#include "services/gateway/login.h"
#include "services/gateway/organisation.h"
#include "services/gateway/role_store.h"
#include "services/gateway/staff_body.h"
#include "services/gateway/staff_change.h"
#include "services/gateway/staff_json.h"
#include "services/gateway/staff_roll.h"
#include "services/gateway/staff_roster.h"

#include <string.h>

/* -- answers -- */

static int write_staff(struct api_call *call, struct json *json, const Quanyu__Staff *staff)
{
    Quanyu__StaffPersonal *personal;
    int error = staff_open_personal(&call->gateway->vault, staff, call->arena, &personal);
    if (error)
        return error;
    bool clear =
        permission_in(call->permissions, PERMISSION_STAFF_MANAGE) || staff->number == call->access.staff;
    staff_members(json, staff);
    staff_personal_members(json, personal, clear);
    return 0;
}

static int show(struct api_call *call, const Quanyu__Staff *staff)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    int error = write_staff(call, &json, staff);
    json_close(&json, '}');
    api_write_version(call, staff->version);
    return error;
}

/* -- making and changing -- */

struct edit {
    const char *id; /* NULL: a new one */
    uint64_t version;
    struct staff_input input;
    Quanyu__Staff *staff; /* as it becomes */
    Quanyu__Staff *before;
    Quanyu__StaffPersonal *personal;
    struct staff_login login, old_login;
};

static void overlay(const char *stated, char **text)
{
    if (stated)
        *text = (char *)(uintptr_t)stated;
}

static int fetch_before(struct api_call *call, struct batch *batch, struct edit *edit)
{
    int error = staff_fetch_managed(call, batch->txn, edit->id, &edit->before);
    if (error)
        return error;
    if (edit->version && edit->before->version != edit->version)
        return api_refuse(call, -QY_EOVERTAKEN, "If-Match", "the member of staff has another version by now");
    edit->staff = staff_get(batch->txn, edit->before->number, arena_allocator(call->arena));
    error = edit->staff
                ? staff_open_personal(&call->gateway->vault, edit->before, call->arena, &edit->personal)
                : -QY_ENOMEM;
    if (!error)
        edit->old_login = staff_login_of(&call->gateway->vault, edit->personal->login);
    return error;
}

static int make_new(struct api_call *call, struct edit *edit)
{
    edit->staff = arena_alloc(call->arena, sizeof(*edit->staff));
    edit->personal = arena_alloc(call->arena, sizeof(*edit->personal));
    if (!edit->staff || !edit->personal)
        return -QY_ENOMEM;
    quanyu__staff__init(edit->staff);
    quanyu__staff_personal__init(edit->personal);
    return 0;
}

static int check_role(struct api_call *call, struct store_txn *txn, const char *name)
{
    struct role role;
    if (!name)
        return 0;
    if (!role_name_fits(name) || !role_find(txn, name, &role))
        return api_refuse(call, -QY_EINVAL, "role", "there is no such role");
    if (!staff_covers_role(call, &role))
        return api_refuse(call, -QY_EDENIED, "role", "this role allows what you may not do yourself");
    return 0;
}

/* As the batch leaves it, where there is one: a unit that goes in the same commit takes nobody in. */
static bool is_there(struct api_call *call, struct store_txn *txn, uint32_t unit)
{
    Quanyu__Unit *row = unit_get(txn, unit, arena_allocator(call->arena));
    return row && !row->removed_ms;
}

static int read_unit(struct api_call *call, struct store_txn *txn, const char *id, uint32_t *unit)
{
    if (!id)
        return 0;
    uint32_t found = organisation_find_unit(call->gateway, id);
    if (!found || !access_covers_unit(call->gateway, &call->access, found) ||
        (txn && !is_there(call, txn, found)))
        return api_refuse(call, -QY_EINVAL, "unit", "there is no such unit");
    *unit = found;
    return 0;
}

/* One that is unlike all others of the brand tells whoever gives it which ones there are: that is for who sees everybody. */
static int check_given(struct api_call *call, const char *field, const char *stated, const char *now)
{
    if (!stated || access_covers_all_units(&call->access) || strcmp(stated, now) == 0)
        return 0;
    return api_refuse(call, -QY_EDENIED, field, API_GIVEN_BY_HQ);
}

static int check_login(struct api_call *call, const struct edit *edit)
{
    char id[STAFF_ID_BYTES] = "";
    const char *login = edit->input.login;
    int error = check_given(call, "login", login, edit->personal->login);
    if (error || !login || !login_is_of_id(login))
        return error;
    if (edit->before)
        staff_id(edit->before->number, id);
    return strcmp(login, id) == 0 ? 0
                                  : api_refuse(call, -QY_EINVAL, "login",
                                        "must not begin with st_, as ids do, but be the own one");
}

static int check_unique(struct api_call *call, struct store_txn *txn, struct edit *edit)
{
    uint32_t own = edit->before ? edit->before->number : 0, other;
    if (edit->input.login) {
        edit->login = staff_login_of(&call->gateway->vault, edit->input.login);
        other = staff_by_look(txn, &edit->login);
        if (!other)
            other = staff_by_login(txn, &edit->login);
        if (other && other != own)
            return api_refuse(
                call, -QY_EEXISTS, "login", "somebody has this login, or one that looks the same");
    }
    other = *edit->staff->code ? staff_by_code(txn, edit->staff->code) : 0;
    if (other && other != own)
        return api_refuse(call, -QY_EEXISTS, "code", "somebody has this code");
    return 0;
}

/* Everything that may be wrong with what is to be stored. */
static int check(struct api_call *call, struct batch *batch, struct edit *edit)
{
    const struct staff_input *input = &edit->input;
    Quanyu__Staff *staff = edit->staff;
    int error = check_role(call, batch->txn, input->role);
    if (!error)
        error = read_unit(call, batch->txn, input->unit, &staff->unit);
    if (!error)
        error = check_given(call, "code", input->code, staff->code);
    if (!error)
        error = check_login(call, edit);
    if (error)
        return error;
    overlay(input->role, &staff->role);
    overlay(input->code, &staff->code);
    overlay(input->login, &edit->personal->login);
    overlay(input->name, &edit->personal->name);
    overlay(input->email, &edit->personal->email);
    overlay(input->phone, &edit->personal->phone);
    error = check_unique(call, batch->txn, edit);
    if (!error && edit->before && staff_is_admin(edit->before) && !staff_is_admin(staff) &&
        !staff_has_other_admin(batch->txn, staff->number, gateway_now_ms(call->gateway)))
        return api_refuse(call, -QY_ECONFLICT, input->role ? "role" : "unit",
            "this is the last HQ admin: make another one first");
    return error;
}

/* The names of personal values that were stated: their values are nobody's but the gateway's. */
static void write_changed(struct json *json, const void *self)
{
    const struct staff_input *input = self;
    const struct {
        const char *name, *text;
    } members[] = {
        {"login", input->login}, {"name", input->name}, {"email", input->email}, {"phone", input->phone}};
    json_name(json, "personal");
    json_open(json, '[');
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (members[i].text)
            json_text(json, members[i].name);
    json_close(json, ']');
}

/* Who was given no login signs in with the id. */
static int put_login(struct api_call *call, struct batch *batch, struct edit *edit)
{
    uint32_t number = edit->staff->number;
    if (edit->before && !edit->input.login)
        return 0;
    if (edit->before)
        staff_login_delete(batch->txn, &edit->old_login, number);
    if (!edit->input.login) {
        edit->personal->login = arena_alloc(call->arena, STAFF_ID_BYTES);
        if (!edit->personal->login)
            return -QY_ENOMEM;
        staff_id(number, edit->personal->login);
        edit->login = staff_login_of(&call->gateway->vault, edit->personal->login);
    }
    staff_login_put(batch->txn, &edit->login, number);
    return store_error(batch->txn);
}

static int apply_edit(struct api_call *call, struct batch *batch, void *self)
{
    struct edit *edit = self;
    int error = edit->id ? fetch_before(call, batch, edit) : make_new(call, edit);
    if (!error)
        error = check(call, batch, edit);
    if (error)
        return error;
    Quanyu__Staff *staff = edit->staff, *before = edit->before;
    if (!before && store_count(batch->txn, TABLE_STAFF) >= STAFF_MAX)
        return api_refuse(call, -QY_ECONFLICT, NULL, "there are %u members of staff", STAFF_MAX);
    if (!before) {
        staff->number = staff_number_next(batch->txn, STAFF_NUMBER);
        staff->created_ms = batch->now_ms;
    }
    error = put_login(call, batch, edit);
    if (!error)
        error = staff_seal_personal(&call->gateway->vault, staff, edit->personal, call->arena);
    if (error)
        return store_fail(batch->txn, error);
    staff_store(batch, staff, before);
    call->access_ended = staff->number == call->access.staff;
    if (!before || before->unit != staff->unit)
        staff_emit_member(batch, staff);
    error = staff_rolls_note(call->gateway->staff, staff);
    if (error)
        return store_fail(batch->txn, error);
    const struct staff_act act = {.action = before ? "staff.change" : "staff.create",
        .staff = staff,
        .before = before,
        .after = staff,
        .rows = true,
        .more = write_changed,
        .self = &edit->input};
    return staff_emit_act(call, batch, &act);
}

int staff_create(struct api_call *call)
{
    struct edit edit = {.id = NULL};
    int error = staff_read_body(call, true, &edit.input);
    if (!error)
        error = staff_commit(call, apply_edit, &edit);
    if (error)
        return error;
    call->status = 201;
    return show(call, edit.staff);
}

int staff_change(struct api_call *call)
{
    struct edit edit = {.id = call->parameters[0]};
    int error = api_read_version(call, &edit.version);
    if (!error)
        error = staff_read_body(call, false, &edit.input);
    if (!error)
        error = staff_commit(call, apply_edit, &edit);
    return error ? error : show(call, edit.staff);
}

/* -- looking -- */

int staff_show(struct api_call *call)
{
    struct store_txn *txn;
    Quanyu__Staff *staff;
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    error = staff_fetch_seen(call, txn, call->parameters[0], &staff);
    store_abort(&txn);
    return error ? error : show(call, staff);
}

/* What was asked for; the rest is the caller's scope. */
static int read_filter(struct api_call *call, struct staff_pick *pick)
{
    bool has_role, has_state, has_unit;
    char role[API_ID_BYTES], state[API_ID_BYTES], unit[API_ID_BYTES];
    int error = api_parameter(call, "role", role, sizeof(role), &has_role);
    if (!error)
        error = api_parameter(call, "state", state, sizeof(state), &has_state);
    if (!error)
        error = api_parameter(call, "unit", unit, sizeof(unit), &has_unit);
    if (error)
        return error;
    if (has_role && !role_name_fits(role))
        return api_refuse(call, -QY_EINVAL, "role", "must be the name of a role");
    pick->role = arena_text(call->arena, role, strlen(role));
    if (!pick->role)
        return -QY_ENOMEM;
    for (int i = 0; i < (int)COUNT_OF(staff_states); i++)
        if (strcmp(staff_states[i], state) == 0)
            pick->state = i;
    if (has_state && pick->state == STAFF_ANY_STATE)
        return api_refuse(call, -QY_EINVAL, "state", "must be invited, active or left");
    return has_unit ? read_unit(call, NULL, unit, &pick->unit) : 0;
}

static int write_page(struct api_call *call, struct store_txn *txn, const struct staff_pick *pick,
    uint32_t after, uint32_t limit)
{
    struct json json = json_to(&call->out);
    Quanyu__Staff *staff;
    uint32_t shown = 0;
    char next[STAFF_ID_BYTES] = "";
    int error = 0;
    json_open_page(&json, "staff");
    while (!error && (staff = staff_pick_next(txn, pick, after, NULL))) {
        bool more = shown++ == limit;
        if (more) {
            staff_id(after, next);
        } else {
            after = staff->number;
            json_open(&json, '{');
            error = write_staff(call, &json, staff);
            json_close(&json, '}');
        }
        quanyu__staff__free_unpacked(staff, NULL);
        if (more)
            break;
    }
    json_close_page(&json, next);
    return error ? error : store_error(txn);
}

int staff_list(struct api_call *call)
{
    uint32_t limit;
    char cursor[API_ID_BYTES];
    struct staff_pick pick = {.scope = call->access.unit, .role = "", .state = STAFF_ANY_STATE};
    struct store_txn *txn;
    int error = api_limit(call, &limit);
    if (!error)
        error = api_id_cursor(call, "st_", cursor);
    if (!error)
        error = read_filter(call, &pick);
    if (!error)
        error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    struct unit_tree *tree = units_hold(call->gateway->units);
    pick.units = tree;
    error = write_page(call, txn, &pick, *cursor ? staff_number_of(cursor) : 0, limit);
    unit_tree_release(&tree);
    store_abort(&txn);
    return error;
}
