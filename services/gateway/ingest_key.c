/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_key.h"

#include <sodium.h>
#include <string.h>

/* The user name of Basic, its colon optional; false where there is no such header or it is malformed. */
static bool basic_key(const char *header, char key[INGEST_KEY_BYTES])
{
    if (!header || strncasecmp(header, "Basic ", 6) != 0)
        return false;
    size_t size = 0;
    header += 6;
    header += strspn(header, " ");
    if (sodium_base642bin((uint8_t *)key, INGEST_KEY_BYTES - 1, header, strlen(header), NULL, &size, NULL,
            sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    key[size] = 0;
    key[strcspn(key, ":")] = 0;
    return key[0] != 0;
}

/* Where no header states one. */
static bool find_key(struct http_request *request, yyjson_val *body, char key[INGEST_KEY_BYTES])
{
    yyjson_val *stated = yyjson_is_obj(body) ? yyjson_obj_get(body, "writeKey") : NULL;
    if (yyjson_is_str(stated) && yyjson_get_len(stated) > 0 && yyjson_get_len(stated) < INGEST_KEY_BYTES) {
        memcpy(key, yyjson_get_str(stated), yyjson_get_len(stated) + 1);
        return true;
    }
    return http_parameter(request, "writeKey", key, INGEST_KEY_BYTES) == 0 && key[0];
}

bool ingest_read_key(struct http_request *request, yyjson_val *body, char ret_key[INGEST_KEY_BYTES])
{
    return basic_key(http_header(request, "Authorization"), ret_key) || find_key(request, body, ret_key);
}

int ingest_check_key(struct gateway *gateway, const char *key, struct write_key *ret_write_key)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_hash(key, strlen(key), hash);
    struct store_txn *txn;
    int error = service_read(gateway->service, &txn);
    if (error)
        return error;
    bool known = write_key_get(txn, hash, ret_write_key);
    error = store_error(txn);
    store_abort(&txn);
    return error ? error : known ? 0 : -QY_EUNAUTHENTIC;
}

int ingest_find_key(struct gateway *gateway, struct ingest_thread *thread, struct http_request *request,
    yyjson_val *body, struct write_key *ret_write_key)
{
    char key[INGEST_KEY_BYTES];
    const char *header = http_header(request, "Authorization");
    uint64_t version = service_version(gateway->service);
    if (header && ingest_thread_knows(thread, header, version, ret_write_key))
        return 0;
    bool basic = basic_key(header, key);
    if (!basic && !find_key(request, body, key))
        return -QY_EUNAUTHENTIC;
    int error = ingest_check_key(gateway, key, ret_write_key);
    if (!error && basic)
        ingest_thread_learn(thread, header, version, ret_write_key);
    return error;
}
