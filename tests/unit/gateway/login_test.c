/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_login_is_small_letters_digits_and_few_signs(void **state)
{
    (void)state;
    char login[LOGIN_BYTES_MAX + 1];
    assert_null(login_read("Li.Lei+1_x-y@Example.com", login));
    assert_string_equal(login, "li.lei+1_x-y@example.com");
    assert_null(login_read("\xef\xbc\xac\xef\xbd\x89.lei", login)); /* of full width */
    assert_string_equal(login, "li.lei");
}

static void what_could_look_like_another_is_no_login(void **state)
{
    (void)state;
    char login[LOGIN_BYTES_MAX + 1];
    static const char *const wrong[] = {"", "ab", "a b c",
        "\xd0\xb0"
        "dmin" /* a Cyrillic a */,
        "\xce\xbfmega", "caf\xc3\xa9", "cafe\xcc\x81",
        "a\xe2\x80\x8b"
        "dmin",
        "\xe6\x9d\x8e\xe9\x9b\xb7\xe9\x9b\xb7", "a|b|c", "a/b/c", "\xff\xfe\xfd"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_non_null(login_read(wrong[i], login));
    char longest[LOGIN_BYTES_MAX + 2];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_non_null(login_read(longest, login));
    longest[LOGIN_BYTES_MAX] = '\0';
    assert_null(login_read(longest, login));
}

static void ids_are_told_from_other_logins(void **state)
{
    (void)state;
    assert_true(login_is_of_id("st_7"));
    assert_false(login_is_of_id("st.7"));
    assert_false(login_is_of_id(""));
}

static void check(const char *one, const char *other, bool same)
{
    char a[64], b[64];
    size_t first = login_look(one, strlen(one), a), second = login_look(other, strlen(other), b);
    assert_int_equal(first == second && memcmp(a, b, first) == 0, same);
}

static void logins_look_the_same_where_people_cannot_tell_them_apart(void **state)
{
    (void)state;
    check("admin", "adrnin", true);
    check("e-1017", "e-lo17", true);
    check("bob", "b0b", true);
    check("admin", "admin2", false);
    check("e-1017", "e-1071", false);
    check("r", "rn", false);
    check("", "", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_is_small_letters_digits_and_few_signs),
        cmocka_unit_test(what_could_look_like_another_is_no_login),
        cmocka_unit_test(ids_are_told_from_other_logins),
        cmocka_unit_test(logins_look_the_same_where_people_cannot_tell_them_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
