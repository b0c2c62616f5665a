/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/api_access.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_cookie_is_found_among_others_by_its_whole_name(void **state)
{
    static const struct {
        const char *header, *value;
    } cases[] = {
        {"a=1", "1"},
        {"b=2; a=1", "1"},
        {"b=2;a=1;c=3", "1"},
        {"  a=1  ", "1  "},
        {"aa=2; a=", ""},
        {"aa=2", ""},
        {"ba=2; xa=3", ""},
        {"a", ""},
        {";;; a=x=y", "x=y"},
        {"a=1; a=2", "1"},
        {"", ""},
        {";", ""},
        {"=", ""},
    };
    char value[8];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(api_cookie(cases[i].header, "a", value, sizeof(value)));
        assert_string_equal(value, cases[i].value);
    }
}

static void one_that_is_too_long_does_not_fit(void **state)
{
    char value[8];
    (void)state;
    assert_false(api_cookie("a=12345678", "a", value, sizeof(value)));
    assert_string_equal(value, "");
    assert_true(api_cookie("a=1234567", "a", value, sizeof(value)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_found_among_others_by_its_whole_name),
        cmocka_unit_test(one_that_is_too_long_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
