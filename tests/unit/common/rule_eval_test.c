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

static void whose_somebody_is_goes_by_the_tree(void **state)
{
    (void)state;
    static const char bound[] = "{'now_ms':0,'units':['u_7','u_2','u_1'],'guide':'st_3'}",
                      nobodys[] = "{'now_ms':0}";
    assert_true(matches("{'unit':'u_7'}", bound));
    assert_true(matches("{'unit':['u_9','u_2']}", bound));
    assert_false(matches("{'unit':'u_9'}", bound));
    assert_true(matches("{'guide':['st_1','st_3']}", bound));
    assert_false(matches("{'guide':'st_1'}", bound));
    assert_true(matches("{'all':[{'unit':{'exists':true}},{'guide':{'exists':true}}]}", bound));
    assert_true(matches("{'all':[{'unit':{'exists':false}},{'guide':{'exists':false}}]}", nobodys));
    assert_false(matches("{'any':[{'unit':'u_1'},{'guide':'st_3'}]}", nobodys));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_asks_its_own),
        cmocka_unit_test(tiers_go_by_their_order),
        cmocka_unit_test(all_any_and_not_combine),
        cmocka_unit_test(whose_somebody_is_goes_by_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
