/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_http.h"

#include "common/authorization.h"
#include "common/clock.h"
#include "common/http.h"
#include "common/json.h"
#include "common/log.h"
#include "common/openapi.h"
#include "common/router.h"
#include "common/service_http.h"
#include "services/audit/audit_json.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_token.h"
#include "services/audit/audit_watch.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_GRACE_MS 5000u

struct audit_http {
    struct audit *audit;
    struct service *service;
    struct service_http *server;
    struct metric *refused;
    struct openapi *openapi;
    struct route *routes; /* of the operations */
};

/* A look into the log, from its request to its answer: the answer is made first, then the writer puts the
 * look on record, and only then it is given. */
struct look {
    struct work work; /* the first member */
    struct audit *audit;
    struct http_request *request; /* NULL once answered */
    struct arena *arena;
    struct store_txn *txn; /* until the answer is made */
    struct audit_token token;
    struct audit_search search;
    bool is_search;
    uint64_t index;
    uint64_t count;
    struct buffer body;
};

static void look_close(struct look **look)
{
    if (!*look)
        return;
    store_abort(&(*look)->txn);
    arena_close(&(*look)->arena);
    buffer_free(&(*look)->body);
    free(*look);
    *look = NULL;
}

/* -- refusals -- */

static void refuse(struct http_request *request, int error)
{
    int status = http_status_of(error);
    if (status == 503)
        http_add_header(request, "Retry-After", "1");
    if (status == 500)
        log_line(LOG_ERROR, "a request failed", "path=%s error=%s", http_path(request), error_name(error));
    const char *kind = status == 503 ? "unavailable" : error == -QY_ECORRUPT ? "integrity" : "internal";
    http_problem(request, status, kind, NULL, "%s",
        error == -QY_EUNAVAILABLE ? "the suite's clock has not been heard of yet"
        : error == -QY_ECORRUPT   ? "the log is not what it was: its files were altered or are damaged"
                                  : error_text(error));
}

static void refuse_parameter(struct http_request *request, const char *field, const char *problem)
{
    http_problem(request, 400, "invalid", field, "%s %s", field, problem);
}

static void refuse_token(struct http_request *request)
{
    http_add_header(request, "WWW-Authenticate", "Bearer realm=\"quanyu-audit\"");
    http_problem(
        request, 401, "unauthorized", NULL, "an auditor's token is required: Authorization: Bearer …");
}

/* -- a look -- */

static int take_look(struct work *work, struct batch *batch)
{
    struct look *look = (struct look *)work;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.kind = QUANYU__ACTOR__KIND__AUDITOR;
    actor.id = look->token.id;
    actor.name = look->token.name;
    actor.role = "auditor";
    actor.address = (char *)http_peer(look->request);
    actor.token_id = look->token.id;
    const struct audit_query query = {
        .actor = &actor,
        .peer = "audit",
        .request_id = http_request_id(look->request),
        .search = look->is_search ? &look->search : NULL,
        .index = look->index,
        .count = look->count,
    };
    return audit_query_take(look->audit, batch, &query);
}

static void answer_look(struct work *work, int result)
{
    struct look *look = (struct look *)work;
    if (result)
        refuse(look->request, result);
    else
        http_respond(look->request, 200, "application/json", look->body.data, look->body.size);
    look_close(&look);
}

/* Hands the look over to the writer. */
static int submit_look(struct audit_http *http, struct look **look)
{
    if (buffer_error(&(*look)->body))
        return buffer_error(&(*look)->body);
    store_abort(&(*look)->txn);
    struct work *work = &(*look)->work;
    work->apply = take_look;
    work->done = answer_look;
    work->bytes = sizeof(**look) + (*look)->body.capacity;
    int error = service_submit(http->service, work);
    if (!error)
        TAKE(*look);
    return error;
}

/* An altered record is shown as such: a reader that is answered nothing would not learn which one it is. */
static int add_record(struct look *look, struct json *json, uint64_t index, struct bytes stored, bool intact)
{
    const Quanyu__AuditRecord *record = audit_record_unpack(stored, look->arena);
    if (!record && intact)
        return -QY_ECORRUPT;
    if (!intact)
        audit_watch_report(look->audit->http->service, index);
    audit_json_record(json, index, intact, record);
    return 0;
}

static int write_found(struct look *look, const struct audit_found *found)
{
    struct json json = json_to(&look->body);
    char cursor[CURSOR_BYTES];
    int error = 0;
    json_open_page(&json, "records");
    for (size_t i = 0; i < found->count && !error; i++) {
        const struct audit_row *row = &found->rows[i];
        json_open(&json, '{');
        error = add_record(look, &json, row->index, row->record, row->intact);
        json_close(&json, '}');
    }
    json_close_page(&json, found->next ? audit_cursor_format(found->next, cursor) : "");
    look->count = found->count;
    return error;
}

/* -- operations: each answers, or returns an error that is still to be told -- */

static int get_records(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct http_request *request = (*look)->request;
    char field[PARAMETER_NAME_BYTES];
    const char *problem = audit_parameters_search(request, (*look)->arena, &(*look)->search, field);
    if (problem) {
        refuse_parameter(request, field, problem);
        return 0;
    }
    struct audit_found found;
    (*look)->is_search = true;
    int error = audit_search((*look)->txn, &(*look)->search, (*look)->arena, &found);
    if (!error)
        error = write_found(*look, &found);
    return error ? error : submit_look(http, look);
}

static int write_one(struct look *look, struct bytes stored)
{
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    struct audit_proof proof;
    struct json json = json_to(&look->body);
    int error = audit_check_open(look->txn, &check);
    if (!error)
        error = audit_check_prove(check, look->index, stored, &proof);
    json_open(&json, '{');
    if (!error)
        error =
            add_record(look, &json, look->index, stored, audit_check_is_intact(check, look->index, stored));
    if (!error)
        error = audit_json_proof(&json, stored, &proof);
    json_close(&json, '}');
    look->count = 1;
    return error;
}

static int get_record(struct audit_http *http, struct look **look, const struct route_match *match)
{
    struct http_request *request = (*look)->request;
    char field[PARAMETER_NAME_BYTES];
    const char *problem = audit_parameters_none(request, field);
    struct bytes stored;
    if (problem) {
        refuse_parameter(request, field, problem);
        return 0;
    }
    if (!audit_parameter_number(route_parameter(match, "index"), &(*look)->index) ||
        !audit_store_record((*look)->txn, (*look)->index, &stored)) {
        if (store_error((*look)->txn))
            return store_error((*look)->txn);
        http_problem(request, 404, "not_found", "index", "there is no record with this index");
        return 0;
    }
    int error = write_one(*look, stored);
    return error ? error : submit_look(http, look);
}

/* Shows no record, so it leaves none: whoever watches the tree must not make it grow. */
static int get_tree(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct http_request *request = (*look)->request;
    char field[PARAMETER_NAME_BYTES], hex[2 * MERKLE_HASH_BYTES + 1];
    const char *problem = audit_parameters_none(request, field);
    if (problem) {
        refuse_parameter(request, field, problem);
        return 0;
    }
    uint64_t size;
    struct merkle_hash root;
    struct bytes last;
    int error = audit_query_tree((*look)->txn, &size, &root);
    if (error)
        return error;
    struct json json = json_to(&(*look)->body);
    json_open(&json, '{');
    json_field_unsigned(&json, "size", size);
    json_field_text(&json, "root", sodium_bin2hex(hex, sizeof(hex), root.bytes, sizeof(root.bytes)));
    json_field_text(&json, "hash", "sha256");
    json_name(&json, "time");
    if (size > 0 && audit_store_record((*look)->txn, size - 1, &last))
        json_time(&json, audit_record_time(last));
    else
        json_null(&json);
    json_close(&json, '}');
    if (buffer_error(&(*look)->body))
        return buffer_error(&(*look)->body);
    (void)http;
    http_respond(request, 200, "application/json", (*look)->body.data, (*look)->body.size);
    return 0;
}

/* -- the one table of operations -- */

#define NAMES(...)                                                                                           \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

typedef int operation_fn(struct audit_http *http, struct look **look, const struct route_match *match);
struct operation {
    operation_fn *run; /* NULL: the description, for everybody */
    struct openapi_operation about;
};

static const struct operation operations[] = {
    {get_records, .about = {"GET", "/v1/records", "search", "records",
                      "Records, newest first; the look is on record before it is answered", .gives = "Page",
                      .queries = NAMES("actor", "subject", "action", "from", "to", "limit", "cursor")}},
    {get_record,
        .about = {"GET", "/v1/records/{index}", "show", "records",
            "One record, with the bytes that were hashed and the path to the root; the look is on record",
            .gives = "ProvenRecord", .others = {404}}},
    {get_tree,
        .about = {"GET", "/v1/tree", "tree", "tree", "Size and root of the Merkle tree", .gives = "Tree"}},
    {NULL, .about = {"GET", "/openapi.json", "openapi", "description", "This description, for programs",
               .gives = "Description", .open = true}},
    {NULL, .about = {"GET", "/docs", "docs", "description", "This description, for people",
               .type = OPENAPI_PAGE_TYPE, .headers = NAMES("Content-Security-Policy"), .open = true}},
};

static const struct openapi_operation *operation_at(size_t index)
{
    return index < COUNT_OF(operations) ? &operations[index].about : NULL;
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

static void run_operation(
    struct audit_http *http, struct http_request *request, const struct route_match *match)
{
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
    if (!error)
        error = operation->run(http, &look, match);
    if (error)
        refuse(request, error);
}

static void handle(void *self, struct http_request *request)
{
    struct audit_http *http = self;
    struct route_match match;
    enum route_result result =
        router_find(http->routes, COUNT_OF(operations), http_method(request), http_path(request), &match);
    const struct operation *operation = result == ROUTE_FOUND ? match.route->extra : NULL;
    if (!operation)
        route_refuse(request, result, &match);
    else if (!operation->run)
        show_description(http, request, operation);
    else
        run_operation(http, request, &match);
}

/* -- start and stop -- */

static void free_http(struct audit_http **http)
{
    if (!*http)
        return;
    openapi_close(&(*http)->openapi);
    free((*http)->routes);
    free(*http);
    *http = NULL;
}

static int make_routes(struct audit_http *http)
{
    http->routes = calloc(COUNT_OF(operations), sizeof(*http->routes));
    if (!http->routes)
        return -QY_ENOMEM;
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        http->routes[i] = (struct route){.method = operations[i].about.method,
            .pattern = operations[i].about.pattern,
            .extra = &operations[i]};
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
    error = make_routes(http);
    if (!error)
        error = openapi_open(&description, &http->openapi);
    if (!error)
        error = service_http_open(service, "audit", handle, NULL, http, &http->server);
    if (!error)
        audit->http = TAKE(http);
    return error;
}

void audit_http_stop(void *self, struct service *service)
{
    (void)service;
    struct audit *audit = self;
    if (!audit->http)
        return;
    service_http_close(&audit->http->server, STOP_GRACE_MS);
    free_http(&audit->http);
}
