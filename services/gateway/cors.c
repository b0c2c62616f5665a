/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/cors.h"

#include <stdio.h>
#include <string.h>

/* What Segment's and RudderStack's SDKs send beyond what browsers let through unasked. */
#define HEADERS                                                                                              \
    "Authorization, Content-Type, Content-Encoding, X-Retry-Count, AnonymousId, SentAt, Rsa-Recovered, "     \
    "Rsa-Retry-Attempt, Rsa-Since-Last-Attempt, Rsa-Since-First-Attempt, Rsa-Retry-Reason"
/* Without these a browser's SDK does not see how long it should wait. */
#define EXPOSED "Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"
#define MAX_AGE "900"

void cors_admit(struct http_request *request)
{
    const char *origin = http_header(request, "Origin");
    http_add_header(request, "Vary", "Origin"); /* also where none is stated: caches keep that, too */
    if (!origin || !*origin)
        return;
    http_add_header(request, "Access-Control-Allow-Origin", origin);
    http_add_header(request, "Access-Control-Allow-Credentials", "true");
    http_add_header(request, "Access-Control-Expose-Headers", EXPOSED);
}

/* Those, and whatever else this page would send: SDKs let it add headers of its own. */
static void allow_headers(struct http_request *request)
{
    char names[1024];
    const char *asked = http_header(request, "Access-Control-Request-Headers");
    bool more = asked && *asked && strlen(asked) < sizeof(names) - sizeof(HEADERS) - 2;
    snprintf(names, sizeof(names), "%s%s%s", HEADERS, more ? ", " : "", more ? asked : "");
    http_add_header(request, "Access-Control-Allow-Headers", names);
}

void cors_answer_options(struct http_request *request, const char *methods)
{
    http_add_header(request, "Allow", methods);
    if (http_header(request, "Access-Control-Request-Method")) {
        http_add_header(request, "Access-Control-Allow-Methods", methods);
        allow_headers(request);
        http_add_header(request, "Access-Control-Max-Age", MAX_AGE);
    }
    http_respond(request, 204, NULL, "", 0);
}
