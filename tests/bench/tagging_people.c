/* SPDX-License-Identifier: Apache-2.0 */
/* How long it takes to count and list the people of a unit, and to move a region with all of its stores and people elsewhere.
 * Usage: bench_tagging_people DIRECTORY PERSONS STORES DEPTH. The region stands below DEPTH units, and can be moved below as many
 * others; its people are spread over its stores. DIRECTORY must not hold state. The index is written directly, as the fold would
 * write it. */
#include "services/tagging/audience.h"
#include "services/tagging/tagging.h"
#include "tests/bench/tagging_state.h"

#include <string.h>

#define NOW_MS INT64_C(1767225600000)
#define A_COMMIT 50000u
#define QUERIES 500u
#define MOVES 40u
#define LOGGED 10000u /* changes of the index since the last merge: half of what makes one */
#define HOMES_A_COMMIT 100u
#define STORES_MOVED 1000u
#define PAGE 50u
#define HQ 1u

struct bench {
    struct tagging tagging;
    struct store *store;
    struct batch batch;
    uint64_t seed;
    uint32_t persons, stores, depth;
};

static void begin(struct bench *bench)
{
    tagging_state_begin(&bench->tagging, bench->store, NOW_MS, &bench->batch);
}

static void commit(struct bench *bench)
{
    tagging_state_commit(&bench->tagging, &bench->batch);
}

static void open_all(struct bench *bench, const char *directory)
{
    tagging_state_open(directory, NOW_MS, &bench->tagging, &bench->store, &bench->batch);
    check(store_commit(&bench->batch.txn), "state");
}

/* -- the organisation -- */

static uint32_t above(const struct bench *bench, bool other)
{
    return HQ + bench->depth * (other ? 2 : 1);
}

static uint32_t region(const struct bench *bench)
{
    return HQ + 2 * bench->depth + 1;
}

static uint32_t some_store(struct bench *bench)
{
    return region(bench) + 1 + (uint32_t)pick_below(&bench->seed, bench->stores);
}

/* In one record, as the gateway writes it. */
static void put_all(struct bench *bench, uint32_t first, uint32_t count, uint32_t parent)
{
    Quanyu__OrganisationChanged changed = QUANYU__ORGANISATION_CHANGED__INIT;
    static Quanyu__OrganisationChanged__Place places[STORES_MOVED], *list[STORES_MOVED];
    for (uint32_t i = 0; i < count; i++) {
        list[i] = &places[i];
        quanyu__organisation_changed__place__init(list[i]);
        list[i]->unit = first + i;
        list[i]->parent = parent;
    }
    changed.n_places = count;
    changed.places = list;
    check(tagging_take_organisation(&bench->tagging, &bench->batch, &changed), "units");
}

static void put(struct bench *bench, uint32_t unit, uint32_t parent)
{
    put_all(bench, unit, 1, parent);
}

static void put_units(struct bench *bench)
{
    put(bench, HQ, 0);
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t i = 1; i <= bench->depth; i++)
            put(bench, HQ + side * bench->depth + i, i == 1 ? HQ : HQ + side * bench->depth + i - 1);
    put(bench, region(bench), above(bench, false));
    for (uint32_t i = 1; i <= bench->stores; i++)
        put(bench, region(bench) + i, region(bench));
}

/* -- people -- */

/* One in ten has none. */
static void find_home(struct bench *bench, uint32_t number)
{
    uint32_t chain[UNIT_DEPTH_MAX];
    if (number % 10 == 0)
        return;
    size_t count = organisation_chain(bench->batch.txn, some_store(bench), chain);
    for (size_t i = 0; i < count; i++) {
        char term[16];
        snprintf(term, sizeof(term), "%u", chain[i]);
        index_bit(bench->tagging.index, BITS_UNIT, "", term, number, true);
    }
}

static void fill(struct bench *bench)
{
    double began = now(CLOCK_MONOTONIC);
    begin(bench);
    put_units(bench);
    bench->tagging.state.highest = bench->persons;
    for (uint32_t number = 1; number <= bench->persons; number++) {
        index_bit(bench->tagging.index, BITS_PERSON, "", "", number, true);
        find_home(bench, number);
        if (number % A_COMMIT != 0 && number != bench->persons)
            continue;
        bench->tagging.state.persons = number;
        commit(bench);
        begin(bench);
    }
    commit(bench);
    printf("%u persons in %u stores below %u units: %.0f s, %.0f MB\n", bench->persons, bench->stores,
        bench->depth + 1, now(CLOCK_MONOTONIC) - began, (double)store_used_bytes(bench->store) / 1e6);
}

/* What has come since the last merge. */
static void log_some(struct bench *bench)
{
    for (uint32_t logged = 0; logged < LOGGED; logged += HOMES_A_COMMIT * (bench->depth + 3)) {
        begin(bench);
        for (uint32_t i = 0; i < HOMES_A_COMMIT; i++)
            find_home(bench, 1 + (uint32_t)pick_below(&bench->seed, bench->persons));
        commit(bench);
    }
}

/* -- figures -- */

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void report(const char *what, uint64_t people, double *times, size_t count)
{
    qsort(times, count, sizeof(*times), compare);
    printf("%s: %" PRIu64 " people, median %.2f ms, p99 %.2f ms\n", what, people, times[count / 2],
        times[count * 99 / 100]);
    fflush(stdout);
}

/* As GET /units/{id}/people asks for `unit`'s: a count, and a page. */
static uint64_t ask_once(struct bench *bench, const struct rule *everyone, uint32_t unit, uint32_t scope)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    const struct scope scopes[] = {{.bounded = true, .unit = unit}, {.bounded = scope != 0, .unit = scope}};
    struct audience_answer found;
    struct audience audience = {.rule = everyone,
        .money = &bench->tagging.money,
        .now_ms = NOW_MS,
        .scopes = scopes,
        .scope_count = COUNT_OF(scopes),
        .list = PAGE};
    check(arena_open(&arena), "memory");
    audience.arena = arena;
    check(store_begin(bench->store, STORE_READ, &audience.txn), "state");
    check(audience_find(&audience, &found), "people");
    store_abort(&audience.txn);
    return found.count;
}

static void ask(struct bench *bench, const char *what, uint32_t unit, uint32_t scope)
{
    static const char text[] = "{\"everyone\":true}";
    static double times[QUERIES];
    const struct rule_names no_names = {0};
    struct rule_problem problem;
    struct rule *everyone = NULL;
    uint64_t people = 0;
    check(rule_parse_text(text, sizeof(text) - 1, &no_names, &everyone, &problem), "rule");
    for (uint32_t i = 0; i < QUERIES; i++) {
        double began = now(CLOCK_MONOTONIC);
        people = ask_once(bench, everyone, unit ? unit : some_store(bench), scope);
        times[i] = (now(CLOCK_MONOTONIC) - began) * 1e3;
    }
    rule_free(&everyone);
    report(what, people, times, QUERIES);
}

/* The writer takes nothing else meanwhile. */
static void move(struct bench *bench)
{
    static double times[MOVES];
    for (uint32_t i = 0; i < MOVES; i++) {
        log_some(bench);
        double began = now(CLOCK_MONOTONIC);
        begin(bench);
        put(bench, region(bench), above(bench, i % 2 == 0));
        commit(bench);
        times[i] = (now(CLOCK_MONOTONIC) - began) * 1e3;
    }
    report("moving the region", bench->persons, times, MOVES);
}

/* Stores go to another region, as an import of a new organisation moves them: all in one commit. */
static void move_stores(struct bench *bench)
{
    uint32_t other = region(bench) + bench->stores + 1;
    double times[1];
    begin(bench);
    put(bench, other, above(bench, true));
    commit(bench);
    log_some(bench);
    double began = now(CLOCK_MONOTONIC);
    begin(bench);
    put_all(bench, region(bench) + 1, STORES_MOVED, other);
    commit(bench);
    times[0] = (now(CLOCK_MONOTONIC) - began) * 1e3;
    report("moving 1,000 stores", bench->persons / bench->stores * STORES_MOVED, times, 1);
}

int main(int argc, char **argv)
{
    static struct bench bench = {.seed = 7};
    if (argc != 5) {
        fprintf(stderr, "usage: %s DIRECTORY PERSONS STORES DEPTH\n", argv[0]);
        return 2;
    }
    bench.persons = (uint32_t)strtoul(argv[2], NULL, 10);
    bench.stores = (uint32_t)strtoul(argv[3], NULL, 10);
    bench.depth = (uint32_t)strtoul(argv[4], NULL, 10);
    check(clock_set_zone("Asia/Shanghai"), "time zone");
    open_all(&bench, argv[1]);
    fill(&bench);
    log_some(&bench);
    ask(&bench, "people of the region", region(&bench), 0);
    ask(&bench, "people of a store", 0, 0);
    ask(&bench, "people of a store, in the region's scope", 0, region(&bench));
    move(&bench);
    move_stores(&bench);
    ask(&bench, "people of the region afterwards", region(&bench), 0);
    return 0;
}
