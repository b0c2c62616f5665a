/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

#define PERSON                                                                                               \
    "{'now_ms':1772353800000,'traits':{'city':'上海'},'metrics':{'orders':2},'tags':{'vip':['guide','rule']" \
    "},"                                                                                                     \
    "'stage':'new','tier':'gold','segments':['win-back'],'identifiers':['phone']}"

static void each_condition_asks_its_own(void **state)
{
    (void)state;
    assert_true(matches("{'everyone':true}", PERSON));
    assert_true(matches("{'tag':'vip'}", PERSON));
    assert_true(matches("{'tag':'vip','origin':'guide'}", PERSON));
    assert_false(matches("{'tag':'vip','origin':'model'}", PERSON));
    assert_true(matches("{'stage':['lost','new']}", PERSON));
    assert_false(matches("{'stage':'lost'}", PERSON));
    assert_true(matches("{'segment':'win-back'}", PERSON));
    assert_false(matches("{'identifier':'email'}", PERSON));
    assert_true(matches("{'metric':'orders','gte':2}", PERSON));
}

static void tiers_go_by_their_order(void **state)
{
    (void)state;
    assert_true(matches("{'tier':{'gte':'gold','lt':'black','is_not':'silver'}}", PERSON));
    assert_false(matches("{'tier':{'gt':'gold'}}", PERSON));
    assert_true(matches("{'tier':{'in':['basic','gold']}}", PERSON));
    assert_false(matches("{'tier':{'lte':'black'}}", "{'now_ms':0}"));
    assert_true(matches("{'tier':{'is_not':'gold','exists':false}}", "{'now_ms':0}"));
    assert_false(matches("{'stage':'new'}", "{'now_ms':0}"));
}

static void all_any_and_not_combine(void **state)
{
    (void)state;
    assert_true(matches("{'all':[{'tag':'vip'},{'any':[{'stage':'lost'},{'stage':'new'}]}]}", PERSON));
    assert_false(matches("{'all':[{'tag':'vip'},{'stage':'lost'}]}", PERSON));
    assert_true(matches("{'not':{'any':[{'tag':'x'},{'stage':'lost'}]}}", PERSON));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_asks_its_own),
        cmocka_unit_test(tiers_go_by_their_order),
        cmocka_unit_test(all_any_and_not_combine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
