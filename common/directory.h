/* SPDX-License-Identifier: Apache-2.0 */
/* Directories whose entries survive a power cut: what makes, replaces or removes one also syncs its parent. */
#ifndef QY_COMMON_DIRECTORY_H
#define QY_COMMON_DIRECTORY_H

#include <stddef.h>

/* Makes it and what is missing above it (mode 0700). 0 also when it is there already; -QY_EINVAL where
 * something else is. Where it fails, errno says more. */
int directory_make(const char *path);

/* Makes the entries of the directory durable. */
int directory_sync(const char *path);

/* As directory_sync, of the directory that holds `path`. */
int directory_sync_parent(const char *path);

/* Removes a directory and the files in it; subdirectories in it are an error. 0 also when it is not there. */
int directory_remove(const char *path);

/* Writes a file (mode 0600) in the place of what was there under this name: whole and durable, or not at all. */
int directory_replace_file(const char *path, const void *data, size_t size);

#endif
