/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the journal share; nobody else includes this. */
#ifndef QY_COMMON_JOURNAL_PRIVATE_H
#define QY_COMMON_JOURNAL_PRIVATE_H

#include "common/chunk.h"
#include "common/journal.h"
#include "common/journal_spare.h"
#include "common/segment_file.h"

#include <pthread.h>
#include <stdbool.h>

#define JOURNAL_READERS_KEPT 8

/* A segment is a file that is named by its first offset, 20 digits. */
struct segment {
    uint64_t first;
    struct segment_file *file; /* NULL while it is not open; never opened twice */
    unsigned users;            /* it is neither closed nor removed while there are some */
    uint64_t last_use;         /* for closing those that are not asked for */
    uint64_t bytes;            /* on disk */
    int64_t latest_ms;         /* where latest_known: the latest time in it, once it is complete */
    bool latest_known;
};

/* In order, without gaps. The journal's mutex guards it; a pinned segment's file is used without. */
struct segments {
    struct segment **items;
    size_t count;
    size_t capacity;
    unsigned open;
    uint64_t uses;
};

/* The latest chunks as they travel, so that followers who keep up cost no reading, decrypting or hashing. */
struct tail_chunk {
    uint64_t first;
    uint64_t next;
    uint64_t classes;
    uint8_t before[JOURNAL_CHAIN_BYTES];
    uint8_t after[JOURNAL_CHAIN_BYTES];
    uint8_t *wire;
    size_t size;
};
struct tail {
    pthread_mutex_t mutex;
    struct tail_chunk *ring;
    size_t begin;
    size_t count;
    size_t bytes;
};

struct journal {
    char *path;
    uint64_t segment_bytes;
    int64_t segment_ms;
    uint8_t key_bytes[CHUNK_KEY_BYTES];
    const uint8_t *key; /* key_bytes, or NULL */

    /* The writer's alone. */
    struct chunk_builder *builder;
    struct buffer wire;
    struct buffer stored;
    struct journal_position sealed; /* behind the last finished chunk, committed or not */
    struct segment *current;        /* pinned; NULL before the first chunk */
    uint64_t current_bytes;
    int64_t current_base_ms;
    struct journal_spare *spare;
    bool writing; /* to the current segment, what is not committed yet */
    int error;

    struct tail tail;

    pthread_mutex_t mutex; /* guards what follows */
    struct segments segments;
    struct journal_position published;
    uint64_t origin;
    int64_t time_ms;
    struct chunk_reader *idle_readers[JOURNAL_READERS_KEPT];
    unsigned idle_reader_count;
};

/* -- segments: all take the mutex themselves */

/* Lists what is on disk. -QY_EVERSION where an earlier version left something else. */
int segments_load(struct journal *journal);
/* Closes them all; none is pinned any more. */
void segments_close(struct journal *journal);
/* A new, empty, pinned one behind all others. */
int segment_make(struct journal *journal, uint64_t first, struct segment **ret_segment);
/* Opens and pins the one that holds `offset`. -QY_ETRIMMED when they all begin behind it. */
int segment_pin(struct journal *journal, uint64_t offset, struct segment **ret_segment);
void segment_unpin(struct journal *journal, struct segment *segment);
/* Removes those that begin at `end` or beyond. */
int segments_cut(struct journal *journal, uint64_t end);
/* Removes the oldest one when it holds only published records below `offset`, is not the last one, and nobody
 * reads it; *ret_removed tells. Its latest time must be known. */
int segment_trim(struct journal *journal, uint64_t offset, int64_t before_ms, bool *ret_removed);
/* Looks at the size of the file again. */
void segment_measure(struct journal *journal, struct segment *segment);
/* Index of the last segment that begins at `offset` or before; count where there is none. */
size_t segments_find(const struct segments *segments, uint64_t offset);

/* Where the journal ends of which the state knows `committed`; it is writable from there on. */
int journal_recover(struct journal *journal, const struct journal_position *committed);
/* Makes the last segment, if there is one, the one that is written to. */
int journal_select_current(struct journal *journal);
void journal_release_current(struct journal *journal);

/* -- one chunk of a pinned segment */

/* Appends to `out` the wire of the chunk with the highest first offset <= `offset`. -QY_ENOTFOUND. */
int segment_read_chunk(struct journal *journal, struct segment *segment, uint64_t offset, struct buffer *out,
    struct bytes *ret_wire);

/* -- tail */

int tail_open(struct tail *tail);
void tail_close(struct tail *tail);
/* Takes a copy; drops the oldest to stay within bounds. Memory that cannot be had only makes it shorter. */
void tail_push(struct tail *tail, const struct journal_position *before, const struct journal_position *after,
    struct bytes wire);
/* Forgets chunks that begin at `end` or beyond. */
void tail_cut(struct tail *tail, uint64_t end);
/* Appends chunks as journal_read_classes() does, from exactly `position` on and below `end`, and moves it on. */
void tail_read(struct tail *tail, struct journal_position *position, uint64_t end, uint64_t classes,
    size_t max_bytes, struct buffer *out);

/* Writes that chunks up to `position` were passed over. */
void journal_passed(struct buffer *out, const struct journal_position *position);

#endif
