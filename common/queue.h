/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded first-in first-out queue between threads. Items are embedded in what is queued, so that nothing
 * is allocated.
 *
 * It holds at most `max_items` items of at most `max_bytes` bytes in all; one item alone may be larger than
 * that. A pollable queue has an eventfd that is readable while there is something to pop, and from
 * queue_stop() on. */
#ifndef QY_COMMON_QUEUE_H
#define QY_COMMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue_item {
    struct queue_item *next; /* the queue's */
    size_t bytes;            /* set before it is pushed */
};

struct queue;

int queue_open(size_t max_items, size_t max_bytes, bool pollable, struct queue **ret_queue);
/* Nobody may be using it any more; items that are left in it stay their owners'. */
void queue_close(struct queue **queue);

/* -QY_EFULL beyond the limits, -QY_ESTOPPED; the item stays the caller's then. */
int queue_push(struct queue *queue, struct queue_item *item);
/* The oldest item. Waits up to `wait_ms` (negative: for ever); NULL when none came, or when stopped and
 * empty. */
struct queue_item *queue_pop(struct queue *queue, int wait_ms);
/* All items at once, oldest first, chained by `next`; NULL when there are none. Does not wait. */
struct queue_item *queue_take(struct queue *queue);
/* From now on nothing can be pushed; what is inside can still be popped. Wakes all who wait. */
void queue_stop(struct queue *queue);

int queue_fd(const struct queue *queue); /* pollable queues only */
void queue_load(struct queue *queue, size_t *ret_items, size_t *ret_bytes);

#endif
