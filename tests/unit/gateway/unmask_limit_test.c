/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unmask_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

static void so_many_an_hour_and_so_many_a_day(void **state)
{
    struct unmask_limit *limit;
    int64_t wait_ms, now = 1000 * HOUR;
    (void)state;
    assert_int_equal(unmask_limit_open(3, 5, &limit), 0);
    for (int i = 0; i < 3; i++)
        assert_true(unmask_limit_take(limit, 1, now + (int64_t)i * MINUTE, &wait_ms));
    assert_false(unmask_limit_take(limit, 1, now + 10 * MINUTE, &wait_ms));
    assert_int_equal(wait_ms, 50 * MINUTE);
    assert_true(unmask_limit_take(limit, 2, now + 10 * MINUTE, &wait_ms));
    assert_true(unmask_limit_take(limit, 1, now + HOUR, &wait_ms));
    assert_true(unmask_limit_take(limit, 1, now + HOUR + MINUTE, &wait_ms));
    assert_false(unmask_limit_take(limit, 1, now + 5 * HOUR, &wait_ms));
    assert_int_equal(wait_ms, 19 * HOUR);
    assert_true(unmask_limit_take(limit, 1, now + 24 * HOUR, &wait_ms));
    assert_false(unmask_limit_take(limit, 1, now + 24 * HOUR, &wait_ms));
    assert_int_equal(wait_ms, MINUTE);
    unmask_limit_close(&limit);
    assert_null(limit);
}

static void many_members_are_counted_apart_and_let_go(void **state)
{
    struct unmask_limit *limit;
    int64_t wait_ms;
    (void)state;
    assert_int_equal(unmask_limit_open(1, 100, &limit), 0);
    for (int day = 0; day < 3; day++)
        for (uint32_t staff = 1; staff <= 200; staff++) {
            assert_true(unmask_limit_take(limit, staff, (int64_t)day * 24 * HOUR, &wait_ms));
            assert_false(unmask_limit_take(limit, staff, (int64_t)day * 24 * HOUR, &wait_ms));
        }
    unmask_limit_close(&limit);
}

static void none_at_all_may_be_allowed(void **state)
{
    struct unmask_limit *limit;
    int64_t wait_ms;
    (void)state;
    assert_int_equal(unmask_limit_open(0, 10, &limit), 0);
    assert_false(unmask_limit_take(limit, 1, 0, &wait_ms));
    unmask_limit_close(&limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_an_hour_and_so_many_a_day),
        cmocka_unit_test(many_members_are_counted_apart_and_let_go),
        cmocka_unit_test(none_at_all_may_be_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
