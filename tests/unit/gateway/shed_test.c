/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/shed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool due(size_t bytes, double oldest, size_t bytes_max, double seconds_max)
{
    struct service_load load = {.bytes = bytes, .oldest_seconds = oldest};
    struct shed_limits limits = {.bytes = bytes_max, .seconds = seconds_max};
    return shed_is_due(&load, &limits);
}

static void an_empty_queue_takes_everything(void **state)
{
    (void)state;
    assert_false(due(0, 0, 1024, 1));
    assert_false(due(1024, 1, 1024, 1));
}

static void too_much_or_too_old_is_shed(void **state)
{
    (void)state;
    assert_true(due(1025, 0, 1024, 1));
    assert_true(due(1, 1.001, 1024, 1));
    assert_false(due(1, 1000, 1024, 0));
    assert_true(due(1025, 0, 1024, 0));
}

static void clients_are_told_different_times(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        unsigned seconds = shed_retry_after();
        assert_in_range(seconds, 1, 3);
        seen |= 1u << seconds;
    }
    assert_int_equal(seen, 0xe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_takes_everything),
        cmocka_unit_test(too_much_or_too_old_is_shed),
        cmocka_unit_test(clients_are_told_different_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
