/* SPDX-License-Identifier: Apache-2.0 */
/* Write keys: what sources may send, their secrets, rotation. Who may send is no personal data; each change is on record as an
 * act, with what was before and after. */
#include "services/gateway/write_key_body.h"
#include "services/gateway/write_key_change.h"
#include "services/gateway/write_key_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHANGE_TRIES 32u

/* A secret that is being made: its text is shown once. */
struct fresh {
    char text[SECRET_TEXT_BYTES];
    uint8_t hash[SECRET_HASH_BYTES];
    char hint[WRITE_KEY_HINT_BYTES];
    Quanyu__WriteKey__Secret secret;
};

/* -- answers -- */

static int show(struct api_call *call, const Quanyu__WriteKey *key, const struct fresh *fresh)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    write_key_members(&json, key, gateway_now_ms(call->gateway));
    if (fresh)
        json_field_text(&json, "secret", fresh->text);
    json_close(&json, '}');
    api_write_version(call, key->version);
    return 0;
}

static int refuse_missing(struct api_call *call)
{
    (void)api_refuse(call, -QY_ENOTFOUND, "id", "there is no such write key");
    return -QY_ENOTFOUND;
}

static int fetch(struct api_call *call, Quanyu__WriteKey **ret_key)
{
    uint32_t source = write_key_source(call->parameters[0]);
    struct store_txn *txn;
    if (source == 0)
        return refuse_missing(call);
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    Quanyu__WriteKey *key = write_key_get(txn, source, arena_allocator(call->arena));
    error = store_error(txn);
    store_abort(&txn);
    if (error)
        return error;
    if (!key || key->removed_ms)
        return refuse_missing(call);
    *ret_key = key;
    return 0;
}

/* -- changes -- */

static int store(struct api_call *call, const char *action, Quanyu__WriteKey *key)
{
    const struct write_key_act act = {
        .actor = &call->actor, .request_id = http_request_id(call->request), .action = action};
    int error = write_key_store(call->gateway, &act, key);
    if (error == -QY_ENOTFOUND)
        return refuse_missing(call);
    if (error == -QY_ETOOLARGE)
        return api_refuse(
            call, -QY_ECONFLICT, NULL, "there are %u write keys; delete one first", WRITE_KEYS_MAX);
    return error;
}

/* What is to become of a key that was just read. `self` is the edit's own. */
typedef int edit_fn(struct api_call *call, Quanyu__WriteKey *key, void *self);

/* Made from the version that was read, and made again where another one came between, unless the caller has named the
 * version. */
static int change(
    struct api_call *call, const char *action, edit_fn *edit, void *self, Quanyu__WriteKey **ret_key)
{
    uint64_t version;
    int error = api_read_version(call, &version);
    for (unsigned tries = 0; !error && tries < CHANGE_TRIES; tries++) {
        error = fetch(call, ret_key);
        if (!error && version && (*ret_key)->version != version)
            return api_refuse(call, -QY_EOVERTAKEN, "If-Match", "the write key has another version by now");
        if (!error)
            error = edit(call, *ret_key, self);
        if (!error)
            error = store(call, action, *ret_key);
        if (error != -QY_EOVERTAKEN || version)
            return error;
        error = 0;
    }
    return error ? error
                 : api_refuse(call, -QY_ECONFLICT, NULL, "others change it at the same time; try again");
}

static uint32_t next_number(const Quanyu__WriteKey *key)
{
    uint32_t last = 0;
    for (size_t i = 0; i < key->n_secrets; i++)
        last = key->secrets[i]->number > last ? key->secrets[i]->number : last;
    return last + 1;
}

static bool is_alive(const Quanyu__WriteKey__Secret *secret, int64_t now_ms)
{
    return !secret->revoked_ms && (!secret->expires_ms || secret->expires_ms > now_ms);
}

/* The oldest that are of no use any more make room. */
static int copy_secrets(struct api_call *call, Quanyu__WriteKey *key, size_t most, int64_t now_ms)
{
    size_t left = key->n_secrets, kept = 0;
    Quanyu__WriteKey__Secret **secrets =
        arena_alloc(call->arena, (WRITE_KEY_SECRETS_MAX + 1) * sizeof(*secrets));
    if (!secrets)
        return -QY_ENOMEM;
    for (size_t i = 0; i < key->n_secrets; i++) {
        if (left > most && !is_alive(key->secrets[i], now_ms))
            left--;
        else if (kept < WRITE_KEY_SECRETS_MAX)
            secrets[kept++] = key->secrets[i];
    }
    if (left > most)
        return api_refuse(call, -QY_ECONFLICT, NULL, "%zu secrets are in use; revoke one first", left);
    key->secrets = secrets;
    key->n_secrets = kept;
    return 0;
}

static int add_secret(struct api_call *call, Quanyu__WriteKey *key, struct fresh *fresh)
{
    int64_t now_ms = gateway_now_ms(call->gateway);
    int error = copy_secrets(call, key, WRITE_KEY_SECRETS_MAX - 1, now_ms);
    if (error)
        return error;
    write_key_secret_make(fresh->text, fresh->hash, fresh->hint, &fresh->secret);
    fresh->secret.number = next_number(key);
    fresh->secret.created_ms = now_ms;
    key->secrets[key->n_secrets++] = &fresh->secret;
    return 0;
}

/* -- operations -- */

int write_key_create(struct api_call *call)
{
    const char *name;
    struct fresh fresh;
    Quanyu__WriteKey key = QUANYU__WRITE_KEY__INIT;
    key.platform = QUANYU__WRITE_KEY__PLATFORM__SERVER;
    int error = api_text(call, "name", true, &name);
    if (!error)
        error = write_key_read_body(call, &key);
    if (!error)
        error = add_secret(call, &key, &fresh);
    if (!error)
        error = store(call, "write_key.create", &key);
    if (error)
        return error;
    call->status = 201;
    return show(call, &key, &fresh);
}

int write_key_show(struct api_call *call)
{
    Quanyu__WriteKey *key;
    int error = fetch(call, &key);
    return error ? error : show(call, key, NULL);
}

static void write_page(struct api_call *call, struct store_txn *txn, uint32_t after, uint32_t limit)
{
    int64_t now_ms = gateway_now_ms(call->gateway);
    struct json json = json_to(&call->out);
    uint32_t shown = 0;
    Quanyu__WriteKey *key;
    char next[WRITE_KEY_ID_BYTES] = "";
    json_open_page(&json, "write_keys");
    for (uint32_t at = after; (key = write_key_next(txn, at, arena_allocator(call->arena)));
        at = key->source) {
        if (key->removed_ms)
            continue;
        if (shown++ == limit) {
            write_key_id(after, next);
            break;
        }
        after = key->source;
        json_open(&json, '{');
        write_key_members(&json, key, now_ms);
        json_close(&json, '}');
    }
    json_close_page(&json, next);
}

int write_key_list(struct api_call *call)
{
    uint32_t limit;
    char cursor[API_ID_BYTES];
    struct store_txn *txn;
    int error = api_limit(call, &limit);
    if (!error)
        error = api_id_cursor(call, "k_", cursor);
    if (!error && *cursor && !write_key_source(cursor))
        error = api_refuse(call, -QY_EINVAL, "cursor", "must be a next_cursor of an earlier answer");
    if (!error)
        error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    write_page(call, txn, *cursor ? write_key_source(cursor) : 0, limit);
    error = store_error(txn);
    store_abort(&txn);
    return error;
}

static int edit_members(struct api_call *call, Quanyu__WriteKey *key, void *self)
{
    (void)self;
    return write_key_read_body(call, key);
}

int write_key_change(struct api_call *call)
{
    Quanyu__WriteKey *key;
    int error = change(call, "write_key.change", edit_members, NULL, &key);
    return error ? error : show(call, key, NULL);
}

static int edit_rotate(struct api_call *call, Quanyu__WriteKey *key, void *self)
{
    int64_t now_ms = gateway_now_ms(call->gateway), until_ms;
    int error = write_key_read_overlap(call, now_ms, &until_ms);
    if (error)
        return error;
    for (size_t i = 0; i < key->n_secrets; i++)
        if (is_alive(key->secrets[i], now_ms) &&
            (!key->secrets[i]->expires_ms || key->secrets[i]->expires_ms > until_ms))
            key->secrets[i]->expires_ms = until_ms;
    return add_secret(call, key, self);
}

int write_key_rotate(struct api_call *call)
{
    Quanyu__WriteKey *key;
    struct fresh fresh;
    int error = change(call, "write_key.rotate", edit_rotate, &fresh, &key);
    return error ? error : show(call, key, &fresh);
}

static int edit_revoke(struct api_call *call, Quanyu__WriteKey *key, void *self)
{
    char id[16];
    const char *wanted = self;
    for (size_t i = 0; i < key->n_secrets; i++) {
        snprintf(id, sizeof(id), "%" PRIu32, key->secrets[i]->number);
        if (strcmp(id, wanted) != 0)
            continue;
        if (!key->secrets[i]->revoked_ms)
            key->secrets[i]->revoked_ms = gateway_now_ms(call->gateway);
        return 0;
    }
    return api_refuse(call, -QY_ENOTFOUND, "secret", "this write key has no such secret");
}

int write_key_revoke(struct api_call *call)
{
    Quanyu__WriteKey *key;
    const char *secret;
    int error = api_text(call, "secret", true, &secret);
    if (!error)
        error = change(call, "write_key.revoke", edit_revoke, (void *)(uintptr_t)secret, &key);
    return error ? error : show(call, key, NULL);
}

static int edit_remove(struct api_call *call, Quanyu__WriteKey *key, void *self)
{
    (void)self;
    key->removed_ms = gateway_now_ms(call->gateway);
    return 0;
}

int write_key_remove(struct api_call *call)
{
    Quanyu__WriteKey *key;
    return change(call, "write_key.delete", edit_remove, NULL, &key);
}
