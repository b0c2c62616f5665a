/* SPDX-License-Identifier: Apache-2.0 */
#include "common/table_memory.h"

#include <sys/mman.h>

#define HUGE_MIN ((size_t)8 * 1024 * 1024) /* of less, small pages do */

/* A wish: without them the table is slower, and as right. */
static void *wish_for_huge_pages(void *memory, size_t bytes)
{
    if (bytes >= HUGE_MIN)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

void *table_memory_take(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : wish_for_huge_pages(memory, bytes);
}

void *table_memory_grow(void *memory, size_t bytes, size_t new_bytes)
{
    if (!memory)
        return table_memory_take(new_bytes);
    void *larger = mremap(memory, bytes, new_bytes, MREMAP_MAYMOVE);
    return larger == MAP_FAILED ? NULL : wish_for_huge_pages(larger, new_bytes);
}

void table_memory_free(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, bytes);
}
