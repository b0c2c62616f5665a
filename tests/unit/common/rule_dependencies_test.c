/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

static void a_rule_says_what_it_looks_at(void **state)
{
    (void)state;
    struct rule *rule =
        parse_rule("{'all':[{'trait':'b','is':1},{'trait':'a','is':1},{'not':{'trait':'b','is':2}},"
                   "{'tag':'t'},{'segment':'s'},{'event':'E'},{'metric':'orders','gte':1},"
                   "{'metric':'gross','gte':1},{'stage':'new'}]}");
    const struct rule_dependencies *found = rule_dependencies(rule);
    assert_int_equal(found->trait_count, 2);
    assert_string_equal(found->traits[0], "a");
    assert_string_equal(found->traits[1], "b");
    assert_int_equal(found->tag_count, 1);
    assert_string_equal(found->segments[0], "s");
    assert_string_equal(found->events[0], "E");
    assert_int_equal(found->metrics, 1U << METRIC_ORDERS | 1U << METRIC_GROSS);
    assert_true(found->stage && !found->tier && !found->identifiers && !found->time);
    assert_true(!found->unit && !found->guide);
    rule_free(&rule);
    rule = parse_rule("{'any':[{'not':{'unit':'u_7'}},{'guide':{'exists':false}}]}");
    found = rule_dependencies(rule);
    assert_true(found->unit && found->guide && !found->time);
    rule_free(&rule);
}

static bool depends_on_time(const char *json)
{
    struct rule *rule = parse_rule(json);
    bool time = rule_dependencies(rule)->time;
    rule_free(&rule);
    return time;
}

static void time_matters_where_an_age_does(void **state)
{
    (void)state;
    assert_true(depends_on_time("{'not':{'event':'X','within':'1d'}}"));
    assert_true(depends_on_time("{'trait':'a','older_than':'1d'}"));
    assert_true(depends_on_time("{'metric':'last_order_at','newer_than':'1d'}"));
    assert_true(depends_on_time("{'metric':'monetary_score','is':5}"));
    assert_true(depends_on_time("{'event':'X','where':[{'property':'a','newer_than':'1d'}]}"));
    assert_false(depends_on_time("{'event':'X','between':['2026-01-01','2026-02-01']}"));
    assert_false(depends_on_time("{'trait':'a','before':'2026-01-01'}"));
}

static void what_has_no_history_is_pointed_to(void **state)
{
    (void)state;
    struct rule_problem problem;
    struct rule *rule = parse_rule("{'all':[{'stage':'new'},{'not':{'tier':{'is':'gold'}}}]}");
    assert_false(rule_has_history(rule, &problem));
    assert_string_equal(problem.pointer, "/all/1/not/tier");
    rule_free(&rule);
    rule = parse_rule("{'any':[{'stage':'new'},{'guide':{'exists':false}}]}");
    assert_false(rule_has_history(rule, &problem));
    assert_string_equal(problem.pointer, "/any/1/guide");
    rule_free(&rule);
    rule = parse_rule("{'all':[{'stage':'new'},{'metric':'recency_score','is':5},{'event':'X'}]}");
    assert_true(rule_has_history(rule, &problem));
    rule_free(&rule);
}

static void a_reference_is_found(void **state)
{
    (void)state;
    struct rule_problem problem;
    struct rule *rule =
        parse_rule("{'any':[{'segment':'a'},{'segment':'b'},{'stage':['x','y']},{'tag':'c'}]}");
    assert_true(rule_refers_to(rule, RULE_SEGMENT, "b", &problem));
    assert_string_equal(problem.pointer, "/any/1/segment");
    assert_true(rule_refers_to(rule, RULE_STAGE, "y", &problem));
    assert_string_equal(problem.pointer, "/any/2/stage");
    assert_false(rule_refers_to(rule, RULE_TAG, "a", &problem));
    rule_free(&rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_says_what_it_looks_at),
        cmocka_unit_test(time_matters_where_an_age_does),
        cmocka_unit_test(what_has_no_history_is_pointed_to),
        cmocka_unit_test(a_reference_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
