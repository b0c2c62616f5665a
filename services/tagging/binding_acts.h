/* SPDX-License-Identifier: Apache-2.0 */
/* For audit: who bound whom to what, with before and after. */
#ifndef QY_TAGGING_BINDING_ACTS_H
#define QY_TAGGING_BINDING_ACTS_H

#include "services/tagging/tagging.h"

struct binding_act {
    const Quanyu__Actor *actor;
    enum binding_cause cause;
    const char *reason;
    const char *request_id;
    uint32_t transfer; /* 0: one person alone */
};

/* The person's binding was `before`. */
int binding_act_emit(struct batch *batch, const struct binding_act *act, const struct person *person,
    const struct binding *before);

#endif
