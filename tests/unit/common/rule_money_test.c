/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/rules.h"

/* What is called rich asks for money, whatever it is. */
static bool rich(void *self, enum rule_kind kind, const char *name)
{
    (void)self;
    return (kind == RULE_SEGMENT || kind == RULE_TAG || kind == RULE_STAGE) && strcmp(name, "rich") == 0;
}

static bool asks(const char *json, const char *pointer)
{
    static const struct rule_money money = {.named = rich};
    struct rule_problem where = {0};
    struct rule *rule = parse_rule(json);
    bool found = rule_asks_for_money(rule, &money, &where);
    assert_string_equal(where.pointer, pointer);
    assert_int_equal(found, rule_asks_for_money(rule, &money, NULL));
    assert_int_equal(found, *where.message != '\0');
    rule_free(&rule);
    return found;
}

static void money_is_found_wherever_a_rule_can_ask_for_it(void **state)
{
    (void)state;
    assert_true(asks("{'metric':'revenue','gte':5}", ""));
    assert_true(asks("{'metric':'average_order','gte':5}", ""));
    assert_true(asks("{'not':{'all':[{'everyone':true},{'metric':'monetary_score','is':5}]}}", "/not/all/1"));
    assert_true(asks("{'event':'Order Completed','where':[{'property':'products.price','gt':1}]}", ""));
    assert_true(asks("{'event':'Order Completed','where':[{'property':'price.value','gt':1}]}", ""));
    assert_true(asks("{'event':'a','sum':{'property':'total','gte':1}}", ""));
    assert_true(asks("{'event':'a','distinct':{'property':'unit_price','gte':1}}", ""));
    assert_true(asks("{'trait':'total_spent','exists':true}", ""));
    assert_true(asks("{'any':[{'stage':['poor','rich']}]}", "/any/0"));
    assert_true(asks("{'tag':'rich'}", ""));
    assert_true(asks("{'not':{'segment':'rich'}}", "/not"));
}

static void what_only_sounds_like_money_is_none(void **state)
{
    (void)state;
    assert_false(asks("{'all':[{'metric':'orders','gte':1},{'tag':'revenue'},{'stage':'poor'}]}", ""));
    assert_false(asks("{'event':'a','where':[{'property':'sku','is':'total'}]}", ""));
    assert_false(asks("{'event':'total','count':{'gte':2}}", ""));
    assert_false(asks("{'trait':'city','is':'rich'}", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_is_found_wherever_a_rule_can_ask_for_it),
        cmocka_unit_test(what_only_sounds_like_money_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
