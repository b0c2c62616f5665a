/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, each once, in the order in which they came. */
#ifndef QY_IDENTITY_NODE_SET_H
#define QY_IDENTITY_NODE_SET_H

#include "common/buffer.h"
#include "common/error.h"

struct node_set {
    uint32_t *slots; /* place + 1; 0: free */
    uint64_t slot_count;
    struct buffer nodes;
};
void node_set_free(struct node_set *set); /* for _cleanup_; what is zero is an empty set */
/* Does nothing where it is there. -QY_ENOMEM. */
int node_set_add(struct node_set *set, uint32_t node);
bool node_set_has(const struct node_set *set, uint32_t node);
size_t node_set_count(const struct node_set *set);
/* Borrowed until the next call of node_set_add(). Who sorts them has no set any more, but a list. */
uint32_t *node_set_items(const struct node_set *set);

/* Ascending. */
void numbers_sort(uint32_t *numbers, size_t count);
/* In numbers that ascend; NULL: it is not there. */
const uint32_t *numbers_find(const uint32_t *numbers, size_t count, uint32_t number);

#endif
