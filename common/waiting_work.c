/* SPDX-License-Identifier: Apache-2.0 */
#include "common/waiting_work.h"

#define BYTES_STANDARD 256u

static void finish(struct work *work, int result)
{
    struct waiting_work *waiting = (struct waiting_work *)work;
    if (waiting->settle)
        waiting->settle(waiting, result);
    pthread_mutex_lock(&waiting->lock);
    waiting->result = result;
    waiting->finished = true;
    pthread_cond_signal(&waiting->done);
    pthread_mutex_unlock(&waiting->lock);
}

int waiting_work_run(struct service *service, struct waiting_work *waiting,
    int (*apply)(struct work *work, struct batch *batch))
{
    size_t bytes = waiting->bytes ? waiting->bytes : BYTES_STANDARD;
    waiting->work = (struct work){.bytes = bytes, .apply = apply, .done = finish};
    waiting->finished = false;
    pthread_mutex_init(&waiting->lock, NULL);
    pthread_cond_init(&waiting->done, NULL);
    int error = service_submit(service, &waiting->work);
    if (!error) {
        pthread_mutex_lock(&waiting->lock);
        while (!waiting->finished)
            pthread_cond_wait(&waiting->done, &waiting->lock);
        pthread_mutex_unlock(&waiting->lock);
        error = waiting->result;
    }
    pthread_mutex_destroy(&waiting->lock);
    pthread_cond_destroy(&waiting->done);
    return error;
}
