/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/sign_in_store.h"

static void who_key(struct store_key *key, const struct sign_in_who *who)
{
    key_reset(key);
    key_raw(key, who->hash, sizeof(who->hash));
}

static bool unpack(struct store_txn *txn, struct bytes value, Quanyu__SignInFailures *ret_row)
{
    Quanyu__SignInFailures *row = quanyu__sign_in_failures__unpack(NULL, value.size, value.data);
    if (!row) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    *ret_row = *row;
    quanyu__sign_in_failures__free_unpacked(row, NULL);
    return true;
}

static Quanyu__SignInFailures get(struct store_txn *txn, const struct store_key *key)
{
    Quanyu__SignInFailures row = QUANYU__SIGN_IN_FAILURES__INIT;
    struct bytes value;
    if (store_get(txn, TABLE_SIGN_IN_FAILURES, key, &value))
        (void)unpack(txn, value, &row);
    return row;
}

static void put(struct store_txn *txn, const struct store_key *key, const Quanyu__SignInFailures *row)
{
    size_t size = quanyu__sign_in_failures__get_packed_size(row);
    uint8_t *room = store_put_room(txn, TABLE_SIGN_IN_FAILURES, key, size);
    if (room)
        quanyu__sign_in_failures__pack(row, room);
}

int64_t sign_in_delay_ms(uint32_t failures, uint32_t free)
{
    if (failures <= free)
        return 0;
    uint32_t doubled = failures - free - 1;
    int64_t delay_ms = doubled < 20 ? INT64_C(1000) << doubled : SIGN_IN_DELAY_MS_MAX;
    return delay_ms < SIGN_IN_DELAY_MS_MAX ? delay_ms : SIGN_IN_DELAY_MS_MAX;
}

int64_t sign_in_wait_ms(struct store_txn *txn, const struct sign_in_who *who, int64_t now_ms)
{
    struct store_key key;
    who_key(&key, who);
    Quanyu__SignInFailures row = get(txn, &key);
    return row.until_ms > now_ms ? row.until_ms - now_ms : 0;
}

/* Of those whose delay is long over. */
static void prune(struct store_txn *txn, int64_t now_ms)
{
    struct store_key all;
    struct bytes key, value;
    Quanyu__SignInFailures row;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    if (scan_open(txn, TABLE_SIGN_IN_FAILURES, &all, NULL, &scan))
        return;
    while (scan_next(scan, &key, &value))
        if (unpack(txn, value, &row) && row.until_ms + SIGN_IN_DELAY_MS_MAX < now_ms)
            scan_delete(scan);
}

void sign_in_begin(struct store_txn *txn, const struct sign_in_who *who, int64_t now_ms)
{
    struct store_key key;
    who_key(&key, who);
    if (store_count(txn, TABLE_SIGN_IN_FAILURES) >= SIGN_IN_ROWS_MAX)
        prune(txn, now_ms);
    Quanyu__SignInFailures row = get(txn, &key);
    if (row.last_ms + SIGN_IN_FORGOTTEN_MS < now_ms)
        row.failures = 0;
    row.failures++;
    row.last_ms = now_ms;
    row.until_ms = now_ms + sign_in_delay_ms(row.failures, who->free);
    put(txn, &key, &row);
}

void sign_in_forgive(struct store_txn *txn, const struct sign_in_who *who)
{
    struct store_key key;
    who_key(&key, who);
    Quanyu__SignInFailures row = get(txn, &key);
    if (row.failures <= 1) {
        store_delete(txn, TABLE_SIGN_IN_FAILURES, &key);
        return;
    }
    row.failures--;
    row.until_ms = 0;
    put(txn, &key, &row);
}

void sign_in_forget(struct store_txn *txn, const struct sign_in_who *who)
{
    struct store_key key;
    who_key(&key, who);
    store_delete(txn, TABLE_SIGN_IN_FAILURES, &key);
}
