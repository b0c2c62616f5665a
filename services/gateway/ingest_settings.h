/* SPDX-License-Identifier: Apache-2.0 */
/* What SDKs ask before they send anything: where to, and what else to load (nothing). */
#ifndef QY_GATEWAY_INGEST_SETTINGS_H
#define QY_GATEWAY_INGEST_SETTINGS_H

#include "common/json.h"
#include "services/gateway/gateway.h"
#include "services/gateway/ingest_route.h"

/* Where clients find the gateway. */
struct public_place {
    const char *protocol; /* "http" or "https" */
    char host[300];       /* with the port, and the path below which it lies where there is one */
};

/* As `public_url` says; where that is empty, as the request was addressed. */
void settings_place(
    const struct http_request *request, const char *public_url, struct public_place *ret_place);

/* For analytics.js and Segment's mobile SDKs. */
void settings_write(struct json *json, const char *write_key, const struct public_place *place);
/* For RudderStack's SDKs. */
void source_config_write(struct json *json, const char *write_key, uint32_t source);

/* HTTP thread: answers a route of either kind. */
void settings_answer(struct gateway *gateway, struct http_request *request, const struct ingest_route *route);

#endif
