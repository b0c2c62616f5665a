/* SPDX-License-Identifier: Apache-2.0 */
/* How many audit records a second become durable, and what a proof costs: the audit domain in this process,
 * over a real store.
 *
 * Each record comes as a caller's request of its own, packed, and is answered with its index after the commit
 * that holds it; a commit holds `batch` of them, as it does when that many callers wait. Beside it stands the
 * limit: a bare LMDB append of the same bytes in the same commits.
 *
 * usage: bench_audit_append [records [batch [directory]]] */
#include "services/audit/audit.h"
#include "services/audit/audit_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACTORS 1000u
#define PERSONS 1000000u
#define QUESTIONS 1000u

struct service {
    struct config *config;
    struct store *store;
};

const struct config *service_config(const struct service *service)
{
    return service->config;
}

static void must(int error, const char *what)
{
    if (!error)
        return;
    fprintf(stderr, "audit_append: %s: %s\n", what, error_text(error));
    exit(1);
}

static struct store *open_store(
    const char *directory, const char *name, const char *const *tables, unsigned count)
{
    char path[600];
    struct store *store;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    struct store_options options = {.path = path,
        .tables = tables,
        .table_count = count,
        .map_bytes = UINT64_C(1) << 37,
        .schema_version = 1};
    must(store_open(&options, &store), path);
    return store;
}

/* -- what callers send -- */

static const char *const actions[] = {
    "person.show", "person.lookup", "audience.count", "tag.add", "segment.changes", "journey.deliveries"};

static void make_request(struct buffer *out)
{
    char actor_id[24], one_id[24], request_id[40];
    uint32_t number = 1 + (uint32_t)random() % PERSONS;
    unsigned actor_number = (unsigned)random() % ACTORS;
    snprintf(actor_id, sizeof(actor_id), "t_%u", actor_number);
    snprintf(one_id, sizeof(one_id), "p_%08" PRIx32, number * 2654435761u);
    snprintf(request_id, sizeof(request_id), "%08lx-%08lx", random(), random());
    char *persons[] = {one_id}, *fields[] = {"identifiers", "traits", "tags", "metrics", "events"};
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.kind = QUANYU__ACTOR__KIND__STAFF;
    actor.id = actor_id;
    actor.name = "Nanjing Road store, first floor";
    actor.role = "guide";
    actor.address = "10.20.30.40";
    actor.token_id = actor_id;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT, *records[] = {&record};
    record.actor = &actor;
    record.action = (char *)actions[random() % (long)COUNT_OF(actions)];
    record.fields = fields;
    record.n_fields = COUNT_OF(fields);
    record.persons = persons;
    record.n_persons = 1;
    record.numbers = &number;
    record.n_numbers = 1;
    record.count = 1;
    record.purpose = "a customer asks about an order";
    record.outcome = "ok";
    record.request_id = request_id;
    Quanyu__AppendRequest append = QUANYU__APPEND_REQUEST__INIT;
    append.records = records;
    append.n_records = 1;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_APPEND;
    request.append = &append;
    uint8_t *room = buffer_reserve(out, quanyu__audit_request__get_packed_size(&request));
    if (!room)
        must(buffer_error(out), "memory");
    else
        out->size += quanyu__audit_request__pack(&request, room);
}

/* Enough of them that they do not repeat within a commit. */
struct requests {
    struct buffer bytes;
    size_t *ends;
    size_t count;
};

static struct requests make_requests(size_t count)
{
    struct requests requests = {.ends = calloc(count, sizeof(size_t)), .count = count};
    if (!requests.ends)
        must(-QY_ENOMEM, "memory");
    for (size_t i = 0; i < count; i++) {
        make_request(&requests.bytes);
        requests.ends[i] = requests.bytes.size;
    }
    return requests;
}

static struct bytes request_at(const struct requests *requests, size_t i)
{
    size_t begin = i ? requests->ends[i - 1] : 0;
    return (struct bytes){requests->bytes.data + begin, requests->ends[i] - begin};
}

/* -- the domain -- */

static void take_request(struct audit *audit, struct batch *batch, struct arena *arena, struct bytes bytes)
{
    static Quanyu__Header header = QUANYU__HEADER__INIT;
    Quanyu__AuditReply reply = QUANYU__AUDIT_REPLY__INIT;
    Quanyu__AuditRequest *request =
        quanyu__audit_request__unpack(arena_allocator(arena), bytes.size, bytes.data);
    if (!request)
        must(-QY_ENOMEM, "memory");
    struct rpc_context context = {.service = batch->service,
        .self = audit,
        .header = &header,
        .peer = "gateway",
        .arena = arena,
        .txn = batch->txn,
        .batch = batch};
    must(audit_rpc.handlers[request->call_case].handle(&context, &request->base, &reply.base), "append");
}

static void commit_batch(struct service *service, struct audit *audit, const struct requests *requests,
    size_t first, size_t count, struct arena *arena)
{
    struct batch batch = {.service = service, .now_ms = 1767225600000 + (int64_t)first};
    must(store_begin(service->store, STORE_WRITE, &batch.txn), "begin");
    for (size_t i = 0; i < count; i++) {
        arena_reset(arena);
        take_request(audit, &batch, arena, request_at(requests, (first + i) % requests->count));
    }
    must(audit_fold.finish(audit, &batch), "finish");
    must(store_commit(&batch.txn), "commit");
}

static double run_audit(struct service *service, struct audit *audit, const struct requests *requests,
    size_t total, size_t batch, struct arena *arena)
{
    double begun = metrics_clock(), part = begun;
    for (size_t done = 0, told = 0; done < total; done += batch) {
        commit_batch(service, audit, requests, done, batch, arena);
        if (done + batch >= told + total / 4) {
            double now = metrics_clock();
            printf("  to %9zu records: %8.0f records/s\n", done + batch,
                (double)(done + batch - told) / (now - part));
            told = done + batch;
            part = now;
        }
    }
    return (double)total / (metrics_clock() - begun);
}

static double run_limit(const char *directory, const struct requests *requests, size_t total, size_t batch)
{
    static const char *const tables[] = {"records"};
    struct store *store = open_store(directory, "limit", tables, 1);
    double begun = metrics_clock();
    for (size_t done = 0; done < total; done += batch) {
        struct store_txn *txn;
        must(store_begin(store, STORE_WRITE, &txn), "begin");
        for (size_t i = 0; i < batch; i++) {
            struct store_key key;
            struct bytes bytes = request_at(requests, (done + i) % requests->count);
            key_reset(&key);
            key_u64(&key, done + i);
            store_append(txn, 0, &key, bytes.data, bytes.size);
        }
        must(store_commit(&txn), "commit");
    }
    double rate = (double)total / (metrics_clock() - begun);
    store_close(&store);
    return rate;
}

/* -- proving -- */

static int compare_seconds(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void print_times(const char *what, double *seconds, size_t count)
{
    qsort(seconds, count, sizeof(*seconds), compare_seconds);
    printf("%-40s p50 %7.3f ms  p99 %7.3f ms\n", what, seconds[count / 2] * 1e3,
        seconds[count * 99 / 100] * 1e3);
}

static void prove(struct store_txn *txn, double *seconds)
{
    struct merkle_hasher *hasher;
    struct merkle_tiles tiles = audit_store_tiles(txn);
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    uint64_t size = audit_store_size(txn);
    size_t count;
    must(merkle_hasher_open(&hasher), "hasher");
    for (unsigned i = 0; i < QUESTIONS; i++) {
        double begun = metrics_clock();
        must(merkle_inclusion(hasher, &tiles, (uint64_t)random() % size, size, proof, &count), "proof");
        seconds[i] = metrics_clock() - begun;
    }
    print_times("inclusion proof", seconds, QUESTIONS);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        double begun = metrics_clock();
        must(merkle_consistency(hasher, &tiles, 1 + (uint64_t)random() % size, size, proof, &count), "proof");
        seconds[i] = metrics_clock() - begun;
    }
    print_times("consistency proof", seconds, QUESTIONS);
    merkle_hasher_close(&hasher);
}

int main(int argc, char **argv)
{
    size_t total = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000,
           batch = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
    char directory[512], error[256], command[600];
    snprintf(directory, sizeof(directory), "%.400s/audit-append-XXXXXX", argc > 3 ? argv[3] : "/tmp");
    if (batch == 0 || total < batch || !mkdtemp(directory))
        must(-QY_EINVAL, "arguments");
    total -= total % batch;
    struct service service = {0};
    struct audit audit = {0};
    struct arena *arena;
    setenv("QUANYU_BOOTSTRAP", "none", 1);
    if (config_open("/dev/null", &service.config, error))
        must(-QY_EINVAL, error);
    must(arena_open(&arena), "memory");
    struct requests requests = make_requests(total < PERSONS ? total : PERSONS);
    service.store = open_store(directory, "state", audit_tables, AUDIT_TABLE_COUNT);
    struct batch first = {.service = &service, .now_ms = 1};
    must(store_begin(service.store, STORE_WRITE, &first.txn), "begin");
    must(audit_fold.open(&audit, &first), "open");
    must(store_commit(&first.txn), "commit");

    printf("%zu records, %zu a commit, %zu bytes each as sent\n", total, batch,
        requests.bytes.size / requests.count);
    double rate = run_audit(&service, &audit, &requests, total, batch, arena);
    uint64_t used = store_used_bytes(service.store);
    double limit = run_limit(directory, &requests, total, batch);
    printf("durable records: %.0f/s; bare append of the same bytes: %.0f/s; ratio %.2f; %.0f bytes a record "
           "on disk\n",
        rate, limit, rate / limit, (double)used / (double)total);

    static double seconds[QUESTIONS];
    struct store_txn *txn;
    must(store_begin(service.store, STORE_READ, &txn), "begin");
    prove(txn, seconds);
    store_abort(&txn);

    audit_fold.close(&audit);
    store_close(&service.store);
    config_close(&service.config);
    arena_close(&arena);
    buffer_free(&requests.bytes);
    free(requests.ends);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command) == 0 ? 0 : 1;
}
