/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/logbook.h"

#include "proto/identity.pb-c.h"

/* Pages through a search to its end; returns how many rows there were, indexes in `found`. */
static size_t search_all(struct runtime *runtime, struct audit_search search, uint64_t *found)
{
    size_t count = 0;
    for (unsigned pages = 0;; pages++) {
        struct store_txn *txn = runtime_read(runtime);
        struct audit_search page_search = search; /* a search resolves its filter */
        struct audit_found page;
        struct audit_view view;
        audit_view_open(&runtime->audit.tails, txn, &view);
        assert_true(pages < LOG_RECORDS);
        assert_int_equal(audit_search(&view, &page_search, runtime->arena, &page), 0);
        assert_true(page.count <= (search.limit ? search.limit : SEARCH_ROWS_DEFAULT));
        for (size_t i = 0; i < page.count; i++) {
            assert_true(page.rows[i].intact);
            found[count++] = page.rows[i].index;
        }
        audit_view_close(&view);
        store_abort(&txn);
        if (page.next == 0)
            return count;
        search.bound = page.next;
    }
}

static void assert_finds(const struct question *question, struct audit_search search)
{
    static uint64_t found[LOG_RECORDS];
    size_t count = search_all(filled, search, found), next = 0;
    for (unsigned i = 0; i < LOG_RECORDS; i++) {
        unsigned index = search.oldest ? i : LOG_RECORDS - 1 - i;
        if (!known_fits(question, &known[index]))
            continue;
        assert_true(next < count);
        assert_int_equal(found[next++], index);
    }
    assert_int_equal(next, count);
}

static void test_any_combination_finds_what_a_look_at_every_record_finds(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        arena_reset(filled->arena);
        struct question question = random_question();
        struct audit_search search = {
            .filter = filter_of(&question), .limit = 300 + (unsigned)random() % 700, .oldest = random() % 2};
        assert_finds(&question, search);
    }
}

static void test_no_filter_finds_all(void **state)
{
    (void)state;
    struct question question = {.unmasked = -1};
    for (unsigned order = 0; order < 2; order++) {
        arena_reset(filled->arena);
        assert_finds(&question, (struct audit_search){.limit = 1000, .oldest = order});
    }
}

static void test_a_limit_beyond_the_greatest_is_the_greatest(void **state)
{
    (void)state;
    struct store_txn *txn = runtime_read(filled);
    struct audit_search search = {.limit = 100000};
    struct audit_view view;
    struct audit_found page;
    arena_reset(filled->arena);
    audit_view_open(&filled->audit.tails, txn, &view);
    assert_int_equal(audit_search(&view, &search, filled->arena, &page), 0);
    assert_int_equal(page.count, EXPORT_ROWS_MAX);
    assert_int_equal(page.rows[0].index, LOG_RECORDS - 1);
    assert_int_equal(page.next, LOG_RECORDS - EXPORT_ROWS_MAX);
    audit_view_close(&view);
    store_abort(&txn);
}

static size_t count_found(const char *subject)
{
    static uint64_t found[LOG_RECORDS];
    struct audit_search search = {.limit = 1000};
    arena_reset(filled->arena);
    give(&search.filter, "subject", subject);
    return search_all(filled, search, found);
}

static void test_a_number_finds_records_without_the_one_id(void **state)
{
    (void)state;
    size_t expected = 0;
    for (unsigned i = 0; i < LOG_RECORDS; i++)
        expected += known[i].person == 17 && !known[i].one_id_only;
    assert_int_equal(count_found("17"), expected);
    assert_int_equal(count_found("99999"), 0);
    assert_int_equal(count_found("99999999999"), 0);
    assert_int_equal(count_found("p_nobody"), 0);
}

/* What others hold of the newest segments is a help only: the transaction's own records say the same. */
static void test_a_reader_without_what_is_in_memory_finds_the_same(void **state)
{
    (void)state;
    struct question question = {.unmasked = -1, .values = {[ACTOR] = {3}}, .value_count = {[ACTOR] = 1}};
    arena_reset(filled->arena);
    struct audit_search search = {.filter = filter_of(&question), .limit = 1000}, again = search;
    struct audit_found with, without;
    struct audit_view view;
    struct store_txn *txn = runtime_read(filled);
    audit_view_open(&filled->audit.tails, txn, &view);
    assert_int_equal(audit_search(&view, &search, filled->arena, &with), 0);
    audit_view_close(&view);
    audit_view_open(NULL, txn, &view);
    assert_int_equal(audit_search(&view, &again, filled->arena, &without), 0);
    audit_view_close(&view);
    store_abort(&txn);
    assert_true(with.count > 10);
    assert_int_equal(with.count, without.count);
    for (size_t i = 0; i < with.count; i++)
        assert_int_equal(with.rows[i].index, without.rows[i].index);
}

static void test_a_restart_finds_the_same(void **state)
{
    (void)state;
    runtime_stop(filled);
    runtime_start(filled);
    for (unsigned round = 0; round < 5; round++) {
        arena_reset(filled->arena);
        struct question question = random_question();
        assert_finds(&question, (struct audit_search){.filter = filter_of(&question), .limit = 1000});
    }
}

/* What a batch added that came to nothing is nobody's; the next one begins where the last commit ended. */
static void test_an_aborted_batch_leaves_nothing_in_the_index(void **state)
{
    (void)state;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint64_t index, found[4];
    actor.id = (char *)"only.one";
    record.actor = &actor;
    record.action = (char *)"operation.1";
    for (unsigned again = 0; again < 2; again++) {
        struct audit_search search = {.limit = 10};
        runtime_begin(filled);
        assert_int_equal(audit_take(&filled->audit, &filled->batch, &record, &index), 0);
        assert_int_equal(index, LOG_RECORDS);
        if (again)
            runtime_commit(filled);
        else
            runtime_abort(filled);
        arena_reset(filled->arena);
        give(&search.filter, "actor", "only.one");
        assert_int_equal(search_all(filled, search, found), again);
    }
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

static size_t search_for(struct runtime *runtime, const char *subject, const char *action, uint64_t *found)
{
    struct audit_search search = {0};
    const struct filter_name *by_subject = audit_filter_name("subject"),
                             *by_action = audit_filter_name("action");
    if (subject)
        assert_null(audit_filter_add(&search.filter, runtime->arena, by_subject, subject));
    if (action)
        assert_null(audit_filter_add(&search.filter, runtime->arena, by_action, action));
    return search_all(runtime, search, found);
}

static void assert_found(struct runtime *runtime, const char *subject, const uint64_t *expected, size_t count)
{
    uint64_t found[16];
    assert_int_equal(search_for(runtime, subject, "person.show", found), count);
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

static void test_however_many_numbers_a_person_has_none_is_passed_over(void **state)
{
    struct runtime *runtime = *state;
    uint32_t nodes[1500];
    take_look(runtime, "p_a", 10);    /* 0 */
    take_look(runtime, "p_z", 12999); /* 1 */
    for (uint32_t part = 0; part < 2; part++) {
        for (uint32_t i = 0; i < COUNT_OF(nodes); i++)
            nodes[i] = 10000 + part * (uint32_t)COUNT_OF(nodes) + i;
        move(runtime, nodes, COUNT_OF(nodes), nodes[0], 10); /* 2, 3 */
    }
    assert_found(runtime, "p_a", (uint64_t[]){1, 0}, 2);
    assert_found(runtime, "11500", (uint64_t[]){1, 0}, 2);
}

static void test_what_takes_too_long_is_given_up(void **state)
{
    struct runtime *runtime = *state;
    struct audit_view view;
    struct audit_found found;
    struct audit_search search = {.limit = 10};
    atomic_bool stopping = true;
    take_look(runtime, "p_a", 10);
    struct store_txn *txn = runtime_read(runtime);
    audit_view_open(&runtime->audit.tails, txn, &view);
    view.until_ms = 1;
    assert_int_equal(audit_search(&view, &search, runtime->arena, &found), -QY_ETIMEOUT);
    view.stopping = &stopping;
    assert_int_equal(audit_search(&view, &search, runtime->arena, &found), -QY_ESTOPPED);
    stopping = false;
    view.until_ms = 0;
    assert_int_equal(audit_search(&view, &search, runtime->arena, &found), 0);
    assert_int_equal(found.count, 1);
    audit_view_close(&view);
    store_abort(&txn);
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
    assert_int_equal(search_for(runtime, "p_b", "person.join", found), 1);
    assert_int_equal(found[0], 2);
}

static void test_an_empty_log_has_no_records(void **state)
{
    uint64_t found[4];
    struct audit_search late = {.filter = {.from_ms = 5}};
    assert_int_equal(search_for(*state, NULL, NULL, found), 0);
    assert_int_equal(search_for(*state, "p_a", NULL, found), 0);
    assert_int_equal(search_all(*state, late, found), 0);
}

int main(void)
{
    const struct CMUnitTest large[] = {
        cmocka_unit_test(test_any_combination_finds_what_a_look_at_every_record_finds),
        cmocka_unit_test(test_a_limit_beyond_the_greatest_is_the_greatest),
        cmocka_unit_test(test_a_number_finds_records_without_the_one_id),
        cmocka_unit_test(test_no_filter_finds_all),
        cmocka_unit_test(test_a_reader_without_what_is_in_memory_finds_the_same),
        cmocka_unit_test(test_a_restart_finds_the_same),
        cmocka_unit_test(test_an_aborted_batch_leaves_nothing_in_the_index),
    };
    const struct CMUnitTest joined[] = {
        cmocka_unit_test_setup_teardown(
            test_records_of_all_that_are_now_one_person_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_records_follow_a_person_that_is_split_off_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_takes_too_long_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_however_many_numbers_a_person_has_none_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_join_itself_is_found_by_either_person, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_log_has_no_records, setup, teardown),
    };
    draw_seed();
    int failed = cmocka_run_group_tests(large, log_fill, log_empty);
    return failed + cmocka_run_group_tests(joined, NULL, NULL);
}
