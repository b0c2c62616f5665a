/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_indexer.h"

#include "common/log.h"
#include "common/waiting_work.h"
#include "services/audit/audit_index.h"

#include <inttypes.h>
#include <stdlib.h>

struct audit_indexer {
    struct audit_helper helper; /* the first member */
    struct audit *audit;
    struct service *service;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool asked;
    bool stopping;
};

/* An index on its way into the store. */
struct delivery {
    struct waiting_work waiting; /* the first member */
    struct audit_indexer *indexer;
    struct buffer index;
    uint64_t segment;
};

static int put_index(struct work *work, struct batch *batch)
{
    struct delivery *delivery = (struct delivery *)work;
    struct audit_tails *tails = &delivery->indexer->audit->tails;
    audit_tails_put(
        tails, batch->txn, delivery->segment, (struct bytes){delivery->index.data, delivery->index.size});
    return store_error(batch->txn);
}

static int make_index(struct audit_indexer *indexer, struct audit_tail *tail)
{
    struct delivery delivery = {.indexer = indexer, .segment = tail->segment};
    int error = audit_index_pack(tail, &delivery.index);
    delivery.waiting.bytes = delivery.index.size;
    if (!error)
        error = waiting_work_run(indexer->service, &delivery.waiting, put_index);
    buffer_free(&delivery.index);
    if (error)
        log_line(LOG_WARNING, "the index of a segment could not be stored yet",
            "segment=%" PRIu64 " error=%s", tail->segment, error_name(error));
    return error;
}

static bool is_full(const struct audit_tail *tail)
{
    return atomic_load_explicit(&tail->published, memory_order_acquire) == SEGMENT_RECORDS;
}

/* All that are full, the oldest first. What fails is tried again at the next commit. */
static void look(struct audit_indexer *indexer)
{
    struct audit_tails *tails = &indexer->audit->tails;
    struct tails_held held;
    int error = 0;
    audit_tails_hold(tails, &held);
    for (size_t i = 0; i < held.count && !error; i++)
        if (is_full(held.tails[i]) && !held.tails[i]->indexed) {
            error = make_index(indexer, held.tails[i]);
            held.tails[i]->indexed = !error;
        }
    audit_tails_release(tails, &held);
}

static bool wait_for_more(struct audit_indexer *indexer)
{
    pthread_mutex_lock(&indexer->lock);
    while (!indexer->stopping && !indexer->asked)
        pthread_cond_wait(&indexer->wake, &indexer->lock);
    indexer->asked = false;
    bool go_on = !indexer->stopping;
    pthread_mutex_unlock(&indexer->lock);
    return go_on;
}

static void *indexer_main(void *data)
{
    do
        look(data);
    while (wait_for_more(data));
    return NULL;
}

static void wake_indexer(struct audit_helper *helper)
{
    struct audit_indexer *indexer = (struct audit_indexer *)helper;
    pthread_mutex_lock(&indexer->lock);
    indexer->asked = true;
    pthread_cond_signal(&indexer->wake);
    pthread_mutex_unlock(&indexer->lock);
}

static void close_indexer(struct audit_helper *helper)
{
    struct audit_indexer *indexer = (struct audit_indexer *)helper;
    pthread_mutex_destroy(&indexer->lock);
    pthread_cond_destroy(&indexer->wake);
    free(indexer);
}

int audit_indexer_start(struct audit *audit, struct service *service)
{
    struct audit_indexer *indexer = calloc(1, sizeof(*indexer));
    if (!indexer)
        return -QY_ENOMEM;
    indexer->helper = (struct audit_helper){.wake = wake_indexer, .close = close_indexer};
    indexer->audit = audit;
    indexer->service = service;
    pthread_mutex_init(&indexer->lock, NULL);
    pthread_cond_init(&indexer->wake, NULL);
    atomic_store(&audit->tails.helped, true);
    atomic_store(&audit->helper, &indexer->helper);
    if (pthread_create(&indexer->thread, NULL, indexer_main, indexer) == 0)
        return 0;
    atomic_store(&audit->tails.helped, false);
    atomic_store(&audit->helper, NULL);
    close_indexer(&indexer->helper);
    return -QY_ENOMEM;
}

void audit_indexer_stop(struct audit *audit)
{
    struct audit_indexer *indexer = (struct audit_indexer *)atomic_load(&audit->helper);
    if (!indexer)
        return;
    atomic_store(&audit->tails.helped, false);
    pthread_mutex_lock(&indexer->lock);
    indexer->stopping = true;
    pthread_cond_signal(&indexer->wake);
    pthread_mutex_unlock(&indexer->lock);
    pthread_join(indexer->thread, NULL);
}
