/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving: in one commit everything that a member of staff could use ends, and what is in flight is answered no more. What is in their
 * hands ends too where it is another's: tokens and invitations that they made for others, for they have seen the secrets. */
#include "services/gateway/api_binding.h"
#include "services/gateway/guard.h"
#include "services/gateway/organisation.h"
#include "services/gateway/staff_change.h"
#include "services/gateway/staff_json.h"
#include "services/gateway/staff_roll.h"
#include "services/gateway/unmask_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct leaving {
    const char *id;
    uint64_t version; /* that was asked for; 0: any */
    Quanyu__Staff *staff;
    struct buffer made; /* Quanyu__Credential * of the call's arena: what they made for others */
};

static void leaving_close(struct leaving *leaving)
{
    buffer_free(&leaving->made);
}

/* -- what they made for others -- */

static int find_made(struct api_call *call, struct store_txn *txn, uint32_t maker, struct buffer *ret_made)
{
    uint8_t hash[SECRET_HASH_BYTES];
    Quanyu__Credential *credential;
    int64_t now_ms = gateway_now_ms(call->gateway);
    for (uint32_t at = 0;
        (credential = credential_made_next(txn, maker, at, arena_allocator(call->arena), hash));) {
        at = credential->number;
        if (!credential_expired(credential, now_ms))
            buffer_append(ret_made, &credential, sizeof(Quanyu__Credential *));
    }
    return buffer_error(ret_made) ? buffer_error(ret_made) : store_error(txn);
}

static Quanyu__Credential *made_at(const struct buffer *made, size_t index)
{
    return ((Quanyu__Credential *const *)(const void *)made->data)[index];
}

static size_t made_count(const struct buffer *made)
{
    return made->size / sizeof(Quanyu__Credential *);
}

static void write_token(struct json *json, const void *self)
{
    json_name(json, "token");
    json_open(json, '{');
    token_members(json, self);
    json_close(json, '}');
}

static int end_made(struct api_call *call, struct batch *batch, uint32_t maker)
{
    uint8_t hash[SECRET_HASH_BYTES];
    Quanyu__Credential *credential;
    int error = 0;
    while (!error &&
           (credential = credential_made_next(batch->txn, maker, 0, arena_allocator(call->arena), hash))) {
        const struct staff_act act = {
            .action = credential->kind == QUANYU__CREDENTIAL__KIND__TOKEN ? "token.revoke" : "invitation.end",
            .staff = staff_get(batch->txn, credential->staff, arena_allocator(call->arena)),
            .more = credential->kind == QUANYU__CREDENTIAL__KIND__TOKEN ? write_token : NULL,
            .self = credential};
        credential_delete(batch->txn, hash, credential);
        error = staff_emit_act(call, batch, &act);
    }
    return error ? error : store_error(batch->txn);
}

/* -- leaving -- */

static int apply_leave(struct api_call *call, struct batch *batch, void *self)
{
    struct leaving *leaving = self;
    Quanyu__Staff *before;
    Quanyu__StaffPersonal *personal;
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
    if (!error)
        error = find_made(call, batch->txn, before->number, &leaving->made);
    Quanyu__Staff *staff = error ? NULL : staff_get(batch->txn, before->number, arena_allocator(call->arena));
    if (!staff)
        return error ? error : -QY_ENOMEM;
    staff->state = QUANYU__STAFF__STATE__LEFT;
    staff->left_ms = batch->now_ms;
    staff_store(batch, staff, before);
    const struct staff_login login = staff_login_of(&call->gateway->vault, personal->login);
    staff_login_delete(batch->txn, &login, staff->number);
    staff_secrets_delete(batch->txn, staff->number);
    credentials_end(batch->txn, staff->number, CREDENTIALS_ALL, 0);
    unmask_forget(batch->txn, staff->number);
    error = end_made(call, batch, staff->number);
    if (error)
        return store_fail(batch->txn, error);
    staff_emit_member(batch, staff);
    error = staff_rolls_note(call->gateway->staff, staff);
    if (error)
        return store_fail(batch->txn, error);
    leaving->staff = staff;
    const struct staff_act act = {
        .action = "staff.leave", .staff = staff, .before = before, .after = staff, .rows = true};
    return staff_emit_act(call, batch, &act);
}

/* -- what needs someone new -- */

/* Who may see nobody is told what another question could have told. */
static bool count_people(struct api_call *call, uint32_t guide, uint64_t *ret_people)
{
    char id[STAFF_ID_BYTES];
    uint32_t least = guard_least(call);
    struct guarded told;
    if (!least)
        return binding_count_people(call, 0, guide, ret_people) == 0;
    if (guard_count_named(call, "guide", staff_id(guide, id), least, &told) || told.too_few)
        return false;
    *ret_people = told.count;
    return true;
}

/* Nobody has left without having left because tagging or audit is away: then it is not told. */
static void write_people(struct api_call *call, struct json *json, uint32_t guide)
{
    uint64_t people;
    char id[STAFF_ID_BYTES];
    const char *detail = arena_printf(call->arena, "{\"id\":\"%s\"}", staff_id(guide, id));
    json_name(json, "people");
    if (!count_people(call, guide, &people) || api_record_count(call, "staff.open_work", people, detail))
        json_null(json);
    else
        json_unsigned(json, people);
}

/* What the caller could not see by itself is not told here either. */
static bool may_see(const struct api_call *call, const char *kind)
{
    static const struct {
        const char *kind;
        enum permission permission;
    } kinds[] = {{"segment", PERMISSION_SEGMENT_READ}, {"tag", PERMISSION_TAG_READ},
        {"stages", PERMISSION_STAGE_READ}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kind, kinds[i].kind) == 0)
            return permission_in(call->permissions, kinds[i].permission);
    return permission_in(call->permissions, PERMISSION_JOURNEY_READ) && access_is_whole(&call->access);
}

static void write_rules(struct api_call *call, struct json *json, const Quanyu__OpenWorkReply *work)
{
    json_name(json, "rules");
    json_open(json, '[');
    for (size_t i = 0; i < work->n_rules; i++) {
        if (!may_see(call, work->rules[i]->kind))
            continue;
        json_open(json, '{');
        json_field_text(json, "kind", work->rules[i]->kind);
        json_field_text(json, "id", work->rules[i]->id);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_transfers(struct json *json, const Quanyu__OpenWorkReply *work)
{
    char id[16];
    json_name(json, "transfers");
    json_open(json, '[');
    for (size_t i = 0; i < work->n_transfers; i++) {
        snprintf(id, sizeof(id), "bt_%" PRIu32, work->transfers[i]);
        json_text(json, id);
    }
    json_close(json, ']');
}

/* The owner may be elsewhere by now. */
static bool sees_owner(const struct api_call *call, const Quanyu__Credential *credential)
{
    char id[STAFF_ID_BYTES];
    uint32_t unit;
    return organisation_find_staff(call->gateway, staff_id(credential->staff, id), &unit) &&
           access_covers_unit(call->gateway, &call->access, unit);
}

static void write_made(
    const struct api_call *call, struct json *json, const char *name, const struct buffer *made, bool tokens)
{
    char id[STAFF_ID_BYTES];
    json_name(json, name);
    json_open(json, '[');
    for (size_t i = 0; i < made_count(made); i++) {
        const Quanyu__Credential *credential = made_at(made, i);
        if ((credential->kind == QUANYU__CREDENTIAL__KIND__TOKEN) != tokens || !sees_owner(call, credential))
            continue;
        json_open(json, '{');
        json_field_text(json, "staff", staff_id(credential->staff, id));
        if (tokens) {
            json_field_text(json, "id", token_id(credential->number, id));
            json_field_text(json, "name", credential->name);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

static const Quanyu__OpenWorkReply *ask_work(struct api_call *call, uint32_t staff)
{
    Quanyu__OpenWorkRequest question = QUANYU__OPEN_WORK_REQUEST__INIT;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    ProtobufCMessage *reply;
    question.staff = staff;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_OPEN_WORK;
    request.open_work = &question;
    int error = api_ask(call, "tagging", &request.base, &quanyu__tagging_reply__descriptor, &reply);
    return error ? NULL : ((Quanyu__TaggingReply *)reply)->open_work;
}

static void write_work(struct api_call *call, struct json *json, uint32_t staff, const struct buffer *made)
{
    const Quanyu__OpenWorkReply *work = ask_work(call, staff);
    write_people(call, json, staff);
    json_name(json, "open_work");
    json_open(json, '{');
    if (work) {
        write_rules(call, json, work);
        write_transfers(json, work);
    }
    write_made(call, json, "tokens", made, true);
    write_made(call, json, "invitations", made, false);
    json_close(json, '}');
}

int staff_leave(struct api_call *call)
{
    _cleanup_(leaving_close) struct leaving leaving = {.id = call->parameters[0], .made = BUFFER_INIT};
    int error = api_read_version(call, &leaving.version);
    if (!error)
        error = staff_commit(call, apply_leave, &leaving);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    staff_members(&json, leaving.staff);
    write_work(call, &json, leaving.staff->number, &leaving.made);
    json_close(&json, '}');
    api_write_version(call, leaving.staff->version);
    return 0;
}

int staff_open_work(struct api_call *call)
{
    struct store_txn *txn;
    Quanyu__Staff *staff;
    _cleanup_(leaving_close) struct leaving leaving = {.made = BUFFER_INIT};
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    error = staff_fetch_seen(call, txn, call->parameters[0], &staff);
    if (!error)
        error = find_made(call, txn, staff->number, &leaving.made);
    store_abort(&txn);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    char id[STAFF_ID_BYTES];
    json_open(&json, '{');
    json_field_text(&json, "id", staff_id(staff->number, id));
    write_work(call, &json, staff->number, &leaving.made);
    json_close(&json, '}');
    return 0;
}
