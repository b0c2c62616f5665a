/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing single rows. */
#include "common/store_private.h"

#include <assert.h>
#include <string.h>

bool store_key_val(struct store_txn *txn, const struct store_key *key, MDB_val *ret_val)
{
    if (key->too_long || key->size == 0) {
        store_fail(txn, key->too_long ? -QY_ETOOLARGE : -QY_EINVAL);
        return false;
    }
    *ret_val = (MDB_val){.mv_size = key->size, .mv_data = (void *)key->bytes};
    return true;
}

bool store_get(struct store_txn *txn, unsigned table, const struct store_key *key, struct bytes *ret_value)
{
    assert(table < txn->store->table_count);
    MDB_val name, value;
    if (txn->error || !store_key_val(txn, key, &name))
        return false;
    int rc = mdb_get(txn->txn, txn->store->tables[table], &name, &value);
    if (rc == MDB_NOTFOUND || !store_check(txn, rc))
        return false;
    *ret_value = (struct bytes){.data = value.mv_data, .size = value.mv_size};
    return true;
}

bool store_has(struct store_txn *txn, unsigned table, const struct store_key *key)
{
    struct bytes value;
    return store_get(txn, table, key, &value);
}

static void *put(struct store_txn *txn, unsigned table, const struct store_key *key, const void *data,
    size_t size, unsigned flags)
{
    assert(table < txn->store->table_count && txn->mode == STORE_WRITE);
    MDB_val name;
    if (txn->error || !store_key_val(txn, key, &name))
        return NULL;
    MDB_val value = {.mv_size = size, .mv_data = (void *)data};
    if (!store_check(txn, mdb_put(txn->txn, txn->store->tables[table], &name, &value, flags)))
        return NULL;
    txn->put_bytes += key->size + size;
    if (txn->put_bytes >= txn->next_check)
        store_check_quota(txn);
    return txn->error ? NULL : value.mv_data;
}

void store_put(
    struct store_txn *txn, unsigned table, const struct store_key *key, const void *value, size_t size)
{
    put(txn, table, key, value, size, 0);
}

void store_append(
    struct store_txn *txn, unsigned table, const struct store_key *key, const void *value, size_t size)
{
    put(txn, table, key, value, size, MDB_APPEND);
}

void *store_put_room(struct store_txn *txn, unsigned table, const struct store_key *key, size_t size)
{
    return put(txn, table, key, NULL, size, MDB_RESERVE);
}

bool store_delete(struct store_txn *txn, unsigned table, const struct store_key *key)
{
    assert(table < txn->store->table_count && txn->mode == STORE_WRITE);
    MDB_val name;
    if (txn->error || !store_key_val(txn, key, &name))
        return false;
    int rc = mdb_del(txn->txn, txn->store->tables[table], &name, NULL);
    txn->deleted = txn->deleted || rc == 0;
    return rc != MDB_NOTFOUND && store_check(txn, rc);
}

uint64_t store_count(struct store_txn *txn, unsigned table)
{
    assert(table < txn->store->table_count);
    MDB_stat status;
    if (txn->error || !store_check(txn, mdb_stat(txn->txn, txn->store->tables[table], &status)))
        return 0;
    return status.ms_entries;
}
