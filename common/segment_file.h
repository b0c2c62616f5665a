/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a journal's segment: frames one behind the other, each commit one write and one sync.
 *
 * Numbers big-endian: a head (magic, version, first offset), then frames. A frame is a head of FRAME_HEAD_BYTES
 * (size of what it holds u32, count of records u32, offset of the first one u64, a hash of these three u64) and
 * what it holds: a chunk as it rests or, where the count is 0, the chain of a journal that decided alone that it
 * goes up to this offset. What a crash leaves half-written is told by the chain of chunks, see
 * journal_recover.c; a frame's head only tells where frames end. Behind the frames of a complete segment stand
 * an index of them and its hash; zeros behind those of one that grows (disk.h).
 *
 * One thread writes. Any thread reads what has been committed. */
#ifndef QY_COMMON_SEGMENT_FILE_H
#define QY_COMMON_SEGMENT_FILE_H

#include "common/buffer.h"

#include <stdbool.h>

#define FRAME_HEAD_BYTES 24u

struct segment_file;

/* The segment that begins at offset `first`. -QY_ENOTFOUND, -QY_EVERSION (also what an earlier version kept in a
 * directory), -QY_ECORRUPT, -QY_EIO. A file in which nothing was ever committed is opened as an empty one. */
int segment_file_open(const char *path, uint64_t first, struct segment_file **ret_file);
/* A new, empty one in the place of whatever is there: of so many bytes of zeros that are there and synced, 0: from nothing. -QY_EFULL,
 * -QY_EIO. */
int segment_file_make(const char *path, uint64_t first, uint64_t zeros, struct segment_file **ret_file);
void segment_file_close(struct segment_file **file);

/* Bytes of frames. */
uint64_t segment_file_size(struct segment_file *file);
/* Writer: bytes that commits may overwrite before the file grows, with those that they have. */
uint64_t segment_file_written(const struct segment_file *file);
/* Bytes on disk, with what was written ahead. */
uint64_t segment_file_disk_bytes(struct segment_file *file);

/* -- writing -- */

/* Before the first frame of a commit: chunks from offset `next` on, committed or not, are gone. -QY_EIO,
 * -QY_ECORRUPT where `next` is within a chunk. */
int segment_file_begin(struct segment_file *file, uint64_t next);
/* Between two commits: sees to it that there is something to overwrite. */
void segment_file_write_ahead(struct segment_file *file);
/* Errors come with the commit. */
void segment_file_add(struct segment_file *file, uint64_t first, uint32_t count, struct bytes content);
/* Makes what was added durable. -QY_EFULL, -QY_ENOMEM: as segment_file_abort(). -QY_EIO: what the disk holds is
 * not known, and it takes nothing any more. */
int segment_file_commit(struct segment_file *file);
/* Takes back what was added since the last commit. */
void segment_file_abort(struct segment_file *file);
/* Nothing more comes: lets go of what was written ahead, and leaves the index for the next open. It may fail
 * without harm. */
void segment_file_complete(struct segment_file *file);

/* -- reading -- */

struct frame {
    uint64_t first;
    uint32_t count;       /* of records; 0: a decision */
    struct bytes content; /* until the scan's next call */
};
struct frame_scan {
    struct segment_file *file;
    uint64_t place; /* of the next frame */
    uint64_t end;
    struct buffer window;
    uint64_t window_place;
    int error;
};
/* Scans frames from the one on that holds `offset`, or from an earlier one. */
void frame_scan_open(struct segment_file *file, uint64_t offset, struct frame_scan *ret_scan);
/* False at the end, or on an error, then in scan->error. */
bool frame_scan_next(struct frame_scan *scan, struct frame *ret_frame);
void frame_scan_close(struct frame_scan *scan); /* for _cleanup_ */

#endif
