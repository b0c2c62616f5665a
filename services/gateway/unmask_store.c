/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unmask_store.h"

#include "common/buffer.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)

static void member_prefix(struct store_key *key, uint32_t staff)
{
    key_reset(key);
    key_u8(key, STAFF_INDEX_UNMASKED);
    key_u32(key, staff);
}

static void row_key(struct store_key *key, uint32_t staff, uint32_t sequence)
{
    member_prefix(key, staff);
    key_u32(key, sequence);
}

/* 0 where there is none. */
static uint32_t last_of(struct store_txn *txn, uint32_t staff)
{
    struct store_key prefix;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    member_prefix(&prefix, staff);
    if (scan_open_reverse(txn, TABLE_STAFF_INDEX, &prefix, NULL, &scan) || !scan_next(scan, &key, &value))
        return 0;
    return key.size >= 4 ? get_be32(key.data + key.size - 4) : 0;
}

static bool time_of(struct bytes value, int64_t *ret_ms)
{
    if (value.size != 8)
        return false;
    *ret_ms = (int64_t)get_be64(value.data);
    return true;
}

/* How long until there are fewer than `most` within `span_ms`: until the one that is `most` back from the next one is that old. */
static int64_t wait_of(
    struct store_txn *txn, uint32_t staff, uint32_t last, uint32_t most, int64_t span_ms, int64_t now_ms)
{
    struct store_key key;
    struct bytes value;
    int64_t time_ms;
    if (most == 0)
        return span_ms;
    if (last < most)
        return 0;
    row_key(&key, staff, last - most + 1);
    if (!store_get(txn, TABLE_STAFF_INDEX, &key, &value) || !time_of(value, &time_ms))
        return 0;
    return time_ms + span_ms > now_ms ? time_ms + span_ms - now_ms : 0;
}

/* Deletes those that count for nothing any more. */
static void prune(struct store_txn *txn, uint32_t staff, int64_t until_ms)
{
    struct store_key prefix;
    struct bytes key, value;
    int64_t time_ms;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    member_prefix(&prefix, staff);
    if (scan_open(txn, TABLE_STAFF_INDEX, &prefix, NULL, &scan))
        return;
    while (scan_next(scan, &key, &value) && (!time_of(value, &time_ms) || time_ms <= until_ms))
        scan_delete(scan);
}

int64_t unmask_take(struct store_txn *txn, const struct unmask_limits *limits, uint32_t staff, int64_t now_ms)
{
    struct store_key key;
    uint8_t value[8];
    uint32_t last = last_of(txn, staff);
    int64_t hour_ms = wait_of(txn, staff, last, limits->hour, HOUR_MS, now_ms);
    int64_t day_ms = wait_of(txn, staff, last, limits->day, DAY_MS, now_ms);
    if (hour_ms || day_ms)
        return hour_ms > day_ms ? hour_ms : day_ms;
    prune(txn, staff, now_ms - DAY_MS);
    row_key(&key, staff, last + 1);
    put_be64(value, (uint64_t)now_ms);
    store_put(txn, TABLE_STAFF_INDEX, &key, value, sizeof(value));
    return 0;
}

void unmask_forget(struct store_txn *txn, uint32_t staff)
{
    prune(txn, staff, INT64_MAX);
}
