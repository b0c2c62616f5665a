/* SPDX-License-Identifier: Apache-2.0 */
#include "common/disguise.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void what_could_be_a_digest_is_seen_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const yes[] = {"709559e9597fadc042d59c664fe27e7e",
        "d08d34f991404450e729a04a72d2b48d299dc69d",
        "A6942F9771D67F34034D2F1926988ED3FAD3BF1B4E7CEDB9A31F31398DEA43BC",
        "eUW9gyNzNeU3b/RNYuTwrg==", "eUW9gyNzNeU3b/RNYuTwrg", "ubVfNsI4phAmq8fkxr6XWDY8EMVKTkRi-D8zRYIw6v4",
        "hash=709559e9597fadc042d59c664fe27e7e&x",
        "https://shop.example/u/709559e9597fadc042d59c664fe27e7e/cart",
        "md5_709559e9597fadc042d59c664fe27e7e", "/u/eUW9gyNzNeU3bARNYuTwrg",
        "Seen by 709559e9597fadc042d59c664fe27e7e!"};
    static const char *const no[] = {"", "709559e9597fadc042d59c664fe27e7",
        "709559e9597fadc042d59c664fe27e7e0", "709559e9597fadc042d59c664fe27e7g",
        "550e8400-e29b-41d4-a716-446655440000", "Order Completed", "O-20250301-17-00000000000000000"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        if (!disguise_has_digest(yes[i], strlen(yes[i])))
            fail_msg("not seen: %s", yes[i]);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        if (disguise_has_digest(no[i], strlen(no[i])))
            fail_msg("seen in: %s", no[i]);
}

static void escapes_of_json_and_html_are_read(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"name\": \"\\u738b\\u5c0f\\u660e\"}", "{\"name\": \"王小明\"}"},
        {"&#29579;&#x5C0F;&#x660e", "王小明"},
        {"\\u0031\\U0033800138000 ok", "13800138000 ok"},
        {"\\ud83d\\ude00!", "😀!"},
        {"\\ud83d &#0; &#x110000; \\u00e9", "\\ud83d &#0; &#x110000; é"},
    };
    static const char *const none[] = {"a \\ b & c", "\\u12", "&#;", "&amp;", "\\ud800"};
    char out[DISGUISE_TEXT_MAX];
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(disguise_decode(cases[i][0], strlen(cases[i][0]), out, &size));
        assert_int_equal(size, strlen(cases[i][1]));
        assert_memory_equal(out, cases[i][1], size);
    }
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_false(disguise_decode(none[i], strlen(none[i]), out, &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_be_a_digest_is_seen_wherever_it_stands),
        cmocka_unit_test(escapes_of_json_and_html_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
