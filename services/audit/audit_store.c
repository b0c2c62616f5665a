/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_store.h"

#include "common/buffer.h"
#include "services/audit/audit_segment.h"

#include <string.h>

#define SEALED_RECORDS ((uint64_t)SEGMENT_BUNDLES * MERKLE_TILE_HASHES)

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
    [TABLE_SEALED] = "sealed",
    [TABLE_SETS] = "sets",
    [TABLE_ALERTS] = "alerts",
    [TABLE_SETTINGS] = "settings",
    [TABLE_HOLDS] = "holds",
    [TABLE_PRUNINGS] = "prunings",
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

int audit_store_pack(struct store_txn *txn, const ProtobufCMessage *message, struct buffer *row)
{
    uint8_t *room = buffer_reserve(row, protobuf_c_message_get_packed_size(message));
    if (!room)
        return store_fail(txn, buffer_error(row));
    row->size = protobuf_c_message_pack(message, room);
    return 0;
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

bool audit_store_sealed_as(
    struct store_txn *txn, uint64_t number, struct merkle_hash *ret_root, uint64_t *ret_generation)
{
    struct store_key key;
    struct bytes row;
    number_key(&key, number);
    if (!store_get(txn, TABLE_SEALED, &key, &row) ||
        (row.size != MERKLE_HASH_BYTES && row.size != MERKLE_HASH_BYTES + 8))
        return false;
    memcpy(ret_root, row.data, MERKLE_HASH_BYTES);
    *ret_generation = row.size > MERKLE_HASH_BYTES ? get_be64(row.data + MERKLE_HASH_BYTES) : 0;
    return true;
}

/* The file of a segment that is sealed; NULL: it is not, or its file is missing or not the one that was written. */
static const struct segment *sealed(struct store_txn *txn, uint64_t number)
{
    struct merkle_hash root;
    uint64_t generation;
    const struct segment *segment;
    if (!audit_store_sealed_as(txn, number, &root, &generation))
        return NULL;
    return segment_find(store_path(txn), number, generation, &root, &segment) ? NULL : segment;
}

bool audit_store_record(struct store_txn *txn, uint64_t index, struct bytes *ret_record)
{
    struct store_key key;
    number_key(&key, index);
    if (store_get(txn, TABLE_RECORDS, &key, ret_record))
        return true;
    const struct segment *segment = sealed(txn, index / SEALED_RECORDS);
    return segment && segment_record(segment, (unsigned)(index % SEALED_RECORDS), ret_record);
}

const struct place_set *audit_store_kept(struct store_txn *txn, uint64_t number)
{
    const struct segment *segment = sealed(txn, number);
    return segment ? segment_kept(segment) : NULL;
}

bool audit_store_is_pruned(struct store_txn *txn, uint64_t index)
{
    const struct place_set *kept = audit_store_kept(txn, index / SEALED_RECORDS);
    return kept && !place_set_has(kept, (unsigned)(index % SEALED_RECORDS));
}

bool audit_store_is_sound(struct store_txn *txn, uint64_t number)
{
    const struct segment *segment = sealed(txn, number);
    return number >= audit_store_sealed(txn) || (segment && segment_is_sound(segment));
}

bool audit_store_rest(struct store_txn *txn, uint64_t number, unsigned width, struct bytes *ret_records)
{
    const struct segment *segment = sealed(txn, number / SEGMENT_BUNDLES);
    const struct place_set *kept = segment ? segment_kept(segment) : NULL;
    unsigned first = (unsigned)(number % SEGMENT_BUNDLES) * MERKLE_TILE_HASHES;
    for (unsigned i = 0; i < width; i++) {
        if (kept && !place_set_has(kept, first + i))
            ret_records[i] = (struct bytes){0};
        else if (segment ? !segment_record(segment, first + i, &ret_records[i])
                         : !audit_store_record(txn, number * MERKLE_TILE_HASHES + i, &ret_records[i]))
            return false;
    }
    return true;
}

bool audit_store_bundle(struct store_txn *txn, uint64_t number, unsigned width, struct bytes *ret_records)
{
    bool all = audit_store_rest(txn, number, width, ret_records);
    for (unsigned i = 0; i < width && all; i++)
        all = ret_records[i].data != NULL;
    return all;
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
    if (store_get(self, TABLE_TILES, &key, &value))
        return value.size < width * sizeof(struct merkle_hash) ? NULL
                                                               : (const struct merkle_hash *)value.data;
    const struct segment *segment =
        level > 1 ? NULL : sealed(self, level == 0 ? number / SEGMENT_BUNDLES : number);
    if (!segment)
        return NULL;
    return level == 1 ? segment_tiles(segment)
                      : segment_leaves(segment, (unsigned)(number % SEGMENT_BUNDLES));
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
    if (store_get(txn, TABLE_SEGMENTS, &key, ret_index))
        return true;
    const struct segment *segment = sealed(txn, number);
    if (segment)
        *ret_index = segment_index(segment);
    return segment != NULL;
}

uint64_t audit_store_segments(struct store_txn *txn)
{
    uint64_t rows = numbers_end(txn, TABLE_SEGMENTS), files = audit_store_sealed(txn);
    return rows > files ? rows : files;
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

/* The tables of what is new are made; segments are sealed from then on. */
static int add_tables(struct store_txn *txn)
{
    return store_error(txn);
}

const struct store_migration audit_migrations[] = {{.from = 1, .migrate = drop_hashes},
    {.from = 2, .migrate = add_tables}, {.from = 3, .migrate = add_tables}};

/* -- sealing -- */

uint64_t audit_store_sealed(struct store_txn *txn)
{
    return numbers_end(txn, TABLE_SEALED);
}

void audit_store_seal(struct store_txn *txn, uint64_t number, const struct merkle_hash *root)
{
    struct store_key key;
    number_key(&key, number);
    store_append(txn, TABLE_SEALED, &key, root, sizeof(*root));
}

void audit_store_take_over(struct store_txn *txn, uint64_t number, uint64_t generation)
{
    uint8_t row[MERKLE_HASH_BYTES + 8];
    struct store_key key;
    struct merkle_hash root;
    uint64_t former;
    if (!audit_store_sealed_as(txn, number, &root, &former)) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    memcpy(row, &root, sizeof(root));
    put_be64(row + sizeof(root), generation);
    number_key(&key, number);
    store_put(txn, TABLE_SEALED, &key, row, sizeof(row));
}

/* Whether the first key of a table is below `end`. */
static bool begins_below(struct store_txn *txn, unsigned table, uint64_t end)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key all;
    struct bytes key, value;
    key_reset(&all);
    return scan_open(txn, table, &all, NULL, &scan) == 0 && scan_next(scan, &key, &value) && key.size == 8 &&
           get_be64(key.data) < end;
}

bool audit_store_unswept(struct store_txn *txn)
{
    uint64_t segments = audit_store_sealed(txn);
    return begins_below(txn, TABLE_RECORDS, segments * SEALED_RECORDS) ||
           begins_below(txn, TABLE_SEGMENTS, segments);
}

/* Deletes rows of a table from its first one on, below `end`; keys are numbers behind `prefix`. */
static size_t sweep(
    struct store_txn *txn, unsigned table, const struct store_key *prefix, uint64_t end, size_t most)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    size_t count = 0;
    if (scan_open(txn, table, prefix, NULL, &scan))
        return 0;
    while (count < most && scan_next(scan, &key, &value) && key.size == prefix->size + 8u &&
           get_be64(key.data + prefix->size) < end) {
        scan_delete(scan);
        count++;
    }
    return count;
}

size_t audit_store_sweep(struct store_txn *txn, size_t most)
{
    uint64_t segments = audit_store_sealed(txn);
    struct store_key all, level[2];
    key_reset(&all);
    for (uint8_t i = 0; i < COUNT_OF(level); i++) {
        key_reset(&level[i]);
        key_u8(&level[i], i);
    }
    size_t count = sweep(txn, TABLE_RECORDS, &all, segments * SEALED_RECORDS, most);
    count += sweep(txn, TABLE_TILES, &level[0], segments * SEGMENT_BUNDLES, most - count);
    count += sweep(txn, TABLE_TILES, &level[1], segments, most - count);
    return count + sweep(txn, TABLE_SEGMENTS, &all, segments, most - count);
}

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

static struct store_scan *scan_tokens(struct store_txn *txn)
{
    struct store_scan *scan = NULL;
    struct store_key all;
    key_reset(&all);
    return scan_open(txn, TABLE_TOKENS, &all, NULL, &scan) ? NULL : scan;
}

void audit_store_each_token(
    struct store_txn *txn, bool (*visit)(void *context, struct bytes token), void *context)
{
    _cleanup_(scan_close) struct store_scan *scan = scan_tokens(txn);
    struct bytes key, value;
    while (scan && scan_next(scan, &key, &value) && visit(context, value))
        ;
}

void audit_store_drop_tokens(
    struct store_txn *txn, bool (*drop)(void *context, struct bytes token), void *context)
{
    _cleanup_(scan_close) struct store_scan *scan = scan_tokens(txn);
    struct bytes key, value;
    while (scan && scan_next(scan, &key, &value))
        if (drop(context, value))
            scan_delete(scan);
}
