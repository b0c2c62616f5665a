/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

#define PERSON                                                                                               \
    "{'now_ms':1000000,'traits':{'since':'1970-01-01T00:16:00Z','list':['1970-01-01T00:15:00Z','1970-01-"    \
    "01T00:16:30Z']},"                                                                                       \
    "'metrics':{'orders':1,'last_order_at':400000,'recency_score':3},"                                       \
    "'events':[{'name':'X','time_ms':100000,'properties':{'at':'1970-01-01T00:16:00Z','n':1}},"              \
    "{'name':'X','time_ms':970000,'properties':{'n':2}}]}"

static void a_threshold_is_passed_one_millisecond_after_it(void **state)
{
    (void)state;
    assert_int_equal(next_change("{'metric':'last_order_at','older_than':'15m'}", PERSON), 1300001);
    assert_int_equal(next_change("{'metric':'last_order_at','newer_than':'15m'}", PERSON), 1300001);
    assert_int_equal(next_change("{'metric':'last_order_at','newer_than':'10m'}", PERSON), 1000001);
    assert_true(next_change("{'metric':'last_order_at','older_than':'9m'}", PERSON) == TIME_NEVER);
    assert_true(next_change("{'metric':'first_order_at','older_than':'9m'}", PERSON) == TIME_NEVER);
    assert_int_equal(next_change("{'trait':'since','newer_than':'90s'}", PERSON), 1050001);
    assert_int_equal(next_change("{'trait':'list','newer_than':'120s'}", PERSON), 1020001);
}

static void an_event_leaves_its_window_after_its_last_instant(void **state)
{
    (void)state;
    assert_int_equal(next_change("{'event':'X','within':'15m'}", PERSON), 1000001);
    assert_int_equal(next_change("{'event':'X','within':'90s'}", PERSON), 1060001);
    assert_int_equal(
        next_change("{'event':'X','within':'15m','where':[{'property':'n','is':2}]}", PERSON), 1870001);
    assert_true(next_change("{'event':'X','within':'15m','count':{'gte':3}}", PERSON) == TIME_NEVER);
    assert_true(next_change("{'event':'X','within':'15m','count':{'lte':2}}", PERSON) == TIME_NEVER);
    assert_int_equal(next_change("{'event':'X','within':'15m','count':{'lte':1}}", PERSON), 1000001);
    assert_int_equal(
        next_change("{'event':'X','within':'15m','sum':{'property':'n','gte':9}}", PERSON), 1000001);
    assert_true(next_change("{'event':'X','count':{'gte':2}}", PERSON) == TIME_NEVER);
}

static void an_event_may_begin_to_count(void **state)
{
    (void)state;
    const char *older = "{'event':'X','where':[{'property':'at','older_than':'60s'}]}";
    assert_int_equal(next_change(older, PERSON), 1020001);
    assert_true(next_change("{'event':'X','within':'15m','where':[{'property':'at','older_than':'60s'}]}",
                    PERSON) == TIME_NEVER);
}

static void scores_change_at_midnight(void **state)
{
    (void)state;
    assert_int_equal(clock_set_zone("Asia/Shanghai"), 0);
    assert_int_equal(next_change("{'metric':'recency_score','gte':3}", PERSON), 16 * 3600 * 1000);
    assert_true(next_change("{'metric':'recency_score','gte':3}", "{'now_ms':0}") == TIME_NEVER);
}

static void what_fails_for_good_needs_no_timer(void **state)
{
    (void)state;
    const char *soon = "{'event':'X','within':'90s'}";
    char rule[512];
    snprintf(rule, sizeof(rule), "{'all':[%s,{'tag':'missing'}]}", soon);
    assert_true(next_change(rule, PERSON) == TIME_NEVER);
    snprintf(rule, sizeof(rule), "{'any':[%s,{'everyone':true}]}", soon);
    assert_true(next_change(rule, PERSON) == TIME_NEVER);
    snprintf(rule, sizeof(rule), "{'not':{'all':[%s,{'everyone':true}]}}", soon);
    assert_int_equal(next_change(rule, PERSON), 1060001);
    snprintf(rule, sizeof(rule),
        "{'all':[{'metric':'last_order_at','older_than':'15m'},{'metric':'last_order_at','older_than':'20m'}]"
        "}");
    assert_int_equal(next_change(rule, PERSON), 1600001); /* both must come to hold */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_threshold_is_passed_one_millisecond_after_it),
        cmocka_unit_test(an_event_leaves_its_window_after_its_last_instant),
        cmocka_unit_test(an_event_may_begin_to_count),
        cmocka_unit_test(scores_change_at_midnight),
        cmocka_unit_test(what_fails_for_good_needs_no_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
