/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in and out, and who one is. */
#include "services/gateway/api_access.h"
#include "services/gateway/organisation.h"
#include "services/gateway/sign_in.h"
#include "services/gateway/staff_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct begin {
    struct sign_in attempt;
    const char *code; /* NULL: none was given */
    Quanyu__Credential session;
    char text[SECRET_TEXT_BYTES];
    bool wrong_code;
};

static void write_session(struct json *json, const void *self)
{
    const Quanyu__Credential *session = self;
    json_field_bool(json, "second_factor", session->second_factor);
    json_field_time(json, "expires_at", session->expires_ms);
}

static void put_session(struct api_call *call, struct batch *batch, struct begin *begin)
{
    uint8_t hash[SECRET_HASH_BYTES];
    uint32_t staff = begin->attempt.staff->number;
    int64_t now_ms = gateway_now_ms(call->gateway);
    if (credentials_prune(batch->txn, staff, now_ms) >= CREDENTIALS_MAX)
        credentials_end(batch->txn, staff, 1u << QUANYU__CREDENTIAL__KIND__SESSION, 0);
    begin->session.kind = QUANYU__CREDENTIAL__KIND__SESSION;
    begin->session.number = staff_number_next(batch->txn, CREDENTIAL_NUMBER);
    begin->session.staff = staff;
    begin->session.created_ms = begin->session.used_ms = now_ms;
    begin->session.expires_ms = now_ms + call->gateway->session_most_ms;
    secret_make("qs", begin->text);
    secret_hash(begin->text, strlen(begin->text), hash);
    credential_put(batch->txn, hash, &begin->session);
}

static int apply_session(struct api_call *call, struct batch *batch, void *self)
{
    struct begin *begin = self;
    char id[STAFF_ID_BYTES];
    Quanyu__Actor actor;
    int error = sign_in_check(call, batch->txn, &begin->attempt);
    if (error)
        return error;
    Quanyu__StaffSecrets *secrets = begin->attempt.secrets;
    begin->session.second_factor = secrets->totp.len > 0;
    if (secrets->totp.len && !sign_in_use_code(call, begin->attempt.staff, secrets, begin->code)) {
        begin->wrong_code = true;
        return -QY_EUNAUTHENTIC;
    }
    staff_secrets_put(batch->txn, begin->attempt.staff->number, secrets);
    sign_in_succeed(batch->txn, &begin->attempt);
    put_session(call, batch, begin);
    sign_in_actor(call, begin->attempt.staff, id, &actor);
    const struct staff_act act = {.action = "session.begin",
        .actor = &actor,
        .staff = begin->attempt.staff,
        .more = write_session,
        .self = &begin->session};
    return staff_emit_act(call, batch, &act);
}

static void set_cookie(struct api_call *call, const char *value, int64_t seconds)
{
    char text[256];
    snprintf(text, sizeof(text),
        SESSION_COOKIE "=%s; Path=/; Max-Age=%" PRIi64 "; Secure; HttpOnly; SameSite=Strict", value, seconds);
    http_add_header(call->request, "Set-Cookie", text);
    http_add_header(call->request, "Cache-Control", "no-store");
}

int session_begin(struct api_call *call)
{
    struct begin begin = {.session = QUANYU__CREDENTIAL__INIT};
    const char *login, *password;
    char id[STAFF_ID_BYTES];
    int error = api_text(call, "login", true, &login);
    if (!error)
        error = api_text(call, "password", true, &password);
    if (!error)
        error = api_text(call, "totp", false, &begin.code);
    if (!error)
        error = sign_in_try(call, login, password, &begin.attempt);
    if (error)
        return error;
    if (begin.attempt.secrets->totp.len && !begin.code) {
        error = sign_in_take_back(call, &begin.attempt);
        return error
                   ? error
                   : api_refuse(call, -QY_EUNAUTHENTIC, "totp", "the code of the second factor is required");
    }
    error = staff_commit(call, apply_session, &begin);
    if (begin.wrong_code)
        return sign_in_refuse(call, &begin.attempt, "second_factor", "totp", "is wrong, or was used before");
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "session", begin.text);
    json_field_text(&json, "staff", staff_id(begin.attempt.staff->number, id));
    write_session(&json, &begin.session);
    json_close(&json, '}');
    set_cookie(call, begin.text, call->gateway->session_most_ms / 1000);
    call->status = 201;
    return 0;
}

static int apply_end(struct api_call *call, struct batch *batch, void *self)
{
    (void)self;
    Quanyu__Credential *session = credential_get(batch->txn, call->access.hash, arena_allocator(call->arena));
    Quanyu__Staff *staff = staff_get(batch->txn, call->access.staff, arena_allocator(call->arena));
    if (!session || !staff)
        return -QY_EUNAUTHENTIC;
    credential_delete(batch->txn, call->access.hash, session);
    call->access_ended = true;
    const struct staff_act act = {.action = "session.end", .staff = staff};
    return staff_emit_act(call, batch, &act);
}

int session_end(struct api_call *call)
{
    if (call->access.kind != QUANYU__CREDENTIAL__KIND__SESSION)
        return api_refuse(call, -QY_ECONFLICT, NULL, "this is a token, not a session: revoke it");
    int error = staff_commit(call, apply_end, NULL);
    if (!error)
        set_cookie(call, "", 0);
    return error;
}

static void write_me(struct api_call *call, const Quanyu__Staff *staff, const Quanyu__StaffPersonal *personal,
    const Quanyu__StaffSecrets *secrets)
{
    char unit[UNIT_ID_BYTES];
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    staff_members(&json, staff);
    staff_personal_members(&json, personal, true);
    json_name(&json, "permissions");
    permission_list(&json, call->permissions);
    json_name(&json, "scope");
    json_open(&json, '{');
    json_field_text(&json, "unit", unit_id(staff->unit, unit));
    json_field_bool(&json, "own_people", call->access.role.own_people);
    json_close(&json, '}');
    json_field_bool(&json, "second_factor", secrets && secrets->totp.len > 0);
    json_field_bool(&json, "second_factor_required", call->access.must_enrol);
    json_field_text(&json, "signed_in_with",
        call->access.kind == QUANYU__CREDENTIAL__KIND__SESSION ? "session" : "token");
    staff_json_time(&json, "expires_at", call->access.expires_ms);
    json_close(&json, '}');
}

int me_show(struct api_call *call)
{
    struct store_txn *txn;
    Quanyu__StaffPersonal *personal;
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    Quanyu__Staff *staff = staff_get(txn, call->access.staff, arena_allocator(call->arena));
    Quanyu__StaffSecrets *secrets = staff_secrets_get(txn, call->access.staff, arena_allocator(call->arena));
    error = store_error(txn);
    store_abort(&txn);
    if (!error && !staff)
        error = -QY_EUNAUTHENTIC;
    if (!error)
        error = staff_open_personal(&call->gateway->vault, staff, call->arena, &personal);
    if (!error)
        write_me(call, staff, personal, secrets);
    return error;
}
