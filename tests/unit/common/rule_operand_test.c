/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

static const struct rule_value *operand(struct rule **rule, const char *json)
{
    *rule = parse_rule(json);
    return &rule_root(*rule)->tests[0].value;
}

static void amounts_become_units_and_say_whether_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t units;
        bool exact;
    } cases[] = {{"{'metric':'gross','gte':'99.90'}", 9990, true},
        {"{'metric':'gross','gte':99.905}", 9990, false}, {"{'metric':'gross','gte':-0.001}", -1, false},
        {"{'metric':'orders','gte':2.0}", 2, true}, {"{'metric':'orders','gte':1e30}", INT64_MAX, false},
        {"{'tier':{'gte':'gold'}}", 2, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rule *rule;
        const struct rule_value *value = operand(&rule, cases[i].json);
        assert_int_equal(value->units, cases[i].units);
        assert_int_equal(value->has_units, cases[i].exact);
        rule_free(&rule);
    }
}

static void what_has_an_order_may_be_a_number_or_a_time(void **state)
{
    (void)state;
    struct rule *rule;
    const struct rule_value *value = operand(&rule, "{'trait':'a','gte':'1970-01-01T00:00:01Z'}");
    assert_true(value->has_units && !value->is_decimal);
    assert_int_equal(value->units, 1000);
    rule_free(&rule);
    value = operand(&rule, "{'trait':'a','gte':'2026'}");
    assert_true(value->is_decimal && !value->has_units);
    rule_free(&rule);
    refused("{'trait':'a','gte':'abc'}", "/gte");
    refused("{'trait':'a','gte':[1]}", "/gte");
    refused("{'trait':'a','gte':1e9999999999999999}", "/gte");
}

static void operators_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refused("{'metric':'orders','older_than':'1d'}", "/older_than");
    refused("{'metric':'orders','starts_with':'1'}", "/starts_with");
    refused("{'metric':'last_order_at','contains':'1'}", "/contains");
    refused("{'metric':'last_order_at','is':5}", "/is");
    refused("{'tier':{'before':'2026-01-01'}}", "/tier/before");
    refused("{'trait':'a','in':['x',null]}", "/in/1");
    refused("{'trait':'a','is':{}}", "/is");
    refused("{'trait':'a'}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_become_units_and_say_whether_exactly),
        cmocka_unit_test(what_has_an_order_may_be_a_number_or_a_time),
        cmocka_unit_test(operators_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
