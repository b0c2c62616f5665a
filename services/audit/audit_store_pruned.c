/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of what lasts how long: prunings and legal holds. */
#include "services/audit/audit_store.h"

#include "common/buffer.h"

/* -- prunings -- */

void audit_store_put_pruning(struct store_txn *txn, uint64_t segment, uint64_t record, bool done)
{
    struct store_key key;
    const uint8_t row[1] = {done};
    key_reset(&key);
    key_u64(&key, segment);
    key_u64(&key, record);
    store_put(txn, TABLE_PRUNINGS, &key, row, sizeof(row));
}

void audit_store_each_pruning(struct store_txn *txn, uint64_t segment,
    bool (*visit)(void *context, uint64_t segment, uint64_t record, bool done), void *context)
{
    struct store_key prefix;
    struct bytes key, row;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&prefix);
    if (segment != UINT64_MAX)
        key_u64(&prefix, segment);
    if (scan_open(txn, TABLE_PRUNINGS, &prefix, NULL, &scan))
        return;
    while (scan_next(scan, &key, &row)) {
        if (key.size != 16 || row.size != 1) {
            store_fail(txn, -QY_ECORRUPT);
            return;
        }
        if (!visit(context, get_be64(key.data), get_be64(key.data + 8), row.data[0]))
            return;
    }
}

/* -- holds -- */

static void hold_key(struct store_key *key, uint32_t number)
{
    key_reset(key);
    key_u32(key, number);
}

void audit_store_put_hold(struct store_txn *txn, uint32_t number, struct bytes hold)
{
    struct store_key key;
    hold_key(&key, number);
    store_put(txn, TABLE_HOLDS, &key, hold.data, hold.size);
}

bool audit_store_hold(struct store_txn *txn, uint32_t number, struct bytes *ret_hold)
{
    struct store_key key;
    hold_key(&key, number);
    return store_get(txn, TABLE_HOLDS, &key, ret_hold);
}

bool audit_store_drop_hold(struct store_txn *txn, uint32_t number)
{
    struct store_key key;
    hold_key(&key, number);
    return store_delete(txn, TABLE_HOLDS, &key);
}

void audit_store_each_hold(
    struct store_txn *txn, bool (*visit)(void *context, uint32_t number, struct bytes hold), void *context)
{
    struct store_key all;
    struct bytes key, hold;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    if (scan_open(txn, TABLE_HOLDS, &all, NULL, &scan))
        return;
    while (scan_next(scan, &key, &hold)) {
        if (key.size != 4) {
            store_fail(txn, -QY_ECORRUPT);
            return;
        }
        if (!visit(context, get_be32(key.data), hold))
            return;
    }
}

/* -- exact sets that nobody names any more -- */

void audit_store_drop_set(struct store_txn *txn, const uint8_t hash[SET_HASH_BYTES])
{
    struct store_key key;
    key_reset(&key);
    key_raw(&key, hash, SET_HASH_BYTES);
    store_delete(txn, TABLE_SETS, &key);
}
