/* SPDX-License-Identifier: Apache-2.0 */
#include "common/journal_private.h"

#include <stdlib.h>
#include <string.h>

#define TAIL_BYTES_MAX ((size_t)8 << 20)
#define TAIL_CHUNKS_MAX 4096

int tail_open(struct tail *tail)
{
    pthread_mutex_init(&tail->mutex, NULL);
    tail->ring = calloc(TAIL_CHUNKS_MAX, sizeof(*tail->ring));
    return tail->ring ? 0 : -QY_ENOMEM;
}

static struct tail_chunk *chunk_at(struct tail *tail, size_t index)
{
    return &tail->ring[(tail->begin + index) % TAIL_CHUNKS_MAX];
}

static void forget(struct tail *tail, struct tail_chunk *chunk)
{
    tail->bytes -= chunk->size;
    free(chunk->wire);
    chunk->wire = NULL;
}

static void forget_oldest(struct tail *tail)
{
    forget(tail, chunk_at(tail, 0));
    tail->begin = (tail->begin + 1) % TAIL_CHUNKS_MAX;
    tail->count--;
}

void tail_close(struct tail *tail)
{
    if (!tail->ring)
        return;
    while (tail->count > 0)
        forget_oldest(tail);
    free(tail->ring);
    tail->ring = NULL;
    pthread_mutex_destroy(&tail->mutex);
}

void tail_push(struct tail *tail, const struct journal_position *before, const struct journal_position *after,
    struct bytes wire)
{
    struct chunk_header header;
    uint8_t *copy =
        wire.size <= TAIL_BYTES_MAX && chunk_header_read(wire, &header) == 0 ? malloc(wire.size) : NULL;
    if (copy)
        memcpy(copy, wire.data, wire.size);
    pthread_mutex_lock(&tail->mutex);
    /* Without this chunk what is held would no longer reach the end. */
    while (tail->count > 0 &&
           (!copy || tail->count == TAIL_CHUNKS_MAX || tail->bytes + wire.size > TAIL_BYTES_MAX))
        forget_oldest(tail);
    if (copy) {
        struct tail_chunk *chunk = chunk_at(tail, tail->count++);
        *chunk = (struct tail_chunk){.first = before->next,
            .next = after->next,
            .classes = header.classes,
            .wire = copy,
            .size = wire.size};
        memcpy(chunk->before, before->chain, JOURNAL_CHAIN_BYTES);
        memcpy(chunk->after, after->chain, JOURNAL_CHAIN_BYTES);
        tail->bytes += wire.size;
    }
    pthread_mutex_unlock(&tail->mutex);
}

void tail_cut(struct tail *tail, uint64_t end)
{
    pthread_mutex_lock(&tail->mutex);
    while (tail->count > 0 && chunk_at(tail, tail->count - 1)->first >= end) {
        forget(tail, chunk_at(tail, tail->count - 1));
        tail->count--;
    }
    pthread_mutex_unlock(&tail->mutex);
}

/* Index of the first chunk that begins at `offset` or behind it. */
static size_t find(struct tail *tail, uint64_t offset)
{
    size_t low = 0, high = tail->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (chunk_at(tail, middle)->first < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void journal_passed(struct buffer *out, const struct journal_position *position)
{
    uint8_t next[8];
    put_be64(next, position->next);
    buffer_varint(out, 0);
    buffer_append(out, next, sizeof(next));
    buffer_append(out, position->chain, JOURNAL_CHAIN_BYTES);
}

void tail_read(struct tail *tail, struct journal_position *position, uint64_t end, uint64_t classes,
    size_t max_bytes, struct buffer *out)
{
    size_t start = out->size;
    bool passed = false;
    pthread_mutex_lock(&tail->mutex);
    for (size_t i = find(tail, position->next); i < tail->count && out->size - start <= max_bytes; i++) {
        const struct tail_chunk *chunk = chunk_at(tail, i);
        if (chunk->first != position->next || chunk->first >= end ||
            memcmp(chunk->before, position->chain, JOURNAL_CHAIN_BYTES) != 0)
            break;
        bool wanted = chunk->classes & classes;
        if (wanted && passed)
            journal_passed(out, position);
        if (wanted) {
            buffer_varint(out, chunk->size);
            buffer_append(out, chunk->wire, chunk->size);
        }
        passed = !wanted;
        position->next = chunk->next;
        memcpy(position->chain, chunk->after, JOURNAL_CHAIN_BYTES);
    }
    if (passed)
        journal_passed(out, position);
    pthread_mutex_unlock(&tail->mutex);
}
