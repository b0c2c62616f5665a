/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/decision_store.h"

#include <string.h>

#define CONFLICT_BYTES (1 + 1 + 8 + 8)
#define MOVE_HEAD_BYTES (4 + 4 + 8 + 8 + 8 + 1)

static const struct store_key no_prefix;

static void make_pair_key(struct store_key *key, uint32_t low, uint32_t high)
{
    key_reset(key);
    key_u32(key, low);
    key_u32(key, high);
}

/* -- links that join nothing -- */

static bool read_conflict(struct store_txn *txn, struct bytes value, struct conflict *ret_conflict)
{
    if (value.size != CONFLICT_BYTES || value.data[0] >= REFUSED_COUNT) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    ret_conflict->verdict.refusal = (enum refusal)value.data[0];
    ret_conflict->verdict.kind = value.data[1];
    ret_conflict->evidence = get_be64(value.data + 2);
    ret_conflict->since_ms = (int64_t)get_be64(value.data + 10);
    return true;
}

bool identity_store_conflict(
    struct store_txn *txn, uint32_t low, uint32_t high, struct conflict *ret_conflict)
{
    struct store_key key;
    struct bytes value;
    make_pair_key(&key, low, high);
    return store_get(txn, TABLE_CONFLICTS, &key, &value) && read_conflict(txn, value, ret_conflict);
}

void identity_store_put_conflict(
    struct store_txn *txn, uint32_t low, uint32_t high, const struct conflict *conflict)
{
    struct store_key key;
    uint8_t value[CONFLICT_BYTES];
    make_pair_key(&key, low, high);
    value[0] = (uint8_t)conflict->verdict.refusal;
    value[1] = conflict->verdict.kind;
    put_be64(value + 2, conflict->evidence);
    put_be64(value + 10, (uint64_t)conflict->since_ms);
    store_put(txn, TABLE_CONFLICTS, &key, value, sizeof(value));
}

bool identity_store_delete_conflict(struct store_txn *txn, uint32_t low, uint32_t high)
{
    struct store_key key;
    make_pair_key(&key, low, high);
    return store_delete(txn, TABLE_CONFLICTS, &key);
}

int identity_store_scan_conflicts(
    struct store_txn *txn, uint32_t low, uint32_t high, struct store_scan **ret_scan)
{
    struct store_key from;
    make_pair_key(&from, low, high);
    return scan_open(txn, TABLE_CONFLICTS, &no_prefix, &from, ret_scan);
}

bool identity_store_next_conflict(struct store_txn *txn, struct store_scan *scan, uint32_t *ret_low,
    uint32_t *ret_high, struct conflict *ret_conflict)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    *ret_low = get_be32(key.data);
    *ret_high = get_be32(key.data + 4);
    return read_conflict(txn, value, ret_conflict);
}

/* -- history -- */

static void add_row(struct store_txn *txn, uint32_t person, const struct move *move, const uint32_t *nodes)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, person);
    key_u64(&key, move->number);
    uint8_t *value = store_put_room(txn, TABLE_HISTORY, &key, MOVE_HEAD_BYTES + 4 * move->count);
    if (!value)
        return;
    put_be32(value, move->from);
    put_be32(value + 4, move->to);
    put_be64(value + 8, (uint64_t)move->at_ms);
    put_be64(value + 16, move->cause.evidence);
    put_be64(value + 24, move->cause.decision);
    value[32] = move->cause.undone;
    for (size_t i = 0; i < move->count; i++)
        put_be32(value + MOVE_HEAD_BYTES + 4 * i, nodes[i]);
}

void identity_store_add_move(struct store_txn *txn, const struct move *move, const uint32_t *nodes)
{
    add_row(txn, move->from, move, nodes);
    add_row(txn, move->to, move, nodes);
}

int identity_store_scan_moves(struct store_txn *txn, uint32_t person, struct store_scan **ret_scan)
{
    struct store_key prefix;
    key_reset(&prefix);
    key_u32(&prefix, person);
    return scan_open(txn, TABLE_HISTORY, &prefix, NULL, ret_scan);
}

bool identity_store_next_move(struct store_txn *txn, struct store_scan *scan, struct move *ret_move)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    if (key.size != 12 || value.size < MOVE_HEAD_BYTES || (value.size - MOVE_HEAD_BYTES) % 4) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    *ret_move = (struct move){
        .number = get_be64(key.data + 4),
        .from = get_be32(value.data),
        .to = get_be32(value.data + 4),
        .at_ms = (int64_t)get_be64(value.data + 8),
        .cause = {.evidence = get_be64(value.data + 16),
            .decision = get_be64(value.data + 24),
            .undone = value.data[32] != 0},
        .nodes = value.data + MOVE_HEAD_BYTES,
        .count = (value.size - MOVE_HEAD_BYTES) / 4,
    };
    return true;
}

/* -- decisions -- */

static struct store_key key_of(uint64_t number)
{
    struct store_key key;
    key_reset(&key);
    key_u64(&key, number);
    return key;
}

Quanyu__Decision *identity_store_decision(struct store_txn *txn, uint64_t number, struct arena *arena)
{
    struct store_key key = key_of(number);
    struct bytes value;
    if (!store_get(txn, TABLE_DECISIONS, &key, &value))
        return NULL;
    Quanyu__Decision *decision = quanyu__decision__unpack(arena_allocator(arena), value.size, value.data);
    if (!decision)
        store_fail(txn, -QY_ECORRUPT);
    return decision;
}

static void put_one_decided(struct store_txn *txn, uint32_t node, uint64_t number)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, node);
    key_u64(&key, number);
    store_put(txn, TABLE_DECIDED, &key, "", 0);
}

static void put_decided(struct store_txn *txn, const uint32_t *nodes, size_t count, uint64_t number)
{
    for (size_t i = 0; i < count; i++)
        put_one_decided(txn, nodes[i], number);
}

void identity_store_put_decision(struct store_txn *txn, const Quanyu__Decision *decision)
{
    put_decided(txn, decision->nodes, decision->n_nodes, decision->number);
    put_decided(txn, decision->others, decision->n_others, decision->number);
    struct store_key key = key_of(decision->number);
    size_t size = quanyu__decision__get_packed_size(decision);
    uint8_t *room = store_put_room(txn, TABLE_DECISIONS, &key, size);
    if (room)
        quanyu__decision__pack(decision, room);
}

int identity_store_scan_decided(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan)
{
    struct store_key prefix;
    key_reset(&prefix);
    key_u32(&prefix, node);
    return scan_open_reverse(txn, TABLE_DECIDED, &prefix, NULL, ret_scan);
}

bool identity_store_next_decided(struct store_scan *scan, uint64_t *ret_number)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value) || key.size != 12)
        return false;
    *ret_number = get_be64(key.data + 4);
    return true;
}

/* A table is not written to while it is scanned. */
int identity_store_take_over_decided(struct store_txn *txn, uint32_t node, uint32_t other)
{
    _cleanup_(buffer_free) struct buffer numbers = BUFFER_INIT;
    struct store_scan *scan = NULL;
    uint64_t number;
    int error = identity_store_scan_decided(txn, node, &scan);
    while (!error && identity_store_next_decided(scan, &number))
        buffer_append(&numbers, &number, sizeof(number));
    scan_close(&scan);
    if (!error)
        error = buffer_error(&numbers);
    for (size_t at = 0; !error && at < numbers.size; at += sizeof(number)) {
        memcpy(&number, numbers.data + at, sizeof(number));
        put_one_decided(txn, other, number);
    }
    return error ? error : store_error(txn);
}

int identity_store_scan_decisions(struct store_txn *txn, uint64_t number, struct store_scan **ret_scan)
{
    struct store_key from = key_of(number);
    return scan_open_reverse(txn, TABLE_DECISIONS, &no_prefix, &from, ret_scan);
}

Quanyu__Decision *identity_store_next_decision(
    struct store_txn *txn, struct store_scan *scan, struct arena *arena)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return NULL;
    Quanyu__Decision *decision = quanyu__decision__unpack(arena_allocator(arena), value.size, value.data);
    if (!decision)
        store_fail(txn, -QY_ECORRUPT);
    return decision;
}
