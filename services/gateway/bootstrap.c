/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/bootstrap.h"

#include "common/json.h"
#include "services/gateway/gateway_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_SOURCE 1

static int write_private(const char *path, const struct buffer *text)
{
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return error_from_errno(errno);
    int error = write(file, text->data, text->size) == (ssize_t)text->size ? 0 : -QY_EIO;
    if (!error && fsync(file) != 0)
        error = error_from_errno(errno);
    close(file);
    return error;
}

static void public_url(const struct config *config, char *url, size_t size)
{
    const char *stated = config_text(config, "gateway.public_url");
    if (*stated)
        snprintf(url, size, "%s", stated);
    else
        snprintf(url, size, "http://%s:%d", config_text(config, "gateway.http_address"),
            (int)config_number(config, "gateway.http_port"));
}

static int write_bootstrap(struct batch *batch, const char *write_key, const char *token)
{
    const struct config *config = service_config(batch->service);
    const char *directory = config_text(config, "bootstrap");
    char path[700], url[300];
    snprintf(path, sizeof(path), "%.680s/gateway.json", directory);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_from_errno(errno);
    public_url(config, url, sizeof(url));
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_field_text(&json, "gateway_url", url);
    json_field_text(&json, "write_key", write_key);
    json_field_text(&json, "hq_token", token);
    json_close(&json, '}');
    buffer_byte(&text, '\n');
    return buffer_error(&text) ? buffer_error(&text) : write_private(path, &text);
}

int bootstrap_run(struct batch *batch)
{
    bool wanted = strcmp(config_text(service_config(batch->service), "bootstrap"), "none") != 0;
    if (!wanted || store_count(batch->txn, TABLE_TOKENS) > 0)
        return store_error(batch->txn);
    char text[SECRET_TEXT_BYTES], key_text[SECRET_TEXT_BYTES];
    uint8_t hash[SECRET_HASH_BYTES];
    struct write_key write_key = {.source = FIRST_SOURCE, .name = "first"};
    secret_make("wk", key_text);
    secret_hash(key_text, strlen(key_text), hash);
    write_key_put(batch->txn, hash, &write_key);

    struct token token = {.id = "t_1", .name = "HQ", .role = "hq_admin"};
    secret_make("hq", text);
    secret_hash(text, strlen(text), hash);
    token_put(batch->txn, hash, &token);
    int error = store_error(batch->txn);
    return error ? error : write_bootstrap(batch, key_text, text);
}
