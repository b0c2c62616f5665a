/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_token.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "services/audit/audit_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_PREFIX "qya_"
#define TOKEN_VERSION 1
#define TOKEN_HEADER_BYTES 17 /* version, created, expires */
#define BOOTSTRAP_LIFETIME_MS (365 * DAY_MS)

_Static_assert(TOKEN_HASH_BYTES == crypto_hash_sha256_BYTES, "tokens are found by their SHA-256");

static void hash_token(const char *text, uint8_t ret_hash[TOKEN_HASH_BYTES])
{
    crypto_hash_sha256(ret_hash, (const uint8_t *)text, strlen(text));
}

/* Version, times, then id and name, each with its NUL. */
static size_t pack(const struct audit_token *token, uint8_t out[TOKEN_HEADER_BYTES + sizeof(*token)])
{
    size_t id = strlen(token->id) + 1, name = strlen(token->name) + 1;
    out[0] = TOKEN_VERSION;
    put_be64(out + 1, (uint64_t)token->created_ms);
    put_be64(out + 9, (uint64_t)token->expires_ms);
    memcpy(out + TOKEN_HEADER_BYTES, token->id, id);
    memcpy(out + TOKEN_HEADER_BYTES + id, token->name, name);
    return TOKEN_HEADER_BYTES + id + name;
}

static int unpack(struct bytes packed, struct audit_token *ret_token)
{
    if (packed.size < TOKEN_HEADER_BYTES + 2 || packed.data[0] != TOKEN_VERSION ||
        packed.data[packed.size - 1] != '\0')
        return -QY_ECORRUPT;
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

void audit_token_make(struct store_txn *txn, const char *name, int64_t now_ms, int64_t lifetime_ms,
    char ret_text[TOKEN_TEXT_BYTES], struct audit_token *ret_token)
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

    *ret_token = (struct audit_token){.created_ms = now_ms, .expires_ms = now_ms + lifetime_ms};
    snprintf(ret_token->id, sizeof(ret_token->id), "at_%s", hex);
    snprintf(ret_token->name, sizeof(ret_token->name), "%s", name);
    uint8_t packed[TOKEN_HEADER_BYTES + sizeof(*ret_token)];
    hash_token(ret_text, hash);
    audit_store_put_token(txn, hash, (struct bytes){packed, pack(ret_token, packed)});
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

static int write_all(int file, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, text, size);
        if (written < 0)
            return -QY_EIO;
        text += written;
        size -= (size_t)written;
    }
    return fsync(file) ? -QY_EIO : 0;
}

static int sync_directory(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -QY_EIO;
    int error = fsync(directory) ? -QY_EIO : 0;
    close(directory);
    return error;
}

/* Whole or not at all, and never readable by others in between. */
static int write_private(const char *directory, const char *name, const struct buffer *content)
{
    char path[700], temporary[712];
    snprintf(path, sizeof(path), "%.600s/%s", directory, name);
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    unlink(temporary);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return error_from_errno(errno);
    int error = write_all(file, (const char *)content->data, content->size);
    if (close(file) && !error)
        error = -QY_EIO;
    if (!error && rename(temporary, path))
        error = -QY_EIO;
    return error ? error : sync_directory(directory);
}

/* The URL as clients on this machine reach it, unless a setting knows better. */
static void add_url(struct buffer *json, const struct config *config)
{
    const char *address = config_text(config, "audit.http_address");
    const char *url = config_text(config, "audit.public_url");
    int port = (int)config_number(config, "audit.http_port");
    char made[300];
    if (!*url) {
        bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
        const char *format = !any && strchr(address, ':') ? "http://[%.200s]:%d" : "http://%.200s:%d";
        snprintf(made, sizeof(made), format, any ? "127.0.0.1" : address, port);
        url = made;
    }
    buffer_json_string(json, url, strlen(url));
}

int audit_token_bootstrap(struct store_txn *txn, const struct config *config)
{
    struct validity validity = {.now_ms = clock_wall_ms()};
    const char *directory = config_text(config, "bootstrap");
    if (strcmp(directory, "none") == 0)
        return 0;
    audit_store_each_token(txn, look_for_valid, &validity);
    if (validity.any || store_error(txn))
        return store_error(txn);
    char text[TOKEN_TEXT_BYTES];
    struct audit_token token;
    audit_token_make(txn, "auditor", validity.now_ms, BOOTSTRAP_LIFETIME_MS, text, &token);
    _cleanup_(buffer_free) struct buffer json = BUFFER_INIT;
    buffer_text(&json, "{\"audit_url\":");
    add_url(&json, config);
    buffer_printf(&json, ",\"auditor_token\":\"%s\"}\n", text);
    /* The file comes before the commit: a token that was lost with a crash is made again, one that is in
     * force is never lost. */
    int error = buffer_error(&json);
    if (!error && mkdir(directory, 0700) && errno != EEXIST)
        error = error_from_errno(errno);
    if (!error)
        error = write_private(directory, "audit.json", &json);
    if (!error)
        log_line(LOG_INFO, "made an auditor's token", "token_id=%s file=%s/audit.json", token.id, directory);
    sodium_memzero(text, sizeof(text));
    return error ? error : store_error(txn);
}
