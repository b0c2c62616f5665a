/* SPDX-License-Identifier: Apache-2.0 */
/* Which path of the SDK protocol a request is for. */
#ifndef QY_GATEWAY_INGEST_ROUTE_H
#define QY_GATEWAY_INGEST_ROUTE_H

#include "services/gateway/ingest_parse.h"

enum route_kind {
    ROUTE_CALL,          /* POST /v1/track and its like, /v1/t, /beacon/v1/batch */
    ROUTE_PIXEL,         /* GET /v1/pixel/track and its like */
    ROUTE_SETTINGS,      /* GET /v1/projects/{writeKey}/settings, Segment's SDKs */
    ROUTE_SOURCE_CONFIG, /* GET /sourceConfig/, RudderStack's */
};

struct ingest_route {
    enum route_kind kind;
    bool known;            /* the pixel's type is one; true for all others */
    enum ingest_call call; /* of calls, and of the pixel where its type is known */
    const char *key;       /* the write key in the path of settings; borrowed from `path` */
    size_t key_size;
};

/* False: `path` is not of the SDK protocol. One slash at its end does not matter. */
bool ingest_route_find(const char *path, struct ingest_route *ret_route);

/* Whether an image is expected, whatever there is to say. */
bool ingest_route_is_pixel(const char *path);

/* What may be done there, as the header Allow states it; OPTIONS may always. */
const char *ingest_route_methods(const struct ingest_route *route);
bool ingest_route_allows(const struct ingest_route *route, const char *method);

#endif
