/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_pool.h"

#include "common/error.h"
#include "common/mem.h"
#include "common/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WAITING_MAX 100u

struct audit_pool {
    struct queue *queue;
    audit_pool_run_fn *run;
    void *self;
    atomic_bool stopping;
    unsigned count;
    pthread_t threads[];
};

struct job {
    struct queue_item item; /* the first member */
    struct http_request *request;
    struct route_match match;
};

static void refuse(struct http_request *request)
{
    http_add_header(request, "Retry-After", "1");
    http_problem(request, 503, "unavailable", NULL, "the service is stopping");
}

static void *work(void *data)
{
    struct audit_pool *pool = data;
    for (struct job *job; (job = (struct job *)queue_pop(pool->queue, -1)); free(job))
        if (atomic_load(&pool->stopping))
            refuse(job->request);
        else
            pool->run(pool->self, job->request, &job->match);
    return NULL;
}

int audit_pool_open(unsigned threads, audit_pool_run_fn *run, void *self, struct audit_pool **ret_pool)
{
    _cleanup_(audit_pool_close) struct audit_pool *pool =
        calloc(1, sizeof(*pool) + threads * sizeof(pthread_t));
    if (!pool)
        return -QY_ENOMEM;
    pool->run = run;
    pool->self = self;
    int error = queue_open(WAITING_MAX, SIZE_MAX, false, &pool->queue);
    while (!error && pool->count < threads)
        if (pthread_create(&pool->threads[pool->count], NULL, work, pool) == 0)
            pool->count++;
        else
            error = -QY_ENOMEM;
    if (!error)
        *ret_pool = TAKE(pool);
    return error;
}

int audit_pool_take(struct audit_pool *pool, struct http_request *request, const struct route_match *match)
{
    struct job *job = malloc(sizeof(*job));
    if (!job)
        return -QY_ENOMEM;
    *job = (struct job){.item = {.bytes = sizeof(*job)}, .request = request, .match = *match};
    int error = queue_push(pool->queue, &job->item);
    if (error)
        free(job);
    return error;
}

void audit_pool_close(struct audit_pool **pool)
{
    if (!*pool)
        return;
    atomic_store(&(*pool)->stopping, true);
    if ((*pool)->queue)
        queue_stop((*pool)->queue);
    for (unsigned i = 0; i < (*pool)->count; i++)
        pthread_join((*pool)->threads[i], NULL);
    queue_close(&(*pool)->queue);
    free(*pool);
    *pool = NULL;
}
