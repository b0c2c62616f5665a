/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PERSONS 20000u /* the table grows several times */

static struct memory *memory;

static int open_memory(void **state)
{
    (void)state;
    return memory_open(&memory);
}

static int close_memory(void **state)
{
    (void)state;
    memory_close(&memory);
    return 0;
}

static void keep(uint32_t person)
{
    const struct sketch sketch = {.count = 1, .tags = {(uint16_t)person}};
    memory_keep(memory, person, &sketch);
}

static uint64_t stated(uint64_t number)
{
    return (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static bool holds(uint32_t person, uint64_t number)
{
    uint64_t hash = stated(number);
    return memory_holds(memory, person, &hash, 1);
}

static void hold(uint32_t person, uint64_t number)
{
    uint64_t hash = stated(number);
    memory_hold(memory, person, &hash, 1);
}

static void everybody_is_remembered(void **state)
{
    (void)state;
    for (uint32_t person = 1; person <= PERSONS; person++) {
        assert_null(memory_find(memory, person));
        keep(person);
        hold(person, person);
    }
    for (uint32_t person = 1; person <= PERSONS; person++) {
        const struct sketch *sketch = memory_find(memory, person);
        assert_non_null(sketch);
        assert_int_equal(sketch->tags[0], (uint16_t)person);
        assert_true(holds(person, person) && !holds(person, person + 1));
    }
}

static void the_last_statements_hold_together(void **state)
{
    (void)state;
    const uint64_t both[] = {stated(1), stated(2)};
    hold(1, 1);
    assert_false(holds(1, 1)); /* nothing is known of who that is */
    keep(1);
    assert_true(memory_holds(memory, 1, NULL, 0));
    memory_hold(memory, 1, both, 2);
    assert_true(holds(1, 1) && holds(1, 2) && memory_holds(memory, 1, both, 2));
    for (uint64_t number = 3; number < 9; number++)
        hold(1, number);
    assert_true(holds(1, 1));
    hold(1, 1);
    hold(1, 9);
    assert_true(holds(1, 1) && holds(1, 9) && !holds(1, 2)); /* the one that was stated longest ago */
    keep(1);
    assert_false(holds(1, 1));
}

static void who_is_dropped_is_not_remembered(void **state)
{
    (void)state;
    keep(1);
    keep(2);
    hold(1, 1);
    hold(2, 1);
    memory_drop(memory, 1);
    memory_drop(memory, 3);
    assert_true(!memory_find(memory, 1) && !holds(1, 1) && memory_find(memory, 2) && holds(2, 1));
    keep(1);
    assert_true(memory_find(memory, 1) && !holds(1, 1));
    memory_clear(memory);
    assert_true(!memory_find(memory, 1) && !memory_find(memory, 2) && !holds(2, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everybody_is_remembered, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(the_last_statements_hold_together, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(who_is_dropped_is_not_remembered, open_memory, close_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
