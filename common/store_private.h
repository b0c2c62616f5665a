/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share; nobody else includes this. */
#ifndef QY_COMMON_STORE_PRIVATE_H
#define QY_COMMON_STORE_PRIVATE_H

#include "common/store.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#define STORE_TABLES_MAX 30
#define STORE_READERS_MAX 256

struct store {
    MDB_env *env;
    MDB_dbi meta; /* the store's own table: the schema version */
    MDB_dbi tables[STORE_TABLES_MAX];
    unsigned table_count;
    uint32_t page_bytes;
    uint64_t quota_bytes;
    uint64_t check_bytes; /* how much a transaction may write between two looks at the quota */
    char *path;
    int lock;
    long fail_after;                 /* see disk_fails_after() */
    uint64_t writes_begun;           /* the writer's alone */
    uint64_t written_bytes;          /* likewise: of the file, see store_ahead.c */
    atomic_bool broken;              /* a commit failed: no further writes */
    atomic_uint_fast64_t used_bytes; /* as of the last commit */
    atomic_uint_fast64_t commits;
    pthread_mutex_t mutex;  /* guards what follows */
    struct store_txn *idle; /* read transactions that were reset and wait to be renewed */
};

struct store_txn {
    struct store *store;
    MDB_txn *txn;
    enum store_mode mode;
    int error;
    uint64_t put_bytes;       /* written in all */
    bool deleted;             /* something was */
    uint64_t next_check;      /* value of put_bytes at which the quota is looked at again */
    struct store_scan *scans; /* that are open */
    struct store_txn *next_idle;
};

/* Maps LMDB's codes, and errno among them. */
int store_code(int mdb);
/* As store_code, for the outcome of mdb_txn_commit(): 0, -QY_EFULL and -QY_ENOMEM (nothing was changed), else
 * -QY_EIO. */
int store_commit_code(struct store *store, int mdb);

/* Passes an LMDB outcome to the transaction; true when it was a success. "Not there" is a failure here. */
bool store_check(struct store_txn *txn, int mdb);

/* The key as LMDB wants it; false (and a failed transaction) when the key is no good. */
bool store_key_val(struct store_txn *txn, const struct store_key *key, MDB_val *ret_val);

/* Pages that hold data, as this transaction sees them. */
int store_measure(struct store_txn *txn, uint64_t *ret_bytes);

/* Fails the transaction when it grew beyond the quota. */
void store_check_quota(struct store_txn *txn);

/* Before a write transaction: sees to it that it need not make the file longer. */
void store_write_ahead(struct store *store);

/* Closes the cursors of the scans that are still open; the scans themselves stay their owners'. */
void store_end_scans(struct store_txn *txn);

/* Opens the tables, making what is missing; yields the version of what they hold, from which migrations lead
 * on. */
int store_open_tables(struct store *store, const struct store_options *options, uint32_t *ret_version);
/* The same for a copy, of which nothing is made: all of them must be there, in this version. */
int store_open_present(struct store *store, const struct store_options *options);
int store_migrate(struct store *store, const struct store_options *options, uint32_t version);

#endif
