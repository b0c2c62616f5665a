/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a whole audit log is verified from its files, what a proof costs, and what stays in the store, at several sizes of the log: the
 * audit domain in this process, over a real store, with segments sealed as the service does it.
 *
 * Beside it stands the limit: SHA-256 of as many bytes, records and inner hashes, on as many threads.
 *
 * usage: bench_audit_verify [records [steps [directory]]] */
#include "common/metrics.h"
#include "services/audit/audit.h"
#include "services/audit/audit_sealer.h"
#include "services/audit/audit_signer.h"
#include "services/audit/audit_store.h"
#include "services/audit/verify_files.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 10000u
#define PROOFS 1000u
#define ACTORS 1000u
#define PERSONS 1000000u

struct service {
    struct config *config;
    struct store *store;
};

static struct service service;
static struct audit audit;

const struct config *service_config(const struct service *one)
{
    return one->config;
}

int service_read(struct service *one, struct store_txn **ret_txn)
{
    return store_begin(one->store, STORE_READ, ret_txn);
}

void service_part(struct service *one, const char *part, const char *reason)
{
    (void)one;
    if (reason)
        fprintf(stderr, "audit_verify: %s: %s\n", part, reason);
}

int service_refuse_start(struct service *one, int code, const char *format, ...)
{
    (void)one;
    (void)format;
    return code;
}

static void must(int error, const char *what)
{
    if (!error)
        return;
    fprintf(stderr, "audit_verify: %s: %s\n", what, error_text(error));
    exit(1);
}

static struct batch begin(void)
{
    static int64_t now_ms = 1767225600000;
    struct batch batch = {.service = &service, .now_ms = now_ms += 100};
    must(store_begin(service.store, STORE_WRITE, &batch.txn), "begin");
    return batch;
}

static int commit(struct batch *batch)
{
    int error = audit_fold.finish(&audit, batch);
    if (!error)
        error = store_commit(&batch->txn);
    audit_fold.committed(&audit, &service);
    return error;
}

int service_submit(struct service *one, struct work *work)
{
    (void)one;
    struct batch batch = begin();
    int result = work->apply(work, &batch), error = commit(&batch);
    work->done(work, result ? result : error);
    return 0;
}

/* -- the log -- */

static size_t record_bytes;

static void take_one(struct batch *batch)
{
    static const char *const actions[] = {
        "person.show", "person.lookup", "audience.count", "tag.add", "segment.changes"};
    char actor_id[24], one_id[24], request_id[40];
    uint32_t number = 1 + (uint32_t)random() % PERSONS;
    uint64_t index;
    snprintf(actor_id, sizeof(actor_id), "st_%u", (unsigned)random() % ACTORS);
    snprintf(one_id, sizeof(one_id), "p_%08" PRIx32, number * 2654435761u);
    snprintf(request_id, sizeof(request_id), "%08lx-%08lx", random(), random());
    char *persons[] = {one_id}, *fields[] = {"identifiers", "traits", "tags", "metrics", "events"};
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    actor.kind = QUANYU__ACTOR__KIND__STAFF;
    actor.id = actor_id;
    actor.name = "Nanjing Road store, first floor";
    actor.role = "guide";
    actor.address = "10.20.30.40";
    actor.token_id = actor_id;
    record.actor = &actor;
    record.action = (char *)(uintptr_t)actions[random() % (long)COUNT_OF(actions)];
    record.fields = fields;
    record.n_fields = COUNT_OF(fields);
    record.persons = persons;
    record.n_persons = 1;
    record.numbers = &number;
    record.n_numbers = 1;
    record.count = 1;
    record.purpose = "a customer asks about an order";
    record.outcome = "ok";
    record.service = "gateway";
    record.request_id = request_id;
    must(audit_take(&audit, batch, &record, &index), "take");
    record_bytes += quanyu__audit_record__get_packed_size(&record);
}

static void seal(void)
{
    struct audit_signer *signer;
    struct audit_sealer *sealer;
    bool more = true;
    must(audit_signer_open(&audit, &service, &signer), "signer");
    while (more)
        must(audit_signer_step(signer, &more), "sign");
    audit_signer_close(&signer);
    must(audit_sealer_open(&audit, &service, &sealer), "sealer");
    for (more = true; more;)
        must(audit_sealer_step(sealer, &more), "seal");
    audit_sealer_close(&sealer);
}

static void grow(uint64_t from, uint64_t to)
{
    double begun = metrics_clock();
    for (uint64_t size = from; size < to; size += BATCH) {
        struct batch batch = begin();
        for (unsigned i = 0; i < BATCH; i++)
            take_one(&batch);
        must(commit(&batch), "commit");
        if (size / 65536 != (size + BATCH) / 65536)
            seal();
    }
    seal();
    printf("to %" PRIu64 " records: %.0f/s taken, signed and sealed\n", to,
        (double)(to - from) / (metrics_clock() - begun));
}

/* -- what is measured -- */

static int compare_seconds(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static double processor_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct proving {
    double p50, p99;  /* seconds */
    double processor; /* p99 of what this thread took of it */
};

static struct proving prove(void)
{
    static double seconds[PROOFS], processor[PROOFS];
    struct store_txn *txn;
    struct merkle_hasher *hasher;
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    size_t count;
    must(store_begin(service.store, STORE_READ, &txn), "begin");
    must(merkle_hasher_open(&hasher), "hasher");
    struct merkle_tiles tiles = audit_store_tiles(txn);
    uint64_t size = audit_store_size(txn);
    for (unsigned i = 0; i < PROOFS; i++) {
        uint64_t index = (uint64_t)random() % size;
        double begun = metrics_clock(), took = processor_clock();
        must(i % 2 ? merkle_inclusion(hasher, &tiles, index, size, proof, &count)
                   : merkle_consistency(hasher, &tiles, index + 1, size, proof, &count),
            "proof");
        seconds[i] = metrics_clock() - begun;
        processor[i] = processor_clock() - took;
    }
    store_abort(&txn);
    merkle_hasher_close(&hasher);
    qsort(seconds, PROOFS, sizeof(*seconds), compare_seconds);
    qsort(processor, PROOFS, sizeof(*processor), compare_seconds);
    return (struct proving){seconds[PROOFS / 2], seconds[PROOFS * 99 / 100], processor[PROOFS * 99 / 100]};
}

static void say_problem(void *self, const char *text)
{
    (void)self;
    fprintf(stderr, "audit_verify: %s\n", text);
}

static double verify(const char *directory, unsigned threads, bool indexes)
{
    struct verify_files *files;
    struct verify_result result;
    struct verify_options options = {.threads = threads, .without_indexes = !indexes, .problem = say_problem};
    must(verify_files_open(directory, &files), directory);
    must(verify_files_describe(files, &options), directory);
    double begun = metrics_clock();
    must(verify_log(&options, &result), "verify");
    double seconds = metrics_clock() - begun;
    if (result.problems)
        must(-QY_ECORRUPT, "the log");
    verify_files_close(&files);
    return (double)result.size / seconds;
}

/* SHA-256 of so many records of the mean size, and of a node for each. */
struct hashing {
    uint64_t records;
    size_t bytes;
};

static void *hash_all(void *self)
{
    const struct hashing *hashing = self;
    uint8_t bytes[65536] = {0}, out[32];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    for (uint64_t i = 0; i < 2 * hashing->records; i++) {
        EVP_DigestInit_ex(context, i ? NULL : EVP_sha256(), NULL);
        EVP_DigestUpdate(context, bytes, i % 2 ? 65 : hashing->bytes + 1);
        EVP_DigestFinal_ex(context, out, NULL);
    }
    EVP_MD_CTX_free(context);
    return NULL;
}

static double hash_limit(unsigned threads, uint64_t records, size_t bytes)
{
    pthread_t others[64];
    struct hashing hashing = {records / threads, bytes};
    double begun = metrics_clock();
    for (unsigned i = 1; i < threads; i++)
        pthread_create(&others[i], NULL, hash_all, &hashing);
    hash_all(&hashing);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
    return (double)records / (metrics_clock() - begun);
}

static void open_log(const char *path)
{
    struct store_options options = {.path = path,
        .tables = audit_tables,
        .table_count = AUDIT_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 37,
        .schema_version = AUDIT_SCHEMA_VERSION,
        .migrations = audit_migrations,
        .migration_count = AUDIT_SCHEMA_VERSION - 1};
    must(store_open(&options, &service.store), path);
    struct batch batch = begin();
    must(audit_fold.open(&audit, &batch), "open");
    must(store_commit(&batch.txn), "commit");
}

static void measure(const char *directory, const char *path, uint64_t size, unsigned threads)
{
    struct proving proof = prove();
    uint64_t used = store_used_bytes(service.store);
    audit_fold.close(&audit);
    store_close(&service.store);
    double rate = verify(directory, threads, false), whole = verify(directory, threads, true);
    double limit = hash_limit(threads, size < 1000000 ? size : 1000000, record_bytes / size);
    printf("verified %" PRIu64 " records: %.0f/s; with indexes: %.0f/s; bare SHA-256: %.0f/s; "
           "proof p50 %.3f ms, p99 %.3f ms, of processor %.3f ms; store %.1f MB\n",
        size, rate, whole, limit, proof.p50 * 1e3, proof.p99 * 1e3, proof.processor * 1e3,
        (double)used / 1e6);
    fflush(stdout);
    audit = (struct audit){0};
    open_log(path);
}

int main(int argc, char **argv)
{
    uint64_t total = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000,
             steps = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, size = 0;
    char directory[512], path[600], command[600], error[256];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(directory, sizeof(directory), "%.400s/audit-verify-XXXXXX", argc > 3 ? argv[3] : "/tmp");
    if (steps == 0 || total / steps < BATCH || !mkdtemp(directory))
        must(-QY_EINVAL, "arguments");
    snprintf(path, sizeof(path), "%s/state", directory);
    setenv("QUANYU_BOOTSTRAP", "none", 1);
    if (config_open("/dev/null", &service.config, error))
        must(-QY_EINVAL, error);
    open_log(path);
    for (uint64_t step = 1; step <= steps; step++) {
        uint64_t next = total * step / steps / BATCH * BATCH;
        grow(size, next);
        size = next;
        measure(directory, path, size, processors > 0 && processors < 64 ? (unsigned)processors : 1);
    }
    audit_fold.close(&audit);
    store_close(&service.store);
    config_close(&service.config);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command) == 0 ? 0 : 1;
}
