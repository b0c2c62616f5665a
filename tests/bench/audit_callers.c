/* SPDX-License-Identifier: Apache-2.0 */
/* Callers who each wait until their record is durable: against a running audit service, over its request
 * endpoint.
 *
 * With a rate, so many calls a second are due in all, whenever the ones before are answered: a call that comes late waited, and
 * that counts. Without, each caller calls again at once.
 *
 * usage: bench_audit_callers KEYS ENDPOINT [callers [seconds [records [rate]]]]
 * as in: bench_audit_callers data/keys tcp://127.0.0.1:7150 64 10 1 */
#include "common/error.h"
#include "common/metrics.h"
#include "common/peers.h"
#include "common/rpc.h"
#include "proto/audit.pb-c.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLERS_MAX 1024u
#define RECORDS_MAX 1000u
#define SAMPLES_MAX 200000u

struct caller {
    pthread_t thread;
    struct rpc_client *client;
    unsigned number;
    unsigned records; /* a call */
    double until;
    double due;      /* of the next call */
    double interval; /* between two; 0: none is due at any time */
    uint64_t calls;
    uint64_t failed;
    int error;      /* of the last one that failed */
    float *seconds; /* of each call, up to SAMPLES_MAX */
};

static void fill(Quanyu__AuditRecord *record, Quanyu__Actor *actor, char id[16], unsigned number)
{
    static char *fields[] = {"identifiers", "traits", "tags", "metrics", "events"};
    snprintf(id, 16, "t_%u", number);
    quanyu__actor__init(actor);
    actor->kind = QUANYU__ACTOR__KIND__STAFF;
    actor->id = id;
    actor->name = "Nanjing Road store, first floor";
    actor->role = "guide";
    actor->address = "10.20.30.40";
    quanyu__audit_record__init(record);
    record->actor = actor;
    record->action = "person.show";
    record->fields = fields;
    record->n_fields = 5;
    record->count = 1;
    record->purpose = "a customer asks about an order";
    record->outcome = "ok";
}

static int call(struct caller *caller, struct rpc_client *client, struct arena *arena)
{
    char id[16];
    Quanyu__Actor actor;
    Quanyu__AuditRecord record, *records[RECORDS_MAX];
    fill(&record, &actor, id, caller->number);
    for (unsigned i = 0; i < caller->records; i++)
        records[i] = &record;
    Quanyu__AppendRequest append = QUANYU__APPEND_REQUEST__INIT;
    append.records = records;
    append.n_records = caller->records;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_APPEND;
    request.append = &append;
    ProtobufCMessage *reply;
    const struct rpc_call options = {.patient = true};
    return rpc_call(
        client, "audit", &options, &request.base, &quanyu__audit_reply__descriptor, arena, &reply, NULL);
}

/* When the next call is, or was, to begin. */
static double wait_due(struct caller *caller)
{
    double now = metrics_clock(), due = caller->due;
    if (caller->interval <= 0)
        return now;
    caller->due += caller->interval;
    if (due > now) {
        double whole = floor(due - now);
        const struct timespec left = {(time_t)whole, (long)((due - now - whole) * 1e9)};
        nanosleep(&left, NULL);
    }
    return due;
}

/* A connection is agreed on before time is taken, one after the other: all at once they would keep each other waiting. */
static int connect_caller(struct caller *caller, struct peers *peers)
{
    struct arena *arena = NULL;
    int error = rpc_client_open(peers, &caller->client);
    if (!error)
        error = arena_open(&arena);
    if (!error)
        error = call(caller, caller->client, arena);
    arena_close(&arena);
    return error;
}

static void *run(void *data)
{
    struct caller *caller = data;
    struct arena *arena = NULL;
    if (arena_open(&arena)) {
        caller->failed++;
        return NULL;
    }
    for (double begun; (begun = wait_due(caller)) < caller->until; arena_reset(arena)) {
        int error = call(caller, caller->client, arena);
        if (error) {
            caller->failed++;
            caller->error = error;
            continue;
        }
        if (caller->calls < SAMPLES_MAX)
            caller->seconds[caller->calls] = (float)(metrics_clock() - begun);
        caller->calls++;
    }
    arena_close(&arena);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const float *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Over all callers' calls. */
static void print_latency(const struct caller *callers, unsigned count)
{
    float *all = calloc((size_t)count * SAMPLES_MAX, sizeof(*all));
    size_t size = 0;
    for (unsigned i = 0; i < count && all; i++) {
        size_t samples = callers[i].calls < SAMPLES_MAX ? callers[i].calls : SAMPLES_MAX;
        memcpy(all + size, callers[i].seconds, samples * sizeof(*all));
        size += samples;
    }
    if (size > 0) {
        qsort(all, size, sizeof(*all), compare);
        printf("latency: p50 %.2f ms, p99 %.2f ms\n", (double)all[size / 2] * 1e3,
            (double)all[size * 99 / 100] * 1e3);
    }
    free(all);
}

static unsigned argument(int argc, char **argv, int i, unsigned standard, unsigned most)
{
    unsigned long value = argc > i ? strtoul(argv[i], NULL, 10) : standard;
    return value == 0 || value > most ? standard : (unsigned)value;
}

int main(int argc, char **argv)
{
    static struct caller callers[CALLERS_MAX];
    unsigned count = argument(argc, argv, 3, 64, CALLERS_MAX), seconds = argument(argc, argv, 4, 10, 3600);
    unsigned records = argument(argc, argv, 5, 1, RECORDS_MAX), rate = argument(argc, argv, 6, 0, 1000000);
    struct keys keys;
    struct peers *peers;
    const struct peer audit = {"audit", argc > 2 ? argv[2] : ""};
    if (argc < 3 || keys_load(argv[1], "cli", &keys) || peers_open(&keys, argv[1], &audit, 1, &peers)) {
        fprintf(stderr, "usage: bench_audit_callers KEYS ENDPOINT [callers [seconds [records [rate]]]]\n");
        return 2;
    }
    for (unsigned i = 0; i < count; i++) {
        callers[i] = (struct caller){.number = i, .records = records};
        if (connect_caller(&callers[i], peers))
            return 1;
    }
    double begun = metrics_clock();
    for (unsigned i = 0; i < count; i++) {
        callers[i].until = begun + seconds;
        callers[i].interval = rate ? (double)count / rate : 0;
        callers[i].due = begun + callers[i].interval * i / count;
        callers[i].seconds = calloc(SAMPLES_MAX, sizeof(float));
        if (!callers[i].seconds || pthread_create(&callers[i].thread, NULL, run, &callers[i]))
            return 1;
    }
    uint64_t calls = 0, failed = 0;
    int error = 0;
    for (unsigned i = 0; i < count; i++) {
        pthread_join(callers[i].thread, NULL);
        calls += callers[i].calls;
        failed += callers[i].failed;
        if (callers[i].error && !error)
            error = callers[i].error;
    }
    double spent = metrics_clock() - begun;
    printf("%u callers, %u records a call: %.0f calls/s, %.0f durable records/s, %lu failed\n", count,
        records, (double)calls / spent, (double)calls * records / spent, (unsigned long)failed);
    if (error)
        printf("failed: %s\n", error_name(error));
    print_latency(callers, count);
    for (unsigned i = 0; i < count; i++) {
        rpc_client_close(&callers[i].client);
        free(callers[i].seconds);
    }
    peers_close(&peers);
    return failed == 0 ? 0 : 1;
}
