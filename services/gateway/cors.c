/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/cors.h"

/* What Segment's and RudderStack's SDKs send beyond what browsers let through unasked. */
#define HEADERS                                                                                              \
    "Authorization, Content-Type, Content-Encoding, X-Retry-Count, AnonymousId, SentAt, Rsa-Recovered, "     \
    "Rsa-Retry-Attempt, Rsa-Since-Last-Attempt, Rsa-Since-First-Attempt, Rsa-Retry-Reason"
/* Without these a browser's SDK does not see how long it should wait. */
#define EXPOSED "Retry-After, X-RateLimit-Reset, X-Request-Id"
#define MAX_AGE "900"

void cors_admit(struct http_request *request)
{
    const char *origin = http_header(request, "Origin");
    if (!origin || !*origin)
        return;
    http_add_header(request, "Access-Control-Allow-Origin", origin);
    http_add_header(request, "Access-Control-Allow-Credentials", "true");
    http_add_header(request, "Access-Control-Expose-Headers", EXPOSED);
    http_add_header(request, "Vary", "Origin");
}

void cors_answer_options(struct http_request *request, const char *methods)
{
    http_add_header(request, "Allow", methods);
    if (http_header(request, "Access-Control-Request-Method")) {
        http_add_header(request, "Access-Control-Allow-Methods", methods);
        http_add_header(request, "Access-Control-Allow-Headers", HEADERS);
        http_add_header(request, "Access-Control-Max-Age", MAX_AGE);
    }
    http_respond(request, 204, NULL, "", 0);
}
