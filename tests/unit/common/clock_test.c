/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t utc(const char *text)
{
    int64_t ms;
    assert_true(time_parse(text, strlen(text), false, &ms));
    return ms;
}

static void a_zone_must_be_known_to_the_system(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "Mars/Olympus", "../../etc/passwd", "/usr/share/zoneinfo/UTC",
        "Asia", "Asia/", "Asia/Shanghai\n", "CST-8", "zone.tab"};
    assert_int_equal(clock_set_zone("Europe/London"), 0);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(clock_set_zone(wrong[i]), -QY_EINVAL);
    assert_int_equal(
        clock_date_ms(2026, 7, 1), utc("2026-06-30T23:00:00Z")); /* the refused ones changed nothing */
    assert_int_equal(clock_set_zone("UTC"), 0);
}

static void a_day_runs_from_midnight_to_midnight(void **state)
{
    (void)state;
    assert_int_equal(clock_set_zone("Asia/Shanghai"), 0);
    int64_t midnight = utc("2026-03-01T16:00:00Z");
    assert_int_equal(clock_midnight(midnight), midnight);
    assert_int_equal(clock_midnight(midnight - 1), midnight - DAY_MS);
    assert_int_equal(clock_next_midnight(midnight - 1), midnight);
    assert_int_equal(clock_next_midnight(midnight), midnight + DAY_MS);
    assert_int_equal(clock_midnight(-1), utc("1969-12-31T16:00:00Z"));
}

static void days_of_the_change_are_longer_or_shorter(void **state)
{
    (void)state;
    assert_int_equal(clock_set_zone("Europe/London"), 0);
    assert_int_equal(clock_next_midnight(utc("2026-03-29T12:00:00Z")), utc("2026-03-29T23:00:00Z"));
    assert_int_equal(clock_midnight(utc("2026-03-29T12:00:00Z")), utc("2026-03-29T00:00:00Z"));
    assert_int_equal(clock_midnight(utc("2026-10-25T12:00:00Z")), utc("2026-10-24T23:00:00Z"));
    assert_int_equal(clock_next_midnight(utc("2026-10-25T12:00:00Z")), utc("2026-10-26T00:00:00Z"));
}

static void a_time_that_is_not_moves_on_and_one_that_is_twice_is_the_first(void **state)
{
    (void)state;
    assert_int_equal(clock_set_zone("Europe/London"), 0);
    assert_int_equal(clock_local_ms(2026, 3, 29, 1, 30, 0), utc("2026-03-29T01:30:00Z")); /* 02:30 there */
    assert_int_equal(clock_local_ms(2026, 3, 29, 0, 59, 59), utc("2026-03-29T00:59:59Z"));
    assert_int_equal(clock_local_ms(2026, 3, 29, 2, 0, 0), utc("2026-03-29T01:00:00Z"));
    assert_int_equal(clock_local_ms(2026, 10, 25, 1, 30, 0), utc("2026-10-25T00:30:00Z"));
    assert_int_equal(clock_local_ms(2026, 10, 25, 2, 0, 0), utc("2026-10-25T02:00:00Z"));
    assert_int_equal(clock_local_ms(2010, 12, 1, 8, 26, 0), utc("2010-12-01T08:26:00Z"));
}

static void a_midnight_that_is_jumped_over_is_the_jump(void **state)
{
    (void)state;
    assert_int_equal(clock_set_zone("America/Sao_Paulo"), 0);
    assert_int_equal(clock_date_ms(2018, 11, 4), utc("2018-11-04T03:00:00Z"));
    assert_int_equal(clock_midnight(utc("2018-11-04T12:00:00Z")), utc("2018-11-04T03:00:00Z"));
    assert_int_equal(clock_set_zone("America/Toronto"), 0); /* 23:30 became 00:30 */
    assert_int_equal(clock_date_ms(1919, 3, 31), utc("1919-03-31T04:30:00Z"));
    assert_int_equal(clock_set_zone("Pacific/Apia"), 0); /* had no 30th of December 2011 */
    assert_int_equal(clock_next_midnight(utc("2011-12-30T09:59:59Z")), utc("2011-12-30T10:00:00Z"));
    assert_int_equal(clock_midnight(utc("2011-12-30T10:00:00Z")), utc("2011-12-30T10:00:00Z"));
}

static void midnights_enclose_their_instant_in_any_zone(void **state)
{
    (void)state;
    static const char *const zones[] = {"America/St_Johns", "America/Havana", "Africa/Casablanca",
        "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati", "Atlantic/Azores"};
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        assert_int_equal(clock_set_zone(zones[i]), 0);
        for (int64_t ms = INT64_C(900000000000); ms < INT64_C(1900000000000); ms += 1234567891) {
            assert_true(clock_midnight(ms) <= ms);
            assert_true(clock_next_midnight(ms) > ms);
            assert_true(clock_next_midnight(ms) - clock_midnight(ms) <= 2 * DAY_MS);
        }
    }
    assert_int_equal(clock_set_zone("UTC"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_must_be_known_to_the_system),
        cmocka_unit_test(a_day_runs_from_midnight_to_midnight),
        cmocka_unit_test(days_of_the_change_are_longer_or_shorter),
        cmocka_unit_test(a_time_that_is_not_moves_on_and_one_that_is_twice_is_the_first),
        cmocka_unit_test(a_midnight_that_is_jumped_over_is_the_jump),
        cmocka_unit_test(midnights_enclose_their_instant_in_any_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
