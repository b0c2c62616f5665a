/* SPDX-License-Identifier: Apache-2.0 */
/* Reading chunks that came from somewhere else. */
#include "common/chunk.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

struct chunk_reader {
    ZSTD_DCtx *decompressor;
    struct buffer records;
    /* What chunk_next() has not yielded yet. */
    struct bytes rest;
    uint64_t offset;
    uint64_t end; /* of the chunk */
    int64_t time_ms;
};

int chunk_reader_open(struct chunk_reader **ret_reader)
{
    _cleanup_(chunk_reader_close) struct chunk_reader *reader = calloc(1, sizeof(*reader));
    if (!reader || sodium_init() < 0)
        return -QY_ENOMEM;
    reader->decompressor = ZSTD_createDCtx();
    if (!reader->decompressor)
        return -QY_ENOMEM;
    *ret_reader = TAKE(reader);
    return 0;
}

void chunk_reader_close(struct chunk_reader **reader)
{
    if (!*reader)
        return;
    ZSTD_freeDCtx((*reader)->decompressor);
    buffer_free(&(*reader)->records);
    free(*reader);
    *reader = NULL;
}

static int decompress(struct chunk_reader *reader, struct bytes wire, const struct chunk_header *header)
{
    const uint8_t *frame = wire.data + CHUNK_HEADER_BYTES;
    size_t size = wire.size - CHUNK_HEADER_BYTES;
    /* The frame must say the same size as the header, which is bounded: no bomb gets to unfold. */
    if (ZSTD_getFrameContentSize(frame, size) != header->records_bytes)
        return -QY_ECORRUPT;
    buffer_clear(&reader->records);
    uint8_t *room = buffer_reserve(&reader->records, header->records_bytes);
    if (!room)
        return -QY_ENOMEM;
    size_t result = ZSTD_decompressDCtx(reader->decompressor, room, header->records_bytes, frame, size);
    if (ZSTD_isError(result) || result != header->records_bytes)
        return -QY_ECORRUPT;
    reader->records.size = result;
    return 0;
}

/* Takes one record off the cursor; *time_ms is the time of the one before it and becomes this one's. */
static bool take_record(struct bytes *cursor, int64_t *time_ms, struct journal_record *ret_record)
{
    uint64_t size, delta;
    if (!bytes_varint(cursor, &size) || cursor->size == 0)
        return false;
    uint8_t record_class = cursor->data[0];
    *cursor = (struct bytes){cursor->data + 1, cursor->size - 1};
    if (!bytes_varint(cursor, &delta) || size > cursor->size)
        return false;
    *time_ms = (int64_t)((uint64_t)*time_ms + (delta >> 1 ^ (delta & 1 ? UINT64_MAX : 0)));
    ret_record->record_class = record_class;
    ret_record->time_ms = *time_ms;
    ret_record->data = (struct bytes){cursor->data, (size_t)size};
    *cursor = (struct bytes){cursor->data + size, cursor->size - (size_t)size};
    return true;
}

/* Every record is well-formed and the header tells the truth about them, so that chunk_next() cannot fail. */
static bool records_fit(struct bytes records, const struct chunk_header *header)
{
    struct journal_record record;
    uint64_t classes = 0;
    int64_t time_ms = header->base_ms, latest_ms = header->base_ms;
    for (uint32_t i = 0; i < header->count; i++) {
        if (!take_record(&records, &time_ms, &record))
            return false;
        if (record.record_class == 0 || record.record_class > CHUNK_CLASS_MAX ||
            (i == 0 && time_ms != header->base_ms))
            return false;
        classes |= UINT64_C(1) << record.record_class;
        if (time_ms > latest_ms)
            latest_ms = time_ms;
    }
    return records.size == 0 && classes == header->classes && latest_ms == header->latest_ms;
}

int chunk_read(struct chunk_reader *reader, struct bytes wire, struct journal_position *position)
{
    reader->rest = (struct bytes){NULL, 0};
    struct chunk_header header;
    int code = chunk_header_read(wire, &header);
    if (code)
        return code;
    if (header.first != position->next || memcmp(header.previous, position->chain, JOURNAL_CHAIN_BYTES) != 0)
        return -QY_EDIVERGED;
    code = decompress(reader, wire, &header);
    if (code)
        return code;
    struct bytes records = {reader->records.data, reader->records.size};
    if (!records_fit(records, &header))
        return -QY_ECORRUPT;
    reader->rest = records;
    reader->offset = header.first;
    reader->end = header.first + header.count;
    reader->time_ms = header.base_ms;
    position->next += header.count;
    chunk_chain(position->chain, wire, position->chain);
    return 0;
}

bool chunk_is_ahead(const struct chunk_reader *reader, uint64_t offset)
{
    return reader->rest.size > 0 && offset >= reader->offset && offset < reader->end;
}

bool chunk_next(struct chunk_reader *reader, struct journal_record *ret_record)
{
    if (reader->rest.size == 0 || !take_record(&reader->rest, &reader->time_ms, ret_record))
        return false;
    ret_record->offset = reader->offset++;
    return true;
}
