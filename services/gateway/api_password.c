/* SPDX-License-Identifier: Apache-2.0 */
/* How passwords come to be: by a one-time invitation, and changed by who knows the one before. */
#include "common/credentials.h"
#include "services/gateway/invitation.h"
#include "services/gateway/password.h"
#include "services/gateway/sign_in.h"
#include "services/gateway/staff_json.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define INVITATION_DAYS 7

/* -- a password -- */

static int check_password(struct api_call *call, const char *field, const char *password,
    const Quanyu__Staff *staff, const Quanyu__StaffSecrets *secrets)
{
    Quanyu__StaffPersonal *personal;
    int error = staff_open_personal(&call->gateway->vault, staff, call->arena, &personal);
    if (error)
        return error;
    char *local = arena_text(call->arena, personal->login, strcspn(personal->login, "@"));
    char *mail = arena_text(call->arena, personal->email, strcspn(personal->email, "@"));
    if (!local || !mail)
        return -QY_ENOMEM;
    const char *const words[] = {personal->login, local, personal->name, mail, staff->code, personal->phone};
    size_t least = secrets && secrets->totp.len ? PASSWORD_CHARACTERS_WITH_FACTOR : PASSWORD_CHARACTERS;
    const char *problem = password_problem(password, least, words, COUNT_OF(words));
    return problem ? api_refuse(call, -QY_EINVAL, field, "%s", problem) : 0;
}

static int put_password(
    struct api_call *call, struct batch *batch, uint32_t staff, const char *hash, bool is_short)
{
    Quanyu__StaffSecrets fresh = QUANYU__STAFF_SECRETS__INIT;
    Quanyu__StaffSecrets *secrets = staff_secrets_get(batch->txn, staff, arena_allocator(call->arena));
    if (!secrets)
        secrets = &fresh;
    secrets->password = (char *)(uintptr_t)hash;
    secrets->password_short = is_short;
    staff_secrets_put(batch->txn, staff, secrets);
    return store_error(batch->txn);
}

/* -- inviting -- */

struct inviting {
    const char *id;
    Quanyu__Credential invitation;
    struct makers makers;
    char text[SECRET_TEXT_BYTES];
};

static void write_expiry(struct json *json, const void *self)
{
    const Quanyu__Credential *invitation = self;
    json_field_time(json, "expires_at", invitation->expires_ms);
}

static int apply_invite(struct api_call *call, struct batch *batch, void *self)
{
    struct inviting *inviting = self;
    Quanyu__Staff *staff;
    int error = staff_fetch_managed(call, batch->txn, inviting->id, &staff);
    if (error)
        return error;
    if (!access_makers(&call->access, staff->number, &inviting->makers))
        return api_refuse(call, -QY_ECONFLICT, NULL, MAKERS_TOO_MANY);
    invitation_put(batch->txn, staff->number, &inviting->makers, gateway_now_ms(call->gateway),
        &inviting->invitation, inviting->text);
    const struct staff_act act = {
        .action = "staff.invite", .staff = staff, .more = write_expiry, .self = &inviting->invitation};
    return staff_emit_act(call, batch, &act);
}

void invitation_put(struct store_txn *txn, uint32_t staff, struct makers *makers, int64_t now_ms,
    Quanyu__Credential *ret_invitation, char ret_text[SECRET_TEXT_BYTES])
{
    uint8_t hash[SECRET_HASH_BYTES];
    quanyu__credential__init(ret_invitation);
    ret_invitation->kind = QUANYU__CREDENTIAL__KIND__INVITATION;
    ret_invitation->number = staff_number_next(txn, CREDENTIAL_NUMBER);
    ret_invitation->staff = staff;
    credential_set_makers(ret_invitation, makers);
    ret_invitation->created_ms = now_ms;
    ret_invitation->expires_ms = now_ms + INVITATION_DAYS * DAY_MS;
    credentials_end(txn, staff, 1u << QUANYU__CREDENTIAL__KIND__INVITATION, 0);
    secret_make("qi", ret_text);
    secret_hash(ret_text, strlen(ret_text), hash);
    credential_put(txn, hash, ret_invitation);
}

int staff_invite(struct api_call *call)
{
    struct inviting inviting = {.id = call->parameters[0]};
    char url[300], id[STAFF_ID_BYTES];
    int error = staff_commit(call, apply_invite, &inviting);
    if (error)
        return error;
    credentials_url(service_config(call->gateway->service), "gateway", url);
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "staff", staff_id(inviting.invitation.staff, id));
    json_field_text(&json, "invitation", inviting.text);
    json_name(&json, "link");
    char *link = arena_printf(call->arena, "%s" INVITATION_PATH "#%s", url, inviting.text);
    json_text(&json, link ? link : "");
    write_expiry(&json, &inviting.invitation);
    json_close(&json, '}');
    http_add_header(call->request, "Cache-Control", "no-store");
    call->status = 201;
    return link ? 0 : -QY_ENOMEM;
}

/* -- accepting -- */

struct accepting {
    uint8_t hash[SECRET_HASH_BYTES];
    char password[PASSWORD_HASH_BYTES];
    bool is_short;
    Quanyu__Staff *staff;
    Quanyu__StaffSecrets *secrets;
    Quanyu__StaffPersonal *personal;
};

static int fetch_invitation(struct api_call *call, struct store_txn *txn, struct accepting *accepting,
    Quanyu__Credential **ret_invitation)
{
    Quanyu__Credential *invitation = credential_get(txn, accepting->hash, arena_allocator(call->arena));
    bool good = invitation && invitation->kind == QUANYU__CREDENTIAL__KIND__INVITATION &&
                !credential_expired(invitation, gateway_now_ms(call->gateway));
    accepting->staff = good ? staff_get(txn, invitation->staff, arena_allocator(call->arena)) : NULL;
    accepting->secrets =
        good ? staff_secrets_get(txn, invitation->staff, arena_allocator(call->arena)) : NULL;
    *ret_invitation = invitation;
    int error = store_error(txn);
    if (error || accepting->staff)
        return error;
    (void)api_refuse(call, -QY_ENOTFOUND, "token",
        "this invitation has been used, has expired, or was replaced by a newer one");
    return -QY_ENOTFOUND;
}

static int apply_accept(struct api_call *call, struct batch *batch, void *self)
{
    struct accepting *accepting = self;
    Quanyu__Credential *invitation;
    char id[STAFF_ID_BYTES];
    Quanyu__Actor actor;
    int error = fetch_invitation(call, batch->txn, accepting, &invitation);
    if (!error && accepting->is_short && !(accepting->secrets && accepting->secrets->totp.len))
        error =
            api_refuse(call, -QY_ECONFLICT, "password", "the second factor has just been reset; try again");
    if (error)
        return error;
    Quanyu__Staff *before = accepting->staff, after = *before;
    credentials_end(batch->txn, before->number,
        1u << QUANYU__CREDENTIAL__KIND__INVITATION | 1u << QUANYU__CREDENTIAL__KIND__SESSION, 0);
    error = put_password(call, batch, before->number, accepting->password, accepting->is_short);
    if (error)
        return store_fail(batch->txn, error);
    if (before->state == QUANYU__STAFF__STATE__INVITED) {
        after.state = QUANYU__STAFF__STATE__ACTIVE;
        staff_store(batch, &after, before);
    }
    sign_in_actor(call, before, id, &actor);
    const struct staff_act act = {.action = "invitation.accept",
        .actor = &actor,
        .staff = before,
        .before = before,
        .after = &after,
        .rows = true};
    return staff_emit_act(call, batch, &act);
}

static int look_at_invitation(struct api_call *call, struct accepting *accepting)
{
    struct store_txn *txn;
    Quanyu__Credential *invitation;
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    error = fetch_invitation(call, txn, accepting, &invitation);
    store_abort(&txn);
    return error;
}

int invitation_accept(struct api_call *call)
{
    struct accepting accepting = {.is_short = false};
    const char *token, *password;
    char id[STAFF_ID_BYTES];
    int error = api_text(call, "token", true, &token);
    if (!error)
        error = api_text(call, "password", true, &password);
    if (error)
        return error;
    secret_hash(token, strlen(token), accepting.hash);
    error = look_at_invitation(call, &accepting);
    if (!error)
        error = check_password(call, "password", password, accepting.staff, accepting.secrets);
    if (!error)
        error = staff_open_personal(&call->gateway->vault, accepting.staff, call->arena, &accepting.personal);
    if (!error)
        error = password_hash(password, accepting.password);
    if (error)
        return error;
    accepting.is_short = password_characters(password) < PASSWORD_CHARACTERS;
    error = staff_commit(call, apply_accept, &accepting);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "staff", staff_id(accepting.staff->number, id));
    json_field_text(&json, "login", accepting.personal->login);
    json_close(&json, '}');
    return 0;
}

/* -- changing -- */

struct changing {
    struct sign_in attempt;
    char password[PASSWORD_HASH_BYTES];
    bool is_short;
};

static int apply_change(struct api_call *call, struct batch *batch, void *self)
{
    struct changing *changing = self;
    int error = sign_in_check(call, batch->txn, &changing->attempt);
    if (!error && changing->is_short && !changing->attempt.secrets->totp.len)
        error = api_refuse(
            call, -QY_ECONFLICT, "new_password", "the second factor has just been reset; try again");
    if (error)
        return error;
    uint32_t number = changing->attempt.staff->number;
    error = put_password(call, batch, number, changing->password, changing->is_short);
    if (error)
        return store_fail(batch->txn, error);
    sign_in_succeed(batch->txn, &changing->attempt);
    credentials_end(batch->txn, number, 1u << QUANYU__CREDENTIAL__KIND__SESSION, call->access.credential);
    const struct staff_act act = {.action = "password.change", .staff = changing->attempt.staff};
    return staff_emit_act(call, batch, &act);
}

/* The caller's own login. */
static int read_login(struct api_call *call, const char **ret_login)
{
    struct store_txn *txn;
    Quanyu__StaffPersonal *personal;
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    Quanyu__Staff *staff = staff_get(txn, call->access.staff, arena_allocator(call->arena));
    store_abort(&txn);
    error =
        staff ? staff_open_personal(&call->gateway->vault, staff, call->arena, &personal) : -QY_EUNAUTHENTIC;
    if (!error)
        *ret_login = personal->login;
    return error;
}

int me_password(struct api_call *call)
{
    struct changing changing = {.is_short = false};
    const char *password, *fresh, *login;
    int error = api_text(call, "password", true, &password);
    if (!error)
        error = api_text(call, "new_password", true, &fresh);
    if (!error)
        error = read_login(call, &login);
    if (!error)
        error = sign_in_try(call, login, password, &changing.attempt);
    if (error == -QY_EUNAUTHENTIC)
        return api_refuse(call, -QY_EDENIED, "password", "is not your password");
    if (error)
        return error;
    error = check_password(call, "new_password", fresh, changing.attempt.staff, changing.attempt.secrets);
    if (error) {
        int lost = sign_in_take_back(call, &changing.attempt);
        return lost ? lost : error;
    }
    error = password_hash(fresh, changing.password);
    if (error)
        return error;
    changing.is_short = password_characters(fresh) < PASSWORD_CHARACTERS;
    return staff_commit(call, apply_change, &changing);
}
