/* SPDX-License-Identifier: Apache-2.0 */
/* API tokens: one's own, and those of members of staff whom one manages. The secret is shown once and stored as a hash. */
#include "services/gateway/role_store.h"
#include "services/gateway/staff_body.h"
#include "services/gateway/staff_change.h"
#include "services/gateway/staff_json.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define LIFE_STANDARD_DAYS 365
#define LIFE_DAYS_MAX 3650
#define NAME_BYTES 100u

/* Whose: NULL for the caller's own. */
static int fetch_owner(
    struct api_call *call, struct store_txn *txn, const char *id, Quanyu__Staff **ret_staff)
{
    if (id)
        return staff_fetch_managed(call, txn, id, ret_staff);
    *ret_staff = staff_get(txn, call->access.staff, arena_allocator(call->arena));
    return *ret_staff ? 0 : -QY_EUNAUTHENTIC;
}

/* -- making -- */

struct making {
    const char *id;
    bool stated; /* which permissions */
    Quanyu__Credential token;
    struct makers makers;
    char text[SECRET_TEXT_BYTES];
};

static int read_permissions(struct api_call *call, struct making *making)
{
    yyjson_val *list = yyjson_obj_get(call->body, "permissions"), *item;
    size_t index, count;
    char field[64];
    if (!list || yyjson_is_null(list))
        return 0;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        return api_refuse(call, -QY_EINVAL, "permissions", "must be a list of at least one, or null for all");
    yyjson_arr_foreach(list, index, count, item)
    {
        enum permission permission =
            yyjson_is_str(item) ? permission_find(yyjson_get_str(item)) : PERMISSION_NONE;
        snprintf(field, sizeof(field), "/permissions/%zu", index);
        if (permission == PERMISSION_NONE)
            return api_refuse(call, -QY_EINVAL, field, "there is no such permission");
        making->token.permissions |= PERMISSION_BIT(permission);
    }
    making->stated = true;
    return 0;
}

/* With a token nobody gives themselves what outlives it. */
static int64_t latest_end(const struct api_call *call, const struct making *making, int64_t now_ms)
{
    const struct access *access = &call->access;
    int64_t most_ms = now_ms + LIFE_DAYS_MAX * DAY_MS;
    bool ends = !making->id && access->kind == QUANYU__CREDENTIAL__KIND__TOKEN && access->expires_ms;
    return ends && access->expires_ms < most_ms ? access->expires_ms : most_ms;
}

static int read_expiry(struct api_call *call, struct making *making)
{
    int64_t now_ms = gateway_now_ms(call->gateway), *expires_ms = &making->token.expires_ms;
    int64_t standard_ms = now_ms + LIFE_STANDARD_DAYS * DAY_MS, latest_ms = latest_end(call, making, now_ms);
    int error = api_time(call, "expires_at", expires_ms);
    if (error)
        return error;
    if (*expires_ms == 0)
        *expires_ms = standard_ms < latest_ms ? standard_ms : latest_ms;
    if (*expires_ms <= now_ms || *expires_ms > latest_ms)
        return api_refuse(call, -QY_EINVAL, "expires_at",
            "must be later than now, by at most %d days, and not after the token it is asked with",
            LIFE_DAYS_MAX);
    return 0;
}

/* A token can do no more than its owner, nor than who makes it. One that somebody else makes keeps to what the owner's role is
 * now, and so does what is made with it: it does not grow in the hands of who made it. */
static int limit(
    struct api_call *call, struct store_txn *txn, const Quanyu__Staff *owner, struct making *making)
{
    struct role role;
    if (!role_find(txn, owner->role, &role))
        return -QY_ECORRUPT;
    uint64_t most = role.permissions & call->permissions;
    if (making->stated && (making->token.permissions & ~most))
        return api_refuse(call, -QY_EDENIED, "permissions", "must be among your own, and the owner's");
    making->token.limited = making->stated || making->id || call->access.limited || most != role.permissions;
    if (making->token.limited && !making->stated)
        making->token.permissions = most;
    return most ? 0 : api_refuse(call, -QY_EDENIED, "permissions", "there are none that it could have");
}

static void write_token(struct json *json, const void *self)
{
    json_name(json, "token");
    json_open(json, '{');
    token_members(json, self);
    json_close(json, '}');
}

static int apply_make(struct api_call *call, struct batch *batch, void *self)
{
    struct making *making = self;
    Quanyu__Staff *owner;
    uint8_t hash[SECRET_HASH_BYTES];
    int error = fetch_owner(call, batch->txn, making->id, &owner);
    if (!error)
        error = limit(call, batch->txn, owner, making);
    if (error)
        return error;
    if (credentials_prune(batch->txn, owner->number, gateway_now_ms(call->gateway)) >= CREDENTIALS_MAX)
        return api_refuse(
            call, -QY_ECONFLICT, NULL, "there are %u tokens and sessions; end one first", CREDENTIALS_MAX);
    making->token.staff = owner->number;
    if (!access_makers(&call->access, owner->number, &making->makers))
        return api_refuse(call, -QY_ECONFLICT, NULL, MAKERS_TOO_MANY);
    credential_set_makers(&making->token, &making->makers);
    making->token.number = staff_number_next(batch->txn, CREDENTIAL_NUMBER);
    making->token.created_ms = gateway_now_ms(call->gateway);
    secret_make("qt", making->text);
    secret_hash(making->text, strlen(making->text), hash);
    credential_put(batch->txn, hash, &making->token);
    Quanyu__Staff after = *owner;
    if (owner->state == QUANYU__STAFF__STATE__INVITED) {
        after.state = QUANYU__STAFF__STATE__ACTIVE;
        staff_store(batch, &after, owner);
    }
    const struct staff_act act = {.action = "token.create",
        .staff = owner,
        .before = owner,
        .after = &after,
        .rows = after.state != owner->state,
        .more = write_token,
        .self = &making->token};
    return staff_emit_act(call, batch, &act);
}

static int make(struct api_call *call, const char *id)
{
    struct making making = {.id = id, .token = QUANYU__CREDENTIAL__INIT};
    const char *name;
    int error = staff_read_text(call, "name", true, NAME_BYTES, &name);
    if (!error)
        error = read_expiry(call, &making);
    if (!error)
        error = read_permissions(call, &making);
    if (error)
        return error;
    making.token.name = (char *)(uintptr_t)name;
    error = staff_commit(call, apply_make, &making);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    token_members(&json, &making.token);
    json_field_text(&json, "token", making.text);
    json_close(&json, '}');
    call->status = 201;
    return 0;
}

/* -- listing -- */

static void write_page(
    struct api_call *call, struct store_txn *txn, uint32_t staff, uint32_t after, uint32_t most)
{
    struct json json = json_to(&call->out);
    Quanyu__Credential *token;
    uint8_t hash[SECRET_HASH_BYTES];
    uint32_t shown = 0;
    char next[STAFF_ID_BYTES] = "";
    int64_t now_ms = gateway_now_ms(call->gateway);
    json_open_page(&json, "tokens");
    for (uint32_t at = after; (token = credential_next(txn, staff, at, arena_allocator(call->arena), hash));
        at = token->number) {
        if (token->kind != QUANYU__CREDENTIAL__KIND__TOKEN || credential_expired(token, now_ms))
            continue;
        if (shown++ == most) {
            token_id(after, next);
            break;
        }
        after = token->number;
        json_open(&json, '{');
        token_members(&json, token);
        json_close(&json, '}');
    }
    json_close_page(&json, next);
}

static int list(struct api_call *call, const char *id)
{
    uint32_t most;
    char cursor[API_ID_BYTES];
    struct store_txn *txn;
    Quanyu__Staff *owner;
    int error = api_limit(call, &most);
    if (!error)
        error = api_id_cursor(call, "t_", cursor);
    if (!error)
        error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    error = fetch_owner(call, txn, id, &owner);
    if (!error)
        write_page(call, txn, owner->number, *cursor ? token_number_of(cursor) : 0, most);
    if (!error)
        error = store_error(txn);
    store_abort(&txn);
    return error;
}

/* -- revoking -- */

struct revoking {
    const char *id, *token;
};

static int apply_revoke(struct api_call *call, struct batch *batch, void *self)
{
    const struct revoking *revoking = self;
    Quanyu__Staff *owner;
    uint8_t hash[SECRET_HASH_BYTES];
    uint32_t number = token_number_of(revoking->token);
    int error = fetch_owner(call, batch->txn, revoking->id, &owner);
    if (error)
        return error;
    Quanyu__Credential *token =
        number ? credential_of(batch->txn, owner->number, number, arena_allocator(call->arena), hash) : NULL;
    if (!token || token->kind != QUANYU__CREDENTIAL__KIND__TOKEN)
        return api_refuse(call, -QY_ENOTFOUND, "token", "there is no such token");
    credential_delete(batch->txn, hash, token);
    call->access_ended = number == call->access.credential;
    const struct staff_act act = {
        .action = "token.revoke", .staff = owner, .more = write_token, .self = token};
    return staff_emit_act(call, batch, &act);
}

static int revoke(struct api_call *call, const char *id, const char *token)
{
    struct revoking revoking = {.id = id, .token = token};
    return staff_commit(call, apply_revoke, &revoking);
}

/* -- operations -- */

int staff_token_create(struct api_call *call)
{
    return make(call, call->parameters[0]);
}

int staff_token_list(struct api_call *call)
{
    return list(call, call->parameters[0]);
}

int staff_token_revoke(struct api_call *call)
{
    return revoke(call, call->parameters[0], call->parameters[1]);
}

int me_token_create(struct api_call *call)
{
    return make(call, NULL);
}

int me_token_list(struct api_call *call)
{
    return list(call, NULL);
}

int me_token_revoke(struct api_call *call)
{
    return revoke(call, NULL, call->parameters[0]);
}
