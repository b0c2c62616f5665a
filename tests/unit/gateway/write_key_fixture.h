/* SPDX-License-Identifier: Apache-2.0 */
/* A store with the gateway's tables, and rows of write keys for it. */
#ifndef QY_TESTS_WRITE_KEY_FIXTURE_H
#define QY_TESTS_WRITE_KEY_FIXTURE_H

#include "services/gateway/write_keys.h"
#include "tests/unit/common/scratch.h"

#include <string.h>

/* What a test says about a key; the rest is empty. */
struct test_key {
    uint32_t source;
    const char *secrets[WRITE_KEY_SECRETS_MAX];
    int64_t expires_ms[WRITE_KEY_SECRETS_MAX], revoked_ms[WRITE_KEY_SECRETS_MAX];
    Quanyu__WriteKey more; /* initialised by test_key() */
};

static inline struct test_key test_key(uint32_t source, const char *secret)
{
    struct test_key text = {.source = source, .secrets = {secret}};
    quanyu__write_key__init(&text.more);
    return text;
}

static inline struct store *open_gateway_store(const char *path, uint32_t version)
{
    struct store *store;
    const struct store_options options = {.path = path,
        .tables = gateway_tables,
        .table_count = GATEWAY_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 26,
        .schema_version = version,
        .migrations = gateway_migrations,
        .migration_count = version - 1};
    assert_int_equal(store_open(&options, &store), 0);
    return store;
}

static inline void put_key(struct store_txn *txn, const struct test_key *text)
{
    uint8_t hashes[WRITE_KEY_SECRETS_MAX][SECRET_HASH_BYTES];
    Quanyu__WriteKey__Secret secrets[WRITE_KEY_SECRETS_MAX], *pointers[WRITE_KEY_SECRETS_MAX];
    Quanyu__WriteKey key = text->more;
    key.source = text->source;
    key.name = (char *)"key";
    key.n_secrets = 0;
    for (size_t i = 0; i < WRITE_KEY_SECRETS_MAX && text->secrets[i]; i++) {
        quanyu__write_key__secret__init(&secrets[i]);
        secret_hash(text->secrets[i], strlen(text->secrets[i]), hashes[i]);
        secrets[i].number = (uint32_t)i + 1;
        secrets[i].hash = (ProtobufCBinaryData){.data = hashes[i], .len = SECRET_HASH_BYTES};
        secrets[i].expires_ms = text->expires_ms[i];
        secrets[i].revoked_ms = text->revoked_ms[i];
        pointers[i] = &secrets[i];
        key.n_secrets++;
    }
    key.secrets = pointers;
    write_key_put(txn, &key);
}

#endif
