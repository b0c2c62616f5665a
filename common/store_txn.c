/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions: snapshots that are pooled, commits, the quota. */
#include "common/store_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* LMDB's own tables: free pages, and the table of tables. The first one is left out of what counts as used:
 * it grows when something is deleted. */
#define MAIN_TABLE 1

/* Readers that died leave a slot that pins old pages: looked for at open and once in so many writes. */
#define WRITES_PER_READER_CHECK 4096

/* What is asked of a disk to find out whether it is full. */
#define PROBE_BYTES (256 << 10)

bool store_check(struct store_txn *txn, int mdb)
{
    if (mdb)
        store_fail(txn, store_code(mdb));
    return mdb == 0;
}

uint64_t store_version(const struct store *store)
{
    return atomic_load(&store->commits);
}

const char *store_path(const struct store_txn *txn)
{
    return txn->store->path;
}

int store_error(const struct store_txn *txn)
{
    return txn->error;
}

bool store_changed(const struct store_txn *txn)
{
    return txn->put_bytes > 0 || txn->deleted;
}

int store_fail(struct store_txn *txn, int code)
{
    assert(code < 0);
    if (!txn->error)
        txn->error = code;
    return code;
}

static int add_table(struct store_txn *txn, MDB_dbi table, uint64_t *pages)
{
    MDB_stat status;
    int rc = mdb_stat(txn->txn, table, &status);
    if (rc)
        return store_code(rc);
    *pages += status.ms_branch_pages + status.ms_leaf_pages + status.ms_overflow_pages;
    return 0;
}

int store_measure(struct store_txn *txn, uint64_t *ret_bytes)
{
    const struct store *store = txn->store;
    uint64_t pages = 2; /* the two meta pages */
    int code = add_table(txn, MAIN_TABLE, &pages);
    if (!code)
        code = add_table(txn, store->meta, &pages);
    for (unsigned i = 0; i < store->table_count && !code; i++)
        code = add_table(txn, store->tables[i], &pages);
    if (code)
        return code;
    *ret_bytes = pages * store->page_bytes;
    return 0;
}

void store_check_quota(struct store_txn *txn)
{
    struct store *store = txn->store;
    txn->next_check = txn->put_bytes + store->check_bytes;
    uint64_t used = 0;
    int code = store_measure(txn, &used);
    if (code)
        store_fail(txn, code);
    else if (used > store->quota_bytes && used > atomic_load(&store->used_bytes))
        store_fail(txn, -QY_EFULL);
}

static int begin_write(struct store *store, struct store_txn **ret_txn)
{
    if (atomic_load(&store->broken))
        return -QY_EIO;
    struct store_txn *txn = calloc(1, sizeof(*txn));
    if (!txn)
        return -QY_ENOMEM;
    txn->store = store;
    txn->mode = STORE_WRITE;
    txn->next_check = store->check_bytes;
    store_write_ahead(store);
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn->txn);
    if (rc) {
        free(txn);
        return store_code(rc);
    }
    int dead;
    if (++store->writes_begun % WRITES_PER_READER_CHECK == 0)
        mdb_reader_check(store->env, &dead);
    *ret_txn = txn;
    return 0;
}

uint64_t store_sees(const struct store_txn *txn)
{
    return mdb_txn_id(txn->txn);
}

/* A line is a reader's: process and thread; the last word is its snapshot, or "-" where it rests. */
static int note_reader(const char *line, void *context)
{
    uint64_t *oldest = context, snapshot;
    const char *word = strrchr(line, ' ');
    if (word && sscanf(word, "%" SCNu64, &snapshot) == 1 && snapshot < *oldest)
        *oldest = snapshot;
    return 0;
}

uint64_t store_oldest_read(struct store_txn *txn)
{
    uint64_t oldest = store_sees(txn);
    return mdb_reader_list(txn->store->env, note_reader, &oldest) < 0 ? 0 : oldest;
}

static struct store_txn *take_idle(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    struct store_txn *txn = store->idle;
    if (txn)
        store->idle = txn->next_idle;
    pthread_mutex_unlock(&store->mutex);
    return txn;
}

static int begin_read(struct store *store, struct store_txn **ret_txn)
{
    struct store_txn *txn = take_idle(store);
    int rc;
    if (txn) {
        rc = mdb_txn_renew(txn->txn);
    } else {
        txn = calloc(1, sizeof(*txn));
        if (!txn)
            return -QY_ENOMEM;
        txn->store = store;
        txn->mode = STORE_READ;
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn->txn);
    }
    if (rc) {
        if (txn->txn)
            mdb_txn_abort(txn->txn);
        free(txn);
        return store_code(rc);
    }
    txn->error = 0;
    *ret_txn = txn;
    return 0;
}

int store_begin(struct store *store, enum store_mode mode, struct store_txn **ret_txn)
{
    return mode == STORE_WRITE ? begin_write(store, ret_txn) : begin_read(store, ret_txn);
}

/* Ends the snapshot but keeps its reader's slot, so that the next query need not look for one. */
static void end_read(struct store_txn *txn)
{
    struct store *store = txn->store;
    mdb_txn_reset(txn->txn);
    pthread_mutex_lock(&store->mutex);
    txn->next_idle = store->idle;
    store->idle = txn;
    pthread_mutex_unlock(&store->mutex);
}

void store_abort(struct store_txn **txn_pointer)
{
    struct store_txn *txn = TAKE(*txn_pointer);
    if (!txn)
        return;
    store_end_scans(txn);
    if (txn->mode == STORE_READ) {
        end_read(txn);
        return;
    }
    if (txn->txn)
        mdb_txn_abort(txn->txn);
    free(txn);
}

static bool disk_is_full(struct store *store)
{
    mdb_filehandle_t fd;
    struct stat status;
    return mdb_env_get_fd(store->env, &fd) == 0 && fstat(fd, &status) == 0 &&
           fallocate(fd, FALLOC_FL_KEEP_SIZE, status.st_size, PROBE_BYTES) != 0 &&
           (errno == ENOSPC || errno == EDQUOT);
}

/* LMDB writes the pages, syncs them, and only then writes the meta page that makes them count. So a full disk
 * leaves everything as it was; about any other failure nothing is known. LMDB reports a write that was cut
 * short for want of room as EIO, hence the second look; should it have been the meta page after all, LMDB
 * refuses all that comes after. */
int store_commit_code(struct store *store, int mdb)
{
    int code = store_code(mdb);
    if (code == 0 || code == -QY_EFULL || code == -QY_ENOMEM)
        return code;
    return mdb == EIO && disk_is_full(store) ? -QY_EFULL : -QY_EIO;
}

static int commit_write(struct store_txn *txn)
{
    struct store *store = txn->store;
    if (store->fail_after > 0 && --store->fail_after == 0) {
        mdb_txn_abort(TAKE(txn->txn));
        return -QY_EIO;
    }
    return store_commit_code(store, mdb_txn_commit(TAKE(txn->txn)));
}

int store_commit(struct store_txn **txn_pointer)
{
    _cleanup_(store_abort) struct store_txn *txn = TAKE(*txn_pointer);
    if (txn->error || txn->mode == STORE_READ)
        return txn->error;
    uint64_t used = atomic_load(&txn->store->used_bytes);
    if (txn->put_bytes > 0)
        store_check_quota(txn);
    int code = txn->error ? txn->error : store_measure(txn, &used);
    if (code)
        return code;
    store_end_scans(txn);
    struct store *store = txn->store;
    code = commit_write(txn);
    if (code == -QY_EIO)
        atomic_store(&store->broken, true);
    if (code)
        return code;
    atomic_store(&store->used_bytes, used);
    atomic_fetch_add(&store->commits, 1);
    return 0;
}
