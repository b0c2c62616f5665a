/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_memory.h"

#include "common/error.h"

#include <stdint.h>
#include <stdlib.h>

/* What all may hold once a buffer has grown to `capacity`. */
static uint64_t limit_for(const struct http_memory *memory, size_t capacity)
{
    if (capacity <= HTTP_MEMORY_FREE)
        return UINT64_MAX;
    return capacity <= HTTP_MEMORY_SMALL ? memory->most : memory->most - memory->most / 4;
}

/* `size` more, for a buffer that grows to `capacity`. */
static bool claim(struct http_memory *memory, size_t size, size_t capacity)
{
    if (!memory)
        return true;
    uint64_t held = atomic_fetch_add_explicit(&memory->held, size, memory_order_relaxed);
    if (held + size <= limit_for(memory, capacity))
        return true;
    atomic_fetch_sub_explicit(&memory->held, size, memory_order_relaxed);
    return false;
}

int http_memory_grow(struct http_memory *memory, struct buffer *buffer, size_t size, size_t most)
{
    size_t need = buffer->size + size;
    if (need <= buffer->capacity)
        return 0;
    if (need > most)
        return -QY_ENOMEM;
    size_t capacity = buffer->capacity < most / 2 ? buffer->capacity * 2 : most;
    if (capacity < need)
        capacity = need;
    size_t growth = capacity - buffer->capacity;
    if (!claim(memory, growth, capacity))
        return -QY_ENOMEM;
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data) {
        if (memory)
            atomic_fetch_sub_explicit(&memory->held, growth, memory_order_relaxed);
        return -QY_ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

void http_memory_free(struct http_memory *memory, struct buffer *buffer)
{
    if (memory)
        atomic_fetch_sub_explicit(&memory->held, buffer->capacity, memory_order_relaxed);
    buffer_free(buffer);
}
