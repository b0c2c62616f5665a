/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

/* The condition, asked of a trait's value. */
static bool holds(const char *condition, const char *value)
{
    char rule[1024], person[1024];
    snprintf(rule, sizeof(rule), "{'trait':'t',%s}", condition);
    snprintf(person, sizeof(person), "{'now_ms':1772353800000,'traits':{%s%s}}", value ? "'t':" : "",
        value ? value : "");
    return matches(rule, person);
}

static void numbers_and_decimal_strings_are_one(void **state)
{
    (void)state;
    assert_true(holds("'is':1", "1.0"));
    assert_true(holds("'is':1", "'1.00'"));
    assert_true(holds("'is':'1.0'", "1"));
    assert_false(holds("'is':'1.0'", "'1'"));
    assert_false(holds("'is':1", "'1e0'"));
    assert_false(holds("'is':1", "true"));
    assert_true(holds("'gt':0.1", "0.10000000000000000000000000000000001"));
    assert_false(holds("'gte':9007199254740993", "9007199254740992"));
    assert_false(holds("'gte':1", "'abc'"));
    assert_false(holds("'gte':1", "{}"));
}

static void texts_are_compared_letter_for_letter(void **state)
{
    (void)state;
    assert_true(holds("'is':'上海'", "'上海'"));
    assert_false(holds("'is':'a'", "'A'"));
    assert_false(holds("'is':'a'", "'a\\u0000'"));
    assert_true(holds("'contains':'b\\u0000'", "'ab\\u0000c'"));
    assert_true(holds("'contains':''", "''"));
    assert_false(holds("'starts_with':'ab'", "'a'"));
    assert_true(holds("'starts_with':'a'", "'ab'"));
}

static void absent_fails_all_but_the_negations(void **state)
{
    (void)state;
    static const char *const nothing[] = {NULL, "null"};
    for (size_t i = 0; i < COUNT_OF(nothing); i++) {
        assert_false(holds("'is':1", nothing[i]));
        assert_true(holds("'is_not':1", nothing[i]));
        assert_false(holds("'in':[1]", nothing[i]));
        assert_true(holds("'not_in':[1]", nothing[i]));
        assert_true(holds("'exists':false", nothing[i]));
        assert_false(holds("'exists':true", nothing[i]));
        assert_false(holds("'lt':1", nothing[i]));
        assert_false(holds("'contains':''", nothing[i]));
        assert_false(holds("'older_than':'0s'", nothing[i]));
    }
}

static void a_list_stands_for_its_elements(void **state)
{
    (void)state;
    assert_true(holds("'is':2", "[1,2]"));
    assert_false(holds("'is_not':2", "[1,2]"));
    assert_true(holds("'gte':10,'lt':5", "[1,20]"));
    assert_false(holds("'is':1", "[[1]]"));
    assert_true(holds("'contains':1", "[2,'1']"));
    assert_false(holds("'contains':'a'", "['ab']"));
    assert_true(holds("'exists':true", "[]"));
    assert_true(holds("'exists':true", "[null]"));
    assert_false(holds("'in':[]", "[1]"));
}

static void ages_hold_to_the_millisecond(void **state)
{
    (void)state;
    assert_true(holds("'newer_than':'1d'", "'2026-02-28T08:30:00Z'"));
    assert_false(holds("'older_than':'1d'", "'2026-02-28T08:30:00Z'"));
    assert_true(holds("'older_than':'1d'", "'2026-02-28T08:29:59.999Z'"));
    assert_false(holds("'newer_than':'1d'", "'2026-02-28T08:29:59.999Z'"));
    assert_true(holds("'newer_than':'1d'", "'2030-01-01T00:00:00Z'"));
    assert_false(holds("'newer_than':'1d'", "'yesterday'"));
    assert_true(holds("'before':'2026-02-28','after':'2026-02-26'", "'2026-02-27'"));
}

static void units_stand_between_two_units_where_the_operand_does(void **state)
{
    (void)state;
    const char *person = "{'now_ms':0,'metrics':{'gross':'99.90'}}";
    assert_true(matches("{'metric':'gross','gt':'99.895','lt':'99.905'}", person));
    assert_false(matches("{'metric':'gross','gte':'99.905'}", person));
    assert_true(matches("{'metric':'gross','lte':'99.905','is_not':'99.905'}", person));
    assert_true(matches("{'metric':'gross','is':'99.9','in':[1,99.90],'not_in':['99.901']}", person));
    assert_true(matches("{'metric':'revenue','is_not':1,'not_in':[1],'exists':false}", person));
    assert_false(matches("{'metric':'revenue','lte':1}", person));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_decimal_strings_are_one),
        cmocka_unit_test(texts_are_compared_letter_for_letter),
        cmocka_unit_test(absent_fails_all_but_the_negations),
        cmocka_unit_test(a_list_stands_for_its_elements),
        cmocka_unit_test(ages_hold_to_the_millisecond),
        cmocka_unit_test(units_stand_between_two_units_where_the_operand_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
