/* SPDX-License-Identifier: Apache-2.0 */
/* The second factor: set up by who is signed in, reset by who manages staff. */
#include "common/clock.h"
#include "services/gateway/sign_in.h"
#include "services/gateway/totp.h"

#include <sodium.h>
#include <string.h>

#define RECOVERY_CODES 10u
#define RECOVERY_BYTES 12 /* "abcde-fghij" */

/* What is being set up. */
struct enrolment {
    const char *code; /* NULL: none was given */
    bool wrong;       /* it was, which counts */
    int64_t wait_ms;  /* it is not looked at */
    uint8_t key[TOTP_KEY_BYTES];
    char recovery[RECOVERY_CODES][RECOVERY_BYTES];
    uint8_t hashes[RECOVERY_CODES][SECRET_HASH_BYTES];
};

static int need_session(struct api_call *call)
{
    if (call->access.kind == QUANYU__CREDENTIAL__KIND__SESSION)
        return 0;
    return api_refuse(
        call, -QY_EDENIED, NULL, "sign in with your password: a token cannot change a second factor");
}

static int fetch_own(struct api_call *call, struct store_txn *txn, Quanyu__Staff **ret_staff,
    Quanyu__StaffSecrets **ret_secrets)
{
    *ret_staff = staff_get(txn, call->access.staff, arena_allocator(call->arena));
    *ret_secrets = staff_secrets_get(txn, call->access.staff, arena_allocator(call->arena));
    return *ret_staff && *ret_secrets ? 0 : -QY_EUNAUTHENTIC;
}

/* -- a new key -- */

/* Codes are short: who has come by a session must not try them all. */
static bool is_right(struct api_call *call, struct batch *batch, struct enrolment *enrolment,
    Quanyu__Staff *staff, Quanyu__StaffSecrets *secrets)
{
    struct sign_in_who who = {.free = 3};
    char id[STAFF_ID_BYTES];
    int64_t now_ms = gateway_now_ms(call->gateway);
    staff_keyed_hash(&call->gateway->vault, staff_id(staff->number, id), who.hash);
    enrolment->wait_ms = sign_in_wait_ms(batch->txn, &who, now_ms);
    if (enrolment->wait_ms)
        return false;
    enrolment->wrong = !sign_in_use_code(call, staff, secrets, enrolment->code);
    if (enrolment->wrong)
        sign_in_begin(batch->txn, &who, now_ms);
    else
        sign_in_forget(batch->txn, &who);
    return !enrolment->wrong;
}

static int apply_begin(struct api_call *call, struct batch *batch, void *self)
{
    struct enrolment *enrolment = self;
    Quanyu__Staff *staff;
    Quanyu__StaffSecrets *secrets;
    int error = fetch_own(call, batch->txn, &staff, &secrets);
    if (error)
        return error;
    if (secrets->totp.len && !enrolment->code)
        return api_refuse(call, -QY_EDENIED, "totp", "the code of the present second factor is required");
    if (secrets->totp.len && !is_right(call, batch, enrolment, staff, secrets))
        return 0; /* that it was wrong is stored */
    error = staff_seal(&call->gateway->vault, staff->number, STAFF_SEALED_TOTP,
        (struct bytes){enrolment->key, sizeof(enrolment->key)}, call->arena, &secrets->totp_pending);
    if (!error)
        staff_secrets_put(batch->txn, staff->number, secrets);
    return error;
}

int second_factor_begin(struct api_call *call)
{
    struct enrolment enrolment = {.code = NULL};
    char secret[TOTP_SECRET_TEXT_BYTES], id[STAFF_ID_BYTES];
    randombytes_buf(enrolment.key, sizeof(enrolment.key));
    int error = need_session(call);
    if (!error)
        error = api_text(call, "totp", false, &enrolment.code);
    if (!error)
        error = staff_commit(call, apply_begin, &enrolment);
    if (!error && enrolment.wait_ms)
        error = sign_in_refuse_early(call, enrolment.wait_ms);
    if (!error && enrolment.wrong)
        error = api_refuse(call, -QY_EDENIED, "totp", "is wrong, or was used before");
    if (error)
        return error;
    totp_secret(enrolment.key, secret);
    char *uri = arena_printf(call->arena,
        "otpauth://totp/Quanyu:%s?secret=%s&issuer=Quanyu&algorithm=SHA1&digits=6&period=30",
        staff_id(call->access.staff, id), secret);
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "secret", secret);
    json_field_text(&json, "uri", uri ? uri : "");
    json_close(&json, '}');
    http_add_header(call->request, "Cache-Control", "no-store");
    return uri ? 0 : -QY_ENOMEM;
}

/* -- its first code -- */

static void make_recovery(const struct api_call *call, struct enrolment *enrolment)
{
    static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz23456789x"; /* none that look alike */
    for (size_t i = 0; i < RECOVERY_CODES; i++) {
        char *code = enrolment->recovery[i];
        for (size_t j = 0; j < RECOVERY_BYTES - 1; j++)
            code[j] = (char)(j == 5 ? '-' : alphabet[randombytes_uniform(sizeof(alphabet) - 1)]);
        staff_keyed_hash(&call->gateway->vault, code, enrolment->hashes[i]);
    }
}

static int take_key(
    struct api_call *call, const Quanyu__Staff *staff, Quanyu__StaffSecrets *secrets, const char *code)
{
    struct bytes key;
    uint64_t step;
    if (!secrets->totp_pending.len)
        return api_refuse(call, -QY_ECONFLICT, NULL, "there is nothing to confirm: begin with a new secret");
    int error = staff_unseal(
        &call->gateway->vault, staff->number, STAFF_SEALED_TOTP, secrets->totp_pending, call->arena, &key);
    if (error)
        return error;
    if (key.size != TOTP_KEY_BYTES || !totp_check(key.data, code, clock_wall_ms() / 1000, 0, &step))
        return api_refuse(call, -QY_EINVAL, "totp", "is not the code that the new secret gives now");
    secrets->totp = secrets->totp_pending;
    secrets->totp_pending = (ProtobufCBinaryData){.len = 0};
    secrets->totp_step = step;
    return 0;
}

static int apply_confirm(struct api_call *call, struct batch *batch, void *self)
{
    struct enrolment *enrolment = self;
    ProtobufCBinaryData recovery[RECOVERY_CODES];
    Quanyu__Staff *staff;
    Quanyu__StaffSecrets *secrets;
    int error = fetch_own(call, batch->txn, &staff, &secrets);
    if (!error)
        error = take_key(call, staff, secrets, enrolment->code);
    Quanyu__Credential *session =
        error ? NULL : credential_get(batch->txn, call->access.hash, arena_allocator(call->arena));
    if (!session)
        return error ? error : -QY_EUNAUTHENTIC;
    for (size_t i = 0; i < RECOVERY_CODES; i++)
        recovery[i] = (ProtobufCBinaryData){.data = enrolment->hashes[i], .len = SECRET_HASH_BYTES};
    secrets->recovery = recovery;
    secrets->n_recovery = RECOVERY_CODES;
    staff_secrets_put(batch->txn, staff->number, secrets);
    session->second_factor = true;
    credential_put(batch->txn, call->access.hash, session);
    credentials_end(batch->txn, staff->number, 1u << QUANYU__CREDENTIAL__KIND__SESSION, session->number);
    call->access_ended = true; /* it may do more now */
    const struct staff_act act = {.action = "second_factor.confirm", .staff = staff};
    return staff_emit_act(call, batch, &act);
}

int second_factor_confirm(struct api_call *call)
{
    struct enrolment enrolment = {.code = NULL};
    int error = need_session(call);
    if (!error)
        error = api_text(call, "totp", true, &enrolment.code);
    if (error)
        return error;
    make_recovery(call, &enrolment);
    error = staff_commit(call, apply_confirm, &enrolment);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_name(&json, "recovery_codes");
    json_open(&json, '[');
    for (size_t i = 0; i < RECOVERY_CODES; i++)
        json_text(&json, enrolment.recovery[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    http_add_header(call->request, "Cache-Control", "no-store");
    return 0;
}

/* -- reset -- */

static int apply_reset(struct api_call *call, struct batch *batch, void *self)
{
    Quanyu__Staff *staff;
    (void)self;
    int error = staff_fetch_managed(call, batch->txn, call->parameters[0], &staff);
    if (error)
        return error;
    if (staff->number == call->access.staff)
        return api_refuse(call, -QY_ECONFLICT, "id",
            "nobody resets their own: set up another one with a code of this one, or have somebody else do "
            "it");
    Quanyu__StaffSecrets *secrets =
        staff_secrets_get(batch->txn, staff->number, arena_allocator(call->arena));
    if (!secrets || (!secrets->totp.len && !secrets->totp_pending.len))
        return api_refuse(call, -QY_ENOTFOUND, "id", "this member of staff has no second factor");
    secrets->totp = secrets->totp_pending = (ProtobufCBinaryData){.len = 0};
    secrets->n_recovery = 0;
    secrets->totp_step = 0;
    if (secrets->password_short)
        secrets->password = (char *)"";
    staff_secrets_put(batch->txn, staff->number, secrets);
    credentials_end(batch->txn, staff->number, 1u << QUANYU__CREDENTIAL__KIND__SESSION, 0);
    const struct staff_act act = {.action = "second_factor.reset", .staff = staff};
    return staff_emit_act(call, batch, &act);
}

int second_factor_reset(struct api_call *call)
{
    return staff_commit(call, apply_reset, NULL);
}
