/* SPDX-License-Identifier: Apache-2.0 */
/* How long an auditor waits for an answer: the audit domain in this process over a real store, filled with records as a brand makes
 * them: few actions are most of the records, a few busy people at each of many stores, persons of whom some are seen often.
 *
 * The limit beside it: reading the bytes of as many records as a page has, one after the other, from the same store.
 *
 * usage: bench_audit_search [records [directory]] */
#include "services/audit/audit_search.h"
#include "services/audit/audit.h"
#include "services/audit/audit_histogram.h"
#include "services/audit/audit_store.h"
#include "tests/bench/measure.h"

#include <string.h>
#include <unistd.h>

#define STORES 2000u
#define STAFF_PER_STORE 5u
#define PERSONS 2000000u
#define BATCH 10000u
#define QUESTIONS 200u
#define DAY_RECORDS 140000u /* a year is 50 million */

struct service {
    struct config *config;
    struct store *store;
};

const struct config *service_config(const struct service *service)
{
    return service->config;
}

static uint64_t seed = 20261130;

/* Most are low. */
static unsigned skewed(unsigned below)
{
    return (unsigned)pick_below(&seed, 1 + pick_below(&seed, 1 + pick_below(&seed, below)));
}

/* -- records -- */

static const struct {
    const char *action;
    unsigned of_1000;
    bool person, fields;
} kinds[] = {{"person.show", 380, true, true}, {"person.lookup", 220, true, true},
    {"delivery", 200, true, false}, {"binding.change", 60, true, false}, {"tag.add", 60, true, false},
    {"person.join", 40, true, false}, {"audience.count", 25, false, false}, {"person.list", 10, false, true},
    {"journey.publish", 3, false, false}, {"export.create", 1, false, true},
    {"audit.search", 1, false, false}};

static unsigned pick_kind(void)
{
    unsigned at = (unsigned)pick_below(&seed, 1000), kind = 0;
    while (kind + 1 < sizeof(kinds) / sizeof(*kinds) && at >= kinds[kind].of_1000)
        at -= kinds[kind++].of_1000;
    return kind;
}

static void take(struct audit *audit, struct batch *batch)
{
    static const char *const roles[] = {"guide", "guide", "guide", "guide", "manager"};
    static const char *const purposes[] = {"a customer asks about an order", "", "", "follow up", "birthday"};
    static char *const field_names[] = {"identifiers", "traits", "tags", "metrics", "events"};
    char actor_id[24], unit[24], token[24], address[24], one_id[24], *persons[] = {one_id}, *fields[5];
    unsigned kind = pick_kind(), store = skewed(STORES), member = skewed(STAFF_PER_STORE);
    uint32_t number = 1 + skewed(PERSONS);
    uint64_t index;
    snprintf(actor_id, sizeof(actor_id), "st_%u", store * STAFF_PER_STORE + member);
    snprintf(unit, sizeof(unit), "u_%u", store);
    snprintf(token, sizeof(token), "tk_%u", store * STAFF_PER_STORE + member);
    snprintf(address, sizeof(address), "10.%u.%u.%u", store / 250, store % 250, member);
    snprintf(one_id, sizeof(one_id), "p_%08" PRIx32, number * 2654435761u);
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    bool by_service = kind == 2 || kind == 3 || kind == 5;
    actor.kind = by_service ? QUANYU__ACTOR__KIND__SERVICE : QUANYU__ACTOR__KIND__STAFF;
    actor.id = by_service ? (char *)"campaign" : actor_id;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    if (!by_service) {
        actor.role = (char *)(uintptr_t)roles[member];
        actor.address = address;
        actor.token_id = token;
        record.unit = unit;
        record.purpose = (char *)(uintptr_t)purposes[pick_below(&seed, 5)];
    }
    record.actor = &actor;
    record.action = (char *)(uintptr_t)kinds[kind].action;
    record.outcome = (char *)(uintptr_t)(pick_below(&seed, 50) ? "ok" : "refused");
    record.service = (char *)"gateway";
    record.fields = fields;
    for (unsigned i = 0; kinds[kind].fields && i < 5; i++)
        if (pick_below(&seed, 3))
            fields[record.n_fields++] = field_names[i];
    record.unmasked = kinds[kind].fields && pick_below(&seed, 100) == 0;
    record.persons = persons;
    record.n_persons = kinds[kind].person && !by_service;
    record.numbers = &number;
    record.n_numbers = kinds[kind].person;
    check(audit_take(audit, batch, &record, &index), "record");
}

static void fill(struct service *service, struct audit *audit, uint64_t total)
{
    double began = now(CLOCK_MONOTONIC), worst = 0;
    for (uint64_t done = 0; done < total; done += BATCH) {
        struct batch batch = {.service = service};
        check(store_begin(service->store, STORE_WRITE, &batch.txn), "begin");
        double batch_began = now(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < BATCH; i++) {
            batch.now_ms = INT64_C(1767225600000) + (int64_t)((done + i) * 86400000 / DAY_RECORDS);
            take(audit, &batch);
        }
        double taken = now(CLOCK_MONOTONIC) - batch_began;
        worst = taken > worst ? taken : worst;
        check(audit_fold.finish(audit, &batch), "finish");
        check(store_commit(&batch.txn), "commit");
    }
    printf("filled: %.0f records/s; %.0f bytes a record; a batch of %u taken in %.0f ms at most\n",
        (double)total / (now(CLOCK_MONOTONIC) - began),
        (double)store_used_bytes(service->store) / (double)total, BATCH, worst * 1e3);
}

/* -- questions -- */

struct asking {
    struct audit *audit;
    struct store_txn *txn;
    struct arena *arena;
    uint64_t total;
};

/* A question is a list of names and values, "%" in a value standing for a number below the one behind it. */
struct question {
    const char *what;
    const char *names[6], *values[6];
    unsigned below[6];
    bool oldest, timed;
    const char *by; /* NULL: a page; "": a count */
};

static const struct question questions[] = {
    {"person", {"subject"}, {"%"}, {PERSONS}, .by = NULL},
    {"actor", {"actor"}, {"st_%"}, {STORES * STAFF_PER_STORE}, .by = NULL},
    {"actor, oldest first", {"actor"}, {"st_%"}, {STORES * STAFF_PER_STORE}, .oldest = true},
    {"actor and person", {"actor", "subject"}, {"st_%", "%"}, {STORES * STAFF_PER_STORE, PERSONS},
        .by = NULL},
    {"unit, operation, outcome, field", {"unit", "operation", "outcome", "field"},
        {"u_%", "person.show", "refused", "identifiers"}, {STORES}, .by = NULL},
    {"role, purpose, address*, a day", {"role", "purpose", "address"}, {"manager", "birthday", "10.%.*"},
        {0, 0, 8}, .timed = true},
    {"what nobody has", {"operation", "unit"}, {"export.create", "u_none"}, .by = NULL},
    {"count by operation and outcome", {"operation", "outcome"}, {"person.*", "refused"}, .by = ""},
    {"histogram by day of one actor", {"actor"}, {"st_%"}, {STORES * STAFF_PER_STORE}, .by = "day"},
    {"histogram by operation of all", {NULL}, .by = "operation"},
    {"histogram by actor of one operation", {"operation"}, {"person.show"}, .by = "actor"},
};

static void set_filter(
    const struct asking *asking, const struct question *question, struct audit_filter *filter)
{
    for (size_t i = 0; i < 6 && question->names[i]; i++) {
        char value[64];
        const char *mark = strchr(question->values[i], '%');
        if (mark)
            snprintf(value, sizeof(value), "%.*s%u%s", (int)(mark - question->values[i]), question->values[i],
                skewed(question->below[i]), mark + 1);
        else
            snprintf(value, sizeof(value), "%s", question->values[i]);
        if (audit_filter_add(filter, asking->arena, audit_filter_name(question->names[i]), value))
            check(-QY_EINVAL, question->names[i]);
    }
    if (!question->timed)
        return;
    filter->from_ms =
        INT64_C(1767225600000) + (int64_t)pick_below(&seed, asking->total / DAY_RECORDS + 1) * 86400000;
    filter->to_ms = filter->from_ms + 86400000;
}

static uint64_t ask(const struct asking *asking, const struct question *question)
{
    struct audit_search search = {.oldest = question->oldest};
    struct audit_view view;
    struct audit_found found = {0};
    struct audit_histogram histogram = {0};
    uint64_t count = 0;
    set_filter(asking, question, &search.filter);
    audit_view_open(&asking->audit->tails, asking->txn, &view);
    if (!question->by) {
        check(audit_search(&view, &search, asking->arena, &found), question->what);
        count = found.count;
    } else {
        struct audit_grouping grouping = {.top = 1000};
        const struct audit_zone zone = {.fixed = true};
        check(audit_filter_resolve(&search.filter, &view, asking->arena), question->what);
        if (!*question->by)
            check(audit_count(&view, &search.filter, &count), question->what);
        else if (audit_grouping_find(question->by, &grouping))
            check(audit_histogram(&view, &search.filter, &grouping, &zone, asking->arena, &histogram),
                question->what);
        count += histogram.total;
    }
    audit_view_close(&view);
    return count;
}

static int compare_seconds(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* By the clock, and what of it was the processor's: beside other work the two differ. */
static void time_question(const struct asking *asking, const struct question *question)
{
    static double seconds[QUESTIONS], processor[QUESTIONS];
    uint64_t found = 0;
    for (unsigned i = 0; i < QUESTIONS; i++) {
        arena_reset(asking->arena);
        double began = now(CLOCK_MONOTONIC), processor_began = now(CLOCK_THREAD_CPUTIME_ID);
        found += ask(asking, question);
        seconds[i] = now(CLOCK_MONOTONIC) - began;
        processor[i] = now(CLOCK_THREAD_CPUTIME_ID) - processor_began;
    }
    qsort(seconds, QUESTIONS, sizeof(*seconds), compare_seconds);
    qsort(processor, QUESTIONS, sizeof(*processor), compare_seconds);
    printf("%s: %-36s p50 %8.3f ms  p99 %8.3f ms  processor p99 %8.3f ms  (%.1f records)\n",
        question->by ? "count" : "page", question->what, seconds[QUESTIONS / 2] * 1e3,
        seconds[QUESTIONS * 99 / 100] * 1e3, processor[QUESTIONS * 99 / 100] * 1e3,
        (double)found / QUESTIONS);
}

static void time_limit(const struct asking *asking)
{
    static double seconds[QUESTIONS];
    static uint8_t sink;
    for (unsigned i = 0; i < QUESTIONS; i++) {
        double began = now(CLOCK_MONOTONIC);
        for (unsigned row = 0; row < SEARCH_ROWS_DEFAULT; row++) {
            struct bytes record;
            if (audit_store_record(asking->txn, pick_below(&seed, asking->total), &record))
                for (size_t b = 0; b < record.size; b++)
                    sink ^= record.data[b];
        }
        seconds[i] = now(CLOCK_MONOTONIC) - began;
    }
    qsort(seconds, QUESTIONS, sizeof(*seconds), compare_seconds);
    printf("limit: %u records read: p99 %.3f ms (%u)\n", SEARCH_ROWS_DEFAULT,
        seconds[QUESTIONS * 99 / 100] * 1e3, sink & 1u);
}

int main(int argc, char **argv)
{
    uint64_t total = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    char directory[512], error[256], command[600], path[600];
    snprintf(directory, sizeof(directory), "%.400s/audit-search-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (total < BATCH || !mkdtemp(directory))
        check(-QY_EINVAL, "arguments");
    total -= total % BATCH;
    struct service service = {0};
    static struct audit audit;
    struct arena *arena;
    setenv("QUANYU_BOOTSTRAP", "none", 1);
    if (config_open("/dev/null", &service.config, error))
        check(-QY_EINVAL, error);
    check(arena_open(&arena), "memory");
    snprintf(path, sizeof(path), "%s/state", directory);
    struct store_options options = {.path = path,
        .tables = audit_tables,
        .table_count = AUDIT_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 37,
        .schema_version = AUDIT_SCHEMA_VERSION};
    check(store_open(&options, &service.store), path);
    struct batch first = {.service = &service, .now_ms = 1};
    check(store_begin(service.store, STORE_WRITE, &first.txn), "begin");
    check(audit_fold.open(&audit, &first), "open");
    check(store_commit(&first.txn), "commit");

    fill(&service, &audit, total);
    struct asking asking = {.audit = &audit, .arena = arena, .total = total};
    check(store_begin(service.store, STORE_READ, &asking.txn), "begin");
    time_limit(&asking);
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
        time_question(&asking, &questions[i]);
    store_abort(&asking.txn);

    audit_fold.close(&audit);
    store_close(&service.store);
    config_close(&service.config);
    arena_close(&arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command) == 0 ? 0 : 1;
}
