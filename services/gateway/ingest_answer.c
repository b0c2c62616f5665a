/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_answer.h"

#include "services/gateway/ingest_pixel.h"
#include "services/gateway/ingest_route.h"

#include <stdarg.h>
#include <stdio.h>

/* A browser that is offered Basic may ask the shop's customer for a password. */
static const char *challenge(const struct http_request *request)
{
    return http_header(request, "Origin") ? "WriteKey realm=\"write key\"" : "Basic realm=\"write key\"";
}

void ingest_answer_problem(struct gateway *gateway, struct http_request *request, int status,
    const char *kind, const char *field, const char *format, ...)
{
    char detail[400], seconds[12];
    if (ingest_route_is_pixel(http_path(request))) {
        pixel_answer(gateway, request, kind);
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    if (status == 401)
        http_add_header(request, "WWW-Authenticate", challenge(request));
    if (status == 503) {
        snprintf(seconds, sizeof(seconds), "%u", shed_retry_after());
        http_add_header(request, "Retry-After", seconds);
    }
    http_problem(request, status, kind, field, "%s", detail);
}

void ingest_answer_unavailable(struct gateway *gateway, struct http_request *request, const char *detail)
{
    ingest_answer_problem(gateway, request, 503, "unavailable", NULL, "%s", detail);
}

void ingest_answer_shed(struct gateway *gateway, struct http_request *request)
{
    metric_add(gateway->ingest.shed, 1);
    ingest_answer_problem(
        gateway, request, 503, "overloaded", NULL, "too much is waiting to be stored; try again");
}
