/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identity_store.h"

#include "common/buffer.h"

#include <assert.h>
#include <string.h>

const char *const identity_tables[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_INDEX] = "index",
    [TABLE_NODES] = "nodes",
    [TABLE_MEMBERS] = "members",
    [TABLE_LINKS] = "links",
    [TABLE_TRAITS] = "traits",
    [TABLE_EVIDENCE] = "evidence",
    [TABLE_FILTERS] = "filters",
    [TABLE_CONFLICTS] = "conflicts",
    [TABLE_HISTORY] = "history",
    [TABLE_DECISIONS] = "decisions",
    [TABLE_BUSY] = "busy",
    [TABLE_DIGESTS] = "digests",
    [TABLE_DECIDED] = "decided",
    [TABLE_DUPLICATES] = "duplicates",
    [TABLE_DISMISSED] = "dismissed",
    [TABLE_NAMES] = "names",
    [TABLE_SPANS] = "spans",
};

#define PLACE_BYTES (4 + 2 + 1 + VAULT_HASH_BYTES)
#define NODE_HEAD_BYTES (8 + 8 + VAULT_WRAPPED_BYTES + 1)
#define SEALED_BYTES_MAX (IDENTIFIER_VALUE_MAX + 64)
#define NODE_BYTES_MAX (NODE_HEAD_BYTES + KIND_NAME_BYTES + SEALED_BYTES_MAX)
#define COUNTERS_BYTES 80

static struct store_key key_of(uint32_t number)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, number);
    return key;
}

static void make_pair_key(struct store_key *key, uint32_t first, uint32_t second)
{
    key_reset(key);
    key_u32(key, first);
    key_u32(key, second);
}

/* -- counters -- */

static void make_meta_key(struct store_key *key, const char *name)
{
    key_reset(key);
    key_text(key, name);
}

void identity_store_counters(struct store_txn *txn, struct identity_counters *ret_counters)
{
    struct store_key key;
    struct bytes value;
    make_meta_key(&key, "counters");
    *ret_counters = (struct identity_counters){0};
    if (!store_get(txn, TABLE_META, &key, &value))
        return;
    if (value.size != COUNTERS_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    *ret_counters = (struct identity_counters){
        .nodes = get_be64(value.data),
        .persons = get_be64(value.data + 8),
        .joins = get_be64(value.data + 16),
        .events = get_be64(value.data + 24),
        .unattributed = get_be64(value.data + 32),
        .splits = get_be64(value.data + 40),
        .conflicts = get_be64(value.data + 48),
        .moves = get_be64(value.data + 56),
        .decisions = get_be64(value.data + 64),
        .latest = get_be64(value.data + 72),
    };
}

void identity_store_put_counters(struct store_txn *txn, const struct identity_counters *counters)
{
    struct store_key key;
    uint8_t value[COUNTERS_BYTES];
    make_meta_key(&key, "counters");
    put_be64(value, counters->nodes);
    put_be64(value + 8, counters->persons);
    put_be64(value + 16, counters->joins);
    put_be64(value + 24, counters->events);
    put_be64(value + 32, counters->unattributed);
    put_be64(value + 40, counters->splits);
    put_be64(value + 48, counters->conflicts);
    put_be64(value + 56, counters->moves);
    put_be64(value + 64, counters->decisions);
    put_be64(value + 72, counters->latest);
    store_put(txn, TABLE_META, &key, value, sizeof(value));
}

/* -- kinds -- */

void identity_store_kinds(struct store_txn *txn, struct buffer *names)
{
    struct bytes value;
    if (identity_store_meta(txn, "kinds", &value))
        buffer_append(names, value.data, value.size);
}

void identity_store_put_kinds(struct store_txn *txn, const struct buffer *names)
{
    identity_store_put_meta(txn, "kinds", names->data, names->size);
}

bool identity_store_meta(struct store_txn *txn, const char *name, struct bytes *ret_value)
{
    struct store_key key;
    make_meta_key(&key, name);
    return store_get(txn, TABLE_META, &key, ret_value);
}

void identity_store_put_meta(struct store_txn *txn, const char *name, const void *value, size_t size)
{
    struct store_key key;
    make_meta_key(&key, name);
    store_put(txn, TABLE_META, &key, value, size);
}

/* -- nodes -- */

static bool read_place(struct store_txn *txn, struct bytes value, struct node_place *ret_place)
{
    if (value.size != PLACE_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    ret_place->person = get_be32(value.data);
    ret_place->flags = (uint16_t)(value.data[4] << 8 | value.data[5]);
    ret_place->kind = value.data[6];
    memcpy(ret_place->hash, value.data + 7, VAULT_HASH_BYTES);
    return true;
}

bool identity_store_place(struct store_txn *txn, uint32_t node, struct node_place *ret_place)
{
    struct store_key key = key_of(node);
    struct bytes value;
    return store_get(txn, TABLE_INDEX, &key, &value) && read_place(txn, value, ret_place);
}

static void write_place(const struct node_place *place, uint8_t value[PLACE_BYTES])
{
    put_be32(value, place->person);
    value[4] = (uint8_t)(place->flags >> 8);
    value[5] = (uint8_t)place->flags;
    value[6] = place->kind;
    memcpy(value + 7, place->hash, VAULT_HASH_BYTES);
}

void identity_store_put_place(struct store_txn *txn, uint32_t node, const struct node_place *place)
{
    struct store_key key = key_of(node);
    uint8_t value[PLACE_BYTES];
    write_place(place, value);
    store_put(txn, TABLE_INDEX, &key, value, sizeof(value));
}

/* first evidence, its time, wrapped key, length of the kind, kind, sealed value */
bool identity_store_node(struct store_txn *txn, uint32_t node, struct node_row *ret_row)
{
    struct store_key key = key_of(node);
    struct bytes value;
    if (!store_get(txn, TABLE_NODES, &key, &value))
        return false;
    size_t kind_size = value.size >= NODE_HEAD_BYTES ? value.data[NODE_HEAD_BYTES - 1] : 0;
    size_t head = NODE_HEAD_BYTES + kind_size;
    if (kind_size == 0 || kind_size >= KIND_NAME_BYTES || value.size < head) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    ret_row->evidence = get_be64(value.data);
    ret_row->event_ms = (int64_t)get_be64(value.data + 8);
    memcpy(ret_row->wrapped, value.data + 16, VAULT_WRAPPED_BYTES);
    memcpy(ret_row->kind, value.data + NODE_HEAD_BYTES, kind_size);
    ret_row->kind[kind_size] = '\0';
    ret_row->sealed = (struct bytes){value.data + head, value.size - head};
    return true;
}

void identity_store_set_first(struct store_txn *txn, uint32_t node, uint64_t evidence, int64_t event_ms)
{
    struct store_key key = key_of(node);
    struct bytes value;
    uint8_t copy[NODE_BYTES_MAX];
    if (!store_get(txn, TABLE_NODES, &key, &value) || value.size > sizeof(copy) || value.size < 16) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    memcpy(copy, value.data, value.size);
    put_be64(copy, evidence);
    put_be64(copy + 8, (uint64_t)event_ms);
    store_put(txn, TABLE_NODES, &key, copy, value.size);
}

static void put_member(struct store_txn *txn, uint32_t person, uint32_t node)
{
    struct store_key key;
    make_pair_key(&key, person, node);
    store_put(txn, TABLE_MEMBERS, &key, "", 0);
}

void identity_store_add_node(
    struct store_txn *txn, uint32_t node, const struct node_place *place, const struct node_row *row)
{
    size_t kind_size = strlen(row->kind);
    assert(kind_size > 0 && kind_size < KIND_NAME_BYTES && row->sealed.size <= SEALED_BYTES_MAX);
    struct store_key key = key_of(node);
    uint8_t value[NODE_BYTES_MAX];
    write_place(place, value);
    store_append(txn, TABLE_INDEX, &key, value, PLACE_BYTES);
    put_be64(value, row->evidence);
    put_be64(value + 8, (uint64_t)row->event_ms);
    memcpy(value + 16, row->wrapped, VAULT_WRAPPED_BYTES);
    value[NODE_HEAD_BYTES - 1] = (uint8_t)kind_size;
    memcpy(value + NODE_HEAD_BYTES, row->kind, kind_size);
    memcpy(value + NODE_HEAD_BYTES + kind_size, row->sealed.data, row->sealed.size);
    store_append(txn, TABLE_NODES, &key, value, NODE_HEAD_BYTES + kind_size + row->sealed.size);
    put_member(txn, place->person, node);
}

static void move_row(struct store_txn *txn, unsigned table, uint32_t node, uint32_t from, uint32_t to)
{
    struct store_key old, fresh;
    struct bytes value;
    make_pair_key(&old, from, node);
    make_pair_key(&fresh, to, node);
    if (!store_get(txn, table, &old, &value))
        return;
    _cleanup_(buffer_free) struct buffer copy = BUFFER_INIT; /* a put ends what was borrowed */
    buffer_append(&copy, value.data, value.size);
    if (buffer_error(&copy)) {
        store_fail(txn, buffer_error(&copy));
        return;
    }
    store_delete(txn, table, &old);
    store_put(txn, table, &fresh, copy.size ? copy.data : (const uint8_t *)"", copy.size);
}

void identity_store_move_node(
    struct store_txn *txn, uint32_t node, uint32_t from, uint32_t to, uint8_t ret_hash[VAULT_HASH_BYTES])
{
    struct node_place place = {0};
    if (!identity_store_place(txn, node, &place))
        store_fail(txn, -QY_ECORRUPT); /* a member without a row */
    memcpy(ret_hash, place.hash, VAULT_HASH_BYTES);
    place.person = to;
    place.flags |= node == to ? NODE_FOUNDER : 0;
    identity_store_put_place(txn, node, &place);
    move_row(txn, TABLE_MEMBERS, node, from, to);
    move_row(txn, TABLE_TRAITS, node, from, to);
}

static const struct store_key no_prefix;

int identity_store_scan_places(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan)
{
    struct store_key from = key_of(node);
    return scan_open(txn, TABLE_INDEX, &no_prefix, &from, ret_scan);
}

bool identity_store_next_place(
    struct store_txn *txn, struct store_scan *scan, uint32_t *ret_node, struct node_place *ret_place)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value) || !read_place(txn, value, ret_place))
        return false;
    *ret_node = get_be32(key.data);
    return true;
}

/* -- busy nodes -- */

void identity_store_set_busy(struct store_txn *txn, uint32_t node, bool busy)
{
    struct store_key key = key_of(node);
    if (busy)
        store_put(txn, TABLE_BUSY, &key, "", 0);
    else
        store_delete(txn, TABLE_BUSY, &key);
}

int identity_store_scan_busy(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan)
{
    struct store_key from = key_of(node);
    return scan_open(txn, TABLE_BUSY, &no_prefix, &from, ret_scan);
}

bool identity_store_next_busy(struct store_scan *scan, uint32_t *ret_node)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    *ret_node = get_be32(key.data);
    return true;
}

/* -- members -- */

int identity_store_scan_members(struct store_txn *txn, uint32_t person, struct store_scan **ret_scan)
{
    struct store_key prefix = key_of(person);
    return scan_open(txn, TABLE_MEMBERS, &prefix, NULL, ret_scan);
}

bool identity_store_next_member(struct store_scan *scan, uint32_t *ret_node)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    *ret_node = get_be32(key.data + 4);
    return true;
}

/* -- traits -- */

static bool read_traits(struct store_txn *txn, struct bytes value, struct sealed_traits *ret_traits)
{
    if (value.size < VAULT_WRAPPED_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    ret_traits->wrapped = value.data;
    ret_traits->sealed = (struct bytes){value.data + VAULT_WRAPPED_BYTES, value.size - VAULT_WRAPPED_BYTES};
    return true;
}

bool identity_store_traits(
    struct store_txn *txn, uint32_t person, uint32_t node, struct sealed_traits *ret_traits)
{
    struct store_key key;
    struct bytes value;
    make_pair_key(&key, person, node);
    return store_get(txn, TABLE_TRAITS, &key, &value) && read_traits(txn, value, ret_traits);
}

void identity_store_put_traits(struct store_txn *txn, uint32_t person, uint32_t node,
    const uint8_t wrapped[VAULT_WRAPPED_BYTES], struct bytes sealed)
{
    struct store_key key;
    make_pair_key(&key, person, node);
    uint8_t *room = store_put_room(txn, TABLE_TRAITS, &key, VAULT_WRAPPED_BYTES + sealed.size);
    if (!room)
        return;
    memcpy(room, wrapped, VAULT_WRAPPED_BYTES);
    memcpy(room + VAULT_WRAPPED_BYTES, sealed.data, sealed.size);
}

int identity_store_scan_traits(struct store_txn *txn, uint32_t person, struct store_scan **ret_scan)
{
    struct store_key prefix = key_of(person);
    return scan_open(txn, TABLE_TRAITS, &prefix, NULL, ret_scan);
}

bool identity_store_next_traits(
    struct store_txn *txn, struct store_scan *scan, uint32_t *ret_node, struct sealed_traits *ret_traits)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value) || !read_traits(txn, value, ret_traits))
        return false;
    *ret_node = get_be32(key.data + 4);
    return true;
}
