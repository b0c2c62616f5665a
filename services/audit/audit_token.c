/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_token.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/credentials.h"
#include "common/json.h"
#include "common/log.h"
#include "services/audit/audit_store.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_PREFIX "qya_"
#define TOKEN_VERSION 2
#define TOKEN_HEADER_BYTES 18 /* version, created, expires, role */
#define BOOTSTRAP_LIFETIME_MS (365 * DAY_MS)

_Static_assert(TOKEN_HASH_BYTES == crypto_hash_sha256_BYTES, "tokens are found by their SHA-256");

static void hash_token(const char *text, uint8_t ret_hash[TOKEN_HASH_BYTES])
{
    crypto_hash_sha256(ret_hash, (const uint8_t *)text, strlen(text));
}

const char *audit_role_name(enum audit_role role)
{
    static const char *const names[ROLE_COUNT] = {
        [ROLE_READER] = "reader", [ROLE_ADMINISTRATOR] = "administrator"};
    return (unsigned)role < ROLE_COUNT ? names[role] : "";
}

bool audit_role_parse(const char *name, enum audit_role *ret_role)
{
    for (unsigned role = 0; role < ROLE_COUNT; role++)
        if (strcmp(audit_role_name((enum audit_role)role), name) == 0) {
            *ret_role = (enum audit_role)role;
            return true;
        }
    return false;
}

/* Version, times, role, then id and name, each with its NUL. */
static size_t pack(const struct audit_token *token, uint8_t out[TOKEN_HEADER_BYTES + sizeof(*token)])
{
    size_t id = strlen(token->id) + 1, name = strlen(token->name) + 1;
    out[0] = TOKEN_VERSION;
    put_be64(out + 1, (uint64_t)token->created_ms);
    put_be64(out + 9, (uint64_t)token->expires_ms);
    out[17] = (uint8_t)token->role;
    memcpy(out + TOKEN_HEADER_BYTES, token->id, id);
    memcpy(out + TOKEN_HEADER_BYTES + id, token->name, name);
    return TOKEN_HEADER_BYTES + id + name;
}

static int unpack(struct bytes packed, struct audit_token *ret_token)
{
    if (packed.size < TOKEN_HEADER_BYTES + 2 || packed.data[0] != TOKEN_VERSION ||
        packed.data[17] >= ROLE_COUNT || packed.data[packed.size - 1] != '\0')
        return -QY_ECORRUPT;
    ret_token->role = (enum audit_role)packed.data[17];
    const char *id = (const char *)packed.data + TOKEN_HEADER_BYTES;
    size_t id_size = strlen(id) + 1;
    if (TOKEN_HEADER_BYTES + id_size >= packed.size)
        return -QY_ECORRUPT;
    snprintf(ret_token->id, sizeof(ret_token->id), "%s", id);
    snprintf(ret_token->name, sizeof(ret_token->name), "%s", id + id_size);
    ret_token->created_ms = (int64_t)get_be64(packed.data + 1);
    ret_token->expires_ms = (int64_t)get_be64(packed.data + 9);
    return 0;
}

void audit_token_make(struct store_txn *txn, const char *name, enum audit_role role, int64_t now_ms,
    int64_t lifetime_ms, char ret_text[TOKEN_TEXT_BYTES], struct audit_token *ret_token)
{
    uint8_t random[32], id[8], hash[TOKEN_HASH_BYTES];
    char encoded[TOKEN_TEXT_BYTES], hex[2 * sizeof(id) + 1];
    randombytes_buf(random, sizeof(random));
    randombytes_buf(id, sizeof(id));
    sodium_bin2base64(
        encoded, sizeof(encoded), random, sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_bin2hex(hex, sizeof(hex), id, sizeof(id));
    snprintf(ret_text, TOKEN_TEXT_BYTES, TOKEN_PREFIX "%.50s", encoded);
    sodium_memzero(random, sizeof(random));
    sodium_memzero(encoded, sizeof(encoded));

    *ret_token = (struct audit_token){.role = role, .created_ms = now_ms, .expires_ms = now_ms + lifetime_ms};
    snprintf(ret_token->id, sizeof(ret_token->id), "at_%s", hex);
    snprintf(ret_token->name, sizeof(ret_token->name), "%s", name);
    uint8_t packed[TOKEN_HEADER_BYTES + sizeof(*ret_token)];
    hash_token(ret_text, hash);
    audit_store_put_token(txn, hash, (struct bytes){packed, pack(ret_token, packed)});
    audit_store_owe(txn, hash);
}

void audit_token_recorded(struct store_txn *txn, const char *text)
{
    uint8_t hash[TOKEN_HASH_BYTES];
    hash_token(text, hash);
    audit_store_settle(txn, hash);
}

struct visiting {
    int64_t now_ms;
    bool (*visit)(void *context, const struct audit_token *token);
    void *context;
};

static bool visit_valid(void *context, struct bytes packed)
{
    struct visiting *visiting = context;
    struct audit_token token;
    return unpack(packed, &token) || token.expires_ms <= visiting->now_ms ||
           visiting->visit(visiting->context, &token);
}

void audit_token_each(struct store_txn *txn, int64_t now_ms,
    bool (*visit)(void *context, const struct audit_token *token), void *context)
{
    struct visiting visiting = {now_ms, visit, context};
    audit_store_each_token(txn, visit_valid, &visiting);
}

struct revoking {
    const char *id;
    struct audit_token token;
    bool found;
};

static bool is_revoked(void *context, struct bytes packed)
{
    struct revoking *revoking = context;
    struct audit_token token;
    if (unpack(packed, &token) || strcmp(token.id, revoking->id) != 0)
        return false;
    revoking->token = token;
    revoking->found = true;
    return true;
}

int audit_token_revoke(struct store_txn *txn, const char *id, struct audit_token *ret_token)
{
    struct revoking revoking = {.id = id};
    audit_store_drop_tokens(txn, is_revoked, &revoking);
    if (store_error(txn))
        return store_error(txn);
    if (!revoking.found)
        return -QY_ENOTFOUND;
    *ret_token = revoking.token;
    return 0;
}

void audit_token_describe(const struct audit_token *token, struct buffer *out)
{
    struct json json = json_to(out);
    json_open(&json, '{');
    json_field_text(&json, "token_id", token->id);
    json_field_text(&json, "name", token->name);
    json_field_text(&json, "role", audit_role_name(token->role));
    json_field_time(&json, "expires_at", token->expires_ms);
    json_close(&json, '}');
}

bool audit_token_take_owed(struct store_txn *txn, struct buffer *out)
{
    uint8_t hash[TOKEN_HASH_BYTES];
    struct bytes packed;
    struct audit_token token;
    if (!audit_store_owed(txn, hash))
        return false;
    if (!audit_store_token(txn, hash, &packed) || unpack(packed, &token)) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    audit_store_settle(txn, hash);
    audit_token_describe(&token, out);
    return true;
}

int audit_token_check(struct store_txn *txn, const char *text, int64_t now_ms, struct audit_token *ret_token)
{
    uint8_t hash[TOKEN_HASH_BYTES];
    struct bytes packed;
    struct audit_token token;
    hash_token(text, hash);
    if (!audit_store_token(txn, hash, &packed))
        return store_error(txn) ? store_error(txn) : -QY_EUNAUTHENTIC;
    int error = unpack(packed, &token);
    if (error)
        return error;
    if (now_ms >= token.expires_ms)
        return -QY_EUNAUTHENTIC;
    *ret_token = token;
    return 0;
}

/* -- the first token -- */

struct validity {
    int64_t now_ms;
    bool any;
};

static bool look_for_valid(void *context, struct bytes packed)
{
    struct validity *validity = context;
    struct audit_token token;
    validity->any = unpack(packed, &token) == 0 && token.expires_ms > validity->now_ms;
    return !validity->any;
}

int audit_token_bootstrap(struct store_txn *txn, const struct config *config)
{
    struct validity validity = {.now_ms = clock_wall_ms()};
    audit_store_each_token(txn, look_for_valid, &validity);
    if (validity.any || store_error(txn) || !credentials_wanted(config))
        return store_error(txn);
    char text[TOKEN_TEXT_BYTES], url[300];
    struct audit_token token;
    credentials_url(config, "audit", url);
    audit_token_make(
        txn, "auditor", ROLE_ADMINISTRATOR, validity.now_ms, BOOTSTRAP_LIFETIME_MS, text, &token);
    _cleanup_(buffer_free) struct buffer json = BUFFER_INIT;
    buffer_text(&json, "{\"audit_url\":");
    buffer_json_string(&json, url, strlen(url));
    buffer_printf(&json, ",\"auditor_token\":\"%s\"}\n", text);
    /* The file comes before the commit: a token that was lost with a crash is made again, one that is in
     * force is never lost. */
    int error = buffer_error(&json) ? buffer_error(&json) : credentials_write(config, "audit", &json);
    if (!error)
        log_line(LOG_INFO, "made an auditor's token", "token_id=%s", token.id);
    sodium_memzero(text, sizeof(text));
    return error ? error : store_error(txn);
}
