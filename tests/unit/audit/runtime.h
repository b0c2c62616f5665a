/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted runtime around the audit domain: a real store in a directory of its own, batches that the test
 * opens and ends. */
#ifndef QY_TEST_AUDIT_RUNTIME_H
#define QY_TEST_AUDIT_RUNTIME_H

#include "services/audit/audit.h"
#include "services/audit/audit_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What stands for the runtime's own. */
struct service {
    struct config *config;
    struct store *store;
    struct metrics *metrics;
    char directory[64];
};

struct runtime {
    struct service service;
    struct audit audit;
    struct batch batch;
    struct arena *arena;
    int64_t now_ms;
    const char *clock;
    bool no_token;
};

const struct config *service_config(const struct service *service)
{
    return service->config;
}

/* Inputs that are followed anew: what the fold was told of them. */
static bool runtime_follows_oldest[AUDIT_INPUT_COUNT], runtime_follows_again[AUDIT_INPUT_COUNT];

void batch_follow_oldest(struct batch *batch, unsigned input, bool again)
{
    (void)batch;
    runtime_follows_oldest[input] = true;
    runtime_follows_again[input] = again;
}

static inline void runtime_begin(struct runtime *runtime)
{
    runtime->batch = (struct batch){.service = &runtime->service, .now_ms = runtime->now_ms};
    assert_int_equal(store_begin(runtime->service.store, STORE_WRITE, &runtime->batch.txn), 0);
}

static inline void runtime_commit(struct runtime *runtime)
{
    assert_int_equal(audit_fold.finish(&runtime->audit, &runtime->batch), 0);
    assert_int_equal(store_commit(&runtime->batch.txn), 0);
    audit_fold.committed(&runtime->audit, &runtime->service);
}

static inline void runtime_abort(struct runtime *runtime)
{
    store_abort(&runtime->batch.txn);
    audit_fold.discard(&runtime->audit);
}

static inline struct store_txn *runtime_read(struct runtime *runtime)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(runtime->service.store, STORE_READ, &txn), 0);
    return txn;
}

/* Opens what lies in the directory, as a start of the service does. */
static inline void runtime_start(struct runtime *runtime)
{
    char path[128], error[256];
    snprintf(path, sizeof(path), "%s/quanyu.conf", runtime->service.directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "clock = %s\nbootstrap = %s%s\n", runtime->clock,
        runtime->no_token ? "" : runtime->service.directory, runtime->no_token ? "none" : "/bootstrap");
    fclose(file);
    if (config_open(path, &runtime->service.config, error))
        fail_msg("%s", error);
    snprintf(path, sizeof(path), "%s/state", runtime->service.directory);
    struct store_options options = {.path = path,
        .tables = audit_tables,
        .table_count = AUDIT_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 32,
        .schema_version = AUDIT_SCHEMA_VERSION};
    assert_int_equal(store_open(&options, &runtime->service.store), 0);
    memset(&runtime->audit, 0, sizeof(runtime->audit));
    runtime_begin(runtime);
    assert_int_equal(audit_fold.open(&runtime->audit, &runtime->batch), 0);
    assert_int_equal(store_commit(&runtime->batch.txn), 0);
}

static inline void runtime_stop(struct runtime *runtime)
{
    audit_fold.close(&runtime->audit);
    store_close(&runtime->service.store);
    config_close(&runtime->service.config);
}

static inline struct runtime *runtime_make(const char *clock, bool token)
{
    struct runtime *runtime = calloc(1, sizeof(*runtime));
    assert_non_null(runtime);
    strcpy(runtime->service.directory, "/tmp/quanyu-audit-XXXXXX");
    assert_non_null(mkdtemp(runtime->service.directory));
    assert_int_equal(arena_open(&runtime->arena), 0);
    runtime->clock = clock;
    runtime->no_token = !token;
    runtime->now_ms = INT64_C(1767225600000); /* 2026-01-01 */
    runtime_start(runtime);
    return runtime;
}

/* Without a token, so that the log is empty. */
static inline struct runtime *runtime_open(const char *clock)
{
    return runtime_make(clock, false);
}

static inline void runtime_close(struct runtime *runtime)
{
    char command[128];
    runtime_stop(runtime);
    arena_close(&runtime->arena);
    snprintf(command, sizeof(command), "rm -rf %s", runtime->service.directory);
    assert_int_equal(system(command), 0);
    free(runtime);
}

/* One call, as the runtime dispatches it; a command joins the open batch. */
static inline int runtime_call(
    struct runtime *runtime, const char *peer, Quanyu__AuditRequest *request, Quanyu__AuditReply *reply)
{
    static Quanyu__Header header = QUANYU__HEADER__INIT;
    const struct rpc_handler *handler = &audit_rpc.handlers[request->call_case];
    header.request_id = "r-1";
    struct rpc_context context = {.service = &runtime->service,
        .self = &runtime->audit,
        .header = &header,
        .peer = peer,
        .arena = runtime->arena,
        .txn = handler->mode == RPC_QUERY ? runtime_read(runtime) : runtime->batch.txn,
        .batch = handler->mode == RPC_COMMAND ? &runtime->batch : NULL};
    quanyu__audit_reply__init(reply);
    int error = handler->handle(&context, &request->base, &reply->base);
    if (handler->mode == RPC_QUERY)
        store_abort(&context.txn);
    return error;
}

/* Hands records over in a batch of their own. */
static inline int runtime_append(
    struct runtime *runtime, Quanyu__AuditRecord **records, size_t count, Quanyu__AppendReply *ret_reply)
{
    Quanyu__AppendRequest append = QUANYU__APPEND_REQUEST__INIT;
    append.records = records;
    append.n_records = count;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_APPEND;
    request.append = &append;
    Quanyu__AuditReply reply;
    runtime_begin(runtime);
    int error = runtime_call(runtime, "gateway", &request, &reply);
    runtime_commit(runtime);
    if (!error && ret_reply)
        *ret_reply = *reply.append;
    return error;
}

/* A record of a followed journal, in the open batch. */
static inline int runtime_fold(struct runtime *runtime, unsigned input, unsigned record_class,
    uint64_t offset, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = malloc(size + 1);
    assert_non_null(data);
    protobuf_c_message_pack(message, data);
    struct journal_record record = {.offset = offset,
        .record_class = record_class,
        .time_ms = runtime->batch.now_ms,
        .data = {data, size}};
    int error = audit_fold.record(&runtime->audit, &runtime->batch, input, &record);
    free(data);
    return error;
}

/* The record at `index`, in the runtime's arena. */
static inline const Quanyu__AuditRecord *runtime_record(struct runtime *runtime, uint64_t index)
{
    struct store_txn *txn = runtime_read(runtime);
    struct bytes stored;
    assert_true(audit_store_record(txn, index, &stored));
    Quanyu__AuditRecord *record =
        quanyu__audit_record__unpack(arena_allocator(runtime->arena), stored.size, stored.data);
    store_abort(&txn);
    assert_non_null(record);
    return record;
}

#endif
