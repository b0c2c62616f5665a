/* SPDX-License-Identifier: Apache-2.0 */
/* Joins and splits, as identity reports them. */
#include "services/audit/audit_store.h"

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

void audit_store_each_moved(struct store_txn *txn, bool by_person,
    bool (*visit)(void *context, uint32_t node, uint32_t person), void *context)
{
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    bool more = true;
    if (scan_open(txn, by_person ? TABLE_PERSONS : TABLE_NODES, &all, NULL, &scan))
        return;
    while (more && scan_next(scan, &key, &value))
        if (by_person)
            more = key.size == 8 && visit(context, get_be32(key.data + 4), get_be32(key.data));
        else
            more =
                key.size == 4 && value.size == 4 && visit(context, get_be32(key.data), get_be32(value.data));
}

void audit_store_each_number(
    struct store_txn *txn, uint32_t person, bool (*visit)(void *context, uint32_t number), void *context)
{
    struct store_key prefix;
    node_key(&prefix, person);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    bool more = visit(context, person);
    if (scan_open(txn, TABLE_PERSONS, &prefix, NULL, &scan))
        return;
    while (more && scan_next(scan, &key, &value))
        more = visit(context, key.size == 8 ? get_be32(key.data + 4) : person);
}
