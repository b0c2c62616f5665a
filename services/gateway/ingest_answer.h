/* SPDX-License-Identifier: Apache-2.0 */
/* What ingestion answers where it keeps nothing: a problem document that tells SDKs whether to try again, or
 * the pixel's image. Every refusal goes through here. */
#ifndef QY_GATEWAY_INGEST_ANSWER_H
#define QY_GATEWAY_INGEST_ANSWER_H

#include "services/gateway/gateway.h"

/* As http_problem(); `kind` is a word of this program. 401 asks for the write key, 503 says when to come
 * again. */
void ingest_answer_problem(struct gateway *gateway, struct http_request *request, int status,
    const char *kind, const char *field, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* 503: the same call may do later. */
void ingest_answer_unavailable(struct gateway *gateway, struct http_request *request, const char *detail);
/* 503: too much waits to be stored. */
void ingest_answer_shed(struct gateway *gateway, struct http_request *request);

#endif
