/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

static const struct rule_node *event_of(struct rule **rule, const char *json)
{
    *rule = parse_rule(json);
    return rule_root(*rule);
}

static void without_a_figure_one_event_is_enough(void **state)
{
    (void)state;
    struct rule *rule;
    const struct rule_node *event = event_of(&rule, "{'event':'X'}");
    assert_int_equal(event->aggregate, AGGREGATE_COUNT);
    assert_int_equal(event->aggregate_test_count, 1);
    assert_int_equal(event->aggregate_tests[0].op, OP_GTE);
    assert_int_equal(event->aggregate_tests[0].value.units, 1);
    assert_true(event->from_ms == INT64_MIN && event->to_ms == INT64_MAX && event->within_ms == 0);
    rule_free(&rule);
}

static void a_window_is_one_of_two_kinds(void **state)
{
    (void)state;
    struct rule *rule;
    assert_int_equal(clock_set_zone("Asia/Shanghai"), 0);
    assert_int_equal(event_of(&rule, "{'event':'X','within':'90d'}")->within_ms, 90 * DAY_MS);
    rule_free(&rule);
    const struct rule_node *event =
        event_of(&rule, "{'event':'X','between':['1970-01-02','1970-01-03T00:00:00Z']}");
    assert_int_equal(event->from_ms, DAY_MS - 8 * 3600 * 1000);
    assert_int_equal(event->to_ms, 2 * DAY_MS);
    rule_free(&rule);
    refused("{'event':'X','between':['1970-01-02','1970-01-03'],'within':'1d'}", "/between");
    refused("{'event':'X','within':'0s'}", "/within");
    refused("{'event':'X','between':['1970-01-02','1970-01-03','1970-01-04']}", "/between");
}

static void only_one_figure_is_possible(void **state)
{
    (void)state;
    refused("{'event':'X','count':{'gte':1},'distinct':{'property':'a','gte':1}}", "/distinct");
    refused("{'event':'X','count':{'gte':1,'contains':1}}", "/count/contains");
    refused("{'event':'X','sum':{'property':'a','older_than':'1d'}}", "/sum/older_than");
    refused("{'event':'X','sum':{'gte':1}}", "/sum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_figure_one_event_is_enough),
        cmocka_unit_test(a_window_is_one_of_two_kinds),
        cmocka_unit_test(only_one_figure_is_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
