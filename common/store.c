/* SPDX-License-Identifier: Apache-2.0 */
/* The environment: opening, closing, room. */
#include "common/store_private.h"

#include "common/directory.h"
#include "common/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A cache line for each reader, and the head. */
#define LOCK_FILE_BYTES (STORE_READERS_MAX * 64 + 4096)
#define FREE_BYTES_MIN ((uint64_t)64 << 20)

int store_code(int mdb)
{
    switch (mdb) {
    case MDB_SUCCESS:
        return 0;
    case MDB_MAP_FULL:
        return -QY_EFULL;
    case MDB_BAD_VALSIZE:
    case MDB_TXN_FULL:
        return -QY_ETOOLARGE;
    case MDB_READERS_FULL:
        return -QY_EUNAVAILABLE;
    case MDB_KEYEXIST: /* an append that was not above the last key */
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_NOTFOUND:
        return -QY_ECORRUPT;
    case MDB_VERSION_MISMATCH:
        return -QY_EVERSION;
    default:
        return mdb > 0 ? error_from_errno(mdb) : -QY_EIO;
    }
}

static char *path_in(const char *directory, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

/* Who holds the lock, for people and for ./dev. On a full disk it may stay unsaid: nothing but that depends on it. */
static void sign(int lock)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(lock, 0) || pwrite(lock, text, (size_t)size, 0) != size)
        return;
}

/* A lock of the open file, not of the process: a second opener in this process is refused too. LMDB would not
 * notice. */
static int lock(struct store *store)
{
    _cleanup_(free_pointer) char *path = path_in(store->path, "writer.lock");
    if (!path)
        return -QY_ENOMEM;
    store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0)
        return error_from_errno(errno);
    if (flock(store->lock, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? -QY_ECONFLICT : error_from_errno(errno);
    sign(store->lock);
    return 0;
}

int store_holder(const char *path)
{
    char text[16] = "";
    _cleanup_(free_pointer) char *file = path_in(path, "writer.lock");
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    close(fd);
    return size > 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* LMDB writes to its lock file through a mapping, where a full disk is no error but a SIGBUS: its blocks are
 * had before. */
static int reserve_lock_file(const char *directory)
{
    _cleanup_(free_pointer) char *path = path_in(directory, "lock.mdb");
    if (!path)
        return -QY_ENOMEM;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_from_errno(errno);
    int code = 0;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LOCK_FILE_BYTES) && errno != EOPNOTSUPP)
        code = error_from_errno(errno);
    close(fd);
    return code;
}

/* A disk that filled while the first two pages were written leaves a file that LMDB takes for a damaged one.
 */
static int remove_stillborn(const char *directory)
{
    _cleanup_(free_pointer) char *path = path_in(directory, "data.mdb");
    struct stat status;
    if (!path)
        return -QY_ENOMEM;
    if (stat(path, &status) || status.st_size >= 2 * sysconf(_SC_PAGESIZE))
        return 0;
    return unlink(path) ? error_from_errno(errno) : 0;
}

static int open_environment(struct store *store, const struct store_options *options)
{
    int code = remove_stillborn(options->path);
    if (!code)
        code = reserve_lock_file(options->path);
    if (code)
        return code;
    int rc = mdb_env_create(&store->env);
    if (!rc)
        rc = mdb_env_set_mapsize(store->env, options->map_bytes);
    if (!rc)
        rc = mdb_env_set_maxdbs(store->env, options->table_count + 1);
    if (!rc)
        rc = mdb_env_set_maxreaders(store->env, STORE_READERS_MAX);
    if (!rc)
        rc = mdb_env_open(store->env, options->path, MDB_NOTLS, 0600);
    int dead;
    if (!rc)
        rc = mdb_reader_check(store->env, &dead);
    if (rc)
        return rc == ENOENT ? -QY_EIO : store_code(rc);
    /* LMDB has made its files; a power cut must not take their names. */
    return directory_sync(options->path);
}

/* A copy has no writer, and nobody to tell of its readers. */
static int open_copied(struct store *store, const struct store_options *options)
{
    int rc = mdb_env_create(&store->env);
    if (!rc)
        rc = mdb_env_set_mapsize(store->env, options->map_bytes);
    if (!rc)
        rc = mdb_env_set_maxdbs(store->env, options->table_count + 1);
    if (!rc)
        rc = mdb_env_open(store->env, options->path, MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK, 0600);
    return rc == ENOENT ? -QY_ENOTFOUND : store_code(rc);
}

bool store_is_written(const char *directory)
{
    _cleanup_(free_pointer) char *path = path_in(directory, "writer.lock");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return locked;
}

static void set_quota(struct store *store, const struct store_options *options)
{
    MDB_envinfo info;
    MDB_stat status;
    mdb_env_info(store->env, &info);
    mdb_env_stat(store->env, &status);
    store->page_bytes = status.ms_psize;
    /* Copy-on-write: a delete takes pages before it gives any back. A tenth of the map is kept for that. */
    uint64_t most = info.me_mapsize / 10 * 9;
    store->quota_bytes =
        options->quota_bytes > 0 && options->quota_bytes < most ? options->quota_bytes : most;
    store->check_bytes = store->quota_bytes / 64;
    if (store->check_bytes > UINT64_C(1) << 20)
        store->check_bytes = UINT64_C(1) << 20;
}

static int measure_once(struct store *store)
{
    struct store_txn *txn;
    int code = store_begin(store, STORE_READ, &txn);
    if (code)
        return code;
    uint64_t used = 0;
    code = store_measure(txn, &used);
    store_abort(&txn);
    atomic_store(&store->used_bytes, used);
    return code;
}

int store_open(const struct store_options *options, struct store **ret_store)
{
    assert(options->table_count <= STORE_TABLES_MAX && options->schema_version > 0 && options->map_bytes > 0);
    int code = directory_make(options->path);
    if (code)
        return code;
    _cleanup_(store_close) struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return -QY_ENOMEM;
    store->lock = -1;
    pthread_mutex_init(&store->mutex, NULL);
    store->table_count = options->table_count;
    store->path = strdup(options->path);
    code = store->path ? lock(store) : -QY_ENOMEM;
    if (code)
        return code;
    code = open_environment(store, options);
    if (code)
        return code;
    set_quota(store, options);
    uint32_t version = 0;
    code = store_open_tables(store, options, &version);
    if (!code)
        code = measure_once(store);
    if (!code)
        code = store_migrate(store, options, version);
    if (code)
        return code;
    store->fail_after = disk_fails_after(store->path);
    *ret_store = TAKE(store);
    return 0;
}

int store_open_copy(const struct store_options *options, struct store **ret_store)
{
    _cleanup_(store_close) struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return -QY_ENOMEM;
    store->lock = -1;
    pthread_mutex_init(&store->mutex, NULL);
    store->table_count = options->table_count;
    store->path = strdup(options->path);
    int code = !store->path ? -QY_ENOMEM : store_is_written(options->path) ? -QY_ECONFLICT : 0;
    if (!code)
        code = open_copied(store, options);
    if (!code)
        code = store_open_present(store, options);
    atomic_store(&store->broken, true); /* refuses to be written */
    if (!code)
        *ret_store = TAKE(store);
    return code;
}

void store_close(struct store **store_pointer)
{
    struct store *store = TAKE(*store_pointer);
    if (!store)
        return;
    while (store->idle) {
        struct store_txn *txn = store->idle;
        store->idle = txn->next_idle;
        mdb_txn_abort(txn->txn);
        free(txn);
    }
    if (store->env)
        mdb_env_close(store->env);
    if (store->lock >= 0)
        close(store->lock);
    pthread_mutex_destroy(&store->mutex);
    free(store->path);
    free(store);
}

uint64_t store_used_bytes(struct store *store)
{
    return atomic_load(&store->used_bytes);
}

bool store_is_full(struct store *store)
{
    /* Full a little before commits fail, so that what is on its way still finds room. */
    if (store_used_bytes(store) + store->quota_bytes / 64 >= store->quota_bytes)
        return true;
    struct statvfs system;
    if (statvfs(store->path, &system))
        return true;
    uint64_t block = system.f_frsize;
    uint64_t needed = system.f_blocks * block / 50;
    if (needed > FREE_BYTES_MIN)
        needed = FREE_BYTES_MIN;
    return system.f_bavail * block < needed;
}
