/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk from a hostile peer: as it came, and with the fuzzer's bytes as its records in a frame that is
 * well-formed. */
#include "common/chunk.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct chunk_reader *reader, struct bytes wire)
{
    struct chunk_header header;
    if (chunk_header_read(wire, &header))
        return;
    struct journal_position position = {.next = header.first};
    memcpy(position.chain, header.previous, sizeof(position.chain));
    uint64_t offset = position.next;
    if (chunk_read(reader, wire, &position))
        return;
    struct journal_record record;
    uint64_t sum = 0;
    for (; chunk_next(reader, &record); offset++) {
        if (record.offset != offset || record.record_class == 0 || record.record_class > CHUNK_CLASS_MAX)
            abort();
        for (size_t i = 0; i < record.data.size; i++)
            sum += record.data.data[i];
    }
    /* All records that the header promised came, and the position stands behind them. */
    if (offset != position.next || sum == UINT64_MAX)
        abort();
}

static void read_wrapped(struct chunk_reader *reader, const uint8_t *data, size_t size)
{
    if (size < CHUNK_HEADER_BYTES)
        return;
    size_t bound = ZSTD_compressBound(size);
    uint8_t *wire = malloc(CHUNK_HEADER_BYTES + bound);
    if (!wire)
        return;
    memcpy(wire, data, CHUNK_HEADER_BYTES);
    put_be32(wire + 37, (uint32_t)(size - CHUNK_HEADER_BYTES));
    size_t frame = ZSTD_compress(
        wire + CHUNK_HEADER_BYTES, bound, data + CHUNK_HEADER_BYTES, size - CHUNK_HEADER_BYTES, 1);
    if (!ZSTD_isError(frame))
        read_all(reader, (struct bytes){wire, CHUNK_HEADER_BYTES + frame});
    free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunk_reader *reader = NULL;
    if (chunk_reader_open(&reader))
        return 0;
    read_all(reader, (struct bytes){data, size});
    read_wrapped(reader, data, size);
    struct buffer wire = BUFFER_INIT;
    struct bytes opened;
    uint8_t key[CHUNK_KEY_BYTES] = {0};
    if (chunk_unstore(key, 0, (struct bytes){data, size}, true, &wire, &opened) == 0)
        read_all(reader, opened);
    if (chunk_unstore(NULL, 0, (struct bytes){data, size}, false, &wire, &opened) == 0)
        read_all(reader, opened);
    buffer_free(&wire);
    chunk_reader_close(&reader);
    return 0;
}
