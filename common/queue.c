/* SPDX-License-Identifier: Apache-2.0 */
#include "common/queue.h"

#include "common/error.h"
#include "common/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct queue_item *first;
    struct queue_item **end;
    size_t items, bytes;
    size_t max_items, max_bytes;
    bool stopped;
    bool lit; /* the eventfd is readable */
    int fd;   /* -1 when not pollable */
};

static int make_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return -QY_ENOMEM;
    int failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    failed = failed ? failed : pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return failed ? -QY_ENOMEM : 0;
}

int queue_open(size_t max_items, size_t max_bytes, bool pollable, struct queue **ret_queue)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return -QY_ENOMEM;
    *queue = (struct queue){.max_items = max_items, .max_bytes = max_bytes, .fd = -1};
    queue->end = &queue->first;
    if (pollable)
        queue->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int code = pollable && queue->fd < 0 ? error_from_errno(errno) : make_condition(&queue->filled);
    if (code < 0) {
        if (queue->fd >= 0)
            close(queue->fd);
        free(queue);
        return code;
    }
    pthread_mutex_init(&queue->lock, NULL);
    *ret_queue = queue;
    return 0;
}

void queue_close(struct queue **queue)
{
    if (!*queue)
        return;
    if ((*queue)->fd >= 0)
        close((*queue)->fd);
    pthread_cond_destroy(&(*queue)->filled);
    pthread_mutex_destroy(&(*queue)->lock);
    free(*queue);
    *queue = NULL;
}

/* Makes the eventfd say what the queue is; an eventfd with a counter of 0 or 1 never fails. */
static void show(struct queue *queue)
{
    bool lit = queue->items > 0 || queue->stopped;
    if (queue->fd < 0 || lit == queue->lit)
        return;
    eventfd_t value = 1;
    int failed = lit ? eventfd_write(queue->fd, value) : eventfd_read(queue->fd, &value);
    assert(!failed);
    (void)failed;
    queue->lit = lit;
}

int queue_push(struct queue *queue, struct queue_item *item)
{
    pthread_mutex_lock(&queue->lock);
    int code = 0;
    if (queue->stopped) {
        code = -QY_ESTOPPED;
    } else if (queue->items > 0 && (queue->items >= queue->max_items || queue->bytes >= queue->max_bytes ||
                                       item->bytes > queue->max_bytes - queue->bytes)) {
        code = -QY_EFULL;
    } else {
        item->next = NULL;
        *queue->end = item;
        queue->end = &item->next;
        queue->items++;
        queue->bytes += item->bytes;
        show(queue);
        pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->lock);
    return code;
}

static struct timespec after_ms(int wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

static void wait_filled(struct queue *queue, int wait_ms)
{
    struct timespec until = after_ms(wait_ms > 0 ? wait_ms : 0);
    int failed = 0;
    while (queue->items == 0 && !queue->stopped && failed == 0)
        failed = wait_ms < 0 ? pthread_cond_wait(&queue->filled, &queue->lock)
                             : pthread_cond_timedwait(&queue->filled, &queue->lock, &until);
}

struct queue_item *queue_pop(struct queue *queue, int wait_ms)
{
    pthread_mutex_lock(&queue->lock);
    if (wait_ms != 0)
        wait_filled(queue, wait_ms);
    struct queue_item *item = queue->first;
    if (item) {
        queue->first = item->next;
        if (!queue->first)
            queue->end = &queue->first;
        queue->items--;
        queue->bytes -= item->bytes;
        item->next = NULL;
        show(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

struct queue_item *queue_take(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct queue_item *items = TAKE(queue->first);
    queue->end = &queue->first;
    queue->items = 0;
    queue->bytes = 0;
    show(queue);
    pthread_mutex_unlock(&queue->lock);
    return items;
}

void queue_stop(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->stopped = true;
    show(queue);
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

int queue_fd(const struct queue *queue)
{
    assert(queue->fd >= 0);
    return queue->fd;
}

void queue_load(struct queue *queue, size_t *ret_items, size_t *ret_bytes)
{
    pthread_mutex_lock(&queue->lock);
    *ret_items = queue->items;
    *ret_bytes = queue->bytes;
    pthread_mutex_unlock(&queue->lock);
}
