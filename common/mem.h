/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership helpers: locals that free themselves, pointers that are handed over, and an arena. */
#ifndef QY_COMMON_MEM_H
#define QY_COMMON_MEM_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Hands a pointer over: yields its value and leaves NULL behind. */
#define TAKE(pointer)                                                                                        \
    __extension__({                                                                                          \
        __typeof__(pointer) *take_from_ = &(pointer);                                                        \
        __typeof__(pointer) taken_ = *take_from_;                                                            \
        *take_from_ = NULL;                                                                                  \
        taken_;                                                                                              \
    })

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* For `_cleanup_(free_pointer) char *text`. */
void free_pointer(void *pointer_to_pointer);

/* A borrowed run of bytes; `data` may be NULL when `size` is 0. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

/* A bump allocator: everything taken from it dies together at arena_reset() or arena_close(). Not
 * thread-safe. Blocks are kept over a reset, so a steady user stops asking malloc. Memory is zeroed. */
struct arena;
int arena_open(struct arena **ret_arena);
void arena_close(struct arena **arena);
void arena_reset(struct arena *arena);
/* NULL when memory could not be had; aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_text(struct arena *arena, const char *text, size_t size); /* NUL-terminated copy */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint8_t *arena_copy(struct arena *arena, const void *data, size_t size);
/* For protobuf-c's unpack: what it allocates lives in the arena; freeing does nothing. */
ProtobufCAllocator *arena_allocator(struct arena *arena);

#endif
