/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a journal's next segment will be, made before it is needed: zeros, written and synced by a thread of its own.
 *
 * disk.h says why zeros are written ahead at all. Written by who commits, they come with some commit's sync, and for megabytes that
 * is a stall; in the same file, another thread's would too, as a sync takes the whole file. */
#ifndef QY_COMMON_JOURNAL_SPARE_H
#define QY_COMMON_JOURNAL_SPARE_H

#include <stdbool.h>
#include <stdint.h>

struct journal_spare;

/* For the journal in `directory`, where one that was left over is removed. */
int journal_spare_open(const char *directory, struct journal_spare **ret_spare);
void journal_spare_close(struct journal_spare **spare);

/* Has one made of so many bytes, unless it is there or being made. On a disk that is filling up, none is. */
void journal_spare_order(struct journal_spare *spare, uint64_t bytes);
bool journal_spare_is_ready(struct journal_spare *spare);
/* Gives it the name `path`; it is the caller's then. Its size, or 0 where there is none. */
uint64_t journal_spare_take(struct journal_spare *spare, const char *path);

#endif
