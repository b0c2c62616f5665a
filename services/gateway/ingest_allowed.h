/* SPDX-License-Identifier: Apache-2.0 */
/* An event against what its write key may send. Pure; any thread. */
#ifndef QY_GATEWAY_INGEST_ALLOWED_H
#define QY_GATEWAY_INGEST_ALLOWED_H

#include "proto/write_key.pb-c.h"

#include <stdbool.h>
#include <yyjson.h>

/* What the event's context lacks and the key states; NULL: nothing. */
struct ingest_stated {
    const char *source, *channel;
};

/* NULL, and what the key states for it; or the field that the key does not allow, with `detail`. `batch`, which holds the
 * shared context, may be NULL. Fields were checked before. */
#define INGEST_DETAIL_BYTES 160
const char *ingest_forbidden(const Quanyu__WriteKey *key, Quanyu__EventType type, yyjson_val *event,
    yyjson_val *batch, struct ingest_stated *ret_stated, char detail[INGEST_DETAIL_BYTES]);

/* Puts it into the event's context. False when memory is out. */
bool ingest_put_stated(const struct ingest_stated *stated, yyjson_mut_doc *doc, yyjson_mut_val *event);

#endif
