/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <inttypes.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t parsed(const char *text, bool allow_date)
{
    int64_t ms = -1;
    if (!time_parse(text, strlen(text), allow_date, &ms))
        fail_msg("%s is refused", text);
    return ms;
}

static void a_time_is_read_to_the_millisecond(void **state)
{
    (void)state;
    assert_int_equal(parsed("1970-01-01T00:00:00Z", false), 0);
    assert_int_equal(parsed("2026-03-01T08:30:00.250Z", false), INT64_C(1772353800250));
    assert_int_equal(parsed("2026-03-01t08:30:00.25z", false), INT64_C(1772353800250));
    assert_int_equal(parsed("2026-03-01 08:30:00.2509999Z", false), INT64_C(1772353800250));
    assert_int_equal(parsed("2026-03-01T16:30:00.25+08:00", false), INT64_C(1772353800250));
    assert_int_equal(parsed("2026-02-28T20:30:00.25-12:00", false), INT64_C(1772353800250));
    assert_int_equal(parsed("1969-12-31T23:59:59.999Z", false), -1);
    assert_int_equal(parsed("0001-01-01T00:00:00Z", false), INT64_C(-62135596800000));
    assert_int_equal(parsed("9999-12-31T23:59:59.999Z", false), INT64_C(253402300799999));
    assert_int_equal(parsed("2024-02-29T00:00:00Z", false), INT64_C(1709164800000));
}

static void a_leap_second_ends_a_day_of_utc_only(void **state)
{
    (void)state;
    assert_int_equal(parsed("2016-12-31T23:59:60Z", false), parsed("2017-01-01T00:00:00Z", false));
    assert_int_equal(parsed("2017-01-01T07:59:60.5+08:00", false), parsed("2017-01-01T00:00:00.5Z", false));
    int64_t ms;
    assert_false(time_parse("2016-12-31T22:59:60Z", 20, false, &ms));
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "2026", "2026-03", "2026-03-01", "2026-3-01T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00+0800",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+08:60", "2026-01-01T00:00:00Z ",
        " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00ZZ", "2026-01-01  00:00:00Z", "+2026-01-01T00:00:00Z",
        "12026-01-01T00:00:00Z", "2026-01-01T-1:00:00Z", "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z", "2026/01/01T00:00:00Z", "2026-01-01T00:00:00 Z"};
    int64_t ms = 7;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (time_parse(wrong[i], strlen(wrong[i]), false, &ms))
            fail_msg("%s is taken", wrong[i]);
    assert_false(time_parse("2026-01-01\0T00:00:00Z", 21, true, &ms));
    assert_int_equal(ms, 7);
}

static void a_date_alone_is_its_midnight_here(void **state)
{
    (void)state;
    assert_int_equal(clock_set_zone("Asia/Shanghai"), 0);
    assert_int_equal(parsed("2026-03-01", true), parsed("2026-02-28T16:00:00Z", false));
    assert_int_equal(clock_set_zone("UTC"), 0);
    assert_int_equal(parsed("2026-03-01", true), parsed("2026-03-01T00:00:00Z", false));
    int64_t ms;
    assert_false(time_parse("2026-03-01T", 11, true, &ms));
    assert_false(time_parse("2026-02-30", 10, true, &ms));
}

static int64_t stated(const char *text)
{
    int64_t ms = -1;
    if (!time_parse_stated(text, strlen(text), &ms))
        fail_msg("%s is refused", text);
    return ms;
}

static void senders_may_leave_out_what_goes_without_saying(void **state)
{
    (void)state;
    assert_int_equal(clock_set_zone("Asia/Shanghai"), 0);
    int64_t expected = parsed("2026-03-01T08:30:00Z", false);
    static const char *const same[] = {"2026-03-01T08:30:00Z", "2026-03-01T16:30:00+08:00",
        "2026-03-01T16:30:00+0800", "2026-03-01T16:30:00.000+0800", "2026-03-01T08:30Z",
        "2026-03-01T16:30+08:00", "2026-03-01 16:30+0800", "2026-03-01T05:00-0330"};
    for (size_t i = 0; i < COUNT_OF(same); i++)
        assert_int_equal(stated(same[i]), expected);
    assert_int_equal(
        stated("2026-03-01"), parsed("2026-03-01T00:00:00Z", false)); /* whatever the zone here */
    assert_int_equal(stated("0001-01-01"), parsed("0001-01-01T00:00:00Z", false));
    assert_int_equal(clock_set_zone("UTC"), 0);
}

static void what_senders_state_is_refused_where_it_is_unclear(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "2026", "2026-03", "2026-02-30", "2026-03-01T", "2026-03-01Z",
        "2026-03-01T08Z", "2026-03-01T08:30", "2026-03-01T08:30:00", "2026-03-01T08:30:Z",
        "2026-03-01T08:30.5Z", "2026-03-01T08:30+8", "2026-03-01T08:30+080", "2026-03-01T08:30+08000",
        "2026-03-01T08:30+08:", "2026-03-01T08:30+08", "2026-03-01T08:30+2400", "2026-03-01T08:30+0860",
        "2026-03-01T24:00Z", "2026-03-01T08:60Z", "20260301T083000Z", "0001-01-01T00:00+0001", "1772353800",
        "2026-03-01 "};
    int64_t ms = 7;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (time_parse_stated(wrong[i], strlen(wrong[i]), &ms))
            fail_msg("%s is taken", wrong[i]);
    assert_int_equal(ms, 7);
}

static void a_written_time_reads_back(void **state)
{
    (void)state;
    char text[TIME_TEXT_BYTES];
    assert_string_equal(time_format(0, text), "1970-01-01T00:00:00Z");
    assert_string_equal(time_format(-1, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(time_format(INT64_C(1772353800250), text), "2026-03-01T08:30:00.250Z");
    assert_string_equal(time_format(INT64_C(1772353800000), text), "2026-03-01T08:30:00Z");
    for (int64_t ms = INT64_C(-62135596800000); ms < INT64_C(253402300800000);
        ms += INT64_C(86399999) * 31 + 7)
        assert_int_equal(parsed(time_format(ms, text), false), ms);
    assert_true(strlen(time_format(INT64_MIN, text)) < TIME_TEXT_BYTES);
    assert_true(strlen(time_format(INT64_MAX, text)) < TIME_TEXT_BYTES);
}

static void dates_and_days_are_one_to_one(void **state)
{
    (void)state;
    for (int64_t day = -800000; day < 3000000; day += 13) {
        int64_t year;
        int month, date;
        time_date(day, &year, &month, &date);
        assert_int_equal(time_days((int)year, month, date), day);
    }
}

static void a_duration_is_digits_and_one_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } right[] = {{"90s", 90000}, {"15m", 900000}, {"36h", 129600000}, {"30d", 30 * DAY_MS},
        {"6w", 42 * DAY_MS}, {"0d", 0}, {"007d", 7 * DAY_MS}, {"36525d", 36525 * DAY_MS},
        {"3155760000s", 36525 * DAY_MS}};
    static const char *const wrong[] = {"", "d", "1", "1D", "1y", "-1d", "+1d", "1.5d", "1 d", " 1d", "1d ",
        "1d2h", "36526d", "3155760001s", "99999999999999999999999999d", "18446744073709551617s", "0x1d"};
    int64_t ms = -1;
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        assert_true(duration_parse(right[i].text, strlen(right[i].text), &ms));
        assert_int_equal(ms, right[i].ms);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (duration_parse(wrong[i], strlen(wrong[i]), &ms))
            fail_msg("%s is taken", wrong[i]);
}

static void an_event_counts_as_stated_where_that_can_be(void **state)
{
    (void)state;
    int64_t now = INT64_C(1767225600000);
    assert_int_equal(clock_event_ms(now - DAY_MS, now, false), now - DAY_MS);
    assert_int_equal(clock_event_ms(now + 1, now, false), now);
    assert_int_equal(clock_event_ms(TIME_MOST_MS, now, false), now);
    assert_int_equal(clock_event_ms(CLOCK_EPOCH_MS - 1, now, true), now);
    assert_int_equal(clock_event_ms(CLOCK_EPOCH_MS, now, true), CLOCK_EPOCH_MS);
    assert_int_equal(clock_event_ms(TIME_LEAST_MS, now, false), TIME_LEAST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_read_to_the_millisecond),
        cmocka_unit_test(a_leap_second_ends_a_day_of_utc_only),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_date_alone_is_its_midnight_here),
        cmocka_unit_test(senders_may_leave_out_what_goes_without_saying),
        cmocka_unit_test(what_senders_state_is_refused_where_it_is_unclear),
        cmocka_unit_test(a_written_time_reads_back),
        cmocka_unit_test(dates_and_days_are_one_to_one),
        cmocka_unit_test(a_duration_is_digits_and_one_unit),
        cmocka_unit_test(an_event_counts_as_stated_where_that_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
