/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of bytes, each held once and known by its place. */
#ifndef QY_TAGGING_TEXT_SET_H
#define QY_TAGGING_TEXT_SET_H

#include "common/mem.h"
#include <stdbool.h>

struct text_set {
    struct arena *arena; /* holds copies; the caller's */
    struct bytes *items; /* each with a NUL behind it */
    size_t count, capacity;
    uint32_t *slots; /* place + 1; 0: free */
    size_t slot_count;
};

/* -QY_ENOMEM; else the text's place, and whether it is new (may be NULL). */
int text_set_add(struct text_set *set, const void *data, size_t size, uint32_t *ret_place, bool *ret_new);
void text_set_close(struct text_set *set);

#endif
