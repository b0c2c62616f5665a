/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/name_store.h"

#include "common/buffer.h"

#include <string.h>

#define NAME_LASTING 1
#define NAME_WITHDRAWN 2
#define NAME_HEAD_BYTES (1 + 8)

static struct store_key key_of(uint32_t node, uint64_t name)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, node);
    key_u64(&key, name);
    return key;
}

static bool read_row(struct store_txn *txn, struct bytes value, struct name_row *ret_row)
{
    if (value.size < NAME_HEAD_BYTES + VAULT_WRAPPED_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    ret_row->lasting = value.data[0] & NAME_LASTING;
    ret_row->withdrawn = value.data[0] & NAME_WITHDRAWN;
    ret_row->evidence = get_be64(value.data + 1);
    ret_row->wrapped = value.data + NAME_HEAD_BYTES;
    ret_row->sealed = (struct bytes){
        ret_row->wrapped + VAULT_WRAPPED_BYTES, value.size - NAME_HEAD_BYTES - VAULT_WRAPPED_BYTES};
    return true;
}

static void write_head(uint8_t *head, const struct name_row *row)
{
    head[0] = (uint8_t)((row->lasting ? NAME_LASTING : 0) | (row->withdrawn ? NAME_WITHDRAWN : 0));
    put_be64(head + 1, row->evidence);
}

bool identity_store_name(struct store_txn *txn, uint32_t node, uint64_t name, struct name_row *ret_row)
{
    struct store_key key = key_of(node, name);
    struct bytes value;
    ret_row->name = name;
    return store_get(txn, TABLE_NAMES, &key, &value) && read_row(txn, value, ret_row);
}

void identity_store_put_name(struct store_txn *txn, uint32_t node, const struct name_row *row)
{
    struct store_key key = key_of(node, row->name);
    uint8_t *room =
        store_put_room(txn, TABLE_NAMES, &key, NAME_HEAD_BYTES + VAULT_WRAPPED_BYTES + row->sealed.size);
    if (!room)
        return;
    write_head(room, row);
    memcpy(room + NAME_HEAD_BYTES, row->wrapped, VAULT_WRAPPED_BYTES);
    memcpy(room + NAME_HEAD_BYTES + VAULT_WRAPPED_BYTES, row->sealed.data, row->sealed.size);
}

void identity_store_set_name(struct store_txn *txn, uint32_t node, const struct name_row *row)
{
    struct store_key key = key_of(node, row->name);
    struct bytes value;
    if (!store_get(txn, TABLE_NAMES, &key, &value)) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    _cleanup_(buffer_free) struct buffer copy = BUFFER_INIT; /* a put ends what was borrowed */
    buffer_append(&copy, value.data, value.size);
    if (buffer_error(&copy) || copy.size < NAME_HEAD_BYTES) {
        store_fail(txn, buffer_error(&copy) ? buffer_error(&copy) : -QY_ECORRUPT);
        return;
    }
    write_head(copy.data, row);
    store_put(txn, TABLE_NAMES, &key, copy.data, copy.size);
}

int identity_store_scan_names(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan)
{
    struct store_key prefix;
    key_reset(&prefix);
    key_u32(&prefix, node);
    return scan_open(txn, TABLE_NAMES, &prefix, NULL, ret_scan);
}

bool identity_store_next_name(struct store_txn *txn, struct store_scan *scan, struct name_row *ret_row)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value) || !read_row(txn, value, ret_row))
        return false;
    ret_row->name = get_be64(key.data + 4);
    return true;
}
