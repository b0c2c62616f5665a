/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages may call from a browser: of the SDK protocol, all of them. It knows no cookies, a write key
 * opens nothing but a way in, and sendBeacon() wants its page named and credentials allowed. */
#ifndef QY_GATEWAY_CORS_H
#define QY_GATEWAY_CORS_H

#include "common/http.h"

/* Lets the page that asks read the answer; to be called before it is given. */
void cors_admit(struct http_request *request);
/* Answers OPTIONS, a browser's question beforehand or a person's. `methods` as in Allow. */
void cors_answer_options(struct http_request *request, const char *methods);

#endif
