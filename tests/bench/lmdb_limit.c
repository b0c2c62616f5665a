/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own limit for a durable journal: bare LMDB appends of 670-byte records, 1000 a transaction,
 * each synced. Usage: bench_lmdb_limit DIRECTORY SECONDS. Prints records per second. */
#include "common/buffer.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RECORD_BYTES 670
#define RECORDS_PER_TRANSACTION 1000
#define MAP_BYTES ((size_t)1 << 40)

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(int rc, const char *what)
{
    if (!rc)
        return;
    fprintf(stderr, "%s: %s\n", what, mdb_strerror(rc));
    exit(1);
}

static void append(MDB_env *env, MDB_dbi table, uint64_t first)
{
    static uint8_t record[RECORD_BYTES];
    uint8_t key[8];
    MDB_txn *txn;
    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    for (uint64_t i = 0; i < RECORDS_PER_TRANSACTION; i++) {
        put_be64(key, first + i);
        memcpy(record, key, sizeof(key));
        MDB_val name = {sizeof(key), key}, value = {sizeof(record), record};
        check(mdb_put(txn, table, &name, &value, MDB_APPEND), "put");
    }
    check(mdb_txn_commit(txn), "commit");
}

static double measure(const char *path, double seconds)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    check(mdb_env_create(&env), "create");
    check(mdb_env_set_mapsize(env, MAP_BYTES), "map size");
    check(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), path);
    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    check(mdb_dbi_open(txn, NULL, 0, &table), "open");
    check(mdb_txn_commit(txn), "commit");
    uint64_t records = 0;
    double start = now(), end = start;
    for (; end - start < seconds; end = now(), records += RECORDS_PER_TRANSACTION)
        append(env, table, records);
    mdb_env_close(env);
    return (double)records / (end - start);
}

int main(int argc, char **argv)
{
    double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: %s DIRECTORY SECONDS\n", argv[0]);
        return 2;
    }
    char path[4096], lock[4096 + 8];
    mkdir(argv[1], 0700);
    snprintf(path, sizeof(path), "%s/lmdb_limit.mdb", argv[1]);
    snprintf(lock, sizeof(lock), "%s-lock", path);
    remove(path);
    printf("%.0f\n", measure(path, seconds));
    remove(path);
    remove(lock);
    return 0;
}
