/* SPDX-License-Identifier: Apache-2.0 */
/* Directories whose entries survive a power cut: what makes or removes one also syncs its parent. */
#ifndef QY_COMMON_DIRECTORY_H
#define QY_COMMON_DIRECTORY_H

/* Makes it and what is missing above it (mode 0700). 0 also when it is there already; -QY_EINVAL where
 * something else is. Where it fails, errno says more. */
int directory_make(const char *path);

/* Makes the entries of the directory durable. */
int directory_sync(const char *path);

/* As directory_sync, of the directory that holds `path`. */
int directory_sync_parent(const char *path);

/* Removes a directory and the files in it; subdirectories in it are an error. 0 also when it is not there. */
int directory_remove(const char *path);

#endif
