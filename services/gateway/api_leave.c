/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving: in one commit everything that a member of staff could use ends, and what is in flight is answered no more. */
#include "services/gateway/api_binding.h"
#include "services/gateway/guard.h"
#include "services/gateway/staff_change.h"
#include "services/gateway/staff_json.h"
#include "services/gateway/staff_roll.h"
#include "services/gateway/unmask_store.h"

struct leaving {
    const char *id;
    uint64_t version; /* that was asked for; 0: any */
    Quanyu__Staff *staff;
};

static int apply_leave(struct api_call *call, struct batch *batch, void *self)
{
    struct leaving *leaving = self;
    Quanyu__Staff *before;
    Quanyu__StaffPersonal *personal;
    uint8_t login[SECRET_HASH_BYTES];
    int error = staff_fetch_managed(call, batch->txn, leaving->id, &before);
    if (error)
        return error;
    if (leaving->version && before->version != leaving->version)
        return api_refuse(call, -QY_EOVERTAKEN, "If-Match", "the member of staff has another version by now");
    if (before->number == call->access.staff)
        return api_refuse(
            call, -QY_ECONFLICT, "id", "nobody ends their own access: another member of staff does");
    if (staff_is_admin(before) &&
        !staff_has_other_admin(batch->txn, before->number, gateway_now_ms(call->gateway)))
        return api_refuse(call, -QY_ECONFLICT, "id", "this is the last HQ admin: make another one first");
    error = staff_open_personal(&call->gateway->vault, before, call->arena, &personal);
    Quanyu__Staff *staff = error ? NULL : staff_get(batch->txn, before->number, arena_allocator(call->arena));
    if (!staff)
        return error ? error : -QY_ENOMEM;
    staff->state = QUANYU__STAFF__STATE__LEFT;
    staff->left_ms = batch->now_ms;
    staff_store(batch, staff, before);
    staff_login_hash(&call->gateway->vault, personal->login, login);
    staff_login_delete(batch->txn, login);
    staff_secrets_delete(batch->txn, staff->number);
    credentials_end(batch->txn, staff->number, CREDENTIALS_ALL, 0);
    unmask_forget(batch->txn, staff->number);
    staff_emit_member(batch, staff);
    error = staff_rolls_note(call->gateway->staff, staff);
    if (error)
        return store_fail(batch->txn, error);
    leaving->staff = staff;
    const struct staff_act act = {
        .action = "staff.leave", .staff = staff, .before = before, .after = staff, .rows = true};
    return staff_emit_act(call, batch, &act);
}

/* It is done by now, so that tagging may be away. */
static void write_people(struct api_call *call, struct json *json, uint32_t guide)
{
    uint64_t people;
    json_name(json, "people");
    if (binding_count_people(call, 0, guide, &people) || people < guard_least(call))
        json_null(json);
    else
        json_unsigned(json, people);
}

int staff_leave(struct api_call *call)
{
    struct leaving leaving = {.id = call->parameters[0]};
    int error = api_read_version(call, &leaving.version);
    if (!error)
        error = staff_commit(call, apply_leave, &leaving);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    staff_members(&json, leaving.staff);
    write_people(call, &json, leaving.staff->number);
    json_close(&json, '}');
    api_write_version(call, leaving.staff->version);
    return 0;
}
