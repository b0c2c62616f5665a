/* SPDX-License-Identifier: Apache-2.0 */
#include "common/journal_spare.h"

#include "common/disk.h"
#include "common/error.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FREE_FACTOR 16 /* so many times its size must be free */

struct journal_spare {
    char *path;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    uint64_t wanted; /* bytes; 0: nothing is to be made */
    uint64_t ready;
    bool stopping;
};

static bool has_room(const char *path, uint64_t bytes)
{
    struct statvfs status;
    return statvfs(path, &status) == 0 && (uint64_t)status.f_bavail * status.f_frsize / FREE_FACTOR >= bytes;
}

static bool make(const char *path, uint64_t bytes)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool made = has_room(path, bytes) && disk_write_zeros(fd, 0, bytes) && fdatasync(fd) == 0;
    close(fd);
    if (!made)
        unlink(path);
    return made;
}

static void *run(void *context)
{
    struct journal_spare *spare = context;
    pthread_mutex_lock(&spare->mutex);
    while (!spare->stopping) {
        uint64_t bytes = spare->wanted;
        if (bytes == 0 || spare->ready > 0) {
            pthread_cond_wait(&spare->wake, &spare->mutex);
            continue;
        }
        pthread_mutex_unlock(&spare->mutex);
        bool made = make(spare->path, bytes);
        pthread_mutex_lock(&spare->mutex);
        spare->wanted = 0;
        spare->ready = made ? bytes : 0;
    }
    pthread_mutex_unlock(&spare->mutex);
    return NULL;
}

int journal_spare_open(const char *directory, struct journal_spare **ret_spare)
{
    struct journal_spare *spare = calloc(1, sizeof(*spare));
    if (!spare)
        return -QY_ENOMEM;
    pthread_mutex_init(&spare->mutex, NULL);
    pthread_cond_init(&spare->wake, NULL);
    *ret_spare = spare;
    if (asprintf(&spare->path, "%s/spare", directory) < 0) {
        spare->path = NULL;
        journal_spare_close(ret_spare);
        return -QY_ENOMEM;
    }
    if (unlink(spare->path) == 0 || errno == ENOENT)
        return 0;
    int code = error_from_errno(errno);
    journal_spare_close(ret_spare);
    return code;
}

void journal_spare_close(struct journal_spare **spare_pointer)
{
    struct journal_spare *spare = TAKE(*spare_pointer);
    if (!spare)
        return;
    pthread_mutex_lock(&spare->mutex);
    spare->stopping = true;
    pthread_cond_signal(&spare->wake);
    pthread_mutex_unlock(&spare->mutex);
    if (spare->started)
        pthread_join(spare->thread, NULL);
    if (spare->ready > 0)
        unlink(spare->path);
    pthread_cond_destroy(&spare->wake);
    pthread_mutex_destroy(&spare->mutex);
    free(spare->path);
    free(spare);
}

void journal_spare_order(struct journal_spare *spare, uint64_t bytes)
{
    pthread_mutex_lock(&spare->mutex);
    if (spare->wanted == 0 && spare->ready == 0) {
        spare->wanted = bytes;
        pthread_cond_signal(&spare->wake);
    }
    pthread_mutex_unlock(&spare->mutex);
    if (!spare->started) /* a journal that hardly grows needs no thread */
        spare->started = pthread_create(&spare->thread, NULL, run, spare) == 0;
}

bool journal_spare_is_ready(struct journal_spare *spare)
{
    pthread_mutex_lock(&spare->mutex);
    bool ready = spare->ready > 0;
    pthread_mutex_unlock(&spare->mutex);
    return ready;
}

uint64_t journal_spare_take(struct journal_spare *spare, const char *path)
{
    pthread_mutex_lock(&spare->mutex);
    uint64_t bytes = spare->ready;
    spare->ready = 0;
    pthread_mutex_unlock(&spare->mutex);
    return bytes > 0 && rename(spare->path, path) == 0 ? bytes : 0;
}
