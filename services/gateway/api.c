/* SPDX-License-Identifier: Apache-2.0 */
/* Workers, dispatch and authorisation of the API. */
#include "services/gateway/api.h"

#include "common/clock.h"
#include "common/json_check.h"
#include "common/log.h"
#include "common/router.h"
#include "services/gateway/staff_text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX 1024
#define PROBLEM_BYTES 512

struct job {
    struct job *next;
    struct http_request *request;
    const struct api_operation *operation;
    struct route_match match;
    struct token token;
};

struct api {
    struct gateway *gateway;
    struct openapi *openapi;
    struct route *routes;
    pthread_t *threads;
    unsigned thread_count;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first;
    struct job **end;
    size_t waiting;
    bool stopping;
};

/* -- authorisation, on the HTTP thread -- */

static int find_token(struct gateway *gateway, struct http_request *request, struct token *ret_token)
{
    const char *header = http_header(request, "Authorization");
    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return -QY_EUNAUTHENTIC;
    header += 7 + strspn(header + 7, " ");
    uint8_t hash[SECRET_HASH_BYTES];
    secret_hash(header, strlen(header), hash);
    struct store_txn *txn;
    int error = service_read(gateway->service, &txn);
    if (error)
        return error;
    bool known = token_get(txn, hash, ret_token);
    error = store_error(txn);
    store_abort(&txn);
    if (error)
        return error;
    bool expired = known && ret_token->expires_ms && ret_token->expires_ms <= gateway_now_ms(gateway);
    return known && !expired ? 0 : -QY_EUNAUTHENTIC;
}

/* -- one call, on a worker -- */

static bool is_listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static int check_members(struct api_call *call, const struct api_operation *operation)
{
    size_t index, count;
    yyjson_val *key, *value, *members = openapi_members(call->openapi, operation->about.takes);
    yyjson_obj_foreach(call->body, index, count, key, value)
    {
        (void)value;
        if (members && !yyjson_obj_getn(members, yyjson_get_str(key), yyjson_get_len(key)))
            return api_refuse(call, -QY_EINVAL, yyjson_get_str(key), "there is no such member");
    }
    return 0;
}

/* Handlers take texts as C strings. */
static int refuse_nul(struct api_call *call, struct bytes text)
{
    char pointer[JSON_POINTER_BYTES];
    if (!json_may_hold_nul(text) || !json_find_nul(call->body, pointer))
        return 0;
    return api_refuse(call, -QY_EINVAL, pointer, "must not hold a NUL character");
}

/* Which of them is meant, nobody can say. */
static int refuse_repeated(struct api_call *call)
{
    char pointer[JSON_POINTER_BYTES];
    int error = json_find_repeated(call->body, pointer);
    if (error != -QY_EEXISTS)
        return error;
    return api_refuse(call, -QY_EINVAL, pointer, "stands in its object more than once");
}

static int read_body(struct api_call *call, const struct api_operation *operation, yyjson_doc **ret_doc)
{
    struct bytes text = http_body(call->request);
    if (!operation->about.takes)
        return text.size ? api_refuse(call, -QY_EINVAL, "", "this operation takes no body") : 0;
    yyjson_read_err error;
    *ret_doc =
        yyjson_read_opts((char *)(uintptr_t)text.data, text.size, YYJSON_READ_NUMBER_AS_RAW, NULL, &error);
    if (!*ret_doc && error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return -QY_ENOMEM;
    if (!*ret_doc)
        return api_refuse(
            call, -QY_EINVAL, "", "the body is not JSON: at byte %zu: %s", error.pos, error.msg);
    call->body = yyjson_doc_get_root(*ret_doc);
    if (!yyjson_is_obj(call->body))
        return api_refuse(call, -QY_EINVAL, "", "the body must be a JSON object");
    int refused = refuse_nul(call, text);
    if (!refused)
        refused = refuse_repeated(call);
    return refused ? refused : check_members(call, operation);
}

/* Identity alone takes personal values: in what goes to the others they could match nothing, and would stay. */
static int check_texts(struct api_call *call, const struct api_operation *operation)
{
    char pointer[STAFF_POINTER_BYTES];
    if (operation->personal || !call->body)
        return 0;
    switch (staff_text_check(call->body, pointer)) {
    case STAFF_TEXT_PERSONAL:
        return api_refuse(call, -QY_EINVAL, pointer,
            "looks like a phone number or an email address; personal values never reach names and rules: "
            "look "
            "persons up by their identifiers");
    case STAFF_TEXT_DEEP:
        return api_refuse(call, -QY_EINVAL, pointer, "is nested too deeply");
    default:
        return 0;
    }
}

/* Each name of the query must be one that the operation knows. */
static int check_query(struct api_call *call, const struct api_operation *operation)
{
    const char *query = http_query(call->request);
    while (*query) {
        size_t pair = strcspn(query, "&");
        size_t size = strcspn(query, "=&");
        char *name = arena_text(call->arena, query, size);
        if (!name)
            return -QY_ENOMEM;
        if (size > 0 && !is_listed(operation->about.queries, name))
            return api_refuse(call, -QY_EINVAL, name, "there is no such parameter");
        query += pair;
        query += *query == '&';
    }
    return 0;
}

static const char *kind_of(int code)
{
    switch (code) {
    case -QY_EINVAL:
        return "invalid";
    case -QY_ENOTFOUND:
        return "not_found";
    case -QY_EUNAVAILABLE:
    case -QY_ETIMEOUT:
    case -QY_EFULL:
    case -QY_ESTOPPED:
    case -QY_ENOMEM:
        return "unavailable";
    case -QY_ECONFLICT:
    case -QY_EEXISTS:
        return "conflict";
    case -QY_EDENIED:
        return "denied";
    case -QY_EOVERTAKEN:
        return "overtaken";
    case -QY_ETOOLARGE:
        return "too_large";
    default:
        return "internal";
    }
}

static void answer(struct api_call *call, const struct api_operation *operation, int error)
{
    if (!error && buffer_error(&call->out))
        error = buffer_error(&call->out);
    if (!error) {
        bool empty = call->out.size == 0;
        const char *type = operation->about.type ? operation->about.type : "application/json";
        http_respond(
            call->request, empty ? 204 : call->status, empty ? NULL : type, call->out.data, call->out.size);
        return;
    }
    int status = http_status_of(error);
    if (status == 503)
        http_add_header(call->request, "Retry-After", "1");
    if (status == 500)
        log_line(
            LOG_ERROR, "a request failed", "path=%s error=%s", http_path(call->request), error_name(error));
    http_problem(call->request, status, kind_of(error), call->error_field, "%s",
        call->error_message ? call->error_message : error_text(error));
}

static void run_job(struct api *api, struct job *job, struct arena *arena, struct rpc_client *client)
{
    struct api_call call = {
        .gateway = api->gateway,
        .request = job->request,
        .arena = arena,
        .client = client,
        .openapi = api->openapi,
        .actor = QUANYU__ACTOR__INIT,
        .status = 200,
    };
    call.actor.kind = QUANYU__ACTOR__KIND__STAFF;
    call.actor.id = job->token.id;
    call.actor.name = job->token.name;
    call.actor.role = job->token.role;
    call.actor.token_id = job->token.id;
    call.actor.address = (char *)(uintptr_t)http_peer(job->request);
    for (size_t i = 0; i < API_PARAMETERS_MAX && i < job->match.parameter_count; i++)
        call.parameters[i] = job->match.parameters[i].value;
    log_set_request(http_request_id(job->request));
    yyjson_doc *doc = NULL;
    int error = read_body(&call, job->operation, &doc);
    if (!error)
        error = check_texts(&call, job->operation);
    if (!error)
        error = check_query(&call, job->operation);
    if (!error)
        error = job->operation->handle(&call);
    answer(&call, job->operation, error);
    log_set_request(NULL);
    yyjson_doc_free(doc);
    buffer_free(&call.out);
    arena_reset(arena);
}

static struct job *take_job(struct api *api)
{
    pthread_mutex_lock(&api->lock);
    while (!api->first && !api->stopping)
        pthread_cond_wait(&api->wake, &api->lock);
    struct job *job = api->first;
    if (job) {
        api->first = job->next;
        if (!api->first)
            api->end = &api->first;
        api->waiting--;
    }
    pthread_mutex_unlock(&api->lock);
    return job;
}

static void *worker_main(void *data)
{
    struct api *api = data;
    struct arena *arena = NULL;
    struct rpc_client *client = NULL;
    int error = arena_open(&arena);
    if (!error)
        error = rpc_client_open(service_peers(api->gateway->service), &client);
    struct job *job;
    while ((job = take_job(api))) {
        if (error)
            http_problem(job->request, 503, "unavailable", NULL, "%s", error_text(error));
        else
            run_job(api, job, arena, client);
        free(job);
    }
    rpc_client_close(&client);
    arena_close(&arena);
    return NULL;
}

/* -- HTTP thread -- */

static void enqueue(struct api *api, struct job *job)
{
    pthread_mutex_lock(&api->lock);
    bool taken = !api->stopping && api->waiting < QUEUE_MAX;
    if (taken) {
        *api->end = job;
        api->end = &job->next;
        api->waiting++;
        pthread_cond_signal(&api->wake);
    }
    pthread_mutex_unlock(&api->lock);
    if (taken)
        return;
    http_add_header(job->request, "Retry-After", "1");
    http_problem(job->request, 503, "unavailable", NULL, "too many requests are waiting");
    free(job);
}

static int authorise(struct api *api, struct job *job)
{
    if (job->operation->about.open)
        return 0;
    int error = find_token(api->gateway, job->request, &job->token);
    if (error == -QY_EUNAUTHENTIC)
        http_add_header(job->request, "WWW-Authenticate", "Bearer");
    if (error)
        http_problem(job->request, http_status_of(error), "unauthorized", NULL,
            "a valid token is required: Authorization: Bearer …");
    return error;
}

void api_handle(struct api *api, struct http_request *request)
{
    struct route_match match;
    enum route_result result =
        router_find(api->routes, api_operation_count, http_method(request), http_path(request), &match);
    if (result != ROUTE_FOUND) {
        route_refuse(request, result, &match);
        return;
    }
    struct job *job = calloc(1, sizeof(*job));
    if (!job) {
        http_problem(request, 503, "unavailable", NULL, "out of memory");
        return;
    }
    job->request = request;
    job->operation = match.route->extra;
    job->match = match;
    if (authorise(api, job))
        free(job);
    else
        enqueue(api, job);
}

/* -- open and close -- */

static int make_routes(struct api *api)
{
    api->routes = calloc(api_operation_count, sizeof(*api->routes));
    if (!api->routes)
        return -QY_ENOMEM;
    for (size_t i = 0; i < api_operation_count; i++)
        api->routes[i] = (struct route){.method = api_operations[i].about.method,
            .pattern = api_operations[i].about.pattern,
            .extra = &api_operations[i]};
    return 0;
}

int api_open(struct gateway *gateway, unsigned threads, struct api **ret_api)
{
    struct api *api = calloc(1, sizeof(*api));
    if (!api)
        return -QY_ENOMEM;
    api->gateway = gateway;
    api->end = &api->first;
    pthread_mutex_init(&api->lock, NULL);
    pthread_cond_init(&api->wake, NULL);
    api->threads = calloc(threads, sizeof(*api->threads));
    int error = api->threads ? make_routes(api) : -QY_ENOMEM;
    if (!error)
        error = openapi_open(&gateway_description, &api->openapi);
    while (!error && api->thread_count < threads) {
        if (pthread_create(&api->threads[api->thread_count], NULL, worker_main, api) != 0)
            error = -QY_ENOMEM;
        else
            api->thread_count++;
    }
    if (error)
        api_close(&api);
    else
        *ret_api = api;
    return error;
}

void api_close(struct api **api)
{
    if (!*api)
        return;
    pthread_mutex_lock(&(*api)->lock);
    (*api)->stopping = true;
    pthread_cond_broadcast(&(*api)->wake);
    pthread_mutex_unlock(&(*api)->lock);
    for (unsigned i = 0; i < (*api)->thread_count; i++)
        pthread_join((*api)->threads[i], NULL);
    pthread_mutex_destroy(&(*api)->lock);
    pthread_cond_destroy(&(*api)->wake);
    free((*api)->threads);
    openapi_close(&(*api)->openapi);
    free((*api)->routes);
    free(*api);
    *api = NULL;
}
