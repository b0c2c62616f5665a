/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/purpose.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_purpose_that_says_something_is_taken(void **state)
{
    static const char *const good[] = {"customer called about a parcel", "客户来电核对收货地址和姓名",
        "Order 4711: wrong address", "to test the delivery of vouchers"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (purpose_problem(good[i]))
            fail_msg("%s: %s", good[i], purpose_problem(good[i]));
}

static void fillers_are_told(void **state)
{
    static const char *const bad[] = {"", "short", "            ", "aaaaaaaaaaaa", "1234567890123",
        "..............", "test test test", "testtesttest", "asdfasdfasdf", "asdfghjkl qwertyuiop",
        "abababababab", "this is a test", "no reason none", "测试测试测试测试测试", "N/A N/A N/A N/A",
        "！！！！！！！！！！！！", "a b c d e", "line\nend of the text"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (!purpose_problem(bad[i]))
            fail_msg("taken: %s", bad[i]);
}

static void characters_count_and_not_bytes(void **state)
{
    (void)state;
    assert_non_null(purpose_problem("核对收货地址和姓")); /* 8 of them, 24 bytes */
    assert_null(purpose_problem("核对收货地址和姓名用"));
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    for (int i = 0; i < 50; i++)
        buffer_text(&text, i % 7 == 3 ? "客户来电核对收货人址名" : "客户来电核对收货地址");
    assert_non_null(purpose_problem(buffer_c_str(&text))); /* 507 */
    text.size = (size_t)3 * PURPOSE_CHARACTERS_MAX;
    assert_null(purpose_problem(buffer_c_str(&text)));
}

static void a_reason_is_a_few_words_without_personal_values(void **state)
{
    static const char *const bad[] = {
        "", "no", "   x   ", "he called from 138 0013 8000", "li.lei@example.com asked", "line\nend"};
    (void)state;
    assert_null(reason_problem("one"));
    assert_null(reason_problem("母女俩"));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (!reason_problem(bad[i]))
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_purpose_that_says_something_is_taken),
        cmocka_unit_test(fillers_are_told),
        cmocka_unit_test(characters_count_and_not_bytes),
        cmocka_unit_test(a_reason_is_a_few_words_without_personal_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
