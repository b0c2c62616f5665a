/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/rule_money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool asks(const char *json)
{
    yyjson_doc *doc = yyjson_read(json, strlen(json), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    bool found = rule_asks_for_money(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return found;
}

static void money_is_found_wherever_a_rule_can_ask_for_it(void **state)
{
    (void)state;
    assert_true(asks("{\"metric\":\"revenue\",\"gte\":5}"));
    assert_true(asks("{\"not\":{\"all\":[{\"everyone\":true},{\"metric\":\"monetary_score\",\"is\":5}]}}"));
    assert_true(
        asks("{\"event\":\"Order Completed\",\"where\":[{\"property\":\"products.price\",\"gt\":1}]}"));
    assert_true(asks("{\"event\":\"a\",\"sum\":{\"property\":\"total\",\"gte\":1}}"));
    assert_true(asks("{\"trait\":\"total_spent\",\"exists\":true}"));
    assert_true(asks("[{\"stage\":\"rich\",\"rule\":{\"metric\":\"gross\",\"gt\":1}}]"));
    assert_false(asks("{\"all\":[{\"metric\":\"orders\",\"gte\":1},{\"tag\":\"revenue\"}]}"));
    assert_false(asks("{\"event\":\"a\",\"where\":[{\"property\":\"sku\",\"is\":\"total\"}]}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(money_is_found_wherever_a_rule_can_ask_for_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
