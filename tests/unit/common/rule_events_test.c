/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

#define PERSON                                                                                               \
    "{'now_ms':100000000,'events':["                                                                         \
    "{'name':'X','time_ms':13600000,'properties':{'total':'99.90','items':[{'p':1,'q':[5,'6',[7]]},{'p':2}]" \
    "}},"                                                                                                    \
    "{'name':'X','time_ms':50000000,'properties':{'total':0.1,'items':{'p':2.0}}},"                          \
    "{'name':'X','time_ms':99999999},"                                                                       \
    "{'name':'Y','time_ms':99999999,'properties':{'total':1e400,'more':'x'}}]}"

static void a_window_holds_its_first_instant_and_not_its_last(void **state)
{
    (void)state;
    assert_true(matches(
        "{'event':'X','within':'24h','count':{'is':3}}", PERSON)); /* the first is exactly a day old */
    assert_true(matches("{'event':'X','within':'86399s','count':{'is':2}}", PERSON));
    assert_true(matches(
        "{'event':'X','between':['1970-01-01T03:46:40Z','1970-01-01T13:53:20Z'],'count':{'is':1}}", PERSON));
    assert_false(matches("{'event':'X','between':['1970-01-03T00:00:00Z','1970-01-01T00:00:00Z']}", PERSON));
}

static void nothing_counts_as_zero(void **state)
{
    (void)state;
    assert_true(matches("{'event':'Z','count':{'lte':3,'is':0,'in':[0]}}", PERSON));
    assert_true(matches("{'event':'Z','sum':{'property':'total','is':0,'gt':-1}}", PERSON));
    assert_true(matches("{'event':'Z','distinct':{'property':'total','lt':1}}", PERSON));
    assert_false(matches("{'event':'Z'}", PERSON));
}

static void sums_are_exact_and_skip_what_is_no_number(void **state)
{
    (void)state;
    assert_true(matches("{'event':'X','sum':{'property':'total','is':100}}", PERSON));
    assert_true(matches(
        "{'event':'X','sum':{'property':'items.p','is':5,'is_not':6,'in':[1,5],'not_in':[]}}", PERSON));
    assert_true(matches("{'event':'X','sum':{'property':'items.q','is':11}}", PERSON));
    assert_true(
        matches("{'event':'Y','sum':{'property':'total','is':0}}", PERSON)); /* too large to be added */
    assert_true(matches("{'event':'Y','sum':{'property':'more','is':0}}", PERSON));
}

static void distinct_goes_by_value(void **state)
{
    (void)state;
    assert_true(matches("{'event':'X','distinct':{'property':'items.p','is':2}}", PERSON));
    assert_true(matches("{'event':'X','distinct':{'property':'items.q','is':2}}", PERSON));
}

static void where_picks_events_by_what_any_path_reaches(void **state)
{
    (void)state;
    assert_true(matches("{'event':'X','where':[{'property':'items.p','is':1}],'count':{'is':1}}", PERSON));
    assert_true(
        matches("{'event':'X','where':[{'property':'items.p','is_not':1}],'count':{'is':2}}", PERSON));
    assert_true(
        matches("{'event':'X','where':[{'property':'total','exists':false}],'count':{'is':1}}", PERSON));
    assert_true(matches("{'event':'X','where':[{'property':'total','gte':0.1},{'property':'items.p','lt':2}],"
                        "'count':{'is':1}}",
        PERSON));
    assert_false(matches("{'event':'X','where':[{'property':'items.p.x','exists':true}]}", PERSON));
}

struct seen {
    unsigned events;
    bool properties;
};

static void count_visits(void *self, const char *name, int64_t from_ms, int64_t to_ms, bool with_properties,
    rule_event_fn *visit, void *context)
{
    struct seen *seen = self;
    (void)name;
    (void)from_ms;
    (void)to_ms;
    const struct rule_event event = {.time_ms = 5};
    seen->properties = with_properties;
    for (unsigned i = 0; i < 100; i++) {
        seen->events++;
        if (!visit(context, &event))
            return;
    }
}

static void no_more_events_are_read_than_the_answer_needs(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        unsigned events;
        bool matches;
    } cases[] = {{"{'event':'X'}", 1, true}, {"{'event':'X','count':{'gte':3}}", 3, true},
        {"{'event':'X','count':{'lt':3}}", 3, false}, {"{'event':'X','count':{'lte':3}}", 4, false},
        {"{'event':'X','count':{'is':3}}", 4, false}, {"{'event':'X','count':{'gt':2.5}}", 3, true},
        {"{'event':'X','count':{'gte':2.5}}", 3, true}, {"{'event':'X','count':{'gte':0}}", 0, true},
        {"{'event':'X','count':{'in':[2,7]}}", 8, false}, {"{'event':'X','count':{'is_not':-1}}", 0, true},
        {"{'event':'X','count':{'lte':1e30}}", 100, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct seen seen = {0};
        struct rule *rule = parse_rule(cases[i].rule);
        struct rule_subject subject = {.self = &seen, .now_ms = 10, .events = count_visits};
        assert_int_equal(rule_matches(rule, &subject), cases[i].matches);
        assert_int_equal(seen.events, cases[i].events);
        assert_false(seen.properties);
        rule_free(&rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_holds_its_first_instant_and_not_its_last),
        cmocka_unit_test(nothing_counts_as_zero),
        cmocka_unit_test(sums_are_exact_and_skip_what_is_no_number),
        cmocka_unit_test(distinct_goes_by_value),
        cmocka_unit_test(where_picks_events_by_what_any_path_reaches),
        cmocka_unit_test(no_more_events_are_read_than_the_answer_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
