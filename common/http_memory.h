/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory request bodies hold in all, with a limit; shared by threads.
 *
 * Large buffers leave a quarter of it to small ones, so that whoever sends much shuts nobody out who sends
 * little. The first 4 KB of each buffer are counted and never refused: connections have a limit of their own. */
#ifndef QY_COMMON_HTTP_MEMORY_H
#define QY_COMMON_HTTP_MEMORY_H

#include "common/buffer.h"

#include <stdatomic.h>

#define HTTP_MEMORY_FREE ((size_t)4 * 1024)
/* With the NUL behind a body of 64 KB. */
#define HTTP_MEMORY_SMALL ((size_t)64 * 1024 + 1)

struct http_memory {
    _Atomic uint64_t held;
    uint64_t most;
};

/* Makes room for `size` bytes behind the content, up to `most` bytes in all, growing by doubling; the growth
 * is counted in `memory`, which may be NULL. -QY_ENOMEM when the limit or malloc says no. */
int http_memory_grow(struct http_memory *memory, struct buffer *buffer, size_t size, size_t most);
/* Frees the buffer and gives back what it was counted for. */
void http_memory_free(struct http_memory *memory, struct buffer *buffer);

#endif
