/* SPDX-License-Identifier: Apache-2.0 */
#include "common/directory.h"

#include "common/error.h"
#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

int directory_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_from_errno(errno);
    int failed = fsync(fd) ? errno : 0;
    close(fd);
    errno = failed;
    return error_from_errno(failed);
}

int directory_sync_parent(const char *path)
{
    _cleanup_(free_pointer) char *copy = strdup(path);
    return copy ? directory_sync(dirname(copy)) : -QY_ENOMEM;
}

static int make_one(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return directory_sync_parent(path);
    if (errno != EEXIST)
        return error_from_errno(errno);
    struct stat status;
    if (stat(path, &status))
        return error_from_errno(errno);
    if (S_ISDIR(status.st_mode))
        return 0;
    errno = ENOTDIR;
    return -QY_EINVAL;
}

int directory_make(const char *path)
{
    _cleanup_(free_pointer) char *copy = strdup(path);
    if (!copy)
        return -QY_ENOMEM;
    if (!*copy) {
        errno = EINVAL;
        return -QY_EINVAL;
    }
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int code = make_one(copy);
        *slash = '/';
        if (code)
            return code;
    }
    return make_one(copy);
}

static int remove_files(DIR *directory)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry)
            return error_from_errno(errno);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(directory), entry->d_name, 0) && errno != ENOENT)
            return error_from_errno(errno);
    }
}

int directory_remove(const char *path)
{
    _cleanup_(close_directory) DIR *directory = opendir(path);
    if (!directory)
        return errno == ENOENT ? 0 : error_from_errno(errno);
    int code = remove_files(directory);
    if (code)
        return code;
    if (rmdir(path) && errno != ENOENT)
        return error_from_errno(errno);
    return directory_sync_parent(path);
}

static int write_all(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0)
            return error_from_errno(errno);
        data += written;
        size -= (size_t)written;
    }
    return fsync(file) ? error_from_errno(errno) : 0;
}

int directory_replace_file(const char *path, const void *data, size_t size)
{
    _cleanup_(free_pointer) char *next = NULL;
    if (asprintf(&next, "%s.new", path) < 0)
        return -QY_ENOMEM;
    if (unlink(next) && errno != ENOENT) /* a crash left it, maybe with other rights */
        return error_from_errno(errno);
    int file = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return error_from_errno(errno);
    int error = write_all(file, data, size);
    if (close(file) && !error)
        error = -QY_EIO;
    if (!error && rename(next, path))
        error = error_from_errno(errno);
    if (error)
        (void)unlink(next);
    return error ? error : directory_sync_parent(path);
}
