/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/credential_store.h"

#include "common/buffer.h"

#include <string.h>

static void hash_key(struct store_key *key, const uint8_t hash[SECRET_HASH_BYTES])
{
    key_reset(key);
    key_raw(key, hash, SECRET_HASH_BYTES);
}

static void owner_prefix(struct store_key *key, uint32_t staff)
{
    key_reset(key);
    key_u8(key, STAFF_INDEX_CREDENTIAL);
    key_u32(key, staff);
}

static void maker_prefix(struct store_key *key, uint32_t maker)
{
    key_reset(key);
    key_u8(key, STAFF_INDEX_MADE);
    key_u32(key, maker);
}

static void owner_key(struct store_key *key, uint32_t staff, uint32_t number)
{
    owner_prefix(key, staff);
    key_u32(key, number);
}

static void maker_key(struct store_key *key, uint32_t maker, uint32_t number)
{
    maker_prefix(key, maker);
    key_u32(key, number);
}

struct makers credential_makers(const Quanyu__Credential *credential)
{
    struct makers makers = {0};
    if (credential->made_by)
        makers.staff[makers.count++] = credential->made_by;
    for (size_t i = 0; i < credential->n_made_through && makers.count < MAKERS_MAX; i++)
        makers.staff[makers.count++] = credential->made_through[i];
    return makers;
}

void credential_set_makers(Quanyu__Credential *credential, struct makers *makers)
{
    credential->made_by = makers->count > 0 ? makers->staff[0] : 0;
    credential->made_through = makers->staff + 1;
    credential->n_made_through = makers->count > 1 ? makers->count - 1 : 0;
}

void credential_put(
    struct store_txn *txn, const uint8_t hash[SECRET_HASH_BYTES], const Quanyu__Credential *credential)
{
    struct store_key key;
    owner_key(&key, credential->staff, credential->number);
    store_put(txn, TABLE_STAFF_INDEX, &key, hash, SECRET_HASH_BYTES);
    const struct makers makers = credential_makers(credential);
    for (unsigned i = 0; i < makers.count; i++) {
        maker_key(&key, makers.staff[i], credential->number);
        store_put(txn, TABLE_STAFF_INDEX, &key, hash, SECRET_HASH_BYTES);
    }
    hash_key(&key, hash);
    uint8_t *room = store_put_room(txn, TABLE_TOKENS, &key, quanyu__credential__get_packed_size(credential));
    if (room)
        quanyu__credential__pack(credential, room);
}

Quanyu__Credential *credential_get(
    struct store_txn *txn, const uint8_t hash[SECRET_HASH_BYTES], ProtobufCAllocator *allocator)
{
    struct store_key key;
    struct bytes value;
    hash_key(&key, hash);
    if (!store_get(txn, TABLE_TOKENS, &key, &value))
        return NULL;
    Quanyu__Credential *credential = quanyu__credential__unpack(allocator, value.size, value.data);
    if (!credential)
        store_fail(txn, -QY_ECORRUPT);
    return credential;
}

Quanyu__Credential *credential_of(struct store_txn *txn, uint32_t staff, uint32_t number,
    ProtobufCAllocator *allocator, uint8_t ret_hash[SECRET_HASH_BYTES])
{
    struct store_key key;
    struct bytes value;
    owner_key(&key, staff, number);
    if (!store_get(txn, TABLE_STAFF_INDEX, &key, &value) || value.size != SECRET_HASH_BYTES)
        return NULL;
    memcpy(ret_hash, value.data, SECRET_HASH_BYTES);
    return credential_get(txn, ret_hash, allocator);
}

/* The hash of the first one below the prefix whose number is above `after`. */
static bool next_hash(struct store_txn *txn, const struct store_key *prefix, uint32_t after,
    uint8_t ret_hash[SECRET_HASH_BYTES])
{
    struct store_key from = *prefix;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    if (after == UINT32_MAX)
        return false;
    key_u32(&from, after + 1);
    if (scan_open(txn, TABLE_STAFF_INDEX, prefix, &from, &scan) || !scan_next(scan, &key, &value) ||
        value.size != SECRET_HASH_BYTES)
        return false;
    memcpy(ret_hash, value.data, SECRET_HASH_BYTES);
    return true;
}

Quanyu__Credential *credential_next(struct store_txn *txn, uint32_t staff, uint32_t after,
    ProtobufCAllocator *allocator, uint8_t ret_hash[SECRET_HASH_BYTES])
{
    struct store_key prefix;
    owner_prefix(&prefix, staff);
    return next_hash(txn, &prefix, after, ret_hash) ? credential_get(txn, ret_hash, allocator) : NULL;
}

Quanyu__Credential *credential_made_next(struct store_txn *txn, uint32_t maker, uint32_t after,
    ProtobufCAllocator *allocator, uint8_t ret_hash[SECRET_HASH_BYTES])
{
    struct store_key prefix;
    maker_prefix(&prefix, maker);
    return next_hash(txn, &prefix, after, ret_hash) ? credential_get(txn, ret_hash, allocator) : NULL;
}

void credential_delete(
    struct store_txn *txn, const uint8_t hash[SECRET_HASH_BYTES], const Quanyu__Credential *credential)
{
    struct store_key key;
    owner_key(&key, credential->staff, credential->number);
    store_delete(txn, TABLE_STAFF_INDEX, &key);
    const struct makers makers = credential_makers(credential);
    for (unsigned i = 0; i < makers.count; i++) {
        maker_key(&key, makers.staff[i], credential->number);
        store_delete(txn, TABLE_STAFF_INDEX, &key);
    }
    hash_key(&key, hash);
    store_delete(txn, TABLE_TOKENS, &key);
}

void credentials_end(struct store_txn *txn, uint32_t staff, unsigned kinds, uint32_t kept)
{
    uint8_t hash[SECRET_HASH_BYTES];
    Quanyu__Credential *credential;
    for (uint32_t at = 0; (credential = credential_next(txn, staff, at, NULL, hash));) {
        at = credential->number;
        if (at != kept && (kinds & (1u << credential->kind)))
            credential_delete(txn, hash, credential);
        quanyu__credential__free_unpacked(credential, NULL);
    }
}

uint32_t credentials_prune(struct store_txn *txn, uint32_t staff, int64_t now_ms)
{
    uint8_t hash[SECRET_HASH_BYTES];
    Quanyu__Credential *credential;
    uint32_t left = 0;
    for (uint32_t at = 0; (credential = credential_next(txn, staff, at, NULL, hash));) {
        at = credential->number;
        if (credential_expired(credential, now_ms))
            credential_delete(txn, hash, credential);
        else
            left++;
        quanyu__credential__free_unpacked(credential, NULL);
    }
    return left;
}

/* -- from before there was staff -- */

int first_tokens_take(struct store_txn *txn, first_token_fn *each, void *self)
{
    struct store_key all;
    struct bytes key, value;
    _cleanup_(buffer_free) struct buffer rows = BUFFER_INIT;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    const size_t row_bytes = SECRET_HASH_BYTES + sizeof(struct first_token);
    key_reset(&all);
    int error = scan_open(txn, TABLE_TOKENS, &all, NULL, &scan);
    while (!error && scan_next(scan, &key, &value)) {
        if (key.size != SECRET_HASH_BYTES || value.size != sizeof(struct first_token))
            return -QY_ECORRUPT;
        buffer_append(&rows, key.data, key.size);
        buffer_append(&rows, value.data, value.size);
        scan_delete(scan);
    }
    scan_close(&scan);
    if (!error)
        error = buffer_error(&rows) ? buffer_error(&rows) : store_error(txn);
    for (size_t at = 0; !error && at < rows.size; at += row_bytes) {
        struct first_token token;
        memcpy(&token, rows.data + at + SECRET_HASH_BYTES, sizeof(token));
        token.id[sizeof(token.id) - 1] = token.name[sizeof(token.name) - 1] = '\0';
        token.role[sizeof(token.role) - 1] = '\0';
        each(self, rows.data + at, &token);
    }
    return error ? error : store_error(txn);
}
