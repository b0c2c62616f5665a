/* SPDX-License-Identifier: Apache-2.0 */
/* An append-only sequence of records with dense 64-bit offsets, from 0.
 *
 * Records are kept in chunks (about 128 KiB before compression), and chunks in segments: files of their own, so
 * that what retention lets go is removed whole, and a commit is one write and one sync. A chunk is zstd-compressed and, where
 * a key is given, encrypted (AES-256-GCM or XChaCha20-Poly1305); it carries a hash chain: chain =
 * BLAKE2b-256(previous chain || chunk as it travels).
 *
 * Commit protocol: journal_commit() makes the batch's chunks durable; the service then commits its state, in
 * which the journal's position is written; that commit decides. What lies beyond the position in the state
 * was never seen by anybody and is cut off at the next open, or by journal_revert(). journal_publish() then
 * shows the batch to readers. A batch that changes nothing in the state can be decided by the journal's own
 * commit, journal_commit_alone(): then there is no second one to wait for.
 *
 * One writer thread adds and commits; any thread reads. */
#ifndef QY_COMMON_JOURNAL_H
#define QY_COMMON_JOURNAL_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/mem.h"

#define JOURNAL_CHAIN_BYTES 32

/* Where a journal ends or a follower stands: always a chunk's border. All zero is the beginning. */
struct journal_position {
    uint64_t next; /* offset of the next record */
    uint8_t chain[JOURNAL_CHAIN_BYTES];
};

struct journal_options {
    const char *path;
    uint64_t segment_bytes; /* a new segment is begun beyond this; 0: 256 MiB */
    int64_t segment_ms;     /* and after so much record time, so that little data too can be let go by age; 0:
                               never */
    const uint8_t *key;     /* 32 bytes, copied; NULL: not encrypted */
    int compression;        /* zstd level, negative ones are fast */
};

struct journal;

/* Opens or makes it, and cuts off what lies beyond both `committed` (NULL: the beginning) and what the journal
 * decided alone; journal_state() tells where it then ends. -QY_ECORRUPT when it ends before `committed` or its
 * chain does not fit. */
int journal_open(const struct journal_options *options, const struct journal_position *committed,
    struct journal **ret_journal);
void journal_close(struct journal **journal);

/* Writer: the record gets the returned offset. `record_class` is 1 to 63. `time_ms` is the fold's time.
 * Errors are sticky until journal_commit() or journal_revert(). */
uint64_t journal_add(
    struct journal *journal, unsigned record_class, int64_t time_ms, const void *data, size_t size);
/* As journal_add, packing a message straight into the chunk. */
uint64_t journal_add_message(
    struct journal *journal, unsigned record_class, int64_t time_ms, const ProtobufCMessage *message);
/* Writer: the offset that the next journal_add() will return. */
uint64_t journal_next(const struct journal *journal);
/* Writer: makes what was added durable. 0 also where nothing was added. On error as journal_revert(). */
int journal_commit(struct journal *journal, struct journal_position *ret_position);
/* Writer: as journal_commit(), and what was added counts from now on, whatever the state says. */
int journal_commit_alone(struct journal *journal, struct journal_position *ret_position);
/* Writer: shows all that was committed to readers; `origin` is what feeds pass on as their watermark. */
void journal_publish(struct journal *journal, uint64_t origin, int64_t time_ms);
/* Writer: takes back what was added, committed or not, since the last journal_publish(). */
int journal_revert(struct journal *journal);

/* What readers see; any thread. */
struct journal_state {
    struct journal_position end;
    uint64_t first; /* the oldest offset still held */
    uint64_t
        origin; /* watermark: up to where, in the gateway's journal, this journal's inputs have been folded */
    int64_t time_ms; /* the fold's time */
    uint64_t bytes;  /* on disk */
};
void journal_state(struct journal *journal, struct journal_state *ret_state);

/* A chunk as it travels: decrypted, still compressed. */
struct journal_chunk {
    uint64_t first;
    uint32_t count;
    uint64_t classes; /* bit (1 << class) for each class within */
    struct bytes wire;
};

/* Appends whole chunks, from `from` on, to `out` (each as varint size and bytes), until `max_bytes` is passed
 * (at least one chunk where there is one) or the published end is reached. -QY_ETRIMMED, -QY_EAHEAD,
 * -QY_EDIVERGED as DESIGN says. */
int journal_read(struct journal *journal, const struct journal_position *from, size_t max_bytes,
    struct buffer *out, struct journal_position *ret_after);

/* As journal_read(), but chunks that hold none of `classes` (bits as in journal_chunk) are passed over. In
 * their place stands a size of 0, and behind it the position after them: 8 bytes, big-endian, and the chain. */
int journal_read_classes(struct journal *journal, const struct journal_position *from, uint64_t classes,
    size_t max_bytes, struct buffer *out, struct journal_position *ret_after);
#define JOURNAL_PASSED_BYTES (8 + JOURNAL_CHAIN_BYTES)
/* Where the oldest record stands that is held; appends to `out` that all before it is passed over. */
int journal_pass_trimmed(struct journal *journal, struct buffer *out, struct journal_position *ret_oldest);

/* Removes whole segments that hold only records below `offset` and older than `before_ms`. */
int journal_trim(struct journal *journal, uint64_t offset, int64_t before_ms);

struct journal_record {
    uint64_t offset;
    unsigned record_class;
    int64_t time_ms;
    struct bytes data;
};

/* Follower's side: opens a travelled chunk that must follow `position`, verifies the chain, and moves
 * `position` past it. The records are borrowed from `reader` until its next call. */
struct chunk_reader;
int chunk_reader_open(struct chunk_reader **ret_reader);
void chunk_reader_close(struct chunk_reader **reader);
int chunk_read(struct chunk_reader *reader, struct bytes wire, struct journal_position *position);
/* Next record of the chunk; false at its end. */
bool chunk_next(struct chunk_reader *reader, struct journal_record *ret_record);
/* Whether chunk_next() will yield this record, sooner or later. */
bool chunk_is_ahead(const struct chunk_reader *reader, uint64_t offset);

/* One record by its offset, for lookups; any thread, copied into `out`. One thread that asks for many, in their order, has each chunk
 * opened once. -QY_ENOTFOUND beyond the end, -QY_ETRIMMED. */
int journal_get(
    struct journal *journal, uint64_t offset, struct buffer *out, struct journal_record *ret_record);

#endif
