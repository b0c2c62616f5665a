/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_store.h"

#include "common/buffer.h"
#include "services/gateway/staff_roster.h"

#include <string.h>

static void number_key(struct store_key *key, uint32_t number)
{
    key_reset(key);
    key_u32(key, number);
}

static void index_key(struct store_key *key, enum staff_index kind)
{
    key_reset(key);
    key_u8(key, (uint8_t)kind);
}

static uint32_t get_number(struct store_txn *txn, const struct store_key *key)
{
    struct bytes value;
    return store_get(txn, TABLE_STAFF_INDEX, key, &value) && value.size == 4 ? get_be32(value.data) : 0;
}

static void put_number(struct store_txn *txn, const struct store_key *key, uint32_t number)
{
    uint8_t value[4];
    put_be32(value, number);
    store_put(txn, TABLE_STAFF_INDEX, key, value, sizeof(value));
}

/* -- numbers -- */

static void counter_key(struct store_key *key, enum staff_number which)
{
    index_key(key, STAFF_INDEX_NUMBERS);
    key_u8(key, (uint8_t)which);
}

uint32_t staff_number_last(struct store_txn *txn, enum staff_number which)
{
    struct store_key key;
    counter_key(&key, which);
    return get_number(txn, &key);
}

void staff_number_take(struct store_txn *txn, enum staff_number which, uint32_t number)
{
    struct store_key key;
    counter_key(&key, which);
    if (number > get_number(txn, &key))
        put_number(txn, &key, number);
}

uint32_t staff_number_next(struct store_txn *txn, enum staff_number which)
{
    struct store_key key;
    counter_key(&key, which);
    uint32_t number = get_number(txn, &key) + 1;
    put_number(txn, &key, number);
    return number;
}

/* -- what a member is found by -- */

static void code_key(struct store_key *key, const char *code)
{
    index_key(key, STAFF_INDEX_CODE);
    key_text(key, code);
}

static void unit_prefix(struct store_key *key, uint32_t unit)
{
    index_key(key, STAFF_INDEX_UNIT);
    key_u32(key, unit);
}

static void role_prefix(struct store_key *key, const char *role)
{
    index_key(key, STAFF_INDEX_ROLE);
    key_text(key, role);
}

/* Puts or deletes what the row is found by. */
static void index_row(struct store_txn *txn, const Quanyu__Staff *staff, bool put)
{
    struct store_key keys[3];
    unit_prefix(&keys[0], staff->unit);
    key_u32(&keys[0], staff->number);
    role_prefix(&keys[1], staff->role);
    key_u32(&keys[1], staff->number);
    code_key(&keys[2], staff->code);
    size_t count = *staff->code ? 3 : 2;
    for (size_t i = 0; i < count; i++) {
        if (put)
            put_number(txn, &keys[i], staff->number);
        else
            store_delete(txn, TABLE_STAFF_INDEX, &keys[i]);
    }
}

void staff_put(struct store_txn *txn, const Quanyu__Staff *staff, const Quanyu__Staff *before)
{
    struct store_key key;
    if (before && before->state != QUANYU__STAFF__STATE__LEFT)
        index_row(txn, before, false);
    if (staff->state != QUANYU__STAFF__STATE__LEFT)
        index_row(txn, staff, true);
    staff_roster_put(txn, staff);
    number_key(&key, staff->number);
    uint8_t *room = store_put_room(txn, TABLE_STAFF, &key, quanyu__staff__get_packed_size(staff));
    if (room)
        quanyu__staff__pack(staff, room);
}

static Quanyu__Staff *unpack(struct store_txn *txn, struct bytes value, ProtobufCAllocator *allocator)
{
    Quanyu__Staff *staff = quanyu__staff__unpack(allocator, value.size, value.data);
    if (!staff)
        store_fail(txn, -QY_ECORRUPT);
    return staff;
}

Quanyu__Staff *staff_get(struct store_txn *txn, uint32_t number, ProtobufCAllocator *allocator)
{
    struct store_key key;
    struct bytes value;
    number_key(&key, number);
    return store_get(txn, TABLE_STAFF, &key, &value) ? unpack(txn, value, allocator) : NULL;
}

Quanyu__Staff *staff_next(struct store_txn *txn, uint32_t after, ProtobufCAllocator *allocator)
{
    struct store_key all, from;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    if (after == UINT32_MAX)
        return NULL;
    key_reset(&all);
    number_key(&from, after + 1);
    if (scan_open(txn, TABLE_STAFF, &all, &from, &scan) || !scan_next(scan, &key, &value))
        return NULL;
    return unpack(txn, value, allocator);
}

bool staff_is_empty(struct store_txn *txn)
{
    return store_count(txn, TABLE_STAFF) == 0;
}

static void login_key(struct store_key *key, const struct staff_login *login)
{
    index_key(key, STAFF_INDEX_LOGIN);
    key_raw(key, login->exact, SECRET_HASH_BYTES);
}

static void look_key(struct store_key *key, const struct staff_login *login)
{
    index_key(key, STAFF_INDEX_LOOK);
    key_raw(key, login->look, SECRET_HASH_BYTES);
}

uint32_t staff_by_login(struct store_txn *txn, const struct staff_login *login)
{
    struct store_key key;
    login_key(&key, login);
    return get_number(txn, &key);
}

uint32_t staff_by_look(struct store_txn *txn, const struct staff_login *login)
{
    struct store_key key;
    look_key(&key, login);
    return get_number(txn, &key);
}

void staff_login_put(struct store_txn *txn, const struct staff_login *login, uint32_t number)
{
    struct store_key key;
    login_key(&key, login);
    put_number(txn, &key, number);
    look_key(&key, login);
    put_number(txn, &key, number);
}

/* Logins from before looks were kept may share one. */
void staff_login_delete(struct store_txn *txn, const struct staff_login *login, uint32_t number)
{
    struct store_key key;
    login_key(&key, login);
    store_delete(txn, TABLE_STAFF_INDEX, &key);
    look_key(&key, login);
    if (get_number(txn, &key) == number)
        store_delete(txn, TABLE_STAFF_INDEX, &key);
}

bool staff_looks_known(struct store_txn *txn)
{
    struct store_key prefix;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    index_key(&prefix, STAFF_INDEX_LOOK);
    return scan_open(txn, TABLE_STAFF_INDEX, &prefix, NULL, &scan) == 0 && scan_next(scan, &key, &value);
}

uint32_t staff_by_code(struct store_txn *txn, const char *code)
{
    struct store_key key;
    code_key(&key, code);
    return get_number(txn, &key);
}

/* The number at the end of the first key of the prefix whose number is above `after`. */
static uint32_t next_of(struct store_txn *txn, const struct store_key *prefix, uint32_t after)
{
    struct store_key from = *prefix;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    if (after == UINT32_MAX)
        return 0;
    key_u32(&from, after + 1);
    if (scan_open(txn, TABLE_STAFF_INDEX, prefix, &from, &scan) || !scan_next(scan, &key, &value))
        return 0;
    return key.size >= 4 ? get_be32(key.data + key.size - 4) : 0;
}

uint32_t staff_next_of_role(struct store_txn *txn, const char *role, uint32_t after)
{
    struct store_key prefix;
    role_prefix(&prefix, role);
    return next_of(txn, &prefix, after);
}

uint32_t staff_next_of_unit(struct store_txn *txn, uint32_t unit, uint32_t after)
{
    struct store_key prefix;
    unit_prefix(&prefix, unit);
    return next_of(txn, &prefix, after);
}

/* -- secrets -- */

void staff_secrets_put(struct store_txn *txn, uint32_t number, const Quanyu__StaffSecrets *secrets)
{
    struct store_key key;
    number_key(&key, number);
    uint8_t *room =
        store_put_room(txn, TABLE_STAFF_SECRETS, &key, quanyu__staff_secrets__get_packed_size(secrets));
    if (room)
        quanyu__staff_secrets__pack(secrets, room);
}

Quanyu__StaffSecrets *staff_secrets_get(struct store_txn *txn, uint32_t number, ProtobufCAllocator *allocator)
{
    struct store_key key;
    struct bytes value;
    number_key(&key, number);
    if (!store_get(txn, TABLE_STAFF_SECRETS, &key, &value))
        return NULL;
    Quanyu__StaffSecrets *secrets = quanyu__staff_secrets__unpack(allocator, value.size, value.data);
    if (!secrets)
        store_fail(txn, -QY_ECORRUPT);
    return secrets;
}

void staff_secrets_delete(struct store_txn *txn, uint32_t number)
{
    struct store_key key;
    number_key(&key, number);
    store_delete(txn, TABLE_STAFF_SECRETS, &key);
}

/* -- the key of what is sealed -- */

bool staff_key_check(struct store_txn *txn, const uint8_t mark[SECRET_HASH_BYTES])
{
    struct store_key key;
    struct bytes value;
    index_key(&key, STAFF_INDEX_KEY);
    if (!store_get(txn, TABLE_STAFF_INDEX, &key, &value))
        return true;
    return value.size == SECRET_HASH_BYTES && memcmp(value.data, mark, SECRET_HASH_BYTES) == 0;
}

void staff_key_put(struct store_txn *txn, const uint8_t mark[SECRET_HASH_BYTES])
{
    struct store_key key;
    index_key(&key, STAFF_INDEX_KEY);
    store_put(txn, TABLE_STAFF_INDEX, &key, mark, SECRET_HASH_BYTES);
}
