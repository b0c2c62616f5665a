/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/bootstrap.h"

#include "common/credentials.h"
#include "common/json.h"
#include "services/gateway/credential_store.h"
#include "services/gateway/staff_begin.h"
#include "services/gateway/write_key_store.h"

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

/* It may send everything, from everywhere: the first steps need no other. */
static void put_write_key(struct batch *batch, char ret_text[SECRET_TEXT_BYTES])
{
    uint8_t hash[SECRET_HASH_BYTES];
    char hint[WRITE_KEY_HINT_BYTES];
    Quanyu__WriteKey key = QUANYU__WRITE_KEY__INIT;
    Quanyu__WriteKey__Secret secret, *secrets[] = {&secret};
    write_key_secret_make(ret_text, hash, hint, &secret);
    secret.number = 1;
    secret.created_ms = batch->now_ms;
    key.source = FIRST_SOURCE;
    key.version = 1;
    key.name = (char *)"first";
    key.may_import = true;
    key.created_ms = key.changed_ms = batch->now_ms;
    key.n_secrets = 1;
    key.secrets = secrets;
    write_key_put(batch->txn, &key);
}

static int put_token(const struct staff_vault *vault, struct batch *batch, char ret_text[SECRET_TEXT_BYTES])
{
    uint8_t hash[SECRET_HASH_BYTES];
    Quanyu__Credential credential = QUANYU__CREDENTIAL__INIT;
    int error =
        staff_make_admin(vault, batch->txn, batch->now_ms, QUANYU__STAFF__STATE__ACTIVE, &credential.staff);
    if (error)
        return error;
    credential.number = staff_number_next(batch->txn, CREDENTIAL_NUMBER);
    credential.name = (char *)"first";
    credential.created_ms = batch->now_ms;
    secret_make("hq", ret_text);
    secret_hash(ret_text, strlen(ret_text), hash);
    credential_put(batch->txn, hash, &credential);
    return store_error(batch->txn);
}

int bootstrap_run(const struct staff_vault *vault, struct batch *batch)
{
    const struct config *config = service_config(batch->service);
    char text[SECRET_TEXT_BYTES], key_text[SECRET_TEXT_BYTES];
    if (!credentials_wanted(config) || !staff_is_empty(batch->txn))
        return store_error(batch->txn);
    put_write_key(batch, key_text);
    int error = put_token(vault, batch, text);
    return error ? error : write_bootstrap(batch->service, key_text, text);
}
