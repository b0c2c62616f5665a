/* SPDX-License-Identifier: Apache-2.0 */
/* How long audiences of five conditions take over many persons, while events arrive: a tag, a trait, a range of amounts, a count of
 * events in a window, a not; of few, some and most people. Usage: bench_tagging_audience DIRECTORY PERSONS EVENTS_PER_SECOND.
 * DIRECTORY must not hold state. The index is written directly, as the fold would write it. */
#include "services/tagging/audience.h"
#include "services/tagging/tagging.h"
#include "tests/bench/tagging_state.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#define NOW_MS INT64_C(1767225600000)
#define A_COMMIT 500000u
#define QUERIES 200u
#define QUESTIONS 100u
#define EVENTS_A_PERSON 2u  /* over 60 days */
#define COMMIT_NS 10000000L /* between commits of what arrives */

struct bench {
    struct tagging tagging;
    struct store *store;
    struct batch batch;
    uint64_t seed;
    uint32_t persons;
    uint32_t rate; /* of arriving events, a second */
    uint32_t tags[3];
    atomic_bool asked; /* all questions are: the writer may end */
    uint64_t arrived;
};

static uint32_t pick(struct bench *bench, uint32_t below)
{
    return (uint32_t)pick_below(&bench->seed, below);
}

static uint32_t define_tag(struct bench *bench, const char *id)
{
    struct definition *definition;
    struct rule_problem problem;
    check(definition_make(bench->tagging.registry, DEFINITION_TAG, id, "", &definition, &problem), "tag");
    check(tagging_define(&bench->tagging, &bench->batch, definition, &problem), "tag");
    return definition->number;
}

static void begin(struct bench *bench)
{
    tagging_state_begin(&bench->tagging, bench->store, NOW_MS, &bench->batch);
}

static void commit(struct bench *bench)
{
    tagging_state_commit(&bench->tagging, &bench->batch);
}

static void add_person(struct bench *bench, uint32_t number)
{
    static const uint32_t shares[] = {1, 100, 900}; /* of a thousand */
    static const char *const cities[] = {"\"上海\"", "\"北京\"", "\"广州\"", "\"深圳\"", "\"成都\"",
        "\"杭州\"", "\"武汉\"", "\"西安\"", "\"南京\"", "\"重庆\""};
    static const char *const stages[] = {"prospect", "new", "active", "dormant", "lost"};
    struct index_writer *index = bench->tagging.index;
    index_bit(index, BITS_PERSON, "", "", number, true);
    for (size_t i = 0; i < COUNT_OF(shares); i++) {
        char term[16];
        snprintf(term, sizeof(term), "%u", bench->tags[i]);
        if (pick(bench, 1000) < shares[i])
            index_bit(index, BITS_TAG, "", term, number, true);
    }
    index_bit(index, BITS_TRAIT_VALUE, "city", cities[pick(bench, 10)], number, true);
    index_bit(index, BITS_TRAIT, "", "city", number, true);
    index_bit(index, BITS_STAGE, "", stages[pick(bench, 5)], number, true);
    index_value(index, METRIC_GROSS, number, true, 1 + pick(bench, 100000));
    for (uint32_t i = 0; i < EVENTS_A_PERSON; i++)
        index_time(index, "Product Viewed", number, NOW_MS - (int64_t)pick(bench, 60 * 86400) * 1000, true);
}

static void add_event(struct bench *bench)
{
    uint32_t number = 1 + pick(bench, bench->persons);
    index_value(bench->tagging.index, METRIC_GROSS, number, true, 1 + pick(bench, 100000));
    index_time(bench->tagging.index, "Product Viewed", number, NOW_MS - pick(bench, 60000), true);
}

/* The writer thread, while questions are asked. */
static void *write_events(void *self)
{
    struct bench *bench = self;
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    double began = now(CLOCK_MONOTONIC);
    while (!atomic_load(&bench->asked)) {
        due.tv_nsec += COMMIT_NS;
        due.tv_sec += due.tv_nsec / 1000000000L;
        due.tv_nsec %= 1000000000L;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        uint64_t wanted = (uint64_t)((now(CLOCK_MONOTONIC) - began) * bench->rate);
        begin(bench);
        for (; bench->arrived < wanted; bench->arrived++)
            add_event(bench);
        commit(bench);
    }
    printf("%" PRIu64 " events arrived meanwhile, %.0f/s\n", bench->arrived,
        (double)bench->arrived / (now(CLOCK_MONOTONIC) - began));
    return NULL;
}

static void fill(struct bench *bench)
{
    double began = now(CLOCK_MONOTONIC);
    bench->tagging.state.highest = bench->persons;
    for (uint32_t number = 1; number <= bench->persons; number++) {
        add_person(bench, number);
        if (number % A_COMMIT != 0 && number != bench->persons)
            continue;
        bench->tagging.state.persons = number;
        commit(bench);
        begin(bench);
    }
    /* What has come since the last merge. */
    for (uint32_t i = 0; i < bench->persons / 128; i++)
        add_event(bench);
    commit(bench);
    printf("%u persons, %u events in the index: %.0f s, %.0f MB\n", bench->persons,
        bench->persons * EVENTS_A_PERSON, now(CLOCK_MONOTONIC) - began,
        (double)store_used_bytes(bench->store) / 1e6);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* What else it takes where few must not be told: held against earlier questions, and packed to be kept. */
static void look_back(struct store_txn *txn, const struct audience_answer *found)
{
    _cleanup_(buffer_free) struct buffer packed = BUFFER_INIT;
    const struct picked picked = {&found->picked, &found->population};
    bool near;
    check(questions_near(txn, &picked, 0, 10, &near), "questions");
    person_set_pack(&found->picked, &packed);
    person_set_pack(&found->population, &packed);
    check(buffer_error(&packed), "memory");
}

/* Half of the people, in runs of so many. */
static void make_question(
    const struct bench *bench, uint32_t run, uint32_t first, struct asked_question *question)
{
    size_t blocks = bench->persons / BLOCK_PERSONS + 1;
    check(person_set_open(blocks, &question->persons), "memory");
    check(person_set_open(blocks, &question->population), "memory");
    for (uint32_t number = 1; number <= bench->persons; number++) {
        person_set_add(&question->population, number);
        if ((number + first) % (2 * run) < run)
            person_set_add(&question->persons, number);
    }
}

/* The worst case: all earlier questions are of the size of the one that is asked, so that sizes tell nothing. */
static void ask_against_many(struct bench *bench)
{
    _cleanup_(asked_question_close) struct asked_question asked = {0};
    double times[QUERIES];
    begin(bench);
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        _cleanup_(asked_question_close) struct asked_question question = {.key = i};
        make_question(bench, QUESTIONS, i, &question);
        check(questions_add(bench->batch.txn, &bench->tagging.question_limits, &question), "questions");
    }
    commit(bench);
    make_question(bench, 1, 0, &asked);
    for (unsigned i = 0; i < QUERIES; i++) {
        struct store_txn *txn;
        struct audience_answer found = {.picked = asked.persons, .population = asked.population};
        double began = now(CLOCK_MONOTONIC);
        check(store_begin(bench->store, STORE_READ, &txn), "state");
        look_back(txn, &found);
        store_abort(&txn);
        times[i] = (now(CLOCK_MONOTONIC) - began) * 1e3;
    }
    qsort(times, QUERIES, sizeof(times[0]), compare);
    printf("against %u earlier questions of its size: median %.2f ms, p99 %.2f ms\n", QUESTIONS,
        times[QUERIES / 2], times[QUERIES * 99 / 100]);
}

static void ask(struct bench *bench, const char *what, const char *text, bool guarded)
{
    double times[QUERIES], used = now(CLOCK_THREAD_CPUTIME_ID);
    struct audience_answer found = {0};
    for (unsigned i = 0; i < QUERIES; i++) {
        struct registry *registry = NULL;
        struct rule *rule = NULL;
        struct rule_problem problem;
        struct audience audience = {.money = &bench->tagging.money, .now_ms = NOW_MS, .whole = guarded};
        double began = now(CLOCK_MONOTONIC);
        check(store_begin(bench->store, STORE_READ, &audience.txn), "state");
        check(registry_open(2, &registry), "memory");
        check(registry_load(registry, audience.txn, false), "definitions");
        struct rule_names names = registry_names(registry);
        check(rule_parse_text(text, strlen(text), &names, &rule, &problem), problem.message);
        audience.rule = rule;
        audience.registry = registry;
        check(audience_find(&audience, &found), "audience");
        if (guarded)
            look_back(audience.txn, &found);
        person_set_close(&found.picked);
        person_set_close(&found.population);
        rule_free(&rule);
        registry_close(&registry);
        store_abort(&audience.txn);
        times[i] = (now(CLOCK_MONOTONIC) - began) * 1e3;
    }
    qsort(times, QUERIES, sizeof(times[0]), compare);
    printf("%s: %" PRIu64 " persons (%.2f %%), median %.2f ms, p99 %.2f ms, %.2f ms of processor time%s\n",
        what, found.count, 100 * (double)found.count / bench->persons, times[QUERIES / 2],
        times[QUERIES * 99 / 100], (now(CLOCK_THREAD_CPUTIME_ID) - used) * 1e3 / QUERIES,
        found.asked ? ", some asked one by one" : "");
    fflush(stdout);
}

static void open_all(struct bench *bench, const char *directory)
{
    tagging_state_open(directory, NOW_MS, &bench->tagging, &bench->store, &bench->batch);
    check(tagging_begin(&bench->tagging, &bench->batch), "begin");
    static const char *const tags[] = {"few", "some", "most"};
    for (size_t i = 0; i < COUNT_OF(tags); i++)
        bench->tags[i] = define_tag(bench, tags[i]);
    commit(bench);
    begin(bench);
}

#define ALL_BUT_EVENTS(tag, cities, amount, stage)                                                           \
    "{\"tag\":\"" tag "\"},{\"trait\":\"city\",\"in\":[" cities "]},{\"metric\":\"gross\",\"gte\":\"" amount \
    "\"},{\"not\":{\"stage\":\"" stage "\"}}"
#define CITIES "\"上海\",\"北京\",\"广州\",\"深圳\",\"成都\",\"杭州\",\"武汉\",\"西安\",\"南京\""

static void ask_all(struct bench *bench)
{
    ask(bench, "few", "{\"all\":[" ALL_BUT_EVENTS("few", CITIES, "10", "lost") "]}", false);
    ask(bench, "some", "{\"all\":[" ALL_BUT_EVENTS("most", "\"上海\",\"北京\"", "300", "lost") "]}", false);
    ask(bench, "most",
        "{\"any\":[" ALL_BUT_EVENTS("some", "\"上海\",\"北京\",\"广州\",\"深圳\"", "300", "lost") "]}",
        false);
    ask(bench, "few, with events",
        "{\"all\":[" ALL_BUT_EVENTS("few", CITIES, "10",
            "lost") ",{\"event\":\"Product Viewed\",\"within\":\"30d\",\"count\":{\"gte\":1}}]}",
        false);
    ask(bench, "some, with events",
        "{\"all\":[" ALL_BUT_EVENTS("most", "\"上海\",\"北京\",\"广州\"", "300",
            "lost") ",{\"event\":\"Product Viewed\",\"within\":\"30d\",\"count\":{\"gte\":1}}]}",
        false);
    ask(bench, "most, with events",
        "{\"any\":[" ALL_BUT_EVENTS("some", "\"上海\"", "300",
            "lost") ",{\"event\":\"Product Viewed\",\"within\":\"30d\",\"count\":{\"lte\":1}}]}",
        false);
    ask(bench, "few, for who may not see people",
        "{\"all\":[" ALL_BUT_EVENTS("few", CITIES, "10", "lost") "]}", true);
    ask(bench, "most, for who may not see people",
        "{\"any\":[" ALL_BUT_EVENTS("some", "\"上海\",\"北京\",\"广州\",\"深圳\"", "300", "lost") "]}", true);
}

int main(int argc, char **argv)
{
    static struct bench bench = {.seed = 7};
    pthread_t writer;
    if (argc != 4) {
        fprintf(stderr, "usage: %s DIRECTORY PERSONS EVENTS_PER_SECOND\n", argv[0]);
        return 2;
    }
    bench.persons = (uint32_t)strtoul(argv[2], NULL, 10);
    bench.rate = (uint32_t)strtoul(argv[3], NULL, 10);
    check(clock_set_zone("Asia/Shanghai"), "time zone");
    open_all(&bench, argv[1]);
    fill(&bench);
    ask_against_many(&bench);
    check(pthread_create(&writer, NULL, write_events, &bench) ? -QY_ENOMEM : 0, "thread");
    ask_all(&bench);
    atomic_store(&bench.asked, true);
    pthread_join(writer, NULL);
    return 0;
}
