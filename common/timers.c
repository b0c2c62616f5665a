/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buffer.h"
#include "common/clock.h"

#include <assert.h>
#include <string.h>

#define PAYLOAD_MOST 256
#define DUE_BYTES 8

static void compose(struct store_key *key, int64_t due_ms, const void *payload, size_t size)
{
    assert(size <= PAYLOAD_MOST);
    key_reset(key);
    key_i64(key, due_ms);
    key_raw(key, payload, size);
}

/* The next row's due time; TIME_NEVER at the end. `ret_key` may be NULL. */
static int64_t next_due(struct store_scan *scan, struct bytes *ret_key)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value) || key.size < DUE_BYTES)
        return TIME_NEVER;
    if (ret_key)
        *ret_key = key;
    return (int64_t)(get_be64(key.data) ^ (uint64_t)1 << 63); /* as key_i64() writes it */
}

static int open_scan(struct timers *timers, struct store_txn *txn, struct store_scan **ret_scan)
{
    struct store_key all;
    key_reset(&all);
    return scan_open(txn, timers->table, &all, NULL, ret_scan);
}

static void look_up_next(struct timers *timers, struct store_txn *txn)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    timers->next_due_ms = open_scan(timers, txn, &scan) == 0 ? next_due(scan, NULL) : TIME_NEVER;
}

void timers_open(struct timers *timers, struct store_txn *txn, unsigned table)
{
    timers->table = table;
    look_up_next(timers, txn);
}

void timers_set(
    struct timers *timers, struct store_txn *txn, int64_t due_ms, const void *payload, size_t size)
{
    struct store_key key;
    compose(&key, due_ms, payload, size);
    store_put(txn, timers->table, &key, "", 0);
    if (due_ms < timers->next_due_ms)
        timers->next_due_ms = due_ms;
}

void timers_unset(
    struct timers *timers, struct store_txn *txn, int64_t due_ms, const void *payload, size_t size)
{
    struct store_key key;
    compose(&key, due_ms, payload, size);
    if (store_delete(txn, timers->table, &key) && due_ms <= timers->next_due_ms)
        look_up_next(timers, txn);
}

bool timers_pop(struct timers *timers, struct store_txn *txn, int64_t until_ms, int64_t *ret_due_ms,
    uint8_t payload[256], size_t *ret_size)
{
    if (timers->next_due_ms > until_ms)
        return false;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key;
    if (open_scan(timers, txn, &scan) != 0)
        return false;
    int64_t due_ms = next_due(scan, &key);
    if (due_ms == TIME_NEVER || due_ms > until_ms || key.size - DUE_BYTES > PAYLOAD_MOST) {
        timers->next_due_ms = due_ms;
        return false;
    }
    *ret_size = key.size - DUE_BYTES;
    memcpy(payload, key.data + DUE_BYTES, *ret_size);
    *ret_due_ms = due_ms;
    scan_delete(scan);
    timers->next_due_ms = next_due(scan, NULL);
    return true;
}
