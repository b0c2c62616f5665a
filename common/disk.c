/* SPDX-License-Identifier: Apache-2.0 */
#include "common/disk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_MIN ((uint64_t)64 << 10)
#define PIECE_MAX ((uint64_t)4 << 20)
#define GROWTH 8 /* a piece is such a part of what is used */

uint64_t disk_piece(uint64_t used)
{
    uint64_t piece = used / GROWTH;
    return piece < PIECE_MIN ? PIECE_MIN : piece > PIECE_MAX ? PIECE_MAX : piece;
}

/* A page at a time: the kernel keeps what is written at once in one large folio, and looks through all of it
 * for each page that changes there later (Linux 6.18, ext4, random pages of a file that was written 1 MB, 64 KB
 * or 4 KB at a time: 28, 6 and 3.7 us of system time a page). */
bool disk_write_zeros(int fd, uint64_t at, uint64_t end)
{
    static const uint8_t zeros[4 << 10];
    while (at < end) {
        size_t size = end - at < sizeof(zeros) ? (size_t)(end - at) : sizeof(zeros);
        ssize_t written = pwrite(fd, zeros, size, (off_t)at);
        if (written <= 0)
            return false;
        at += (uint64_t)written;
    }
    return true;
}

long disk_fails_after(const char *path)
{
    const char *setting = getenv("QUANYU_TEST_FAIL_SYNC");
    if (!setting)
        return 0;
    char *end;
    long commits = strtol(setting, &end, 10);
    return *end == '@' && !strstr(path, end + 1) ? 0 : commits;
}
