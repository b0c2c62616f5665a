/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/outbox_store.h"

#include "common/buffer.h"

#include <sodium.h>
#include <string.h>

#define ROW_VERSION 1

static const char *const state_names[] = {
    [DELIVERY_READY] = "ready",
    [DELIVERY_SENDING] = "sending",
    [DELIVERY_DELIVERED] = "delivered",
    [DELIVERY_FAILED] = "failed",
    [DELIVERY_UNKNOWN] = "unknown",
    [DELIVERY_SKIPPED] = "skipped",
    [DELIVERY_BACKOFF] = "ready",
    [DELIVERY_HELD] = "ready",
};

const char *delivery_state_name(enum delivery_state state)
{
    return state_names[state];
}

enum delivery_state delivery_public_state(const struct delivery *delivery)
{
    return delivery->state > DELIVERY_SKIPPED ? DELIVERY_READY : (enum delivery_state)delivery->state;
}

const char *delivery_id(const struct delivery *delivery, char id[DELIVERY_ID_BYTES])
{
    uint8_t numbers[12], hash[16];
    put_be32(numbers, delivery->journey);
    put_be32(numbers + 4, delivery->node);
    put_be32(numbers + 8, delivery->entry);
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, numbers, sizeof(numbers));
    crypto_generichash_update(&state, (const uint8_t *)delivery->step, strlen(delivery->step));
    crypto_generichash_final(&state, hash, sizeof(hash));
    return sodium_bin2hex(id, DELIVERY_ID_BYTES, hash, sizeof(hash));
}

static bool is_settled(enum delivery_state state)
{
    return state == DELIVERY_DELIVERED || state == DELIVERY_FAILED || state == DELIVERY_UNKNOWN ||
           state == DELIVERY_SKIPPED;
}

static struct store_key number_key(uint64_t number)
{
    struct store_key key;
    key_reset(&key);
    key_u64(&key, number);
    return key;
}

static struct store_key outbox_key(enum delivery_state state, uint64_t number)
{
    struct store_key key;
    key_reset(&key);
    key_u8(&key, (uint8_t)state);
    key_u64(&key, number);
    return key;
}

static struct store_key journey_key(uint32_t journey, uint64_t number)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, journey);
    key_u64(&key, number);
    return key;
}

static struct store_key send_prefix(uint32_t node, uint32_t journey, const char *step)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, node);
    key_u32(&key, journey);
    key_text(&key, step);
    return key;
}

bool delivery_get(struct store_txn *txn, uint64_t number, struct delivery *ret_delivery)
{
    struct store_key key = number_key(number);
    struct bytes value;
    if (!store_get(txn, TABLE_DELIVERIES, &key, &value))
        return false;
    if (value.size != sizeof(*ret_delivery) || value.data[0] != ROW_VERSION) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    memcpy(ret_delivery, value.data, sizeof(*ret_delivery));
    return true;
}

static void put_row(struct store_txn *txn, const struct delivery *delivery)
{
    struct delivery stored = *delivery;
    stored.version = ROW_VERSION;
    struct store_key key = number_key(delivery->number);
    store_put(txn, TABLE_DELIVERIES, &key, &stored, sizeof(stored));
    if (is_settled((enum delivery_state)delivery->state))
        return;
    struct store_key outbox = outbox_key((enum delivery_state)delivery->state, delivery->number);
    store_put(txn, TABLE_OUTBOX, &outbox, NULL, 0);
}

void delivery_add(struct store_txn *txn, const struct delivery *delivery)
{
    put_row(txn, delivery);
    struct store_key by_journey = journey_key(delivery->journey, delivery->number);
    store_put(txn, TABLE_BY_JOURNEY, &by_journey, NULL, 0);
    struct store_key send = send_prefix(delivery->node, delivery->journey, delivery->step);
    key_u32(&send, delivery->entry);
    uint8_t number[8];
    put_be64(number, delivery->number);
    store_put(txn, TABLE_SENDS, &send, number, sizeof(number));
}

void delivery_change(struct store_txn *txn, const struct delivery *delivery, enum delivery_state before)
{
    if (!is_settled(before)) {
        struct store_key outbox = outbox_key(before, delivery->number);
        store_delete(txn, TABLE_OUTBOX, &outbox);
    }
    put_row(txn, delivery);
}

/* The numbers that a scan of TABLE_SENDS yields. */
static void list_sends(struct store_txn *txn, const struct store_key *prefix, struct number_list *ret_numbers)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, TABLE_SENDS, prefix, NULL, &scan))
        return;
    while (scan_next(scan, &key, &value)) {
        if (value.size != 8)
            store_fail(txn, -QY_ECORRUPT);
        else if (!number_list_add(ret_numbers, get_be64(value.data)))
            store_fail(txn, -QY_ENOMEM);
    }
}

void delivery_forget(struct store_txn *txn, uint32_t node)
{
    _cleanup_(number_list_free) struct number_list numbers = {0};
    delivery_list_node(txn, node, &numbers);
    for (size_t i = 0; i < numbers.count; i++) {
        struct delivery delivery;
        if (!delivery_get(txn, numbers.numbers[i], &delivery))
            continue;
        struct store_key row = number_key(delivery.number);
        struct store_key by_journey = journey_key(delivery.journey, delivery.number);
        struct store_key outbox = outbox_key((enum delivery_state)delivery.state, delivery.number);
        struct store_key send = send_prefix(node, delivery.journey, delivery.step);
        key_u32(&send, delivery.entry);
        store_delete(txn, TABLE_DELIVERIES, &row);
        store_delete(txn, TABLE_BY_JOURNEY, &by_journey);
        store_delete(txn, TABLE_OUTBOX, &outbox);
        store_delete(txn, TABLE_SENDS, &send);
    }
}

void outbox_list(
    struct store_txn *txn, enum delivery_state state, size_t limit, struct number_list *ret_numbers)
{
    struct store_key prefix;
    key_reset(&prefix);
    key_u8(&prefix, (uint8_t)state);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, TABLE_OUTBOX, &prefix, NULL, &scan))
        return;
    while (ret_numbers->count < limit && scan_next(scan, &key, &value))
        if (!number_list_add(ret_numbers, get_be64(key.data + 1)))
            store_fail(txn, -QY_ENOMEM);
}

void send_list(
    struct store_txn *txn, uint32_t node, uint32_t journey, const char *step, struct number_list *ret_numbers)
{
    struct store_key prefix = send_prefix(node, journey, step);
    list_sends(txn, &prefix, ret_numbers);
}

uint64_t send_find(struct store_txn *txn, uint32_t node, uint32_t journey, const char *step, uint32_t entry)
{
    struct store_key key = send_prefix(node, journey, step);
    key_u32(&key, entry);
    struct bytes value;
    return store_get(txn, TABLE_SENDS, &key, &value) && value.size == 8 ? get_be64(value.data) : 0;
}

void delivery_list(
    struct store_txn *txn, uint32_t journey, uint64_t before, size_t limit, struct number_list *ret_numbers)
{
    uint64_t last = before ? before - 1 : UINT64_MAX;
    struct store_key prefix, from = journey ? journey_key(journey, last) : number_key(last);
    key_reset(&prefix);
    if (journey)
        key_u32(&prefix, journey);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open_reverse(txn, journey ? TABLE_BY_JOURNEY : TABLE_DELIVERIES, &prefix, &from, &scan))
        return;
    while (ret_numbers->count < limit && scan_next(scan, &key, &value))
        if (!number_list_add(ret_numbers, get_be64(key.data + prefix.size)))
            store_fail(txn, -QY_ENOMEM);
}

void delivery_list_node(struct store_txn *txn, uint32_t node, struct number_list *ret_numbers)
{
    struct store_key prefix;
    key_reset(&prefix);
    key_u32(&prefix, node);
    list_sends(txn, &prefix, ret_numbers);
}

void delivery_page(
    struct store_txn *txn, struct delivery_cursor *cursor, size_t limit, struct number_list *ret_numbers)
{
    struct store_key all, from;
    key_reset(&all);
    key_reset(&from);
    key_raw(&from, cursor->key, cursor->size);
    cursor->size = 0;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, TABLE_SENDS, &all, &from, &scan))
        return;
    while (scan_next(scan, &key, &value)) {
        if (ret_numbers->count == limit && key.size <= sizeof(cursor->key)) {
            memcpy(cursor->key, key.data, key.size);
            cursor->size = key.size;
            return;
        }
        if (value.size != 8 || !number_list_add(ret_numbers, get_be64(value.data)))
            store_fail(txn, -QY_ECORRUPT);
    }
}
