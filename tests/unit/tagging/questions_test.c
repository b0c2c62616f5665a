/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/questions.h"

#include "tests/unit/tagging/world.h"

#define LEAST 10u
#define EVERYBODY 1000u

static void make(struct asked_question *question, uint64_t key, uint32_t from, uint32_t to, int64_t asked_ms)
{
    *question = (struct asked_question){.key = key, .asked_ms = asked_ms};
    assert_int_equal(person_set_open(1, &question->persons), 0);
    assert_int_equal(person_set_open(1, &question->population), 0);
    for (uint32_t i = from; i < to; i++)
        person_set_add(&question->persons, i);
    for (uint32_t i = 0; i < EVERYBODY; i++)
        person_set_add(&question->population, i);
}

static void add(struct world *world, const struct question_limits *limits, uint64_t key, uint32_t from,
    uint32_t to, int64_t asked_ms)
{
    _cleanup_(asked_question_close) struct asked_question question;
    make(&question, key, from, to, asked_ms);
    assert_int_equal(questions_add(world->batch.txn, limits, &question), 0);
}

static bool is_near(struct world *world, uint32_t from, uint32_t to, uint64_t first)
{
    _cleanup_(asked_question_close) struct asked_question question;
    bool near;
    make(&question, 0, from, to, 0);
    const struct picked picked = {&question.persons, &question.population};
    assert_int_equal(questions_near(world->batch.txn, &picked, first, LEAST, &near), 0);
    return near;
}

static void what_is_near_an_earlier_one_is_found_by_either_half(void **state)
{
    const struct question_limits limits = {0};
    struct world *world = world_open();
    (void)state;
    assert_int_equal(questions_next(world->batch.txn), 1);
    add(world, &limits, 1, 0, 400, 5);
    assert_int_equal(questions_next(world->batch.txn), 2);
    assert_true(is_near(world, 0, 401, 0));
    assert_true(is_near(world, 0, 391, 0));
    assert_true(is_near(world, 401, EVERYBODY, 0));
    assert_true(is_near(world, 1, 401, 0));
    assert_false(is_near(world, 0, 400, 0));
    assert_false(is_near(world, 400, EVERYBODY, 0));
    assert_false(is_near(world, 0, 390, 0));
    assert_false(is_near(world, 10, 410, 0));
    assert_false(is_near(world, 0, 401, 2)); /* it was looked at before */
    world_close(world);
}

static void the_newest_of_a_key_is_found(void **state)
{
    const struct question_limits limits = {0};
    struct world *world = world_open();
    (void)state;
    add(world, &limits, 7, 0, 100, 1);
    add(world, &limits, 7, 0, 200, 2);
    add(world, &limits, 8, 0, 300, 3);
    _cleanup_(asked_question_close) struct asked_question found, none;
    assert_int_equal(questions_latest(world->batch.txn, 7, &found), 0);
    assert_int_equal(found.persons.count, 200);
    assert_int_equal(found.asked_ms, 2);
    assert_int_equal(questions_latest(world->batch.txn, 9, &none), 0);
    assert_null(none.persons.words);
    world_close(world);
}

static void the_oldest_go_when_there_are_too_many_or_too_old_ones(void **state)
{
    const struct question_limits limits = {.count = 3, .age_ms = 1000};
    struct world *world = world_open();
    (void)state;
    for (uint32_t i = 1; i <= 5; i++)
        add(world, &limits, i, 0, i * 100, i);
    assert_false(is_near(world, 0, 201, 0));
    assert_true(is_near(world, 0, 301, 0));
    add(world, &limits, 9, 0, 600, 1004);
    assert_false(is_near(world, 0, 301, 0));
    assert_true(is_near(world, 0, 401, 0));
    add(world, &limits, 9, 0, 700, 5000);
    assert_false(is_near(world, 0, 401, 0) || is_near(world, 0, 601, 0));
    assert_int_equal(
        store_count(world->batch.txn, TABLE_QUESTIONS), 5); /* row, two sizes, key; and the totals */
    world_close(world);
}

static void bytes_are_bounded_too(void **state)
{
    const struct question_limits limits = {.bytes = 5000};
    struct world *world = world_open();
    (void)state;
    for (uint32_t i = 1; i <= 20; i++)
        add(world, &limits, i, 0, i * 40, i);
    assert_false(is_near(world, 0, 41, 0));
    assert_true(is_near(world, 0, 801, 0));
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_near_an_earlier_one_is_found_by_either_half),
        cmocka_unit_test(the_newest_of_a_key_is_found),
        cmocka_unit_test(the_oldest_go_when_there_are_too_many_or_too_old_ones),
        cmocka_unit_test(bytes_are_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
