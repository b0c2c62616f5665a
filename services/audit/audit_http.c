/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_http.h"

#include "common/authorization.h"
#include "common/clock.h"
#include "common/service_http.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_watch.h"

#include <stdlib.h>

#define STOP_GRACE_MS 5000u

static void refuse_token(struct http_request *request)
{
    http_add_header(request, "WWW-Authenticate", "Bearer realm=\"quanyu-audit\"");
    http_problem(
        request, 401, "unauthorized", NULL, "an auditor's token is required: Authorization: Bearer …");
}

/* -- the description -- */

static const struct openapi_operation *operation_at(size_t index)
{
    return index < audit_operation_count ? &audit_operations[index].about : NULL;
}

/* services/audit/openapi */
extern const struct embedded_file audit_openapi_files[];
static const struct openapi_description description = {
    .title = "Quanyu audit",
    .summary = "Every use of data, on record in a Merkle tree (RFC 6962). Errors are problem documents (RFC "
               "9457) that name the "
               "field. HEAD is answered wherever GET is.",
    .security = "auditor",
    .files = audit_openapi_files,
    .operation = operation_at,
};

static void show_description(
    struct audit_http *http, struct http_request *request, const struct operation *operation)
{
    bool page = operation->about.type != NULL;
    struct bytes text = page ? openapi_page(http->openapi) : openapi_document(http->openapi);
    if (page)
        http_add_header(request, "Content-Security-Policy", openapi_page_policy(http->openapi));
    http_respond(request, 200, page ? operation->about.type : "application/json", text.data, text.size);
}

/* -- dispatch, on the HTTP thread -- */

static int open_look(struct audit_http *http, struct http_request *request, struct look **ret_look)
{
    _cleanup_(look_close) struct look *look = calloc(1, sizeof(*look));
    if (!look)
        return -QY_ENOMEM;
    look->audit = http->audit;
    look->request = request;
    int error = arena_open(&look->arena);
    if (!error)
        error = service_read(http->service, &look->txn);
    if (!error)
        *ret_look = TAKE(look);
    return error;
}

static int check_token(struct look *look)
{
    const char *token = authorization_bearer(http_header(look->request, "Authorization"));
    return token ? audit_token_check(look->txn, token, clock_wall_ms(), &look->token) : -QY_EUNAUTHENTIC;
}

/* On the thread that the operation runs on. */
static void run_operation(void *self, struct http_request *request, const struct route_match *match)
{
    struct audit_http *http = self;
    const struct operation *operation = match->route->extra;
    _cleanup_(look_close) struct look *look = NULL;
    int error = open_look(http, request, &look);
    if (!error)
        error = check_token(look);
    if (error == -QY_EUNAUTHENTIC) {
        metric_add(http->refused, 1);
        refuse_token(request);
        return;
    }
    if (!error && operation->administers && look->token.role != ROLE_ADMINISTRATOR)
        error = look_deny(http, &look, operation->administers, "it takes an administrator's token");
    else if (!error)
        error = operation->run(http, &look, match);
    if (error)
        look_refuse(request, error);
}

static void run_in_pool(
    struct audit_http *http, struct http_request *request, const struct route_match *match)
{
    int error = audit_pool_take(http->pool, request, match);
    if (error == -QY_EFULL) {
        http_add_header(request, "Retry-After", "1");
        http_problem(request, 503, "unavailable", NULL, "too many questions wait for an answer already");
    } else if (error) {
        look_refuse(request, error);
    }
}

static void handle(void *self, struct http_request *request)
{
    struct audit_http *http = self;
    struct route_match match;
    enum route_result result =
        router_find(http->routes, audit_operation_count, http_method(request), http_path(request), &match);
    const struct operation *operation = result == ROUTE_FOUND ? match.route->extra : NULL;
    if (!operation)
        route_refuse(request, result, &match);
    else if (!operation->run)
        show_description(http, request, operation);
    else if (operation->reads_much)
        run_in_pool(http, request, &match);
    else
        run_operation(http, request, &match);
}

/* -- start and stop -- */

static void free_http(struct audit_http **http)
{
    if (!*http)
        return;
    audit_pool_close(&(*http)->pool);
    openapi_close(&(*http)->openapi);
    free((*http)->routes);
    free(*http);
    *http = NULL;
}

static int make_routes(struct audit_http *http)
{
    http->routes = calloc(audit_operation_count, sizeof(*http->routes));
    if (!http->routes)
        return -QY_ENOMEM;
    for (size_t i = 0; i < audit_operation_count; i++)
        http->routes[i] = (struct route){.method = audit_operations[i].about.method,
            .pattern = audit_operations[i].about.pattern,
            .extra = &audit_operations[i]};
    return 0;
}

int audit_http_start(void *self, struct service *service)
{
    struct audit *audit = self;
    int error = audit_watch_start(service);
    if (error)
        return error;
    _cleanup_(free_http) struct audit_http *http = calloc(1, sizeof(*http));
    if (!http)
        return -QY_ENOMEM;
    http->audit = audit;
    http->service = service;
    http->refused = metrics_series(service_metrics(service), METRIC_COUNTER,
        "quanyu_audit_tokens_refused_total", NULL, "Requests of the audit port without a valid token.");
    const struct config *config = service_config(service);
    http->search_ms = config_number(config, "audit.search_most");
    error = make_routes(http);
    if (!error)
        error = audit_pool_open(
            (unsigned)config_number(config, "audit.search_threads"), run_operation, http, &http->pool);
    if (!error)
        error = openapi_open(&description, &http->openapi);
    audit->http = http; /* whom requests are given to, from the next line on */
    if (!error)
        error = service_http_open(service, "audit", handle, NULL, http, &http->server);
    if (error)
        audit->http = NULL;
    else
        (void)TAKE(http);
    return error;
}

void audit_http_stop(void *self, struct service *service)
{
    (void)service;
    struct audit *audit = self;
    if (!audit->http)
        return;
    atomic_store(&audit->http->stopping, true);
    service_http_close(&audit->http->server, STOP_GRACE_MS);
    free_http(&audit->http);
}
