/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identity_store.h"

#include "common/buffer.h"

#include <assert.h>
#include <string.h>

const char *const identity_tables[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_NODES] = "nodes",
    [TABLE_HASHES] = "hashes",
    [TABLE_MEMBERS] = "members",
    [TABLE_LINKS] = "links",
    [TABLE_TRAITS] = "traits",
};

#define NODE_FOUNDER 1
#define NODE_HEAD_BYTES (4 + 1 + VAULT_HASH_BYTES + VAULT_WRAPPED_BYTES + 1)
#define SEALED_BYTES_MAX (IDENTIFIER_VALUE_MAX + 64)
#define NODE_BYTES_MAX (NODE_HEAD_BYTES + KIND_NAME_BYTES + SEALED_BYTES_MAX)
#define FOUND_BYTES 8
#define LINK_BYTES 16
#define COUNTERS_BYTES 40

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

static void make_counters_key(struct store_key *key)
{
    key_reset(key);
    key_text(key, "counters");
}

void identity_store_counters(struct store_txn *txn, struct identity_counters *ret_counters)
{
    struct store_key key;
    struct bytes value;
    make_counters_key(&key);
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
    };
}

void identity_store_put_counters(struct store_txn *txn, const struct identity_counters *counters)
{
    struct store_key key;
    uint8_t value[COUNTERS_BYTES];
    make_counters_key(&key);
    put_be64(value, counters->nodes);
    put_be64(value + 8, counters->persons);
    put_be64(value + 16, counters->joins);
    put_be64(value + 24, counters->events);
    put_be64(value + 32, counters->unattributed);
    store_put(txn, TABLE_META, &key, value, sizeof(value));
}

/* -- nodes -- */

/* person, flags, hash, wrapped key, length of the kind, kind, sealed value */
static bool read_node(struct store_txn *txn, struct bytes value, struct node_row *ret_row)
{
    size_t kind_size = value.size >= NODE_HEAD_BYTES ? value.data[NODE_HEAD_BYTES - 1] : 0;
    if (kind_size == 0 || kind_size >= KIND_NAME_BYTES || value.size < NODE_HEAD_BYTES + kind_size) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    const uint8_t *at = value.data;
    ret_row->person = get_be32(at);
    ret_row->founder = at[4] & NODE_FOUNDER;
    memcpy(ret_row->hash, at + 5, VAULT_HASH_BYTES);
    memcpy(ret_row->wrapped, at + 5 + VAULT_HASH_BYTES, VAULT_WRAPPED_BYTES);
    memcpy(ret_row->kind, at + NODE_HEAD_BYTES, kind_size);
    ret_row->kind[kind_size] = '\0';
    ret_row->sealed =
        (struct bytes){at + NODE_HEAD_BYTES + kind_size, value.size - NODE_HEAD_BYTES - kind_size};
    return true;
}

bool identity_store_node(struct store_txn *txn, uint32_t node, struct node_row *ret_row)
{
    struct store_key key = key_of(node);
    struct bytes value;
    return store_get(txn, TABLE_NODES, &key, &value) && read_node(txn, value, ret_row);
}

static void put_found(
    struct store_txn *txn, const uint8_t hash[VAULT_HASH_BYTES], uint32_t node, uint32_t person)
{
    struct store_key key;
    uint8_t value[FOUND_BYTES];
    key_reset(&key);
    key_raw(&key, hash, VAULT_HASH_BYTES);
    put_be32(value, node);
    put_be32(value + 4, person);
    store_put(txn, TABLE_HASHES, &key, value, sizeof(value));
}

static void put_member(struct store_txn *txn, uint32_t person, uint32_t node)
{
    struct store_key key;
    make_pair_key(&key, person, node);
    store_put(txn, TABLE_MEMBERS, &key, "", 0);
}

void identity_store_add_node(struct store_txn *txn, uint32_t node, const struct node_row *row)
{
    size_t kind_size = strlen(row->kind);
    assert(kind_size > 0 && kind_size < KIND_NAME_BYTES);
    put_found(txn, row->hash, node, row->person);
    put_member(txn, row->person, node);
    struct store_key key = key_of(node);
    uint8_t value[NODE_BYTES_MAX];
    assert(row->sealed.size <= SEALED_BYTES_MAX);
    put_be32(value, row->person);
    value[4] = row->founder ? NODE_FOUNDER : 0;
    memcpy(value + 5, row->hash, VAULT_HASH_BYTES);
    memcpy(value + 5 + VAULT_HASH_BYTES, row->wrapped, VAULT_WRAPPED_BYTES);
    value[NODE_HEAD_BYTES - 1] = (uint8_t)kind_size;
    memcpy(value + NODE_HEAD_BYTES, row->kind, kind_size);
    memcpy(value + NODE_HEAD_BYTES + kind_size, row->sealed.data, row->sealed.size);
    store_append(txn, TABLE_NODES, &key, value, NODE_HEAD_BYTES + kind_size + row->sealed.size);
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
    struct store_key key = key_of(node);
    struct bytes value;
    struct node_row row;
    uint8_t changed[NODE_BYTES_MAX];
    if (!store_get(txn, TABLE_NODES, &key, &value) || !read_node(txn, value, &row) ||
        value.size > sizeof(changed)) {
        store_fail(txn, -QY_ECORRUPT); /* a member without a row */
        memset(ret_hash, 0, VAULT_HASH_BYTES);
        return;
    }
    size_t size = value.size;
    memcpy(changed, value.data, size);
    put_be32(changed, to);
    store_put(txn, TABLE_NODES, &key, changed, size);
    put_found(txn, row.hash, node, to);
    memcpy(ret_hash, row.hash, VAULT_HASH_BYTES);
    move_row(txn, TABLE_MEMBERS, node, from, to);
    move_row(txn, TABLE_TRAITS, node, from, to);
}

bool identity_store_find(
    struct store_txn *txn, const uint8_t hash[VAULT_HASH_BYTES], uint32_t *ret_node, uint32_t *ret_person)
{
    struct store_key key;
    struct bytes value;
    key_reset(&key);
    key_raw(&key, hash, VAULT_HASH_BYTES);
    if (!store_get(txn, TABLE_HASHES, &key, &value))
        return false;
    if (value.size != FOUND_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    *ret_node = get_be32(value.data);
    *ret_person = get_be32(value.data + 4);
    return true;
}

static const struct store_key no_prefix;

int identity_store_scan_nodes(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan)
{
    struct store_key from = key_of(node);
    return scan_open(txn, TABLE_NODES, &no_prefix, &from, ret_scan);
}

bool identity_store_next_node(
    struct store_txn *txn, struct store_scan *scan, uint32_t *ret_node, struct node_row *ret_row)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value) || !read_node(txn, value, ret_row))
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

/* -- links -- */

static void make_link_key(struct store_key *key, uint32_t node, uint32_t other)
{
    if (node < other)
        make_pair_key(key, node, other);
    else
        make_pair_key(key, other, node);
}

bool identity_store_has_link(struct store_txn *txn, uint32_t node, uint32_t other)
{
    struct store_key key;
    make_link_key(&key, node, other);
    return store_has(txn, TABLE_LINKS, &key);
}

void identity_store_put_link(struct store_txn *txn, uint32_t node, uint32_t other, const struct link *link)
{
    struct store_key key;
    uint8_t value[LINK_BYTES];
    make_link_key(&key, node, other);
    put_be64(value, link->evidence);
    put_be64(value + 8, (uint64_t)link->event_ms);
    store_put(txn, TABLE_LINKS, &key, value, sizeof(value));
}

int identity_store_scan_links(
    struct store_txn *txn, uint32_t low, uint32_t high, struct store_scan **ret_scan)
{
    struct store_key from;
    make_pair_key(&from, low, high);
    return scan_open(txn, TABLE_LINKS, &no_prefix, &from, ret_scan);
}

bool identity_store_next_link(struct store_scan *scan, uint32_t *ret_low, uint32_t *ret_high)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    *ret_low = get_be32(key.data);
    *ret_high = get_be32(key.data + 4);
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
