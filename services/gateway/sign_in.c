/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/sign_in.h"

#include "common/clock.h"
#include "services/gateway/password.h"
#include "services/gateway/totp.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRIES "login, password or code is wrong"

/* An IPv6 address counts as its network of 64 bits: whoever has one has all of it. */
static void hash_address(const struct api_call *call, uint8_t ret_hash[SECRET_HASH_BYTES])
{
    char text[INET6_ADDRSTRLEN + 2];
    struct in6_addr address;
    const char *peer = http_peer(call->request);
    snprintf(text, sizeof(text), "a%s", peer);
    if (inet_pton(AF_INET6, peer, &address) == 1 && !IN6_IS_ADDR_V4MAPPED(&address)) {
        memset(address.s6_addr + 8, 0, 8);
        text[0] = 'n';
        (void)inet_ntop(AF_INET6, &address, text + 1, sizeof(text) - 1);
    }
    staff_keyed_hash(&call->gateway->vault, text, ret_hash);
}

void sign_in_actor(const struct api_call *call, const Quanyu__Staff *staff, char id_room[STAFF_ID_BYTES],
    Quanyu__Actor *ret_actor)
{
    quanyu__actor__init(ret_actor);
    ret_actor->kind = QUANYU__ACTOR__KIND__STAFF;
    ret_actor->address = (char *)(uintptr_t)http_peer(call->request);
    if (!staff)
        return;
    ret_actor->id = (char *)(uintptr_t)staff_id(staff->number, id_room);
    ret_actor->name = staff->code;
    ret_actor->role = staff->role;
}

/* -- before it is looked at -- */

struct beginning {
    struct sign_in *attempt;
    int64_t wait_ms;
};

static int fetch(struct api_call *call, struct store_txn *txn, struct sign_in *attempt)
{
    uint32_t number = staff_by_login(txn, &attempt->name);
    attempt->staff = number ? staff_get(txn, number, arena_allocator(call->arena)) : NULL;
    attempt->secrets = number ? staff_secrets_get(txn, number, arena_allocator(call->arena)) : NULL;
    return store_error(txn);
}

static int apply_begin(struct api_call *call, struct batch *batch, void *self)
{
    struct beginning *beginning = self;
    struct sign_in *attempt = beginning->attempt;
    int64_t now_ms = gateway_now_ms(call->gateway);
    size_t count = attempt->who[1].free ? 2 : 1;
    for (size_t i = 0; i < count; i++) {
        int64_t wait_ms = sign_in_wait_ms(batch->txn, &attempt->who[i], now_ms);
        beginning->wait_ms = wait_ms > beginning->wait_ms ? wait_ms : beginning->wait_ms;
    }
    if (beginning->wait_ms)
        return -QY_EDENIED;
    for (size_t i = 0; i < count; i++)
        sign_in_begin(batch->txn, &attempt->who[i], now_ms);
    return fetch(call, batch->txn, attempt);
}

int sign_in_refuse_early(struct api_call *call, int64_t wait_ms)
{
    char seconds[24];
    int64_t wait_s = (wait_ms + 999) / 1000;
    snprintf(seconds, sizeof(seconds), "%" PRIi64, wait_s);
    http_add_header(call->request, "Retry-After", seconds);
    call->error_status = 429;
    return api_refuse(call, -QY_EDENIED, NULL,
        "too many attempts have failed: the next is looked at in %" PRIi64 " s", wait_s);
}

/* -- afterwards -- */

struct refusal {
    const struct sign_in *attempt;
    const char *reason;
};

static void write_reason(struct json *json, const void *self)
{
    json_field_text(json, "reason", self);
}

static int apply_refuse(struct api_call *call, struct batch *batch, void *self)
{
    const struct refusal *refusal = self;
    char id[STAFF_ID_BYTES];
    Quanyu__Actor actor;
    sign_in_actor(call, refusal->attempt->staff, id, &actor);
    const struct staff_act act = {.action = "session.refuse",
        .actor = &actor,
        .staff = refusal->attempt->staff,
        .more = write_reason,
        .self = refusal->reason};
    return staff_emit_act(call, batch, &act);
}

int sign_in_refuse(struct api_call *call, const struct sign_in *attempt, const char *reason,
    const char *field, const char *message)
{
    struct refusal refusal = {.attempt = attempt, .reason = reason};
    int error = staff_commit(call, apply_refuse, &refusal);
    return error ? error : api_refuse(call, -QY_EUNAUTHENTIC, field, "%s", message);
}

static int apply_take_back(struct api_call *call, struct batch *batch, void *self)
{
    const struct sign_in *attempt = self;
    (void)call;
    sign_in_forgive(batch->txn, &attempt->who[0]);
    if (attempt->who[1].free)
        sign_in_forgive(batch->txn, &attempt->who[1]);
    return 0;
}

int sign_in_take_back(struct api_call *call, struct sign_in *attempt)
{
    return staff_commit(call, apply_take_back, attempt);
}

int sign_in_try(struct api_call *call, const char *login, const char *password, struct sign_in *ret_try)
{
    struct beginning beginning = {.attempt = ret_try};
    *ret_try = (struct sign_in){.login = login, .password = password};
    ret_try->name = staff_login_of(&call->gateway->vault, login);
    memcpy(ret_try->who[0].hash, ret_try->name.exact, SECRET_HASH_BYTES);
    hash_address(call, ret_try->who[1].hash);
    ret_try->who[1].free = call->gateway->address_failures;
    int error = staff_commit(call, apply_begin, &beginning);
    if (beginning.wait_ms)
        return sign_in_refuse_early(call, beginning.wait_ms);
    if (error)
        return error;
    bool right = password_matches(ret_try->secrets ? ret_try->secrets->password : "", password);
    if (right && ret_try->staff && ret_try->staff->state != QUANYU__STAFF__STATE__LEFT)
        return 0;
    return sign_in_refuse(call, ret_try, ret_try->staff ? "password" : "login", NULL, TRIES);
}

/* -- in a batch -- */

void sign_in_succeed(struct store_txn *txn, const struct sign_in *attempt)
{
    sign_in_forget(txn, &attempt->who[0]);
    if (attempt->who[1].free)
        sign_in_forgive(txn, &attempt->who[1]);
}

int sign_in_check(struct api_call *call, struct store_txn *txn, struct sign_in *attempt)
{
    const char *password = attempt->secrets->password;
    int error = fetch(call, txn, attempt);
    if (error)
        return error;
    bool same = attempt->staff && attempt->secrets && attempt->staff->state != QUANYU__STAFF__STATE__LEFT &&
                strcmp(attempt->secrets->password, password) == 0;
    return same ? 0 : api_refuse(call, -QY_EUNAUTHENTIC, NULL, TRIES);
}

static bool use_recovery(struct api_call *call, Quanyu__StaffSecrets *secrets, const char *code)
{
    uint8_t hash[SECRET_HASH_BYTES];
    staff_keyed_hash(&call->gateway->vault, code, hash);
    for (size_t i = 0; i < secrets->n_recovery; i++)
        if (secrets->recovery[i].len == sizeof(hash) &&
            memcmp(secrets->recovery[i].data, hash, sizeof(hash)) == 0) {
            secrets->recovery[i] = secrets->recovery[--secrets->n_recovery];
            return true;
        }
    return false;
}

bool sign_in_use_code(
    struct api_call *call, Quanyu__Staff *staff, Quanyu__StaffSecrets *secrets, const char *code)
{
    struct bytes key;
    if (staff_unseal(
            &call->gateway->vault, staff->number, STAFF_SEALED_TOTP, secrets->totp, call->arena, &key) ||
        key.size != TOTP_KEY_BYTES)
        return false;
    return totp_check(key.data, code, clock_wall_ms() / 1000, secrets->totp_step, &secrets->totp_step) ||
           use_recovery(call, secrets, code);
}
