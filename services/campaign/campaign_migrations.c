/* SPDX-License-Identifier: Apache-2.0 */
/* From one form of campaign's tables to the next. */
#include "services/campaign/campaign_store.h"
#include "services/campaign/secrets.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* The service's own directory, in which its store lies. */
static int key_beside(const char *path, struct secret_key *ret_key)
{
    char directory[600];
    int size = snprintf(directory, sizeof(directory), "%s", path);
    if (size < 0 || (size_t)size >= sizeof(directory))
        return -QY_ETOOLARGE;
    char *slash = strrchr(directory, '/');
    if (!slash)
        return secrets_key(".", ret_key);
    *slash = '\0';
    return secrets_key(directory, ret_key);
}

static int seal_version(
    const struct secret_key *key, uint32_t number, struct arena *arena, ProtobufCBinaryData *definition)
{
    struct journey_problem problem;
    struct bytes stored = {0};
    if (definition->len == 0)
        return 0;
    int error = secrets_seal(
        key, number, (struct bytes){definition->data, definition->len}, NULL, arena, &stored, &problem);
    *definition = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)stored.data, .len = stored.size};
    return error == -QY_EINVAL ? -QY_ECORRUPT : error;
}

/* Version 1 held definitions as they were given, with their webhooks' secrets. */
static int seal_secrets(struct store_txn *txn)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    struct secret_key key;
    int error = key_beside(store_path(txn), &key);
    if (!error)
        error = arena_open(&arena);
    uint32_t last = (uint32_t)meta_last(txn, META_JOURNEYS);
    for (uint32_t number = 1; !error && number <= last; number++) {
        Quanyu__Journey *row = journey_load(txn, number, arena);
        if (!row)
            continue;
        error = seal_version(&key, number, arena, &row->definition);
        if (!error)
            error = seal_version(&key, number, arena, &row->running);
        if (!error)
            journey_save(txn, row);
        arena_reset(arena);
    }
    sodium_memzero(&key, sizeof(key));
    return error ? error : store_error(txn);
}

const struct store_migration campaign_migrations[CAMPAIGN_MIGRATION_COUNT] = {{1, seal_secrets}};
