/* SPDX-License-Identifier: Apache-2.0 */
/* A service reduced to what an rpc_server needs: a store, a writer thread that batches work, and a few calls
 * of the audit service's request endpoint. */
#ifndef QY_TESTS_RPC_FIXTURE_H
#define QY_TESTS_RPC_FIXTURE_H

#include "common/peers.h"
#include "common/queue.h"
#include "common/rpc_server.h"
#include "common/service.h"
#include "proto/audit.pb-c.h"
#include "tests/unit/common/network.h"

#include <pthread.h>
#include <stdatomic.h>

struct service {
    struct network network;
    struct store *store;
    struct metrics *metrics;
    struct rpc_server *server;
    struct peers *peers; /* of the client "gateway" */
    char endpoint[64];
    pthread_t writer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct work *works; /* newest first */
    bool writer_held;   /* takes nothing meanwhile */
    bool writer_ends;
    bool queries_held;
    bool refuse_work;
    atomic_uint applied;
    atomic_uint queried;
};

/* Work that a batch takes: all there is, unless held. NULL at the end. */
static inline struct work *fixture_next_works(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    while ((!service->works || service->writer_held) && !service->writer_ends)
        pthread_cond_wait(&service->changed, &service->lock);
    struct work *works = TAKE(service->works);
    pthread_mutex_unlock(&service->lock);
    return works;
}

static inline void *fixture_write(void *data)
{
    struct service *service = data;
    struct work *works;
    while ((works = fixture_next_works(service))) {
        struct batch batch = {.service = service, .now_ms = 1};
        int code = store_begin(service->store, STORE_WRITE, &batch.txn);
        for (struct work *work = works; work && code == 0; work = work->next)
            work->result = work->apply(work, &batch);
        code = code ? code : store_commit(&batch.txn);
        while (works) {
            struct work *next = works->next;
            works->done(works, code ? code : works->result);
            works = next;
        }
    }
    return NULL;
}

static inline int fixture_submit(struct service *service, struct work *work)
{
    pthread_mutex_lock(&service->lock);
    int code = service->refuse_work ? -QY_EFULL : 0;
    if (code == 0) {
        work->next = service->works;
        service->works = work;
    }
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
    return code;
}

static inline int fixture_read(struct service *service, struct store_txn **ret_txn)
{
    return store_begin(service->store, STORE_READ, ret_txn);
}

static inline void fixture_hold(struct service *service, bool *which, bool held)
{
    pthread_mutex_lock(&service->lock);
    *which = held;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

/* -- the calls -- */

static inline int fixture_append(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__AppendRequest *append = ((const Quanyu__AuditRequest *)request)->append;
    if (append->n_records == 0)
        return rpc_refuse(context, -QY_EINVAL, "records", "%d records are too few", 0);
    assert_non_null(context->batch);
    assert_ptr_equal(context->txn, context->batch->txn);
    struct store_key key;
    for (size_t i = 0; i < append->n_records; i++) {
        key_reset(&key);
        key_u64(&key, store_count(context->txn, 0));
        store_append(context->txn, 0, &key, append->records[i]->action, strlen(append->records[i]->action));
    }
    Quanyu__AppendReply *result = arena_alloc(context->arena, sizeof(*result));
    quanyu__append_reply__init(result);
    result->size = store_count(context->txn, 0);
    Quanyu__AuditReply *answer = (Quanyu__AuditReply *)reply;
    answer->result_case = QUANYU__AUDIT_REPLY__RESULT_APPEND;
    answer->append = result;
    atomic_fetch_add(&context->service->applied, 1);
    return store_error(context->txn);
}

/* The size of the tree, and a root as long as the caller's actor id says. */
static inline int fixture_tree(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    struct service *service = context->service;
    pthread_mutex_lock(&service->lock);
    while (service->queries_held)
        pthread_cond_wait(&service->changed, &service->lock);
    pthread_mutex_unlock(&service->lock);
    assert_null(context->batch);
    Quanyu__TreeReply *result = arena_alloc(context->arena, sizeof(*result));
    quanyu__tree_reply__init(result);
    result->size = store_count(context->txn, 0);
    const Quanyu__Actor *actor = context->header->actor;
    size_t size = actor ? strtoul(actor->id, NULL, 10) : 0;
    result->root = (ProtobufCBinaryData){.data = arena_alloc(context->arena, size), .len = size};
    Quanyu__AuditReply *answer = (Quanyu__AuditReply *)reply;
    answer->result_case = QUANYU__AUDIT_REPLY__RESULT_TREE;
    answer->tree = result;
    atomic_fetch_add(&service->queried, 1);
    return 0;
}

/* Says who asks, as the token that it makes: who the peer is, and its request id. */
static inline int fixture_auditors(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    Quanyu__AuditorsReply *result = arena_alloc(context->arena, sizeof(*result));
    quanyu__auditors_reply__init(result);
    result->token = arena_printf(context->arena, "%s %s", context->peer, context->header->request_id);
    Quanyu__AuditReply *answer = (Quanyu__AuditReply *)reply;
    answer->result_case = QUANYU__AUDIT_REPLY__RESULT_AUDITORS;
    answer->auditors = result;
    return 0;
}

static inline int fixture_status(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    assert_int_equal(
        ((const Quanyu__RuntimeRequest *)request)->call_case, QUANYU__RUNTIME_REQUEST__CALL_STATUS);
    Quanyu__StatusReply *result = arena_alloc(context->arena, sizeof(*result));
    quanyu__status_reply__init(result);
    result->service = (char *)"audit";
    Quanyu__RuntimeReply *answer = (Quanyu__RuntimeReply *)reply;
    answer->result_case = QUANYU__RUNTIME_REPLY__RESULT_STATUS;
    answer->status = result;
    return 0;
}

static const char *const fixture_cli_only[] = {"cli", NULL};

static const struct rpc_handler fixture_runtime[RPC_RUNTIME_CASES] = {
    {"status", fixture_status, RPC_QUERY, NULL},
};

static const struct rpc_handler fixture_handlers[] = {
    [QUANYU__AUDIT_REQUEST__CALL_APPEND] = {"append", fixture_append, RPC_COMMAND, NULL},
    [QUANYU__AUDIT_REQUEST__CALL_TREE] = {"tree", fixture_tree, RPC_QUERY, NULL},
    [QUANYU__AUDIT_REQUEST__CALL_AUDITORS] = {"auditors", fixture_auditors, RPC_QUERY, fixture_cli_only},
};

static inline int fixture_check(struct rpc_context *context)
{
    const Quanyu__Actor *actor = context->header->actor;
    assert_non_null(context->txn);
    return actor && strcmp(actor->id, "nobody") == 0
               ? rpc_refuse(context, -QY_EOVERTAKEN, RPC_FIELD_SCOPE, "not for nobody")
               : 0;
}

static const struct rpc_service fixture_service = {&quanyu__audit_request__descriptor,
    &quanyu__audit_reply__descriptor, fixture_handlers, COUNT_OF(fixture_handlers), fixture_check};

/* -- the service -- */

static inline void fixture_serve(struct service *service, uint16_t port, unsigned max_requests)
{
    struct keys keys = network_keys(&service->network, "audit");
    struct rpc_server_options options = {
        .endpoint = local_endpoint(&service->endpoint, port),
        .keys = &keys,
        .service = &fixture_service,
        .runtime = fixture_runtime,
        .context = service,
        .reader_threads = 2,
        .begin_read = fixture_read,
        .submit = fixture_submit,
        .max_requests = max_requests,
        .metrics = service->metrics,
        .max_request_bytes = 100000,
    };
    int code;
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while ((code = rpc_server_open(&options, &service->server)) == -QY_ECONFLICT && port > 0)
        assert_true(monotonic_ms() < deadline_ms); /* libzmq closes the one before in the background */
    assert_int_equal(code, 0);
    local_endpoint(&service->endpoint, rpc_server_port(service->server));
}

static inline struct peers *fixture_peers(struct service *service, const char *own)
{
    struct keys keys = network_keys(&service->network, own);
    struct peer peer = {"audit", service->endpoint};
    struct peers *peers = NULL;
    assert_int_equal(peers_open(&keys, service->network.keys, &peer, 1, &peers), 0);
    return peers;
}

static inline void fixture_open(struct service *service, void **state, unsigned max_requests)
{
    static const char *const tables[] = {"records"};
    char path[512];
    *service = (struct service){.network = network_open(state)};
    struct store_options options = {.path = scratch_join(state, &path, "state"),
        .tables = tables,
        .table_count = 1,
        .map_bytes = 1u << 28,
        .schema_version = 1};
    assert_int_equal(store_open(&options, &service->store), 0);
    assert_int_equal(metrics_open("audit", &service->metrics), 0);
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->changed, NULL);
    assert_int_equal(pthread_create(&service->writer, NULL, fixture_write, service), 0);
    fixture_serve(service, 0, max_requests);
    service->peers = fixture_peers(service, "gateway");
}

static inline void fixture_close(struct service *service)
{
    rpc_server_close(&service->server);
    fixture_hold(service, &service->writer_ends, true);
    pthread_join(service->writer, NULL);
    peers_close(&service->peers);
    store_close(&service->store);
    metrics_close(&service->metrics);
    network_close(&service->network);
    pthread_cond_destroy(&service->changed);
    pthread_mutex_destroy(&service->lock);
}

/* -- calls, as a client makes them -- */

static inline int call_tree(struct rpc_client *client, const struct rpc_call *call, uint64_t *ret_size)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    Quanyu__TreeRequest tree = QUANYU__TREE_REQUEST__INIT;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_TREE;
    request.tree = &tree;
    ProtobufCMessage *reply = NULL;
    int code =
        rpc_call(client, "audit", call, &request.base, &quanyu__audit_reply__descriptor, arena, &reply, NULL);
    if (code == 0)
        *ret_size = ((Quanyu__AuditReply *)reply)->tree->size;
    return code;
}

static inline int call_append(struct rpc_client *client, const struct rpc_call *call, size_t count,
    struct arena *arena, uint64_t *ret_size, struct rpc_error *ret_error)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)"person.show";
    Quanyu__AuditRecord *records[16];
    Quanyu__AppendRequest append = QUANYU__APPEND_REQUEST__INIT;
    append.records = records;
    append.n_records = count;
    for (size_t i = 0; i < count; i++)
        records[i] = &record;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_APPEND;
    request.append = &append;
    ProtobufCMessage *reply = NULL;
    int code = rpc_call(
        client, "audit", call, &request.base, &quanyu__audit_reply__descriptor, arena, &reply, ret_error);
    if (code == 0)
        *ret_size = ((Quanyu__AuditReply *)reply)->append->size;
    return code;
}

#endif
