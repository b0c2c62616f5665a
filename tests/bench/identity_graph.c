/* SPDX-License-Identifier: Apache-2.0 */
/* What it takes to join, to split, to explain, and to try and to apply other rules, among many persons. Usage: bench_identity_graph
 * DIRECTORY PERSONS [EVENTS]. DIRECTORY must not hold state. Each person has a user id, a confirmed phone, an email and a browser; so many
 * more events show what is known. One more has 990 browsers, and one browser a tenth as many people. Prints JSON: milliseconds, of a
 * decision or an event alone in its commit, as the processor's own ("own") and until it is durable. */
#include "proto/gateway.pb-c.h"
#include "services/identity/dry_run.h"
#include "services/identity/handlers.h"
#include "services/identity/worker.h"
#include "tests/bench/identity_state.h"

#include <string.h>

#define TRIES 1000u
#define PER_COMMIT 20000u
#define LARGE 990u /* identifiers of the largest person */
#define SWEEP_NODES 500u

struct bench {
    struct identity identity;
    struct store *store;
    struct journal *journal;
    struct journal_position end;
    struct arena *arena;
    struct batch batch;
    uint64_t seed, offset;
};

struct times {
    double own[TRIES], durable[TRIES];
    unsigned count;
};

static void begin(struct bench *bench)
{
    bench->batch = (struct batch){.journal = bench->journal, .now_ms = 1767225600100};
    check(store_begin(bench->store, STORE_WRITE, &bench->batch.txn), "state");
}

static void commit(struct bench *bench)
{
    check(identity_fold.finish(&bench->identity, &bench->batch), "finish");
    check(journal_commit(bench->journal, &bench->end), "journal");
    check(store_commit(&bench->batch.txn), "state");
    journal_publish(bench->journal, bench->offset, 0);
    identity_fold.committed(&bench->identity, NULL);
    arena_reset(bench->arena);
}

static void fold(struct bench *bench, const char *body)
{
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    uint8_t packed[4096];
    char id[] = "m";
    raw.type = QUANYU__EVENT_TYPE__EVENT_TRACK;
    raw.message_id = id;
    raw.event_ms = raw.received_ms = 1767225600000;
    raw.body = (ProtobufCBinaryData){.len = strlen(body), .data = (uint8_t *)(uintptr_t)body};
    const struct journal_record record = {.offset = bench->offset++,
        .record_class = IDENTITY_INPUT_EVENT,
        .time_ms = 1767225600100,
        .data = {packed, quanyu__raw_event__pack(&raw, packed)}};
    check(identity_fold.record(&bench->identity, &bench->batch, 0, &record), "fold");
}

static void write_person(char body[1024], uint64_t person)
{
    snprintf(body, 1024,
        "{\"userId\":\"user-%08" PRIu64 "\",\"anonymousId\":\"b7f0c9a2-%012" PRIx64
        "\",\"context\":{\"verified\":[\"phone\"],"
        "\"traits\":{\"phone\":\"13%09" PRIu64 "\",\"email\":\"p%" PRIu64 "@example.com\"}}}",
        person, person * 2654435761u, person, person);
}

static void add_people(struct bench *bench, uint64_t persons)
{
    char body[1024];
    begin(bench);
    for (uint64_t person = 1; person <= persons; person++) {
        write_person(body, person);
        fold(bench, body);
        if (person % PER_COMMIT == 0) {
            commit(bench);
            begin(bench);
        }
    }
    commit(bench);
}

/* About people who are known, but for the first ones, who never come again. */
static void add_known(struct bench *bench, uint64_t persons, uint64_t events)
{
    char body[1024];
    begin(bench);
    for (uint64_t event = 1; event <= events; event++) {
        write_person(body, persons / 2 + 1 + pick_below(&bench->seed, persons - persons / 2));
        fold(bench, body);
        if (event % PER_COMMIT == 0) {
            commit(bench);
            begin(bench);
        }
    }
    commit(bench);
}

/* One person with very many browsers, one browser with very many people. */
static void add_extremes(struct bench *bench, uint64_t persons)
{
    char body[1024];
    begin(bench);
    for (unsigned i = 0; i < LARGE; i++) {
        snprintf(body, sizeof(body), "{\"userId\":\"large\",\"anonymousId\":\"large-%u\"}", i);
        fold(bench, body);
    }
    for (uint64_t i = 0; i < persons / 10; i++) {
        snprintf(body, sizeof(body), "{\"userId\":\"guest-%" PRIu64 "\",\"anonymousId\":\"tablet\"}", i);
        fold(bench, body);
        if (i % PER_COMMIT == PER_COMMIT - 1) {
            commit(bench);
            begin(bench);
        }
    }
    commit(bench);
}

/* -- measures -- */

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double p99(double *values, unsigned count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count - 1 - count / 100] * 1e3;
}

static void report(struct times *times, const char *name)
{
    printf("\"%s\":{\"own_p99_ms\":%.3f,\"durable_p99_ms\":%.3f},\n", name, p99(times->own, times->count),
        p99(times->durable, times->count));
    fflush(stdout);
    times->count = 0;
}

struct stretch {
    double own, wall;
};

static struct stretch start(void)
{
    return (struct stretch){now(CLOCK_THREAD_CPUTIME_ID), now(CLOCK_MONOTONIC)};
}

static void note(struct times *times, const struct stretch *began, double own)
{
    times->own[times->count] = own - began->own;
    times->durable[times->count++] = now(CLOCK_MONOTONIC) - began->wall;
}

static void time_event(struct bench *bench, struct times *times, const char *body)
{
    struct stretch began = start();
    begin(bench);
    fold(bench, body);
    double own = now(CLOCK_THREAD_CPUTIME_ID);
    commit(bench);
    note(times, &began, own);
}

static struct rpc_context context_of(struct bench *bench, struct store_txn *txn, struct batch *batch)
{
    static Quanyu__Header header;
    static Quanyu__Actor actor;
    quanyu__header__init(&header);
    quanyu__actor__init(&actor);
    header.actor = &actor;
    return (struct rpc_context){
        .self = &bench->identity, .header = &header, .arena = bench->arena, .txn = txn, .batch = batch};
}

static void refer(Quanyu__IdentifierRef *reference, char text[32], uint64_t person)
{
    static char kind[] = "user_id";
    quanyu__identifier_ref__init(reference);
    snprintf(text, 32, "user-%08" PRIu64, person);
    reference->kind = kind;
    reference->value = text;
}

static uint64_t decide(struct bench *bench, struct times *times, Quanyu__DecideRequest *asked)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply = QUANYU__IDENTITY_REPLY__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DECIDE;
    request.decide = asked;
    struct stretch began = start();
    begin(bench);
    struct rpc_context context = context_of(bench, bench->batch.txn, &bench->batch);
    check(handle_decide(&context, &request.base, &reply.base), "decide");
    uint64_t number = reply.decide->decision->number;
    double own = now(CLOCK_THREAD_CPUTIME_ID);
    commit(bench);
    note(times, &began, own);
    return number;
}

static uint64_t join(struct bench *bench, struct times *times, uint64_t one, uint64_t other)
{
    Quanyu__DecideRequest asked = QUANYU__DECIDE_REQUEST__INIT;
    Quanyu__IdentifierRef references[2], *pointers[2] = {&references[0], &references[1]};
    char texts[2][32];
    refer(&references[0], texts[0], one);
    refer(&references[1], texts[1], other);
    asked.what = QUANYU__DECIDE_REQUEST__WHAT__JOIN;
    asked.identifiers = pointers;
    asked.n_identifiers = 2;
    return decide(bench, times, &asked);
}

/* Of the event at this offset. */
static uint64_t take_back(struct bench *bench, struct times *times, uint64_t evidence)
{
    Quanyu__DecideRequest asked = QUANYU__DECIDE_REQUEST__INIT;
    asked.what = QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW;
    asked.evidence = evidence;
    return decide(bench, times, &asked);
}

static void undo(struct bench *bench, struct times *times, uint64_t number)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply = QUANYU__IDENTITY_REPLY__INIT;
    Quanyu__UndoRequest asked = QUANYU__UNDO_REQUEST__INIT;
    asked.number = number;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_UNDO;
    request.undo = &asked;
    struct stretch began = start();
    begin(bench);
    struct rpc_context context = context_of(bench, bench->batch.txn, &bench->batch);
    check(handle_undo(&context, &request.base, &reply.base), "undo");
    double own = now(CLOCK_THREAD_CPUTIME_ID);
    commit(bench);
    note(times, &began, own);
}

static void time_decisions(struct bench *bench, struct times *times, uint64_t persons)
{
    static uint64_t numbers[TRIES];
    unsigned tries = persons / 4 < TRIES ? (unsigned)(persons / 4) : TRIES;
    for (unsigned i = 0; i < tries; i++)
        numbers[i] = join(bench, times, 1 + i, persons / 2 + i);
    report(times, "join_by_hand");
    for (unsigned i = 0; i < tries; i++)
        undo(bench, times, numbers[i]);
    report(times, "split_by_undoing");
    for (unsigned i = 0; i < tries; i++)
        numbers[i] = take_back(bench, times, i + 1); /* all that connected whom nothing else does */
    report(times, "evidence_taken_back");
    for (unsigned i = 0; i < tries; i++)
        undo(bench, times, numbers[i]);
    report(times, "evidence_given_back");
    for (unsigned i = 0; i < tries; i++)
        (void)take_back(bench, times, persons / 2 + 1 + i);
    report(times, "evidence_taken_back_of_who_comes_again");
}

static void time_events(struct bench *bench, struct times *times, uint64_t persons)
{
    char body[1024];
    for (unsigned i = 0; i < TRIES / 2; i++) {
        snprintf(body, sizeof(body), "{\"userId\":\"user-%08" PRIu64 "\",\"anonymousId\":\"new-%u\"}",
            1 + pick_below(&bench->seed, persons), i);
        time_event(bench, times, body);
    }
    report(times, "new_identifier");
    for (unsigned i = 0; i < TRIES / 2; i++) {
        snprintf(body, sizeof(body), "{\"userId\":\"large\",\"anonymousId\":\"large-%u\"}", i % LARGE);
        time_event(bench, times, body);
    }
    report(times, "event_of_990_identifiers");
    for (unsigned i = 0; i < TRIES / 2; i++) {
        snprintf(body, sizeof(body), "{\"userId\":\"more-%u\",\"anonymousId\":\"tablet\"}", i);
        time_event(bench, times, body);
    }
    report(times, "event_of_a_tablet");
}

static void time_question(
    struct bench *bench, struct times *times, const Quanyu__IdentityRequest *request, rpc_handler_fn *handler)
{
    struct store_txn *txn;
    Quanyu__IdentityReply reply = QUANYU__IDENTITY_REPLY__INIT;
    struct stretch began = start();
    check(store_begin(bench->store, STORE_READ, &txn), "state");
    struct rpc_context context = context_of(bench, txn, NULL);
    check(handler(&context, &request->base, &reply.base), "question");
    store_abort(&txn);
    note(times, &began, now(CLOCK_THREAD_CPUTIME_ID));
    arena_reset(bench->arena);
}

static void time_questions(struct bench *bench, struct times *times, uint64_t persons)
{
    static char kind[] = "email";
    for (unsigned i = 0; i < TRIES; i++) {
        Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
        Quanyu__ExplainRequest asked = QUANYU__EXPLAIN_REQUEST__INIT;
        Quanyu__IdentifierRef one, other;
        char texts[2][48];
        uint64_t person = 1 + pick_below(&bench->seed, persons);
        refer(&one, texts[0], person);
        refer(&other, texts[1], person);
        snprintf(texts[1], sizeof(texts[1]), "p%" PRIu64 "@example.com", person);
        other.kind = kind;
        asked.one = &one;
        asked.other = &other;
        asked.personal = true;
        request.call_case = QUANYU__IDENTITY_REQUEST__CALL_EXPLAIN;
        request.explain = &asked;
        time_question(bench, times, &request, handle_explain);
    }
    report(times, "explain");
    for (unsigned i = 0; i < TRIES; i++) {
        Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
        Quanyu__LookupRequest asked = QUANYU__LOOKUP_REQUEST__INIT;
        Quanyu__Identifier identifier = QUANYU__IDENTIFIER__INIT, *pointer = &identifier;
        char text[48];
        snprintf(text, sizeof(text), "p%" PRIu64 "@example.com", 1 + pick_below(&bench->seed, persons));
        identifier.kind = kind;
        identifier.value = text;
        asked.identifiers = &pointer;
        asked.n_identifiers = 1;
        asked.personal = true;
        request.call_case = QUANYU__IDENTITY_REQUEST__CALL_LOOKUP;
        request.lookup = &asked;
        time_question(
            bench, times, &request, identity_rpc.handlers[QUANYU__IDENTITY_REQUEST__CALL_LOOKUP].handle);
    }
    report(times, "lookup");
}

static struct identity_rules other_rules(const struct kinds *kinds)
{
    struct identity_rules rules;
    rules_reset(&rules, kinds);
    rules.kinds[kinds->anonymous_id->number].busy_after = 6;
    return rules;
}

static int read_state(void *self, struct store_txn **ret_txn)
{
    const struct bench *bench = self;
    return store_begin(bench->store, STORE_READ, ret_txn);
}

static void time_dry_run(struct bench *bench)
{
    struct dry_run *run;
    struct identity_rules rules = other_rules(&bench->identity.kinds);
    Quanyu__DryRunReply reply = QUANYU__DRY_RUN_REPLY__INIT;
    double began = now(CLOCK_MONOTONIC), own = now(CLOCK_PROCESS_CPUTIME_ID);
    check(dry_run_open(&bench->identity, read_state, bench, &run), "dry run");
    check(dry_run_begin(run, &bench->identity.kinds, &rules), "dry run");
    dry_run_wait(run);
    check(dry_run_view(run, bench->arena, &reply), "dry run");
    printf("\"dry_run\":{\"own_s\":%.1f,\"durable_s\":%.1f,\"persons\":%" PRIu64 "},\n",
        now(CLOCK_PROCESS_CPUTIME_ID) - own, now(CLOCK_MONOTONIC) - began, reply.persons_after);
    fflush(stdout);
    dry_run_close(&run);
}

static void time_rules(struct bench *bench)
{
    struct kinds kinds = bench->identity.kinds;
    struct identity_rules rules = other_rules(&kinds);
    uint64_t done, all;
    struct stretch began = start();
    begin(bench);
    check(worker_change_rules(bench->identity.worker, &bench->batch, &kinds, &rules), "rules");
    commit(bench);
    while (worker_sweeps(bench->identity.worker, &done, &all)) {
        begin(bench);
        for (unsigned i = 0; i < 40; i++) /* as many parts as come into a commit of a busy writer */
            check(worker_sweep(bench->identity.worker, &bench->batch, SWEEP_NODES), "sweep");
        commit(bench);
    }
    printf("\"rules\":{\"own_s\":%.1f,\"durable_s\":%.1f,\"identifiers\":%" PRIu64 "}}\n",
        now(CLOCK_THREAD_CPUTIME_ID) - began.own, now(CLOCK_MONOTONIC) - began.wall, all / 2);
}

static void open_all(struct bench *bench, const char *directory)
{
    identity_state_open(directory, &bench->identity, &bench->store, &bench->journal);
    check(arena_open(&bench->arena), "arena");
    begin(bench);
    check(identity_fold.open(&bench->identity, &bench->batch), "open");
    check(store_commit(&bench->batch.txn), "state");
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_identity_graph DIRECTORY PERSONS [EVENTS]\n");
        return 2;
    }
    static struct bench bench = {.seed = 42, .offset = 1};
    static struct times times;
    uint64_t persons = strtoull(argv[2], NULL, 10);
    open_all(&bench, argv[1]);
    add_people(&bench, persons);
    add_known(&bench, persons, argc > 3 ? strtoull(argv[3], NULL, 10) : 0);
    add_extremes(&bench, persons);
    printf("{\"persons\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\n", persons, store_used_bytes(bench.store));
    time_events(&bench, &times, persons);
    time_decisions(&bench, &times, persons);
    time_questions(&bench, &times, persons);
    time_dry_run(&bench);
    time_rules(&bench);
    identity_fold.close(&bench.identity);
    arena_close(&bench.arena);
    journal_close(&bench.journal);
    store_close(&bench.store);
    return 0;
}
