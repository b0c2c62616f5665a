/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_change.h"

#include "common/waiting_work.h"
#include "services/gateway/api_access.h"
#include "services/gateway/organisation.h"
#include "services/gateway/role_store.h"
#include "services/gateway/staff_json.h"
#include "services/gateway/staff_roll.h"

#include <string.h>

struct staff_work {
    struct waiting_work waiting;
    struct api_call *call;
    staff_apply_fn *apply;
    void *self;
};

static int apply_work(struct work *work, struct batch *batch)
{
    struct staff_work *staff = (struct staff_work *)work;
    int error = api_check_in(staff->call, batch->txn);
    if (!error)
        error = staff->apply(staff->call, batch, staff->self);
    return error ? error : store_error(batch->txn);
}

/* Whoever asks from here on is looked at again, and so is who is being answered. */
static void settle(struct waiting_work *waiting, int result)
{
    struct staff_work *staff = (struct staff_work *)waiting;
    if (result == 0) {
        staff_rolls_install(staff->call->gateway->staff);
        atomic_fetch_add(&staff->call->gateway->access_epoch, 1);
    }
}

int staff_commit(struct api_call *call, staff_apply_fn *apply, void *self)
{
    struct staff_work work = {.waiting = {.settle = settle}, .call = call, .apply = apply, .self = self};
    return waiting_work_run(call->gateway->service, &work.waiting, apply_work);
}

/* -- who -- */

int staff_fetch_seen(struct api_call *call, struct store_txn *txn, const char *id, Quanyu__Staff **ret_staff)
{
    uint32_t number = staff_number_of(id);
    Quanyu__Staff *staff = number ? staff_get(txn, number, arena_allocator(call->arena)) : NULL;
    int error = store_error(txn);
    if (error)
        return error;
    if (!staff || !access_covers_unit(call->gateway, &call->access, staff->unit)) {
        (void)api_refuse(call, -QY_ENOTFOUND, "id", "there is no such member of staff");
        return -QY_ENOTFOUND;
    }
    *ret_staff = staff;
    return 0;
}

bool staff_covers_role(const struct api_call *call, const struct role *role)
{
    bool wider = call->access.role.own_people && !role->own_people;
    return !wider && (role->permissions & ~call->permissions) == 0;
}

static int check_managed(struct api_call *call, struct store_txn *txn, const Quanyu__Staff *staff)
{
    struct role role;
    if (staff->state == QUANYU__STAFF__STATE__LEFT)
        return api_refuse(call, -QY_ECONFLICT, "id", "this member of staff has left");
    if (!role_find(txn, staff->role, &role))
        return -QY_ECORRUPT;
    if (!staff_covers_role(call, &role))
        return api_refuse(
            call, -QY_EDENIED, "id", "the role of this member of staff allows what yours does not");
    return 0;
}

int staff_fetch_managed(
    struct api_call *call, struct store_txn *txn, const char *id, Quanyu__Staff **ret_staff)
{
    Quanyu__Staff *staff;
    int error = staff_fetch_seen(call, txn, id, &staff);
    if (error)
        return error;
    *ret_staff = staff;
    return check_managed(call, txn, staff);
}

bool staff_is_admin(const Quanyu__Staff *staff)
{
    return staff->unit == UNIT_ROOT && staff->state == QUANYU__STAFF__STATE__ACTIVE &&
           strcmp(staff->role, ROLE_HQ_ADMIN) == 0;
}

static bool has_password(struct store_txn *txn, uint32_t number)
{
    Quanyu__StaffSecrets *secrets = staff_secrets_get(txn, number, NULL);
    bool has = secrets && *secrets->password;
    if (secrets)
        quanyu__staff_secrets__free_unpacked(secrets, NULL);
    return has;
}

static bool has_token(struct store_txn *txn, uint32_t number, int64_t now_ms)
{
    uint8_t hash[SECRET_HASH_BYTES];
    Quanyu__Credential *credential;
    bool found = false;
    for (uint32_t at = 0; !found && (credential = credential_next(txn, number, at, NULL, hash));) {
        at = credential->number;
        bool whole = !credential->limited || (PERMISSION_ALL & ~credential->permissions) == 0;
        found = whole && credential->kind == QUANYU__CREDENTIAL__KIND__TOKEN &&
                !credential_expired(credential, now_ms);
        quanyu__credential__free_unpacked(credential, NULL);
    }
    return found;
}

bool staff_has_other_admin(struct store_txn *txn, uint32_t number, int64_t now_ms)
{
    bool found = false;
    for (uint32_t at = 0; !found && (at = staff_next_of_role(txn, ROLE_HQ_ADMIN, at));) {
        Quanyu__Staff *staff = staff_get(txn, at, NULL);
        found = staff && at != number && staff_is_admin(staff) &&
                (has_password(txn, at) || has_token(txn, at, now_ms));
        if (staff)
            quanyu__staff__free_unpacked(staff, NULL);
    }
    return found;
}

void staff_store(struct batch *batch, Quanyu__Staff *staff, const Quanyu__Staff *before)
{
    staff->version++;
    staff->changed_ms = batch->now_ms;
    staff_put(batch->txn, staff, before);
}

void staff_emit_member(struct batch *batch, const Quanyu__Staff *staff)
{
    Quanyu__OrganisationChanged changed = QUANYU__ORGANISATION_CHANGED__INIT;
    Quanyu__OrganisationChanged__Member member = QUANYU__ORGANISATION_CHANGED__MEMBER__INIT;
    Quanyu__OrganisationChanged__Member *members[] = {&member};
    member.staff = staff->number;
    member.unit = staff->unit;
    member.left = staff->state == QUANYU__STAFF__STATE__LEFT;
    changed.members = members;
    changed.n_members = 1;
    batch_emit(batch, CLASS_ORGANISATION, &changed.base);
}

/* -- for audit -- */

int staff_emit_act_of(struct batch *batch, const struct staff_act *act, const char *request_id)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    char id[STAFF_ID_BYTES];
    struct json json = json_to(&detail);
    json_open(&json, '{');
    if (act->staff)
        json_field_text(&json, "id", staff_id(act->staff->number, id));
    if (act->rows) {
        staff_row(&json, "before", act->before);
        staff_row(&json, "after", act->after);
    }
    if (act->more)
        act->more(&json, act->self);
    json_close(&json, '}');
    const char *text = buffer_c_str(&detail);
    if (buffer_error(&detail))
        return store_fail(batch->txn, buffer_error(&detail));
    gateway_emit_act(batch, act->actor, request_id, act->action, text);
    return 0;
}

int staff_emit_act(struct api_call *call, struct batch *batch, const struct staff_act *act)
{
    struct staff_act named = *act;
    if (!named.actor)
        named.actor = &call->actor;
    return staff_emit_act_of(batch, &named, http_request_id(call->request));
}
