/* SPDX-License-Identifier: Apache-2.0 */
/* Workers, dispatch and authorisation of the API. */
#include "services/gateway/api.h"

#include "common/clock.h"
#include "common/json_check.h"
#include "common/log.h"
#include "common/router.h"
#include "services/gateway/api_access.h"
#include "services/gateway/disclosure.h"
#include "services/gateway/organisation.h"
#include "services/gateway/staff_text.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX 1024
#define SLOW_THREADS 2u /* each takes the memory of one hash */
#define SLOW_QUEUE_MAX 64
#define PROBLEM_BYTES 512

struct job {
    struct job *next;
    struct http_request *request;
    const struct api_operation *operation;
    struct route_match match;
    struct access access;
    uint64_t access_epoch; /* when that was looked at */
    int refused;           /* what it is answered, once the attempt is on record; 0: it is done */
};

/* Threads and what waits for them. */
struct pool {
    struct api *api;
    pthread_t *threads;
    unsigned thread_count;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first;
    struct job **end;
    size_t waiting, most;
    bool stopping;
};

struct api {
    struct gateway *gateway;
    struct openapi *openapi;
    struct route *routes;
    struct pool pools[2]; /* what is quick; what hashes passwords */
};

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
    if (operation->about.takes_type)
        return 0;
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
            "looks like a phone number, an email address or the like; personal values never reach names and "
            "rules: look persons up by their identifiers");
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
    case -QY_EUNAUTHENTIC:
        return "unauthorized";
    case -QY_EOVERTAKEN:
        return "overtaken";
    case -QY_ETOOLARGE:
        return "too_large";
    default:
        return "internal";
    }
}

static void answer(struct api_call *call, int error)
{
    if (!error && buffer_error(&call->out))
        error = buffer_error(&call->out);
    if (!error) {
        bool empty = call->out.size == 0;
        const char *type = call->operation->about.type ? call->operation->about.type : "application/json";
        type = call->status < 300 ? type : "application/problem+json";
        if (*call->etag)
            http_add_header(call->request, "ETag", call->etag);
        http_respond(
            call->request, empty ? 204 : call->status, empty ? NULL : type, call->out.data, call->out.size);
        return;
    }
    if (error == -QY_ENOTFOUND && !call->error_message) {
        api_refuse_path(call->request);
        return;
    }
    int status = call->error_status ? call->error_status : http_status_of(error);
    if (status == 401)
        http_add_header(call->request, "WWW-Authenticate", "Bearer");
    if (status == 503)
        http_add_header(call->request, "Retry-After", "1");
    if (status == 500)
        log_line(
            LOG_ERROR, "a request failed", "path=%s error=%s", http_path(call->request), error_name(error));
    http_problem(call->request, status, call->error_kind ? call->error_kind : kind_of(error),
        call->error_field, "%s", call->error_message ? call->error_message : error_text(error));
}

/* As the others and the audit log know the caller: by number and code, never by name. */
static void name_actor(struct api_call *call)
{
    struct access *access = &call->access;
    call->actor.kind = QUANYU__ACTOR__KIND__STAFF;
    call->actor.address = (char *)(uintptr_t)http_peer(call->request);
    if (!access->staff)
        return;
    if (access->kind == QUANYU__CREDENTIAL__KIND__TOKEN)
        token_id(access->credential, call->credential_id);
    else
        snprintf(call->credential_id, sizeof(call->credential_id), "session_%" PRIu32, access->credential);
    call->actor.id = (char *)(uintptr_t)staff_id(access->staff, call->actor_id);
    call->actor.name = access->code;
    call->actor.role = access->role.name;
    call->actor.unit = access->unit;
    call->actor.token_id = call->credential_id;
    call->actor.without_amounts = !disclosure_of(call->permissions).amounts;
    call->lost = organisation_lost(call->gateway, access->unit);
    if (access_is_whole(access))
        return;
    quanyu__scope__init(&call->scope);
    call->scope.unit = access->role.own_people ? 0 : access->unit;
    call->scope.staff = access->role.own_people ? access->staff : 0;
    call->scope.moves = access->role.own_people ? 0 : call->lost;
    call->actor.scope = &call->scope;
}

/* What was found out is not told, and nothing is begun, for who may not any more. */
static int run_checks(struct api_call *call, const struct api_operation *operation, yyjson_doc **doc)
{
    int error = read_body(call, operation, doc);
    if (!error)
        error = check_texts(call, operation);
    if (!error)
        error = check_query(call, operation);
    if (!error)
        error = api_read_why(call);
    if (!error)
        error = api_check_again(call);
    return error;
}

/* 0, or the error that is answered. */
static int run_operation(struct api_call *call, const struct job *job, yyjson_doc **doc)
{
    if (job->refused)
        return api_refuse_access(call, job->refused);
    int error = run_checks(call, job->operation, doc);
    if (!error)
        error = job->operation->handle(call);
    int changed = api_check_again(call);
    return api_record_refusal(call, changed ? changed : error);
}

static void run_job(struct api *api, struct job *job, struct arena *arena, struct rpc_client *client)
{
    struct api_call call = {
        .gateway = api->gateway,
        .request = job->request,
        .arena = arena,
        .client = client,
        .operation = job->operation,
        .on_record = on_record_of(job->operation),
        .access = job->access,
        .access_epoch = job->access_epoch,
        .permissions = job->access.permissions,
        .openapi = api->openapi,
        .actor = QUANYU__ACTOR__INIT,
        .status = 200,
        .purpose = "",
        .task = "",
    };
    name_actor(&call);
    for (size_t i = 0; i < API_PARAMETERS_MAX && i < job->match.parameter_count; i++)
        call.parameters[i] = job->match.parameters[i].value;
    log_set_request(http_request_id(job->request));
    yyjson_doc *doc = NULL;
    answer(&call, run_operation(&call, job, &doc));
    log_set_request(NULL);
    yyjson_doc_free(doc);
    buffer_free(&call.out);
    arena_reset(arena);
}

static struct job *take_job(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping)
        pthread_cond_wait(&pool->wake, &pool->lock);
    struct job *job = pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first)
            pool->end = &pool->first;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *worker_main(void *data)
{
    struct pool *pool = data;
    struct api *api = pool->api;
    struct arena *arena = NULL;
    struct rpc_client *client = NULL;
    int error = arena_open(&arena);
    if (!error)
        error = rpc_client_open(service_peers(api->gateway->service), &client);
    struct job *job;
    while ((job = take_job(pool))) {
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

static void enqueue(struct pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool taken = !pool->stopping && pool->waiting < pool->most;
    if (taken) {
        *pool->end = job;
        pool->end = &job->next;
        pool->waiting++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    if (taken)
        return;
    http_add_header(job->request, "Retry-After", "1");
    http_problem(job->request, 503, "unavailable", NULL, "too many requests are waiting");
    free(job);
}

void api_refuse_path(struct http_request *request)
{
    const struct route_match nothing = {.route = NULL};
    route_refuse(request, ROUTE_NO_PATH, &nothing);
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
    job->access_epoch = atomic_load(&api->gateway->access_epoch);
    if (api_authorise(api->gateway, request, job->operation, &job->access, &job->refused))
        free(job);
    else
        enqueue(&api->pools[job->operation->slow], job);
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

static int open_pool(struct api *api, struct pool *pool, unsigned threads, size_t most)
{
    pool->api = api;
    pool->end = &pool->first;
    pool->most = most;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->threads = calloc(threads, sizeof(*pool->threads));
    if (!pool->threads)
        return -QY_ENOMEM;
    for (; pool->thread_count < threads; pool->thread_count++)
        if (pthread_create(&pool->threads[pool->thread_count], NULL, worker_main, pool) != 0)
            return -QY_ENOMEM;
    return 0;
}

static void close_pool(struct pool *pool)
{
    if (!pool->api)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    free(pool->threads);
}

int api_open(struct gateway *gateway, unsigned threads, struct api **ret_api)
{
    struct api *api = calloc(1, sizeof(*api));
    if (!api)
        return -QY_ENOMEM;
    api->gateway = gateway;
    int error = make_routes(api);
    if (!error)
        error = openapi_open(&gateway_description, &api->openapi);
    if (!error)
        error = open_pool(api, &api->pools[0], threads, QUEUE_MAX);
    if (!error)
        error = open_pool(api, &api->pools[1], SLOW_THREADS, SLOW_QUEUE_MAX);
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
    for (size_t i = 0; i < COUNT_OF((*api)->pools); i++)
        close_pool(&(*api)->pools[i]);
    openapi_close(&(*api)->openapi);
    free((*api)->routes);
    free(*api);
    *api = NULL;
}
