/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BEGIN INT64_C(1800000000000)
#define YEAR INT64_C(31536000000)
#define MINUTE INT64_C(60000)

/* `gone` after the first look the clock says BEGIN + gone + off. */
static void assert_taken(
    struct audit_clock *clock, int64_t gone, int64_t off, int64_t expected, enum clock_change change)
{
    enum clock_change found;
    assert_int_equal(audit_clock_take(clock, BEGIN + gone + off, 5000 + gone, &found), BEGIN + expected);
    assert_int_equal(found, change);
}

static void a_clock_that_is_set_by_little_is_followed(void **state)
{
    (void)state;
    struct audit_clock clock = {.begun = false};
    assert_taken(&clock, 0, 0, 0, CLOCK_AS_BEFORE);
    assert_taken(&clock, 1000, 0, 1000, CLOCK_AS_BEFORE);
    assert_taken(&clock, 2000, 9 * MINUTE, 2000 + 9 * MINUTE, CLOCK_AS_BEFORE);
    assert_taken(&clock, 3000, 18 * MINUTE, 3000 + 18 * MINUTE, CLOCK_AS_BEFORE); /* and from there on */
    assert_taken(&clock, 4000, 10 * MINUTE, 4000 + 10 * MINUTE, CLOCK_AS_BEFORE);
    assert_taken(
        &clock, YEAR, 10 * MINUTE, YEAR + 10 * MINUTE, CLOCK_AS_BEFORE); /* nobody asked for a year */
}

static void a_jump_is_not_followed_until_it_is_over(void **state)
{
    (void)state;
    for (int64_t off = -YEAR; off <= YEAR; off += 2 * YEAR) {
        struct audit_clock clock = {.begun = false};
        assert_taken(&clock, 0, 0, 0, CLOCK_AS_BEFORE);
        assert_taken(&clock, 1000, off, 1000, CLOCK_DOUBTED);
        assert_taken(&clock, 2000, off, 2000, CLOCK_AS_BEFORE);
        assert_taken(&clock, 30 * MINUTE, off, 30 * MINUTE, CLOCK_AS_BEFORE);
        assert_taken(&clock, 31 * MINUTE, 50, 31 * MINUTE + 50, CLOCK_BELIEVED);
        assert_taken(&clock, 32 * MINUTE, 50, 32 * MINUTE + 50, CLOCK_AS_BEFORE);
    }
}

static void a_clock_that_stays_where_it_jumped_is_believed_after_an_hour(void **state)
{
    (void)state;
    struct audit_clock clock = {.begun = false};
    assert_taken(&clock, 0, 0, 0, CLOCK_AS_BEFORE);
    assert_taken(&clock, MINUTE, YEAR, MINUTE, CLOCK_DOUBTED);
    assert_taken(&clock, 40 * MINUTE, 2 * YEAR, 40 * MINUTE, CLOCK_AS_BEFORE); /* another one: anew */
    assert_taken(&clock, 99 * MINUTE, 2 * YEAR, 99 * MINUTE, CLOCK_AS_BEFORE);
    assert_taken(&clock, 100 * MINUTE, 2 * YEAR, 2 * YEAR + 100 * MINUTE, CLOCK_BELIEVED);
    assert_taken(&clock, 101 * MINUTE, 2 * YEAR, 2 * YEAR + 101 * MINUTE, CLOCK_AS_BEFORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_set_by_little_is_followed),
        cmocka_unit_test(a_jump_is_not_followed_until_it_is_over),
        cmocka_unit_test(a_clock_that_stays_where_it_jumped_is_believed_after_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
