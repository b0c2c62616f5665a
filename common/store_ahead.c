/* SPDX-License-Identifier: Apache-2.0 */
/* Room that is written before it is needed, see disk.h: behind LMDB's last page, while no transaction is
 * writing. */
#include "common/disk.h"
#include "common/store_private.h"

#include <sys/stat.h>

/* Whatever LMDB has written lies below the file's end, so nothing of it is touched. */
void store_write_ahead(struct store *store)
{
    MDB_envinfo info;
    mdb_filehandle_t fd;
    struct stat status;
    if (mdb_env_info(store->env, &info) != 0 || mdb_env_get_fd(store->env, &fd) != 0)
        return;
    uint64_t used = ((uint64_t)info.me_last_pgno + 1) * store->page_bytes, piece = disk_piece(used);
    if (used + piece / 2 <= store->written_bytes || fstat(fd, &status) != 0)
        return;
    uint64_t end = (uint64_t)status.st_size > used ? (uint64_t)status.st_size : used;
    uint64_t wanted = (used + piece + piece / 2) / store->page_bytes * store->page_bytes;
    if (wanted > info.me_mapsize)
        wanted = info.me_mapsize;
    if (end >= wanted)
        store->written_bytes = end;
    else if (disk_write_zeros(fd, end, wanted))
        store->written_bytes = wanted;
    else
        store->written_bytes = used + piece; /* not again for each commit */
}
