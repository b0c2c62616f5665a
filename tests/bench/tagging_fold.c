/* SPDX-License-Identifier: Apache-2.0 */
/* How fast one core folds persons' events into profiles, segments and the index: from identity's records to tagging's journal and
 * state, durable. Usage: bench_tagging_fold DIRECTORY PERSONS EVENTS [EVENTS_PER_COMMIT]. DIRECTORY must not hold state. PERSONS
 * (of two identifiers) are there beforehand, with traits; of the EVENTS nine in ten are about one of them, the tenth makes a new
 * person. Then the audiences of the budget are asked, by index and once person by person. */
#include "services/tagging/audience.h"
#include "services/tagging/tagging.h"
#include "tests/bench/measure.h"

#include <string.h>
#include <sys/stat.h>

#define START_MS INT64_C(1767225600000)
#define BLOCK 100000u
#define QUERIES 100u

struct made_record {
    unsigned record_class;
    size_t from, size;
};

struct bench {
    struct tagging tagging;
    struct store *store;
    struct journal *out;
    struct batch batch;
    struct buffer bytes; /* records made beforehand */
    struct made_record *records;
    size_t record_count;
    uint64_t seed, origin, per_commit;
    uint32_t persons;
    int64_t now_ms;
    struct spent spent;
};

static uint32_t pick(struct bench *bench, uint32_t below)
{
    return (uint32_t)pick_below(&bench->seed, below);
}

/* -- what identity would have written -- */

static void make(struct bench *bench, unsigned record_class, const ProtobufCMessage *message)
{
    struct made_record *record = &bench->records[bench->record_count++];
    *record =
        (struct made_record){record_class, bench->bytes.size, protobuf_c_message_get_packed_size(message)};
    uint8_t *room = buffer_reserve(&bench->bytes, record->size);
    check(room ? 0 : -QY_ENOMEM, "memory");
    protobuf_c_message_pack(message, room);
    bench->bytes.size += record->size;
}

static void make_node(struct bench *bench, uint32_t node, uint32_t person, const char *kind)
{
    Quanyu__NodeCreated record = QUANYU__NODE_CREATED__INIT;
    record.node = node;
    record.person = person;
    record.kind = (char *)kind;
    make(bench, QUANYU__IDENTITY_RECORD__RECORD_NODE, &record.base);
}

static ProtobufCBinaryData bytes_of(char *text)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)text, .len = strlen(text)};
}

static void make_event(struct bench *bench, uint32_t person, bool identify)
{
    static const char *const names[] = {"Order Completed", "Product Viewed", "Product Viewed",
        "Product Added", "Page Shown", "Coupon Applied"};
    static const char *const cities[] = {
        "上海", "北京", "广州", "深圳", "成都", "杭州", "武汉", "西安", "南京", "重庆"};
    char properties[600], traits[200];
    uint32_t node = person * 2 - 1, other = person * 2;
    Quanyu__PersonEvent record = QUANYU__PERSON_EVENT__INIT;
    record.origin = bench->origin++;
    record.node = node;
    record.person = node;
    record.n_linked = 1;
    record.linked = &other;
    record.message_key = record.origin * UINT64_C(0x9E3779B97F4A7C15);
    record.type = identify ? QUANYU__EVENT_TYPE__EVENT_IDENTIFY : QUANYU__EVENT_TYPE__EVENT_TRACK;
    record.name = identify ? (char *)"" : (char *)names[pick(bench, 6)];
    record.received_ms = bench->now_ms;
    record.event_ms = bench->now_ms - (identify ? 0 : (int64_t)pick(bench, 60000));
    snprintf(properties, sizeof(properties),
        "{\"order_id\":\"o-%" PRIu64
        "\",\"total\":%u.%02u,\"currency\":\"CNY\",\"products\":[{\"product_id\":\"sku-%04u\","
        "\"quantity\":1,\"price\":%u.00,\"category\":\"skin care\"}],\"coupon\":\"SPRING\"}",
        record.origin, pick(bench, 300) + 20, pick(bench, 100), pick(bench, 3000), pick(bench, 300));
    snprintf(traits, sizeof(traits), "{\"city\":\"%s\",\"has_phone\":true,\"birthday\":\"%02u-%02u\"}",
        cities[pick(bench, 10)], pick(bench, 12) + 1, pick(bench, 28) + 1);
    if (!identify)
        record.properties = bytes_of(properties);
    record.context = bytes_of((char *)"{\"channel\":\"mini_program\",\"campaign\":{\"name\":\"spring\"}}");
    if (identify)
        record.traits = bytes_of(traits);
    make(bench, QUANYU__IDENTITY_RECORD__RECORD_EVENT, &record.base);
}

static void make_person(struct bench *bench)
{
    uint32_t person = ++bench->persons;
    make_node(bench, person * 2 - 1, person * 2 - 1, "user_id");
    make_node(bench, person * 2, person * 2 - 1, "anonymous_id");
}

/* -- what tagging does with it -- */

static void begin(struct bench *bench)
{
    check(store_begin(bench->store, STORE_WRITE, &bench->batch.txn), "state");
    bench->batch.journal = bench->out;
    bench->batch.now_ms = bench->now_ms;
    bench->batch.records = 0;
}

static void commit(struct bench *bench)
{
    struct journal_position end;
    spent_begin_commit(&bench->spent);
    check(tagging_fold.finish(&bench->tagging, &bench->batch), "finish");
    check(journal_commit(bench->out, &end), "tagging's journal");
    check(store_commit(&bench->batch.txn), "state");
    journal_publish(bench->out, bench->origin, bench->now_ms);
    spent_end_commit(&bench->spent);
}

static void fold(struct bench *bench)
{
    spent_begin(&bench->spent);
    begin(bench);
    for (size_t i = 0; i < bench->record_count; i++) {
        const struct made_record *made = &bench->records[i];
        const struct journal_record record = {
            .record_class = made->record_class,
            .time_ms = bench->now_ms,
            .data = {bench->bytes.data + made->from, made->size},
        };
        check(tagging_fold.record(&bench->tagging, &bench->batch, 0, &record), "fold");
        if (++bench->batch.records == bench->per_commit) {
            commit(bench);
            begin(bench);
        }
    }
    commit(bench);
    spent_end(&bench->spent);
    bench->record_count = 0;
    buffer_clear(&bench->bytes);
}

static void advance(struct bench *bench, int64_t to_ms)
{
    begin(bench);
    if (tagging_fold.next_due(&bench->tagging) <= to_ms)
        check(tagging_fold.advance(&bench->tagging, &bench->batch, to_ms), "time");
    bench->now_ms = bench->batch.now_ms = to_ms;
    commit(bench);
}

static void run(struct bench *bench, const char *what, uint64_t events, bool known)
{
    for (uint64_t done = 0; done < events;) {
        uint64_t block = events - done < BLOCK ? events - done : BLOCK;
        for (uint64_t i = 0; i < block; i++) {
            bool fresh = !known || pick(bench, 10) == 0;
            if (fresh)
                make_person(bench);
            make_event(bench, fresh ? bench->persons : pick(bench, bench->persons) + 1, fresh);
        }
        fold(bench);
        done += block;
        if (known)
            advance(bench, bench->now_ms + 1000);
    }
    spent_report(&bench->spent, what, events);
}

/* -- audiences -- */

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void ask(struct bench *bench, const char *what, const char *text)
{
    struct registry *registry = NULL;
    struct rule *rule = NULL;
    struct rule_problem problem;
    struct arena *arena;
    double times[QUERIES];
    struct audience_answer found = {0}, scanned = {0};
    struct audience audience = {.money = &bench->tagging.money, .now_ms = bench->now_ms};
    check(arena_open(&arena), "memory");
    check(registry_open(2, &registry), "memory");
    check(store_begin(bench->store, STORE_READ, &audience.txn), "state");
    for (unsigned i = 0; i < QUERIES; i++) {
        double began = now(CLOCK_MONOTONIC);
        check(registry_load(registry, audience.txn, false), "definitions");
        struct rule_names names = registry_names(registry);
        rule_free(&rule);
        check(rule_parse_text(text, strlen(text), &names, &rule, &problem), problem.message);
        audience.rule = rule;
        audience.registry = registry;
        audience.arena = arena;
        check(audience_find(&audience, &found), "audience");
        times[i] = (now(CLOCK_MONOTONIC) - began) * 1e3;
    }
    double began = now(CLOCK_MONOTONIC);
    check(audience_scan(&audience, &scanned), "audience");
    double scan = now(CLOCK_MONOTONIC) - began;
    qsort(times, QUERIES, sizeof(times[0]), compare);
    printf("%s: %" PRIu64 " persons, median %.2f ms, p99 %.2f ms; person by person %" PRIu64 " in %.1f s%s\n",
        what, found.count, times[QUERIES / 2], times[QUERIES * 99 / 100], scanned.count, scan,
        found.count == scanned.count ? "" : " DIFFERENT");
    fflush(stdout);
    rule_free(&rule);
    registry_close(&registry);
    store_abort(&audience.txn);
    arena_close(&arena);
}

/* Anonymous memory in MB: what is not the state's file. */
static double own_memory(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    double kilobytes = 0;
    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, "RssAnon:", 8) == 0)
            kilobytes = strtod(line + 8, NULL);
    if (status)
        fclose(status);
    return kilobytes / 1e3;
}

/* -- a world -- */

static void define(struct bench *bench, enum definition_kind kind, const char *id, const char *text)
{
    struct definition *definition;
    struct rule_problem problem;
    check(tagging_begin(&bench->tagging, &bench->batch), "begin");
    check(definition_make(bench->tagging.registry, kind, id, text, &definition, &problem), "rule");
    check(tagging_define(&bench->tagging, &bench->batch, definition, &problem), "definition");
}

static void open_all(struct bench *bench, const char *directory)
{
    char path[512];
    mkdir(directory, 0700);
    snprintf(path, sizeof(path), "%s/state", directory);
    struct store_options options = {.path = path,
        .tables = tagging_tables,
        .table_count = TAGGING_TABLES,
        .map_bytes = UINT64_C(64) << 30,
        .schema_version = TAGGING_SCHEMA};
    check(store_open(&options, &bench->store), "state");
    snprintf(path, sizeof(path), "%s/out", directory);
    struct journal_options journal = {.path = path, .compression = 1};
    check(journal_open(&journal, NULL, &bench->out), "tagging's journal");
    bench->records = calloc((size_t)BLOCK * 3, sizeof(*bench->records));
    check(bench->records ? 0 : -QY_ENOMEM, "memory");
    tagging_set_currency(&bench->tagging, "CNY");
    begin(bench);
    check(tagging_fold.open(&bench->tagging, &bench->batch), "open");
    define(bench, DEFINITION_TAG, "big", "{\"metric\":\"gross\",\"gte\":300}");
    define(bench, DEFINITION_SEGMENT, "s_a",
        "{\"all\":[{\"tag\":\"big\"},{\"trait\":\"city\",\"is\":\"上海\"}]}");
    define(bench, DEFINITION_SEGMENT, "s_b",
        "{\"event\":\"Product Viewed\",\"within\":\"30d\",\"count\":{\"gte\":3}}");
    define(bench, DEFINITION_SEGMENT, "s_c", "{\"stage\":\"dormant\"}");
    define(bench, DEFINITION_SEGMENT, "s_d",
        "{\"all\":[{\"metric\":\"orders\",\"gte\":2},{\"trait\":\"has_phone\",\"is\":true}]}");
    commit(bench);
}

int main(int argc, char **argv)
{
    static struct bench bench = {.seed = 7, .origin = 1, .now_ms = START_MS};
    if (argc < 4) {
        fprintf(stderr, "usage: %s DIRECTORY PERSONS EVENTS [EVENTS_PER_COMMIT]\n", argv[0]);
        return 2;
    }
    uint64_t persons = strtoull(argv[2], NULL, 10), events = strtoull(argv[3], NULL, 10);
    bench.per_commit = argc > 4 ? strtoull(argv[4], NULL, 10) : 20000;
    check(clock_set_zone("Asia/Shanghai"), "time zone");
    open_all(&bench, argv[1]);
    run(&bench, "new persons", persons, false);
    run(&bench, "events, nine in ten about somebody known", events, true);
    double began = now(CLOCK_MONOTONIC);
    advance(&bench, clock_next_midnight(bench.now_ms));
    printf("midnight, scores taken: %.0f ms\n", (now(CLOCK_MONOTONIC) - began) * 1e3);
    ask(&bench, "tag, trait, amounts, not",
        "{\"all\":[{\"tag\":\"big\"},{\"trait\":\"city\",\"in\":[\"上海\",\"北京\",\"广州\"]},{\"metric\":"
        "\"gross\",\"gte\":100,\"lt\":900},"
        "{\"not\":{\"stage\":\"lost\"}}]}");
    ask(&bench, "the same, or nearly everybody",
        "{\"any\":[{\"not\":{\"tag\":\"big\"}},{\"trait\":\"city\",\"is\":\"上海\"},{\"metric\":\"gross\","
        "\"gte\":100,\"lt\":900},"
        "{\"not\":{\"stage\":\"lost\"}}]}");
    ask(&bench, "with events in a window",
        "{\"all\":[{\"not\":{\"tag\":\"big\"}},{\"trait\":\"city\",\"is_not\":\"上海\"},{\"metric\":"
        "\"gross\",\"lt\":900},"
        "{\"event\":\"Product "
        "Viewed\",\"within\":\"30d\",\"count\":{\"gte\":1}},{\"not\":{\"stage\":\"lost\"}}]}");
    ask(&bench, "with scores",
        "{\"all\":[{\"metric\":\"monetary_score\",\"gte\":4},{\"metric\":\"recency_score\",\"lt\":3}]}");
    printf("state: %.0f MB in use; memory of our own: %.0f MB\n", (double)store_used_bytes(bench.store) / 1e6,
        own_memory());
    return 0;
}
