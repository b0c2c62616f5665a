/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_store.h"

#include "common/buffer.h"

#include <string.h>

const char *const audit_tables[AUDIT_TABLE_COUNT] = {
    [TABLE_RECORDS] = "records",
    [TABLE_TILES] = "tiles",
    [TABLE_SEGMENTS] = "segments",
    [TABLE_NODES] = "nodes",
    [TABLE_PERSONS] = "persons",
    [TABLE_TOKENS] = "tokens",
    [TABLE_OWED] = "tokens_owed",
    [TABLE_SIGNERS] = "signers",
    [TABLE_NOTES] = "notes",
    [TABLE_WITNESSES] = "witnesses",
    [TABLE_SETS] = "sets",
};

/* -- records -- */

static void number_key(struct store_key *key, uint64_t number)
{
    key_reset(key);
    key_u64(key, number);
}

/* One more than the highest number in a table that has them as keys. */
static uint64_t numbers_end(struct store_txn *txn, unsigned table)
{
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open_reverse(txn, table, &all, NULL, &scan) || !scan_next(scan, &key, &value))
        return 0;
    if (key.size != 8) {
        store_fail(txn, -QY_ECORRUPT);
        return 0;
    }
    return get_be64(key.data) + 1;
}

uint64_t audit_store_size(struct store_txn *txn)
{
    return numbers_end(txn, TABLE_RECORDS);
}

void audit_store_append(struct store_txn *txn, uint64_t index, struct bytes record)
{
    struct store_key key;
    number_key(&key, index);
    store_append(txn, TABLE_RECORDS, &key, record.data, record.size);
}

bool audit_store_record(struct store_txn *txn, uint64_t index, struct bytes *ret_record)
{
    struct store_key key;
    number_key(&key, index);
    return store_get(txn, TABLE_RECORDS, &key, ret_record);
}

/* -- tiles -- */

static void tile_key(struct store_key *key, unsigned level, uint64_t number)
{
    key_reset(key);
    key_u8(key, (uint8_t)level);
    key_u64(key, number);
}

static const struct merkle_hash *read_tile(void *self, unsigned level, uint64_t number, unsigned width)
{
    struct store_key key;
    struct bytes value;
    tile_key(&key, level, number);
    if (!store_get(self, TABLE_TILES, &key, &value) || value.size < width * sizeof(struct merkle_hash))
        return NULL;
    return (const struct merkle_hash *)value.data;
}

static void write_tile(
    void *self, unsigned level, uint64_t number, const struct merkle_hash *hashes, unsigned width)
{
    struct store_key key;
    tile_key(&key, level, number);
    store_put(self, TABLE_TILES, &key, hashes, width * sizeof(*hashes));
}

struct merkle_tiles audit_store_tiles(struct store_txn *txn)
{
    return (struct merkle_tiles){.self = txn, .read = read_tile, .write = write_tile};
}

/* -- index -- */

void audit_store_put_segment(struct store_txn *txn, uint64_t number, struct bytes index)
{
    struct store_key key;
    number_key(&key, number);
    store_append(txn, TABLE_SEGMENTS, &key, index.data, index.size);
}

bool audit_store_segment(struct store_txn *txn, uint64_t number, struct bytes *ret_index)
{
    struct store_key key;
    number_key(&key, number);
    return store_get(txn, TABLE_SEGMENTS, &key, ret_index);
}

uint64_t audit_store_segments(struct store_txn *txn)
{
    return numbers_end(txn, TABLE_SEGMENTS);
}

/* Hashes of terms were there; the start makes the indexes from the records. */
static int drop_hashes(struct store_txn *txn)
{
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    int error = scan_open(txn, TABLE_SEGMENTS, &all, NULL, &scan);
    while (!error && scan_next(scan, &key, &value))
        scan_delete(scan);
    return error;
}

const struct store_migration audit_migrations[] = {{.from = 1, .migrate = drop_hashes}};

/* -- exact sets -- */

static void set_key(struct store_key *key, const uint8_t hash[SET_HASH_BYTES])
{
    key_reset(key);
    key_raw(key, hash, SET_HASH_BYTES);
}

bool audit_store_set(struct store_txn *txn, const uint8_t hash[SET_HASH_BYTES], struct bytes *ret_set)
{
    struct store_key key;
    set_key(&key, hash);
    return store_get(txn, TABLE_SETS, &key, ret_set);
}

void audit_store_put_set(struct store_txn *txn, const uint8_t hash[SET_HASH_BYTES], struct bytes set)
{
    struct store_key key;
    set_key(&key, hash);
    store_put(txn, TABLE_SETS, &key, set.data, set.size);
}

void audit_store_each_set(struct store_txn *txn,
    bool (*visit)(void *context, const uint8_t hash[SET_HASH_BYTES], struct bytes set), void *context)
{
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, set;
    if (scan_open(txn, TABLE_SETS, &all, NULL, &scan))
        return;
    while (scan_next(scan, &key, &set)) {
        if (key.size != SET_HASH_BYTES) {
            store_fail(txn, -QY_ECORRUPT);
            return;
        }
        if (!visit(context, key.data, set))
            return;
    }
}

/* -- persons -- */

static void node_key(struct store_key *key, uint32_t node)
{
    key_reset(key);
    key_u32(key, node);
}

static void person_key(struct store_key *key, uint32_t person, uint32_t node)
{
    key_reset(key);
    key_u32(key, person);
    key_u32(key, node);
}

uint32_t audit_store_person(struct store_txn *txn, uint32_t number)
{
    struct store_key key;
    struct bytes value;
    node_key(&key, number);
    return store_get(txn, TABLE_NODES, &key, &value) && value.size == 4 ? get_be32(value.data) : number;
}

void audit_store_move(struct store_txn *txn, uint32_t node, uint32_t person)
{
    struct store_key key;
    person_key(&key, audit_store_person(txn, node), node);
    store_delete(txn, TABLE_PERSONS, &key);
    person_key(&key, person, node);
    store_put(txn, TABLE_PERSONS, &key, NULL, 0);
    uint8_t value[4];
    put_be32(value, person);
    node_key(&key, node);
    store_put(txn, TABLE_NODES, &key, value, sizeof(value));
}

size_t audit_store_numbers(struct store_txn *txn, uint32_t person, uint32_t *numbers, size_t most)
{
    if (most == 0)
        return 0;
    size_t count = 0;
    numbers[count++] = person;
    struct store_key prefix;
    node_key(&prefix, person);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, TABLE_PERSONS, &prefix, NULL, &scan))
        return count;
    while (count < most && scan_next(scan, &key, &value)) {
        uint32_t node = key.size == 8 ? get_be32(key.data + 4) : person;
        if (node != person)
            numbers[count++] = node;
    }
    return count;
}

/* -- tokens -- */

static void token_key(struct store_key *key, const uint8_t hash[TOKEN_HASH_BYTES])
{
    key_reset(key);
    key_raw(key, hash, TOKEN_HASH_BYTES);
}

void audit_store_put_token(struct store_txn *txn, const uint8_t hash[TOKEN_HASH_BYTES], struct bytes token)
{
    struct store_key key;
    token_key(&key, hash);
    store_put(txn, TABLE_TOKENS, &key, token.data, token.size);
}

bool audit_store_token(struct store_txn *txn, const uint8_t hash[TOKEN_HASH_BYTES], struct bytes *ret_token)
{
    struct store_key key;
    token_key(&key, hash);
    return store_get(txn, TABLE_TOKENS, &key, ret_token);
}

bool audit_store_owed(struct store_txn *txn, uint8_t ret_hash[TOKEN_HASH_BYTES])
{
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, TABLE_OWED, &all, NULL, &scan) || !scan_next(scan, &key, &value) ||
        key.size != TOKEN_HASH_BYTES)
        return false;
    memcpy(ret_hash, key.data, TOKEN_HASH_BYTES);
    return true;
}

void audit_store_owe(struct store_txn *txn, const uint8_t hash[TOKEN_HASH_BYTES])
{
    struct store_key key;
    token_key(&key, hash);
    store_put(txn, TABLE_OWED, &key, NULL, 0);
}

void audit_store_settle(struct store_txn *txn, const uint8_t hash[TOKEN_HASH_BYTES])
{
    struct store_key key;
    token_key(&key, hash);
    store_delete(txn, TABLE_OWED, &key);
}

static struct store_scan *scan_table(struct store_txn *txn, enum audit_table table)
{
    struct store_scan *scan = NULL;
    struct store_key all;
    key_reset(&all);
    return scan_open(txn, table, &all, NULL, &scan) ? NULL : scan;
}

void audit_store_each_token(
    struct store_txn *txn, bool (*visit)(void *context, struct bytes token), void *context)
{
    _cleanup_(scan_close) struct store_scan *scan = scan_table(txn, TABLE_TOKENS);
    struct bytes key, value;
    while (scan && scan_next(scan, &key, &value) && visit(context, value))
        ;
}

void audit_store_drop_tokens(
    struct store_txn *txn, bool (*drop)(void *context, struct bytes token), void *context)
{
    _cleanup_(scan_close) struct store_scan *scan = scan_table(txn, TABLE_TOKENS);
    struct bytes key, value;
    while (scan && scan_next(scan, &key, &value))
        if (drop(context, value))
            scan_delete(scan);
}

/* -- proofs -- */

static void ordinal_key(struct store_key *key, uint32_t ordinal)
{
    key_reset(key);
    key_u32(key, ordinal);
}

uint32_t audit_store_signers(struct store_txn *txn)
{
    return (uint32_t)store_count(txn, TABLE_SIGNERS);
}

bool audit_store_signer(struct store_txn *txn, uint32_t generation, struct bytes *ret_signer)
{
    struct store_key key;
    ordinal_key(&key, generation);
    return store_get(txn, TABLE_SIGNERS, &key, ret_signer);
}

void audit_store_put_signer(struct store_txn *txn, uint32_t generation, struct bytes signer)
{
    struct store_key key;
    ordinal_key(&key, generation);
    store_put(txn, TABLE_SIGNERS, &key, signer.data, signer.size);
}

bool audit_store_note(struct store_txn *txn, enum audit_note which, struct bytes *ret_note)
{
    struct store_key key;
    ordinal_key(&key, which);
    return store_get(txn, TABLE_NOTES, &key, ret_note);
}

void audit_store_drop_note(struct store_txn *txn, enum audit_note which)
{
    struct store_key key;
    ordinal_key(&key, which);
    store_delete(txn, TABLE_NOTES, &key);
}

void audit_store_put_note(struct store_txn *txn, enum audit_note which, struct bytes note)
{
    struct store_key key;
    ordinal_key(&key, which);
    store_put(txn, TABLE_NOTES, &key, note.data, note.size);
}

static void witness_key(struct store_key *key, const uint8_t id[WITNESS_ID_BYTES])
{
    key_reset(key);
    key_raw(key, id, WITNESS_ID_BYTES);
}

bool audit_store_witness(struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES], struct bytes *ret_witness)
{
    struct store_key key;
    witness_key(&key, id);
    return store_get(txn, TABLE_WITNESSES, &key, ret_witness);
}

void audit_store_put_witness(struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES], struct bytes witness)
{
    struct store_key key;
    witness_key(&key, id);
    store_put(txn, TABLE_WITNESSES, &key, witness.data, witness.size);
}

bool audit_store_drop_witness(struct store_txn *txn, const uint8_t id[WITNESS_ID_BYTES])
{
    struct store_key key;
    witness_key(&key, id);
    return store_delete(txn, TABLE_WITNESSES, &key);
}

void audit_store_each_witness(
    struct store_txn *txn, bool (*visit)(void *context, struct bytes witness), void *context)
{
    _cleanup_(scan_close) struct store_scan *scan = scan_table(txn, TABLE_WITNESSES);
    struct bytes key, value;
    while (scan && scan_next(scan, &key, &value) && visit(context, value))
        ;
}
