/* SPDX-License-Identifier: Apache-2.0 */
/* Work for the writer whose submitter waits for the commit. */
#ifndef QY_COMMON_WAITING_WORK_H
#define QY_COMMON_WAITING_WORK_H

#include "common/service.h"

#include <pthread.h>

/* Embed it first in a struct of your own, on the stack. */
struct waiting_work {
    struct work work;
    size_t bytes; /* what it holds, roughly; 0: little */
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool finished;
    int result;
    /* On the writer's thread, after the commit (0) or its failure, before the submitter goes on. May be NULL. */
    void (*settle)(struct waiting_work *waiting, int result);
};

/* Submits and waits; what apply or the commit answered. */
int waiting_work_run(struct service *service, struct waiting_work *waiting,
    int (*apply)(struct work *work, struct batch *batch));

#endif
