/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's request endpoint, for operators: access for the first admin. */
#include "common/credentials.h"
#include "services/gateway/gateway.h"
#include "services/gateway/invitation.h"
#include "services/gateway/organisation.h"
#include "services/gateway/role.h"
#include "services/gateway/staff_begin.h"
#include "services/gateway/staff_change.h"
#include "services/gateway/staff_json.h"
#include "services/gateway/staff_roll.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

/* The first one who has not left; made where there is none. */
static int find_admin(
    struct gateway *gateway, struct rpc_context *context, Quanyu__Staff **ret_staff, bool *ret_made)
{
    struct store_txn *txn = context->batch->txn;
    uint32_t number = 0;
    while ((number = staff_next_of_role(txn, ROLE_HQ_ADMIN, number))) {
        Quanyu__Staff *staff = staff_get(txn, number, arena_allocator(context->arena));
        if (staff && staff->unit == UNIT_ROOT) {
            *ret_staff = staff;
            *ret_made = false;
            return 0;
        }
    }
    int error = staff_make_admin(
        &gateway->vault, txn, context->batch->now_ms, QUANYU__STAFF__STATE__INVITED, &number);
    *ret_staff = error ? NULL : staff_get(txn, number, arena_allocator(context->arena));
    *ret_made = true;
    if (!*ret_staff)
        return error ? error : -QY_ENOMEM;
    staff_emit_member(context->batch, *ret_staff);
    return staff_rolls_note(gateway->staff, *ret_staff);
}

/* What has been lost with the second factor is lost: whoever is on the machine may begin anew. */
static void reset_second_factor(struct rpc_context *context, uint32_t staff)
{
    Quanyu__StaffSecrets *secrets =
        staff_secrets_get(context->batch->txn, staff, arena_allocator(context->arena));
    if (!secrets)
        return;
    secrets->totp = secrets->totp_pending = (ProtobufCBinaryData){.len = 0};
    secrets->n_recovery = 0;
    if (secrets->password_short)
        secrets->password = (char *)"";
    staff_secrets_put(context->batch->txn, staff, secrets);
}

static int give_invitation(
    struct gateway *gateway, struct rpc_context *context, uint32_t staff, Quanyu__BootstrapReply *reply)
{
    Quanyu__Credential invitation;
    char text[SECRET_TEXT_BYTES], url[300];
    struct makers nobody = {0};
    invitation_put(context->batch->txn, staff, &nobody, gateway_now_ms(gateway), &invitation, text);
    credentials_url(service_config(gateway->service), "gateway", url);
    reply->invitation = arena_text(context->arena, text, strlen(text));
    reply->link = arena_printf(context->arena, "%s" INVITATION_PATH "#%s", url, text);
    reply->expires_ms = invitation.expires_ms;
    return reply->invitation && reply->link ? 0 : -QY_ENOMEM;
}

static int give_token(
    struct gateway *gateway, struct rpc_context *context, Quanyu__Staff *staff, Quanyu__BootstrapReply *reply)
{
    struct store_txn *txn = context->batch->txn;
    Quanyu__Credential token = QUANYU__CREDENTIAL__INIT;
    char text[SECRET_TEXT_BYTES];
    uint8_t hash[SECRET_HASH_BYTES];
    token.number = staff_number_next(txn, CREDENTIAL_NUMBER);
    token.staff = staff->number;
    token.name = (char *)"bootstrap";
    token.created_ms = gateway_now_ms(gateway);
    token.expires_ms = token.created_ms + DAY_MS;
    secret_make("qt", text);
    secret_hash(text, strlen(text), hash);
    credential_put(txn, hash, &token);
    reply->token = arena_text(context->arena, text, strlen(text));
    reply->expires_ms = token.expires_ms;
    return reply->token ? 0 : -QY_ENOMEM;
}

/* `before` is NULL where there was none. */
static int emit(
    struct rpc_context *context, const Quanyu__Staff *before, const Quanyu__Staff *after, bool token)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    char id[STAFF_ID_BYTES];
    struct json json = json_to(&detail);
    json_open(&json, '{');
    json_field_text(&json, "id", staff_id(after->number, id));
    json_field_text(&json, "given", token ? "token" : "invitation");
    staff_row(&json, "before", before);
    staff_row(&json, "after", after);
    json_close(&json, '}');
    const char *text = buffer_c_str(&detail);
    if (buffer_error(&detail))
        return buffer_error(&detail);
    gateway_emit_act(
        context->batch, context->header->actor, context->header->request_id, "staff.bootstrap", text);
    return 0;
}

static int give(
    struct gateway *gateway, struct rpc_context *context, bool token, Quanyu__BootstrapReply *reply)
{
    Quanyu__Staff *staff;
    Quanyu__StaffPersonal *personal;
    bool made;
    int error = find_admin(gateway, context, &staff, &made);
    if (!error)
        error = staff_open_personal(&gateway->vault, staff, context->arena, &personal);
    if (error)
        return error;
    char *id = arena_alloc(context->arena, STAFF_ID_BYTES);
    if (!id)
        return -QY_ENOMEM;
    reply->staff = (char *)(uintptr_t)staff_id(staff->number, id);
    reply->login = personal->login;
    reset_second_factor(context, staff->number);
    Quanyu__Staff after = *staff;
    if (token && staff->state == QUANYU__STAFF__STATE__INVITED) {
        after.state = QUANYU__STAFF__STATE__ACTIVE;
        staff_store(context->batch, &after, staff);
    }
    error = emit(context, made ? NULL : staff, &after, token);
    if (error)
        return error;
    return token ? give_token(gateway, context, staff, reply)
                 : give_invitation(gateway, context, staff->number, reply);
}

static int bootstrap(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__BootstrapRequest *asked = ((const Quanyu__GatewayRequest *)request)->bootstrap;
    Quanyu__GatewayReply *answer = (Quanyu__GatewayReply *)reply;
    Quanyu__BootstrapReply *given = arena_alloc(context->arena, sizeof(*given));
    if (!given || !context->header->actor)
        return given ? -QY_EINVAL : -QY_ENOMEM;
    quanyu__bootstrap_reply__init(given);
    int error = give(context->self, context, asked->token, given);
    if (error)
        return store_fail(context->batch->txn, error);
    answer->result_case = QUANYU__GATEWAY_REPLY__RESULT_BOOTSTRAP;
    answer->bootstrap = given;
    return 0;
}

static const char *const operators[] = {"cli", NULL};

static const struct rpc_handler handlers[] = {
    [QUANYU__GATEWAY_REQUEST__CALL_BOOTSTRAP] = {"bootstrap", bootstrap, RPC_COMMAND, operators},
};

const struct rpc_service gateway_rpc = {
    .request = &quanyu__gateway_request__descriptor,
    .reply = &quanyu__gateway_reply__descriptor,
    .handlers = handlers,
    .handler_count = COUNT_OF(handlers),
};
