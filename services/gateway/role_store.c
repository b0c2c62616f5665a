/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/role_store.h"

#include <stdio.h>
#include <string.h>

static void name_key(struct store_key *key, const char *name)
{
    key_reset(key);
    key_text(key, name);
}

void role_put(struct store_txn *txn, const Quanyu__Role *role)
{
    struct store_key key;
    name_key(&key, role->name);
    uint8_t *room = store_put_room(txn, TABLE_ROLES, &key, quanyu__role__get_packed_size(role));
    if (room)
        quanyu__role__pack(role, room);
}

static Quanyu__Role *unpack(struct store_txn *txn, struct bytes value, ProtobufCAllocator *allocator)
{
    Quanyu__Role *role = quanyu__role__unpack(allocator, value.size, value.data);
    if (!role)
        store_fail(txn, -QY_ECORRUPT);
    return role;
}

Quanyu__Role *role_get(struct store_txn *txn, const char *name, ProtobufCAllocator *allocator)
{
    struct store_key key;
    struct bytes value;
    name_key(&key, name);
    return store_get(txn, TABLE_ROLES, &key, &value) ? unpack(txn, value, allocator) : NULL;
}

/* No name goes on with the byte 1, so the next key from there on is the next name's. */
Quanyu__Role *role_next(struct store_txn *txn, const char *after, ProtobufCAllocator *allocator)
{
    struct store_key all, from;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    key_reset(&from);
    key_raw(&from, after, strnlen(after, ROLE_NAME_BYTES));
    key_u8(&from, 1);
    if (scan_open(txn, TABLE_ROLES, &all, &from, &scan) || !scan_next(scan, &key, &value))
        return NULL;
    return unpack(txn, value, allocator);
}

void role_delete(struct store_txn *txn, const char *name)
{
    struct store_key key;
    name_key(&key, name);
    store_delete(txn, TABLE_ROLES, &key);
}

bool role_has_room(struct store_txn *txn)
{
    return store_count(txn, TABLE_ROLES) < ROLES_MAX;
}

bool role_find(struct store_txn *txn, const char *name, struct role *ret_role)
{
    const struct role *standard = role_standard_find(name);
    if (standard) {
        *ret_role = *standard;
        return true;
    }
    Quanyu__Role *row = role_get(txn, name, NULL);
    if (!row)
        return false;
    snprintf(ret_role->name, sizeof(ret_role->name), "%s", row->name);
    ret_role->permissions = row->permissions & PERMISSION_ALL;
    ret_role->own_people = row->own_people;
    quanyu__role__free_unpacked(row, NULL);
    return true;
}
