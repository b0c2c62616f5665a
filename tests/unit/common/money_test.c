/* SPDX-License-Identifier: Apache-2.0 */
#include "common/money.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void names_of_money_are_told_from_others(void **state)
{
    static const char *const money[] = {"total", "Order_Total", "unitPrice", "amount", "total_cny",
        "refund_amount", "tax", "value", "实付金额", "pay.amount", "price_cents"};
    static const char *const others[] = {
        "order_id", "quantity", "age", "points", "currency", "syntax", "city", "position", "sku", "", "fen"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(money); i++)
        if (!money_key(money[i], strlen(money[i])))
            fail_msg("%s is money", money[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (money_key(others[i], strlen(others[i])))
            fail_msg("%s is no money", others[i]);
}

static void money_is_taken_out_at_any_depth_and_all_else_stays(void **state)
{
    static const char json[] = "{\"total\":99.90,\"order_id\":\"o\\\"1\",\"n\":1.50,\"products\":[{\"sku\":"
                               "\"a\",\"price\":\"1.00\",\"quantity\":2}"
                               ",{\"price\":{\"x\":1}}],\"deep\":{\"tax\":1,\"ok\":[true,null,[]]}}";
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    (void)state;
    assert_int_equal(money_strip_text((struct bytes){(const uint8_t *)json, strlen(json)}, &out), 0);
    assert_string_equal(buffer_c_str(&out),
        "{\"order_id\":\"o\\\"1\",\"n\":1.50,\"products\":[{\"sku\":\"a\",\"quantity\":2},{}],"
        "\"deep\":{\"ok\":[true,null,[]]}}");
    assert_int_equal(money_strip_text((struct bytes){(const uint8_t *)"{", 1}, &out), -QY_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_money_are_told_from_others),
        cmocka_unit_test(money_is_taken_out_at_any_depth_and_all_else_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
