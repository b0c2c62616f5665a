/* SPDX-License-Identifier: Apache-2.0 */
/* The write key of an ingestion call, wherever the protocol lets it stand. */
#ifndef QY_GATEWAY_INGEST_KEY_H
#define QY_GATEWAY_INGEST_KEY_H

#include "services/gateway/gateway.h"
#include "services/gateway/ingest_thread.h"

#define INGEST_KEY_BYTES 128

/* The key that a request states, known or not: in its Authorization header, its body (may be NULL) or its query.
 * False when it states none. */
bool ingest_read_key(struct http_request *request, yyjson_val *body, char ret_key[INGEST_KEY_BYTES]);
/* -QY_EUNAUTHENTIC where there is no such key. */
int ingest_check_key(struct gateway *gateway, const char *key, struct write_key *ret_write_key);

/* Both in one. `body` may be NULL. -QY_EUNAUTHENTIC where the request bears no key, or one that is not known. */
int ingest_find_key(struct gateway *gateway, struct ingest_thread *thread, struct http_request *request,
    yyjson_val *body, struct write_key *ret_write_key);

#endif
