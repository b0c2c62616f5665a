/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, and the version of what they hold. */
#include "common/store_private.h"

#include "common/buffer.h"

#include <string.h>

#define META_TABLE "quanyu.store"

static MDB_val version_key(void)
{
    static char name[] = "schema_version";
    return (MDB_val){.mv_size = sizeof(name) - 1, .mv_data = name};
}

/* Handles, with MDB_CREATE in `flags` also what they stand for. */
static int open_handles(
    struct store *store, MDB_txn *txn, const struct store_options *options, unsigned flags)
{
    int rc = mdb_dbi_open(txn, META_TABLE, flags, &store->meta);
    for (unsigned i = 0; i < options->table_count && !rc; i++)
        rc = mdb_dbi_open(txn, options->tables[i], flags, &store->tables[i]);
    return rc;
}

/* Version 0: none was written yet. */
static int read_version(struct store *store, MDB_txn *txn, uint32_t *ret_version)
{
    MDB_val key = version_key(), value;
    int rc = mdb_get(txn, store->meta, &key, &value);
    if (rc && rc != MDB_NOTFOUND)
        return store_code(rc);
    if (rc == 0 && value.mv_size != 4)
        return -QY_ECORRUPT;
    *ret_version = rc ? 0 : get_be32(value.mv_data);
    return 0;
}

static int write_version(struct store *store, MDB_txn *txn, uint32_t version)
{
    uint8_t bytes[4];
    put_be32(bytes, version);
    MDB_val key = version_key(), value = {.mv_size = sizeof(bytes), .mv_data = bytes};
    return store_code(mdb_put(txn, store->meta, &key, &value, 0));
}

static const struct store_migration *migration_from(const struct store_options *options, uint32_t version)
{
    for (unsigned i = 0; i < options->migration_count; i++)
        if (options->migrations[i].from == version)
            return &options->migrations[i];
    return NULL;
}

static int check_version(const struct store_options *options, uint32_t version)
{
    if (version > options->schema_version)
        return -QY_EVERSION;
    for (; version > 0 && version < options->schema_version; version++)
        if (!migration_from(options, version))
            return -QY_EVERSION;
    return 0;
}

/* Everything is there already: no write, so that a full disk does not keep a service from starting. */
static int open_present(struct store *store, const struct store_options *options, bool *ret_ready)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return store_code(rc);
    uint32_t version = 0;
    rc = open_handles(store, txn, options, 0);
    int code = rc == 0 ? read_version(store, txn, &version) : rc == MDB_NOTFOUND ? 0 : store_code(rc);
    *ret_ready = !code && rc == 0 && version == options->schema_version;
    if (!*ret_ready) {
        mdb_txn_abort(txn);
        return code;
    }
    return store_code(mdb_txn_commit(txn)); /* keeps the handles */
}

static int make_in(
    struct store *store, MDB_txn *txn, const struct store_options *options, uint32_t *ret_version)
{
    int rc = mdb_dbi_open(txn, META_TABLE, MDB_CREATE, &store->meta);
    if (rc)
        return store_code(rc);
    int code = read_version(store, txn, ret_version);
    if (!code)
        code = check_version(options, *ret_version);
    if (code)
        return code;
    rc = open_handles(store, txn, options, MDB_CREATE);
    if (rc || *ret_version > 0)
        return store_code(rc);
    *ret_version = options->schema_version;
    return write_version(store, txn, *ret_version);
}

/* Makes what is missing, and yields the version that the content has. */
static int make(struct store *store, const struct store_options *options, uint32_t *ret_version)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (rc)
        return store_code(rc);
    int code = make_in(store, txn, options, ret_version);
    if (code) {
        mdb_txn_abort(txn);
        return code;
    }
    return store_commit_code(store, mdb_txn_commit(txn));
}

static int migrate(struct store *store, const struct store_migration *migration)
{
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    int code = store_begin(store, STORE_WRITE, &txn);
    if (code)
        return code;
    code = migration->migrate(txn);
    if (!code)
        code = write_version(store, txn->txn, migration->from + 1);
    return code ? code : store_commit(&txn);
}

int store_open_tables(struct store *store, const struct store_options *options, uint32_t *ret_version)
{
    bool ready = false;
    int code = open_present(store, options, &ready);
    if (code)
        return code;
    *ret_version = options->schema_version;
    return ready ? 0 : make(store, options, ret_version);
}

int store_open_present(struct store *store, const struct store_options *options)
{
    bool ready = false;
    int code = open_present(store, options, &ready);
    return !code && !ready ? -QY_EVERSION : code;
}

int store_migrate(struct store *store, const struct store_options *options, uint32_t version)
{
    for (; version < options->schema_version; version++) {
        int code = migrate(store, migration_from(options, version));
        if (code)
            return code;
    }
    return 0;
}
