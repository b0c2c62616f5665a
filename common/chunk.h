/* SPDX-License-Identifier: Apache-2.0 */
/* The chunk: what a journal stores, hashes and sends.
 *
 * As it travels ("wire"), numbers big-endian:
 *   version u8 = 1, first offset u64, record count u32, classes u64 (bit 1 << class of each record within),
 * time of the first record i64, latest time i64, size of the records u32, chain before it (32 bytes), the
 * records as one zstd frame. A record: varint size of its data, class u8, zigzag varint of its time less the
 * time of the record before it (the first: less the header's), data. At rest: one byte 0 and the wire, or one
 * byte 1, a random nonce and the wire sealed with XChaCha20-Poly1305, bound to its first offset. XChaCha20
 * because its nonces may be random for as long as a journal lives. Everything that takes bytes here holds
 * against hostile ones. */
#ifndef QY_COMMON_CHUNK_H
#define QY_COMMON_CHUNK_H

#include "common/buffer.h"
#include "common/journal.h"

#include <stdbool.h>

/* A chunk is finished when its records would pass this. */
#define CHUNK_TARGET_BYTES ((size_t)128 << 10)
/* No chunk holds more than this before compression; so no record does. */
#define CHUNK_RECORDS_MAX ((size_t)8 << 20)
#define CHUNK_HEADER_BYTES 73
#define CHUNK_KEY_BYTES 32
#define CHUNK_CLASS_MAX 63

struct chunk_header {
    uint64_t first;
    uint32_t count;
    uint64_t classes;
    int64_t base_ms; /* time of the first record */
    int64_t latest_ms;
    uint32_t records_bytes;
    uint8_t previous[JOURNAL_CHAIN_BYTES];
};

/* -QY_EVERSION, -QY_ECORRUPT. Says nothing of the records yet. */
int chunk_header_read(struct bytes wire, struct chunk_header *ret_header);

/* The chain behind a chunk. `ret_chain` may be `previous`. */
void chunk_chain(
    const uint8_t previous[JOURNAL_CHAIN_BYTES], struct bytes wire, uint8_t ret_chain[JOURNAL_CHAIN_BYTES]);

/* Gathers records into a chunk. */
struct chunk_builder;
int chunk_builder_open(int compression, struct chunk_builder **ret_builder);
void chunk_builder_close(struct chunk_builder **builder);
/* Drops what was added. */
void chunk_builder_reset(struct chunk_builder *builder);
uint32_t chunk_builder_count(const struct chunk_builder *builder);
/* True when a record of `size` bytes should rather begin the next chunk. */
bool chunk_builder_is_full(const struct chunk_builder *builder, size_t size);
/* Adds a record; its data, `size` bytes, is to be written to *ret_room before any other call. -QY_ETOOLARGE,
 * -QY_ENOMEM. */
int chunk_builder_add(
    struct chunk_builder *builder, unsigned record_class, int64_t time_ms, size_t size, uint8_t **ret_room);
/* The time of the first record; there must be one. */
int64_t chunk_builder_base_ms(const struct chunk_builder *builder);
/* Replaces `wire` by the chunk that begins at `position`, moves `position` past it, and starts afresh. There
 * must be a record. */
int chunk_builder_finish(
    struct chunk_builder *builder, struct journal_position *position, struct buffer *wire);

/* Appends the chunk to `stored` as it rests. `key` NULL: not sealed. */
int chunk_store(const uint8_t *key, uint64_t first, struct bytes wire, struct buffer *stored);
/* Appends the wire of what rests to `wire`, after its size as a varint where `sized`. Returns its place in
 * `wire`, borrowed until the next append. -QY_ECORRUPT: altered, another key, sealed where no key is given or
 * the other way round. */
int chunk_unstore(const uint8_t *key, uint64_t first, struct bytes stored, bool sized, struct buffer *wire,
    struct bytes *ret_wire);

#endif
