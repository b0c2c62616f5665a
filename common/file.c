/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include "common/directory.h"
#include "common/error.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)1 << 20)

/* One file that is read from its beginning to its end, a piece at a time. */
struct reading {
    int fd;
    uint8_t *piece;
    size_t size; /* of the piece */
    EVP_MD_CTX *hashing;
    uint64_t bytes;
};

static void end_reading(struct reading *reading)
{
    /* Copies are not looked at again: the cache is for what the services read. */
    if (reading->fd >= 0) {
        (void)posix_fadvise(reading->fd, 0, 0, POSIX_FADV_DONTNEED);
        close(reading->fd);
    }
    free(reading->piece);
    EVP_MD_CTX_free(reading->hashing);
}

static int begin_reading(struct reading *reading, const char *path)
{
    reading->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reading->fd < 0)
        return error_from_errno(errno);
    (void)posix_fadvise(reading->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    reading->piece = malloc(PIECE_BYTES);
    reading->hashing = EVP_MD_CTX_new();
    return reading->piece && reading->hashing && EVP_DigestInit_ex(reading->hashing, EVP_sha256(), NULL)
               ? 0
               : -QY_ENOMEM;
}

/* The next piece: full, but for the last one, which may be empty. */
static int read_piece(struct reading *reading)
{
    reading->size = 0;
    while (reading->size < PIECE_BYTES) {
        ssize_t got = read(reading->fd, reading->piece + reading->size, PIECE_BYTES - reading->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_from_errno(errno);
        if (got == 0)
            break;
        reading->size += (size_t)got;
    }
    reading->bytes += reading->size;
    return EVP_DigestUpdate(reading->hashing, reading->piece, reading->size) ? 0 : -QY_EIO;
}

static int take_content(struct reading *reading, struct file_content *ret_content)
{
    struct file_content content = {.bytes = reading->bytes};
    if (!EVP_DigestFinal_ex(reading->hashing, content.hash, NULL))
        return -QY_EIO;
    *ret_content = content;
    return 0;
}

int file_read(const char *path, struct file_content *ret_content)
{
    _cleanup_(end_reading) struct reading reading = {.fd = -1};
    int error = begin_reading(&reading, path);
    do
        error = error ? error : read_piece(&reading);
    while (!error && reading.size > 0);
    return error ? error : take_content(&reading, ret_content);
}

int file_same(const char *path, const char *other, bool *ret_same, struct file_content *ret_content)
{
    _cleanup_(end_reading) struct reading one = {.fd = -1};
    _cleanup_(end_reading) struct reading two = {.fd = -1};
    bool same = true;
    int error = begin_reading(&one, path);
    if (error)
        return error;
    error = begin_reading(&two, other);
    if (error == -QY_ENOTFOUND) {
        *ret_same = false;
        return 0;
    }
    do {
        error = error ? error : read_piece(&one);
        error = error ? error : read_piece(&two);
        same = !error && one.size == two.size && memcmp(one.piece, two.piece, one.size) == 0;
    } while (same && one.size > 0);
    if (!error && same)
        error = take_content(&one, ret_content);
    if (!error)
        *ret_same = same;
    return error;
}

/* -- writing -- */

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_from_errno(errno);
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int check_room(int fd, size_t wanted, uint64_t reserve)
{
    struct statvfs system;
    if (reserve == 0)
        return 0;
    if (fstatvfs(fd, &system))
        return error_from_errno(errno);
    return (uint64_t)system.f_bavail * system.f_frsize < reserve + wanted ? -QY_EFULL : 0;
}

static int copy_pieces(struct reading *from, int to, uint64_t reserve)
{
    int error;
    do {
        error = read_piece(from);
        if (!error)
            error = check_room(to, from->size, reserve);
        if (!error)
            error = write_all(to, from->piece, from->size);
    } while (!error && from->size > 0);
    if (!error && fsync(to))
        error = error_from_errno(errno);
    (void)posix_fadvise(to, 0, 0, POSIX_FADV_DONTNEED);
    return error;
}

/* The file under another name until it is whole: what a crash leaves is not taken for it. */
static int begin_writing(const char *path, char **ret_next)
{
    if (asprintf(ret_next, "%s.next", path) < 0) {
        *ret_next = NULL;
        errno = ENOMEM;
        return -1;
    }
    return open(*ret_next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static int end_writing(int fd, const char *next, const char *path, int error)
{
    if (close(fd) && !error)
        error = error_from_errno(errno);
    if (!error && rename(next, path))
        error = error_from_errno(errno);
    if (error)
        unlink(next);
    return error;
}

int file_copy(const char *from, const char *to, uint64_t reserve, struct file_content *ret_content)
{
    _cleanup_(end_reading) struct reading reading = {.fd = -1};
    _cleanup_(free_pointer) char *next = NULL;
    int error = begin_reading(&reading, from);
    if (error)
        return error;
    int fd = begin_writing(to, &next);
    if (fd < 0)
        return error_from_errno(errno);
    error = end_writing(fd, next, to, copy_pieces(&reading, fd, reserve));
    return error ? error : take_content(&reading, ret_content);
}
