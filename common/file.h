/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files that are copied, compared, and named by their content. (directory.h writes one.) */
#ifndef QY_COMMON_FILE_H
#define QY_COMMON_FILE_H

#include <stdbool.h>
#include <stdint.h>

#define FILE_HASH_BYTES 32

/* What is in a file. */
struct file_content {
    uint64_t bytes;
    uint8_t hash[FILE_HASH_BYTES]; /* SHA-256 */
};

/* -QY_ENOTFOUND, -QY_EIO; as from those below. */
int file_read(const char *path, struct file_content *ret_content);

/* Copies it (mode 0600): its content is durable when it returns 0, its name once its directory is synced. What was there is replaced when the copy
 * is whole. -QY_EFULL: there is no room, or less than `reserve` bytes would be left; nothing is left of the copy. */
int file_copy(const char *from, const char *to, uint64_t reserve, struct file_content *ret_content);

/* Whether both hold the same bytes; where they do, and only then, `ret_content` is set. Where `other` is not there, they do not. */
int file_same(const char *path, const char *other, bool *ret_same, struct file_content *ret_content);

#endif
