/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ops.h"

#include "common/error.h"
#include "common/router.h"

#include <stdio.h>
#include <stdlib.h>

#define GRACE_MS 1000

struct ops {
    struct ops_options options;
    struct http_server *server;
};

static void healthz(void *self, struct http_request *request, const struct route_match *match)
{
    (void)self;
    (void)match;
    http_respond(request, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static void readyz(void *self, struct http_request *request, const struct route_match *match)
{
    (void)match;
    const struct ops *ops = self;
    _cleanup_(buffer_free) struct buffer reasons = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    bool ready = !ops->options.ready || ops->options.ready(ops->options.self, &reasons);
    buffer_printf(&body, "{\"ready\":%s,\"reasons\":[%s]}\n", ready ? "true" : "false",
        ready || buffer_error(&reasons) ? "" : buffer_c_str(&reasons));
    http_respond(request, ready ? 200 : 503, "application/json", body.data, body.size);
}

static void metrics(void *self, struct http_request *request, const struct route_match *match)
{
    (void)match;
    const struct ops *ops = self;
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    metrics_write(ops->options.metrics, ops->options.scrape, ops->options.self, &page);
    if (buffer_error(&page))
        http_problem(request, 500, NULL, NULL, "%s", error_text(buffer_error(&page)));
    else
        http_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", page.data, page.size);
}

static const struct route routes[] = {
    {"GET", "/healthz", healthz, NULL},
    {"GET", "/readyz", readyz, NULL},
    {"GET", "/metrics", metrics, NULL},
};

static void handle(void *self, struct http_request *request)
{
    struct route_match match;
    enum route_result result =
        router_find(routes, COUNT_OF(routes), http_method(request), http_path(request), &match);
    if (result == ROUTE_FOUND)
        match.route->handler(self, request, &match);
    else
        route_refuse(request, result, &match);
}

int ops_open(const struct ops_options *options, struct ops **ret_ops, char error[256])
{
    _cleanup_(ops_close) struct ops *ops = calloc(1, sizeof(*ops));
    snprintf(error, 256, "%s", error_text(-QY_ENOMEM));
    if (!ops)
        return -QY_ENOMEM;
    ops->options = *options;
    const struct http_options http = {
        .address = options->address,
        .port = options->port,
        .threads = 1,
        .max_connections = 64,
        .max_header_bytes = 8192,
        .max_body_bytes = 4096,
        .request_ms = 5000,
        .response_ms = 10000,
        .idle_ms = 60000,
        .handler = handle,
        .self = ops,
    };
    int result = http_server_open(&http, &ops->server, error);
    if (result == 0)
        *ret_ops = TAKE(ops);
    return result;
}

uint16_t ops_port(const struct ops *ops)
{
    return http_server_port(ops->server);
}

void ops_close(struct ops **ops)
{
    if (!*ops)
        return;
    http_server_close(&(*ops)->server, GRACE_MS);
    free(*ops);
    *ops = NULL;
}
