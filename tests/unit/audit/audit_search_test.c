/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/runtime.h"

#include "proto/identity.pb-c.h"
#include "services/audit/audit_search.h"

#define RECORDS 40000u /* two full segments and a tail */
#define PERSONS 500u
#define ACTORS 20u

/* What the oracle knows of each record. */
struct known {
    unsigned actor;
    unsigned action;
    unsigned person;  /* 0: none */
    bool one_id_only; /* a list: the One ID without its number */
    int64_t time_ms;
};

static struct known known[RECORDS];
static struct runtime *filled;

static const char *const actions[] = {"person.show", "person.lookup", "tag.add", "audience.count"};

static void fill_record(unsigned i, Quanyu__Actor *actor, char actor_id[16], char one_id[16],
    uint32_t *number, Quanyu__AuditRecord *record)
{
    static char *persons[1];
    const struct known *k = &known[i];
    sprintf(actor_id, "t_%u", k->actor);
    quanyu__actor__init(actor);
    actor->kind = QUANYU__ACTOR__KIND__STAFF;
    actor->id = actor_id;
    quanyu__audit_record__init(record);
    record->actor = actor;
    record->action = (char *)actions[k->action];
    if (k->person == 0)
        return;
    sprintf(one_id, "p_%u", k->person);
    persons[0] = one_id;
    *number = k->person;
    record->persons = persons;
    record->n_persons = 1;
    record->numbers = number;
    record->n_numbers = k->one_id_only ? 0 : 1;
}

static int fill(void **state)
{
    (void)state;
    filled = runtime_open("simulated");
    srandom(20261122);
    runtime_begin(filled);
    for (unsigned i = 0; i < RECORDS; i++) {
        if (random() % 1000 == 0) {
            runtime_commit(filled);
            runtime_begin(filled);
        }
        if (random() % 4 == 0)
            filled->batch.now_ms = filled->now_ms += random() % 3000;
        known[i] = (struct known){
            .actor = (unsigned)random() % ACTORS,
            .action = random() % 50 ? (unsigned)random() % 3 : 3,
            .person = random() % 5 ? 1 + (unsigned)random() % PERSONS : 0,
            .one_id_only = random() % 4 == 0,
            .time_ms = filled->now_ms,
        };
        char actor_id[16], one_id[16];
        uint32_t number;
        uint64_t index;
        Quanyu__Actor actor;
        Quanyu__AuditRecord record;
        fill_record(i, &actor, actor_id, one_id, &number, &record);
        assert_int_equal(audit_take(&filled->audit, &filled->batch, &record, &index), 0);
        assert_int_equal(index, i);
    }
    runtime_commit(filled);
    return 0;
}

static int empty(void **state)
{
    (void)state;
    runtime_close(filled);
    return 0;
}

/* Pages through a search to its end; returns how many rows there were, indexes in `found`. */
static size_t search_all(struct runtime *runtime, struct audit_search search, uint64_t *found)
{
    struct store_txn *txn = runtime_read(runtime);
    size_t count = 0;
    for (unsigned pages = 0;; pages++) {
        struct audit_found page;
        arena_reset(runtime->arena);
        assert_true(pages < RECORDS);
        assert_int_equal(audit_search(txn, &search, runtime->arena, &page), 0);
        assert_true(page.count <= (search.limit ? search.limit : SEARCH_ROWS_DEFAULT));
        for (size_t i = 0; i < page.count; i++)
            found[count++] = page.rows[i].index;
        if (page.next == 0)
            break;
        search.before = page.next;
    }
    store_abort(&txn);
    return count;
}

static bool fits(const struct known *k, const struct audit_search *search, unsigned actor, unsigned person)
{
    return (!search->actor || k->actor == actor) && (!search->subject || k->person == person) &&
           (!search->action || strcmp(actions[k->action], search->action) == 0) &&
           k->time_ms >= search->from_ms && (!search->to_ms || k->time_ms < search->to_ms);
}

static void test_any_combination_finds_what_a_look_at_every_record_finds(void **state)
{
    (void)state;
    static uint64_t found[RECORDS];
    srandom(5);
    for (unsigned round = 0; round < 120; round++) {
        char actor_text[16], subject_text[16];
        unsigned actor = (unsigned)random() % (ACTORS + 2), person = 1 + (unsigned)random() % (PERSONS + 5);
        struct audit_search search = {.limit = 1 + (unsigned)random() % 300};
        sprintf(actor_text, "t_%u", actor);
        sprintf(subject_text, "p_%u", person);
        search.actor = random() % 2 ? actor_text : NULL;
        search.subject = random() % 2 ? subject_text : NULL;
        search.action = random() % 2 ? actions[random() % 4] : NULL;
        if (random() % 2)
            search.from_ms = known[random() % RECORDS].time_ms + random() % 2;
        if (random() % 2)
            search.to_ms = known[random() % RECORDS].time_ms + random() % 2;
        size_t count = search_all(filled, search, found), next = 0;
        for (unsigned i = RECORDS; i-- > 0;)
            if (fits(&known[i], &search, actor, person)) {
                assert_true(next < count);
                assert_int_equal(found[next++], i);
            }
        assert_int_equal(next, count);
    }
}

static void test_a_limit_beyond_the_greatest_is_the_greatest(void **state)
{
    (void)state;
    struct store_txn *txn = runtime_read(filled);
    struct audit_found page;
    arena_reset(filled->arena);
    assert_int_equal(audit_search(txn, &(struct audit_search){.limit = 100000}, filled->arena, &page), 0);
    assert_int_equal(page.count, SEARCH_ROWS_MAX);
    assert_int_equal(page.rows[0].index, RECORDS - 1);
    assert_int_equal(page.next, RECORDS - SEARCH_ROWS_MAX);
    store_abort(&txn);
}

static void test_a_number_finds_records_without_the_one_id(void **state)
{
    (void)state;
    static uint64_t found[RECORDS];
    size_t expected = 0;
    for (unsigned i = 0; i < RECORDS; i++)
        expected += known[i].person == 17 && !known[i].one_id_only;
    assert_int_equal(search_all(filled, (struct audit_search){.subject = "17"}, found), expected);
    assert_int_equal(search_all(filled, (struct audit_search){.subject = "99999"}, found), 0);
    assert_int_equal(search_all(filled, (struct audit_search){.subject = "99999999999"}, found), 0);
    assert_int_equal(search_all(filled, (struct audit_search){.subject = "p_nobody"}, found), 0);
}

static void test_the_segments_are_read_again_after_a_restart(void **state)
{
    (void)state;
    static uint64_t before[RECORDS], after[RECORDS];
    struct audit_search search = {.actor = "t_3", .action = "audience.count"};
    size_t count = search_all(filled, search, before);
    assert_true(count > 10);
    runtime_stop(filled);
    runtime_start(filled);
    assert_int_equal(filled->audit.words.count > 0, true);
    assert_int_equal(search_all(filled, search, after), count);
    assert_memory_equal(before, after, count * sizeof(*before));
}

/* -- persons that are joined -- */

static int setup(void **state)
{
    *state = runtime_open("simulated");
    return 0;
}

static int teardown(void **state)
{
    runtime_close(*state);
    return 0;
}

static void take_look(struct runtime *runtime, const char *one_id, uint32_t number)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.id = "t_1";
    char *persons[] = {(char *)one_id};
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT, *records[] = {&record};
    record.actor = &actor;
    record.action = "person.show";
    record.persons = persons;
    record.n_persons = 1;
    record.numbers = &number;
    record.n_numbers = 1;
    assert_int_equal(runtime_append(runtime, records, 1, NULL), 0);
}

static void move(struct runtime *runtime, uint32_t *nodes, size_t count, uint32_t from, uint32_t to)
{
    Quanyu__NodesMoved moved = QUANYU__NODES_MOVED__INIT;
    moved.nodes = nodes;
    moved.n_nodes = count;
    moved.from = from;
    moved.to = to;
    runtime_begin(runtime);
    assert_int_equal(
        runtime_fold(runtime, INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_MOVED, 1, &moved.base), 0);
    runtime_commit(runtime);
}

static void assert_found(struct runtime *runtime, const char *subject, const uint64_t *expected, size_t count)
{
    uint64_t found[16];
    assert_int_equal(
        search_all(runtime, (struct audit_search){.subject = subject, .action = "person.show"}, found),
        count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(found[i], expected[i]);
}

static void test_records_of_all_that_are_now_one_person_are_found(void **state)
{
    struct runtime *runtime = *state;
    uint32_t first[] = {30, 31}, second[] = {20, 30, 31};
    take_look(runtime, "p_a", 10); /* 0 */
    take_look(runtime, "p_b", 20); /* 1 */
    take_look(runtime, "p_c", 30); /* 2 */
    take_look(runtime, "p_d", 40); /* 3 */
    assert_found(runtime, "p_b", (uint64_t[]){1}, 1);
    move(runtime, first, 2, 30, 20); /* 4: c into b */
    assert_found(runtime, "p_b", (uint64_t[]){2, 1}, 2);
    move(runtime, second, 3, 20, 10); /* 5: both into a */
    assert_found(runtime, "p_a", (uint64_t[]){2, 1, 0}, 3);
    assert_found(runtime, "p_c", (uint64_t[]){2, 1, 0}, 3); /* an alias asks for the person it is now */
    assert_found(runtime, "20", (uint64_t[]){2, 1, 0}, 3);
    assert_found(runtime, "p_d", (uint64_t[]){3}, 1);
}

static void test_records_follow_a_person_that_is_split_off_again(void **state)
{
    struct runtime *runtime = *state;
    uint32_t nodes[] = {20, 21};
    take_look(runtime, "p_a", 10);
    take_look(runtime, "p_b", 20);
    move(runtime, nodes, 2, 20, 10);
    assert_found(runtime, "p_a", (uint64_t[]){1, 0}, 2);
    move(runtime, nodes, 2, 10, 20);
    assert_found(runtime, "p_a", (uint64_t[]){0}, 1);
    assert_found(runtime, "p_b", (uint64_t[]){1}, 1);
}

static void test_the_join_itself_is_found_by_either_person(void **state)
{
    struct runtime *runtime = *state;
    uint32_t node = 20;
    uint64_t found[4];
    take_look(runtime, "p_a", 10);
    take_look(runtime, "p_b", 20);
    move(runtime, &node, 1, 20, 10);
    struct audit_search search = {.subject = "p_b", .action = "person.join"};
    assert_int_equal(search_all(runtime, search, found), 1);
    assert_int_equal(found[0], 2);
}

static void test_an_empty_log_has_no_records(void **state)
{
    uint64_t found[4];
    assert_int_equal(search_all(*state, (struct audit_search){0}, found), 0);
    assert_int_equal(search_all(*state, (struct audit_search){.subject = "p_a", .from_ms = 5}, found), 0);
}

int main(void)
{
    const struct CMUnitTest large[] = {
        cmocka_unit_test(test_any_combination_finds_what_a_look_at_every_record_finds),
        cmocka_unit_test(test_a_limit_beyond_the_greatest_is_the_greatest),
        cmocka_unit_test(test_a_number_finds_records_without_the_one_id),
        cmocka_unit_test(test_the_segments_are_read_again_after_a_restart),
    };
    const struct CMUnitTest joined[] = {
        cmocka_unit_test_setup_teardown(
            test_records_of_all_that_are_now_one_person_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_records_follow_a_person_that_is_split_off_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_join_itself_is_found_by_either_person, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_log_has_no_records, setup, teardown),
    };
    int failed = cmocka_run_group_tests(large, fill, empty);
    return failed + cmocka_run_group_tests(joined, NULL, NULL);
}
