/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/bootstrap.h"

#include "common/credentials.h"
#include "common/json.h"
#include "services/gateway/gateway_store.h"

#include <string.h>

#define FIRST_SOURCE 1

static int write_bootstrap(struct service *service, const char *write_key, const char *token)
{
    const struct config *config = service_config(service);
    char url[300];
    credentials_url(config, "gateway", url);
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_field_text(&json, "gateway_url", url);
    json_field_text(&json, "write_key", write_key);
    json_field_text(&json, "hq_token", token);
    json_close(&json, '}');
    buffer_byte(&text, '\n');
    int error = buffer_error(&text) ? buffer_error(&text) : credentials_write(config, "gateway", &text);
    if (error)
        (void)service_refuse_start(service, error,
            "the first credentials cannot be left in %s: %s (setting bootstrap)",
            config_text(config, "bootstrap"), error_text(error));
    return error;
}

int bootstrap_run(struct batch *batch)
{
    const struct config *config = service_config(batch->service);
    if (!credentials_wanted(config) || store_count(batch->txn, TABLE_TOKENS) > 0)
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
    return error ? error : write_bootstrap(batch->service, key_text, text);
}
