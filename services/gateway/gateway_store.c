/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/gateway_store.h"

#include "common/buffer.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_POSITIONS 4096u

const char *const gateway_tables[GATEWAY_TABLE_COUNT] = {
    [TABLE_WRITE_KEYS] = "write_keys",
    [TABLE_TOKENS] = "tokens",
    [TABLE_SEEN] = "seen",
    [TABLE_IMPORTS] = "imports",
    [TABLE_IMPORT_MARKS] = "import_marks",
    [TABLE_LETTERS] = "dead_letters",
    [TABLE_LETTER_CONTENTS] = "dead_letter_contents",
    [TABLE_LETTER_MARKS] = "dead_letter_marks",
    [TABLE_LETTER_NOTES] = "dead_letter_notes",
    [TABLE_STAFF] = "staff",
    [TABLE_STAFF_SECRETS] = "staff_secrets",
    [TABLE_STAFF_INDEX] = "staff_index",
    [TABLE_ROLES] = "roles",
    [TABLE_SIGN_IN_FAILURES] = "sign_in_failures",
    [TABLE_UNITS] = "units",
};

void secret_make(const char *prefix, char ret_text[SECRET_TEXT_BYTES])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t random[32];
    char text[33];
    randombytes_buf(random, sizeof(random));
    for (size_t i = 0; i < 32; i++)
        text[i] = alphabet[random[i] & 31];
    text[32] = 0;
    snprintf(ret_text, SECRET_TEXT_BYTES, "%.14s_%s", prefix, text);
    sodium_memzero(text, sizeof(text));
}

void secret_hash(const char *text, size_t size, uint8_t ret_hash[SECRET_HASH_BYTES])
{
    crypto_generichash(ret_hash, SECRET_HASH_BYTES, (const uint8_t *)text, size, NULL, 0);
}

/* The block in which the position is a bit. */
static void load_block(struct store_txn *txn, const uint8_t import_id[16], uint32_t position,
    struct store_key *ret_key, uint8_t ret_bits[BLOCK_POSITIONS / 8])
{
    struct bytes value;
    memset(ret_bits, 0, BLOCK_POSITIONS / 8);
    key_reset(ret_key);
    key_raw(ret_key, import_id, 16);
    key_u32(ret_key, position / BLOCK_POSITIONS);
    if (store_get(txn, TABLE_IMPORTS, ret_key, &value) && value.size == BLOCK_POSITIONS / 8)
        memcpy(ret_bits, value.data, BLOCK_POSITIONS / 8);
}

static bool has_bit(const uint8_t *bits, uint32_t at)
{
    return bits[at / 8] >> (at % 8) & 1;
}

bool import_has_position(struct store_txn *txn, const uint8_t import_id[16], uint32_t position)
{
    struct store_key key;
    uint8_t bits[BLOCK_POSITIONS / 8];
    load_block(txn, import_id, position, &key, bits);
    return has_bit(bits, position % BLOCK_POSITIONS);
}

bool import_take(struct store_txn *txn, const uint8_t import_id[16], uint32_t position)
{
    struct store_key key;
    uint8_t bits[BLOCK_POSITIONS / 8];
    load_block(txn, import_id, position, &key, bits);
    uint32_t at = position % BLOCK_POSITIONS;
    if (has_bit(bits, at))
        return false;
    bits[at / 8] = (uint8_t)(bits[at / 8] | 1u << (at % 8));
    store_put(txn, TABLE_IMPORTS, &key, bits, sizeof(bits));
    return true;
}

bool import_has_taken(struct store_txn *txn, const uint8_t import_id[16])
{
    struct store_key prefix;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&prefix);
    key_raw(&prefix, import_id, 16);
    return scan_open(txn, TABLE_IMPORTS, &prefix, NULL, &scan) == 0 && scan_next(scan, &key, &value);
}

static void mark_key(struct store_key *key, enum import_mark mark, const char *text)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_hash(text, strlen(text), hash);
    key_reset(key);
    key_u8(key, (uint8_t)mark);
    key_raw(key, hash, sizeof(hash));
}

void import_mark_put(
    struct store_txn *txn, enum import_mark mark, const char *text, const struct import_row *row)
{
    struct store_key key;
    uint8_t value[sizeof(row->id) + 8];
    mark_key(&key, mark, text);
    memcpy(value, row->id, sizeof(row->id));
    put_be64(value + sizeof(row->id), (uint64_t)row->begun_ms);
    store_put(txn, TABLE_IMPORT_MARKS, &key, value, sizeof(value));
}

bool import_mark_get(
    struct store_txn *txn, enum import_mark mark, const char *text, struct import_row *ret_row)
{
    struct store_key key;
    struct bytes value;
    mark_key(&key, mark, text);
    if (!store_get(txn, TABLE_IMPORT_MARKS, &key, &value))
        return false;
    if (value.size != sizeof(ret_row->id) + 8) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    memcpy(ret_row->id, value.data, sizeof(ret_row->id));
    ret_row->begun_ms = (int64_t)get_be64(value.data + sizeof(ret_row->id));
    return true;
}
