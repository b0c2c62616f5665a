/* SPDX-License-Identifier: Apache-2.0 */
/* The write key of an ingestion call, wherever the protocol lets it stand. */
#ifndef QY_GATEWAY_INGEST_KEY_H
#define QY_GATEWAY_INGEST_KEY_H

#include "services/gateway/gateway.h"
#include "services/gateway/ingest_thread.h"

/* `body` may be NULL. -QY_EUNAUTHENTIC where the request bears no key, or one that is not known. */
int ingest_find_key(struct gateway *gateway, struct ingest_thread *thread, struct http_request *request,
    yyjson_val *body, struct write_key *ret_write_key);

#endif
