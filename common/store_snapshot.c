/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a store while another process writes it. */
#include "common/store_private.h"

#include "common/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SNAPSHOT_TABLES_MAX (STORE_TABLES_MAX + 1)
#define FREE_TABLE 0 /* LMDB's own, of the pages that nothing is in */

static void close_environment(MDB_env **env)
{
    if (*env)
        mdb_env_close(*env);
}

/* Among its readers: the writer leaves alone what this one sees. */
static int open_beside(const char *path, MDB_env **ret_env)
{
    int rc = mdb_env_create(ret_env);
    if (!rc)
        rc = mdb_env_set_maxreaders(*ret_env, STORE_READERS_MAX);
    if (!rc)
        rc = mdb_env_set_maxdbs(*ret_env, SNAPSHOT_TABLES_MAX);
    if (!rc)
        rc = mdb_env_open(*ret_env, path, MDB_NOTLS | MDB_RDONLY, 0600);
    return rc == ENOENT ? -QY_ENOTFOUND : store_code(rc);
}

/* Pages that the copy will have, about: all but those that are free. */
static int measure(MDB_env *env, uint64_t *ret_bytes)
{
    MDB_envinfo info;
    MDB_stat status;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, pages;
    uint64_t free_pages = 0;
    mdb_env_info(env, &info);
    mdb_env_stat(env, &status);
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (!rc)
        rc = mdb_cursor_open(txn, FREE_TABLE, &cursor);
    while (!rc && (rc = mdb_cursor_get(cursor, &key, &pages, MDB_NEXT)) == 0)
        if (pages.mv_size >=
            sizeof(size_t)) /* a row is a list of page numbers, with how many there are before it */
            free_pages += *(const size_t *)pages.mv_data;
    if (cursor)
        mdb_cursor_close(cursor);
    if (txn)
        mdb_txn_abort(txn);
    *ret_bytes = ((uint64_t)info.me_last_pgno + 1 - free_pages) * status.ms_psize;
    return rc == MDB_NOTFOUND ? 0 : store_code(rc);
}

static int check_room(MDB_env *env, const char *to, uint64_t reserve)
{
    struct statvfs system;
    uint64_t bytes = 0;
    int code = measure(env, &bytes);
    if (!code && statvfs(to, &system))
        code = error_from_errno(errno);
    return !code && (uint64_t)system.f_bavail * system.f_frsize < bytes + reserve ? -QY_EFULL : code;
}

static int copy_pages(MDB_env *env, const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_from_errno(errno);
    int code = store_code(mdb_env_copyfd2(env, fd, MDB_CP_COMPACT));
    if (!code && fsync(fd))
        code = error_from_errno(errno);
    if (close(fd) && !code)
        code = error_from_errno(errno);
    if (code)
        unlink(file);
    return code;
}

int store_snapshot(const char *path, const char *to, uint64_t reserve)
{
    _cleanup_(close_environment) MDB_env *env = NULL;
    _cleanup_(free_pointer) char *file = NULL;
    struct stat status;
    if (asprintf(&file, "%s/data.mdb", path) < 0)
        return -QY_ENOMEM;
    if (stat(file, &status)) /* LMDB would leave a lock file there */
        return error_from_errno(errno);
    free(file);
    if (asprintf(&file, "%s/data.mdb", to) < 0)
        file = NULL;
    int code = file ? directory_make(to) : -QY_ENOMEM;
    if (!code)
        code = open_beside(path, &env);
    if (!code)
        code = check_room(env, to, reserve);
    if (!code)
        code = copy_pages(env, file);
    return code ? code : directory_sync(to);
}
