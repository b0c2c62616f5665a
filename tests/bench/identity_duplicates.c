/* SPDX-License-Identifier: Apache-2.0 */
/* How long a search for likely duplicates takes, and what it needs: over a state that events made of people as
 * tests/support/people.h makes them up, a fifth of whom registered again. Usage: bench_identity_duplicates DIRECTORY PERSONS.
 * DIRECTORY must not hold state. */
#include "proto/gateway.pb-c.h"
#include "services/identity/duplicate_run.h"
#include "tests/bench/identity_state.h"
#include "tests/support/people.h"

#include <string.h>

#define PER_COMMIT 20000u
#define KEPT 4096u /* originals that somebody may be a duplicate of */

struct bench {
    struct identity identity;
    struct store *store;
    struct journal *out;
    struct journal_position out_end;
    char directory[400];
    uint64_t offset;
    uint32_t *humans;  /* by the order in which they registered */
    uint32_t *persons; /* likewise: numbers are given in that order */
    const char *phase;
    double phase_began;
    long anonymous_kib; /* at most */
};

/* -- the state -- */

static void open_all(struct bench *bench, const char *directory)
{
    snprintf(bench->directory, sizeof(bench->directory), "%s", directory);
    identity_state_open(directory, &bench->identity, &bench->store, &bench->out);
}

static void begin(struct bench *bench, struct batch *batch)
{
    *batch = (struct batch){.journal = bench->out, .now_ms = 1767225600100};
    check(store_begin(bench->store, STORE_WRITE, &batch->txn), "state");
}

static void commit(struct bench *bench, struct batch *batch)
{
    check(identity_fold.finish(&bench->identity, batch), "finish");
    check(journal_commit(bench->out, &bench->out_end), "identity's journal");
    check(store_commit(&batch->txn), "state");
    journal_publish(bench->out, bench->offset, 0);
    identity_fold.committed(&bench->identity, NULL);
}

static void take(struct bench *bench, struct batch *batch, const struct someone *one, uint32_t number)
{
    char body[1200], id[32];
    uint8_t packed[2048];
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    people_register(one, number, body, sizeof(body));
    snprintf(id, sizeof(id), "bench-%" PRIu32, number);
    raw.body = (ProtobufCBinaryData){.len = strlen(body), .data = (uint8_t *)body};
    raw.message_id = id;
    raw.type = QUANYU__EVENT_TYPE__EVENT_IDENTIFY;
    raw.event_ms = 1767225600000;
    raw.received_ms = 1767225600100;
    raw.source = 1;
    const struct journal_record record = {.offset = bench->offset++,
        .record_class = IDENTITY_INPUT_EVENT,
        .time_ms = raw.received_ms,
        .data = {packed, quanyu__raw_event__pack(&raw, packed)}};
    check(identity_fold.record(&bench->identity, batch, 0, &record), "fold");
}

/* Returns how many of them are duplicates. */
static uint32_t make_people(struct bench *bench, uint32_t persons)
{
    struct people people = {.seed = 42};
    struct someone *kept = calloc(KEPT, sizeof(*kept)), one = {.human = 0};
    uint32_t humans = 0, copies = 0;
    struct batch batch;
    begin(bench, &batch);
    check(identity_fold.open(&bench->identity, &batch), "open");
    for (uint32_t i = 0; i < persons; i++) {
        /* Each is a duplicate's original once at most. */
        struct someone *original = &kept[i % KEPT];
        if (original->name[0] && people_chance(&people, 25)) {
            people_duplicate(&people, original, &one);
            original->name[0] = '\0';
            copies++;
        } else {
            people_original(&people, humans++, i > 0 && people_chance(&people, 15) ? &one : NULL, &one);
            *original = one;
        }
        bench->humans[i] = one.human;
        take(bench, &batch, &one, i);
        if (i % PER_COMMIT == PER_COMMIT - 1) {
            commit(bench, &batch);
            begin(bench, &batch);
        }
    }
    commit(bench, &batch);
    free(kept);
    return copies;
}

/* -- the search -- */

static int snapshot(void *self, struct store_txn **ret_txn)
{
    struct bench *bench = self;
    return store_begin(bench->store, STORE_READ, ret_txn);
}

static void end_phase(struct bench *bench, const char *next)
{
    if (bench->phase)
        printf("%s: %.1f s\n", bench->phase, now(CLOCK_MONOTONIC) - bench->phase_began);
    bench->phase = next;
    bench->phase_began = now(CLOCK_MONOTONIC);
}

static bool go_on(void *self, const struct duplicate_progress *progress)
{
    struct bench *bench = self;
    if (!bench->phase || strcmp(bench->phase, progress->phase) != 0)
        end_phase(bench, progress->phase);
    long kib = (long)(memory_of_process() / 1024);
    bench->anonymous_kib = kib > bench->anonymous_kib ? kib : bench->anonymous_kib;
    return true;
}

static size_t place_of(const struct bench *bench, uint32_t persons, uint32_t person)
{
    size_t low = 0, high = persons;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (bench->persons[middle] <= person)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void judge(
    const struct bench *bench, const struct duplicate_result *result, uint32_t persons, uint32_t copies)
{
    size_t right = 0;
    for (size_t i = 0; i < result->count; i++)
        right += bench->humans[place_of(bench, persons, result->pairs[i].low)] ==
                 bench->humans[place_of(bench, persons, result->pairs[i].high)];
    printf("precision %.4f, recall %.4f\n", (double)right / (double)result->count, (double)right / copies);
}

static void find_persons(struct bench *bench, uint32_t persons)
{
    struct store_txn *txn;
    uint32_t person = 0;
    check(store_begin(bench->store, STORE_READ, &txn), "state");
    for (uint32_t i = 0; i < persons && duplicate_store_person_after(txn, person, &person); i++)
        bench->persons[i] = person;
    store_abort(&txn);
}

static void search(struct bench *bench, uint32_t persons, uint32_t copies)
{
    const struct duplicate_job job = {.identity = &bench->identity,
        .snapshot = snapshot,
        .go_on = go_on,
        .self = bench,
        .directory = bench->directory,
        .comparisons_max = UINT64_MAX,
        .pairs_max = 1000000,
        .least_probability = 0.9};
    struct duplicate_result result;
    double began = now(CLOCK_MONOTONIC), processor = now(CLOCK_THREAD_CPUTIME_ID);
    check(duplicate_run(&job, &result), "search");
    end_phase(bench, NULL);
    double wall = now(CLOCK_MONOTONIC) - began;
    printf("%" PRIu32 " persons, %" PRIu32 " duplicates: %zu pairs listed, %" PRIu64
           " comparisons, %.2f each, %" PRIu64 " blocks passed over, prior %.1e\n",
        persons, copies, result.count, result.comparisons, (double)result.comparisons / persons,
        result.passed_over, result.model.prior);
    printf("search: %.1f s, %.1f s of processor time, %.1f us a person, %ld MiB of memory at most\n", wall,
        now(CLOCK_THREAD_CPUTIME_ID) - processor, wall / persons * 1e6, bench->anonymous_kib / 1024);
    judge(bench, &result, persons, copies);
    duplicate_result_free(&result);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_identity_duplicates DIRECTORY PERSONS\n");
        return 2;
    }
    static struct bench bench;
    uint32_t persons = (uint32_t)strtoul(argv[2], NULL, 10);
    bench.humans = calloc(persons, sizeof(*bench.humans));
    bench.persons = calloc(persons, sizeof(*bench.persons));
    open_all(&bench, argv[1]);
    uint32_t copies = make_people(&bench, persons);
    find_persons(&bench, persons);
    printf("%ld MiB of memory before\n", (long)(memory_of_process() / 1048576));
    search(&bench, persons, copies);
    identity_fold.close(&bench.identity);
    journal_close(&bench.out);
    store_close(&bench.store);
    free(bench.humans);
    free(bench.persons);
    return 0;
}
