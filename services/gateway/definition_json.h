/* SPDX-License-Identifier: Apache-2.0 */
/* Segments, tags and stages as answers show them: less what the caller may not see. */
#ifndef QY_GATEWAY_DEFINITION_JSON_H
#define QY_GATEWAY_DEFINITION_JSON_H

#include "proto/tagging.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/guard.h"

/* `told` for who may not see single people: what may be told of how many there are; else NULL. */
void definition_write(struct api_call *call, struct json *json, const Quanyu__Definition *definition,
    const struct guarded *told);

#endif
