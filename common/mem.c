/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"

#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct block {
    struct block *next;
    size_t capacity;
    size_t used;
    max_align_t memory[];
};

struct arena {
    struct block *first;
    struct block *current;
    ProtobufCAllocator allocator;
};

void free_pointer(void *pointer_to_pointer)
{
    void **pointer = pointer_to_pointer;
    free(*pointer);
    *pointer = NULL;
}

static void *allocate(void *data, size_t size)
{
    return arena_alloc(data, size);
}

static void release(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

int arena_open(struct arena **ret_arena)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        return -QY_ENOMEM;
    arena->allocator = (ProtobufCAllocator){.alloc = allocate, .free = release, .allocator_data = arena};
    *ret_arena = arena;
    return 0;
}

void arena_close(struct arena **arena)
{
    if (!*arena)
        return;
    struct block *block = (*arena)->first;
    while (block) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    free(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena)
{
    for (struct block *block = arena->first; block; block = block->next)
        block->used = 0;
    arena->current = arena->first;
}

static struct block *block_for(struct arena *arena, size_t size)
{
    struct block *block = arena->current;
    while (block && block->capacity - block->used < size && block->next)
        block = block->next;
    if (block && block->capacity - block->used >= size)
        return arena->current = block;
    size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct block *fresh = malloc(sizeof(*fresh) + capacity);
    if (!fresh)
        return NULL;
    *fresh = (struct block){.capacity = capacity};
    if (block)
        block->next = fresh;
    else
        arena->first = fresh;
    return arena->current = fresh;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded == 0)
        rounded = ALIGNMENT;
    struct block *block = block_for(arena, rounded);
    if (!block)
        return NULL;
    void *memory = (uint8_t *)block->memory + block->used;
    block->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

uint8_t *arena_copy(struct arena *arena, const void *data, size_t size)
{
    uint8_t *copy = arena_alloc(arena, size + 1);
    if (copy && size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *arena_text(struct arena *arena, const char *text, size_t size)
{
    return (char *)arena_copy(arena, text, size);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        return NULL;
    char *text = arena_alloc(arena, (size_t)size + 1);
    if (!text)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}

ProtobufCAllocator *arena_allocator(struct arena *arena)
{
    return &arena->allocator;
}
