/* SPDX-License-Identifier: Apache-2.0 */
/* Making chunks: header, records, chain. */
#include "common/chunk.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_VERSION 1
#define VARINT_MAX ((size_t)10)
#define RECORD_BYTES_MIN 3

struct chunk_builder {
    ZSTD_CCtx *compressor;
    struct buffer records;
    uint32_t count;
    uint64_t classes;
    int64_t base_ms;
    int64_t last_ms;
    int64_t latest_ms;
};

int chunk_header_read(struct bytes wire, struct chunk_header *ret_header)
{
    if (wire.size > 0 && wire.data[0] != CHUNK_VERSION)
        return -QY_EVERSION;
    if (wire.size < CHUNK_HEADER_BYTES)
        return -QY_ECORRUPT;
    const uint8_t *in = wire.data;
    struct chunk_header header = {
        .first = get_be64(in + 1),
        .count = get_be32(in + 9),
        .classes = get_be64(in + 13),
        .base_ms = (int64_t)get_be64(in + 21),
        .latest_ms = (int64_t)get_be64(in + 29),
        .records_bytes = get_be32(in + 37),
    };
    memcpy(header.previous, in + 41, JOURNAL_CHAIN_BYTES);
    if (header.count == 0 || header.first > UINT64_MAX - header.count ||
        header.records_bytes > CHUNK_RECORDS_MAX || header.records_bytes / RECORD_BYTES_MIN < header.count)
        return -QY_ECORRUPT;
    *ret_header = header;
    return 0;
}

static void header_write(const struct chunk_header *header, uint8_t out[CHUNK_HEADER_BYTES])
{
    out[0] = CHUNK_VERSION;
    put_be64(out + 1, header->first);
    put_be32(out + 9, header->count);
    put_be64(out + 13, header->classes);
    put_be64(out + 21, (uint64_t)header->base_ms);
    put_be64(out + 29, (uint64_t)header->latest_ms);
    put_be32(out + 37, header->records_bytes);
    memcpy(out + 41, header->previous, JOURNAL_CHAIN_BYTES);
}

void chunk_chain(
    const uint8_t previous[JOURNAL_CHAIN_BYTES], struct bytes wire, uint8_t ret_chain[JOURNAL_CHAIN_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, JOURNAL_CHAIN_BYTES);
    crypto_generichash_update(&state, previous, JOURNAL_CHAIN_BYTES);
    crypto_generichash_update(&state, wire.data, wire.size);
    crypto_generichash_final(&state, ret_chain, JOURNAL_CHAIN_BYTES);
}

int chunk_builder_open(int compression, struct chunk_builder **ret_builder)
{
    _cleanup_(chunk_builder_close) struct chunk_builder *builder = calloc(1, sizeof(*builder));
    if (!builder || sodium_init() < 0)
        return -QY_ENOMEM;
    builder->compressor = ZSTD_createCCtx();
    if (!builder->compressor)
        return -QY_ENOMEM;
    if (ZSTD_isError(ZSTD_CCtx_setParameter(builder->compressor, ZSTD_c_compressionLevel, compression)))
        return -QY_EINVAL;
    *ret_builder = TAKE(builder);
    return 0;
}

void chunk_builder_close(struct chunk_builder **builder)
{
    if (!*builder)
        return;
    ZSTD_freeCCtx((*builder)->compressor);
    buffer_free(&(*builder)->records);
    free(*builder);
    *builder = NULL;
}

void chunk_builder_reset(struct chunk_builder *builder)
{
    buffer_clear(&builder->records);
    builder->count = 0;
    builder->classes = 0;
}

uint32_t chunk_builder_count(const struct chunk_builder *builder)
{
    return builder->count;
}

bool chunk_builder_is_full(const struct chunk_builder *builder, size_t size)
{
    return builder->count > 0 &&
           (size > CHUNK_TARGET_BYTES || builder->records.size + size > CHUNK_TARGET_BYTES);
}

int64_t chunk_builder_base_ms(const struct chunk_builder *builder)
{
    return builder->base_ms;
}

static uint64_t zigzag(uint64_t delta)
{
    return delta << 1 ^ (delta >> 63 ? UINT64_MAX : 0);
}

int chunk_builder_add(
    struct chunk_builder *builder, unsigned record_class, int64_t time_ms, size_t size, uint8_t **ret_room)
{
    assert(record_class > 0 && record_class <= CHUNK_CLASS_MAX);
    struct buffer *records = &builder->records;
    if (size > CHUNK_RECORDS_MAX || records->size + size + 2 * VARINT_MAX + 1 > CHUNK_RECORDS_MAX)
        return -QY_ETOOLARGE;
    if (!buffer_reserve(records, size + 2 * VARINT_MAX + 1))
        return -QY_ENOMEM;
    if (builder->count == 0)
        builder->base_ms = builder->last_ms = builder->latest_ms = time_ms;
    buffer_varint(records, size);
    buffer_byte(records, (uint8_t)record_class);
    buffer_varint(records, zigzag((uint64_t)time_ms - (uint64_t)builder->last_ms));
    *ret_room = records->data + records->size;
    records->size += size;
    builder->last_ms = time_ms;
    if (time_ms > builder->latest_ms)
        builder->latest_ms = time_ms;
    builder->classes |= UINT64_C(1) << record_class;
    builder->count++;
    return 0;
}

static int compress(struct chunk_builder *builder, struct buffer *wire)
{
    size_t bound = ZSTD_compressBound(builder->records.size);
    uint8_t *room = buffer_reserve(wire, bound);
    if (!room)
        return -QY_ENOMEM;
    size_t size =
        ZSTD_compress2(builder->compressor, room, bound, builder->records.data, builder->records.size);
    if (ZSTD_isError(size))
        return -QY_ENOMEM; /* the one thing that can go wrong with room enough */
    wire->size += size;
    return 0;
}

int chunk_builder_finish(
    struct chunk_builder *builder, struct journal_position *position, struct buffer *wire)
{
    assert(builder->count > 0);
    struct chunk_header header = {
        .first = position->next,
        .count = builder->count,
        .classes = builder->classes,
        .base_ms = builder->base_ms,
        .latest_ms = builder->latest_ms,
        .records_bytes = (uint32_t)builder->records.size,
    };
    memcpy(header.previous, position->chain, JOURNAL_CHAIN_BYTES);
    uint8_t bytes[CHUNK_HEADER_BYTES];
    header_write(&header, bytes);
    buffer_clear(wire);
    buffer_append(wire, bytes, sizeof(bytes));
    int code = compress(builder, wire);
    if (code)
        return code;
    position->next += header.count;
    chunk_chain(position->chain, (struct bytes){wire->data, wire->size}, position->chain);
    chunk_builder_reset(builder);
    return 0;
}
