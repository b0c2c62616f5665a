/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_target.h"

#include "common/error.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void assert_split(const char *target, const char *path, const char *query)
{
    char text[256];
    size_t path_at = 0, query_at = 0;
    strcpy(text, target);
    const char *fault = http_target_split(text, strlen(text), &path_at, &query_at);
    if (fault)
        fail_msg("%s: %s", target, fault);
    assert_string_equal(text + path_at, path);
    assert_string_equal(text + query_at, query);
}

static void targets_are_cut_and_paths_decoded(void **state)
{
    (void)state;
    assert_split("/", "/", "");
    assert_split("/a/b", "/a/b", "");
    assert_split("/a?", "/a", "");
    assert_split("/a?b=%20&c?d", "/a", "b=%20&c?d");
    assert_split("/%e5%85%A8?%zz", "/\xe5\x85\xa8", "%zz");
    assert_split("/a+b", "/a+b", "");
    assert_split("/%3f%23%25", "/?#%", "");
    assert_split("/a/../b", "/a/../b", "");
    assert_split("http://shop.example:80/a?b", "/a", "b");
    assert_split("HTTPS://shop.example/", "/", "");
}

static void authorities_are_a_host_and_perhaps_a_port(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a", "a:80", "a:", "a-b.example_1:65535", "127.0.0.1:8080", "[::1]", "[fe80::1.2.3.4]:80", "xn--q~"};
    static const char *const bad[] = {"", ":80", "a:b", "a:80:80", "a:65536", "a:000080", "a:-1", "a@b",
        "a b", "[", "[]", "[]:80", "[::1", "[::1]80", "[g]", "::1", "a;b", "a'b", "\xe5\x85\xa8", "a%00"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(http_is_authority(good[i], strlen(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (http_is_authority(bad[i], strlen(bad[i])))
            fail_msg("%s was taken", bad[i]);
    assert_false(http_is_authority("a\0b", 3));
}

static void wrong_targets_are_named(void **state)
{
    (void)state;
    static const char *const targets[] = {"", "*", "a", "http://shop.example", "http://shop.example?q",
        "ftp://a/b", "http:///a", "http://:80/a", "http://u@b/a", "http://a:x/b", "http://a:65536/b",
        "http://a#b/c", "http://a b/c", "/#", "/a?b#c", "/%", "/%1", "/%1g", "/%g1", "/%-1", "/%00", "/%1f",
        "/%7F", "/%2f", "/%2F", "/a\tb"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        char text[64];
        size_t path, query;
        strcpy(text, targets[i]);
        if (!http_target_split(text, strlen(text), &path, &query))
            fail_msg("%s was taken", targets[i]);
    }
}

static void assert_parameter(const char *query, const char *name, const char *wanted)
{
    char value[8];
    if (http_query_parameter(query, name, value, sizeof(value)))
        fail_msg("%s is not found in %s", name, query);
    assert_string_equal(value, wanted);
}

static void parameters_are_found_and_decoded(void **state)
{
    (void)state;
    assert_parameter("a=1&b=2", "a", "1");
    assert_parameter("a=1&b=2", "b", "2");
    assert_parameter("a=1&a=2", "a", "1");
    assert_parameter("a", "a", "");
    assert_parameter("a=&b", "a", "");
    assert_parameter("&&a=x", "a", "x");
    assert_parameter("a=b=c", "a", "b=c");
    assert_parameter("x%61=%26+%2b", "xa", "& +");
    assert_parameter("a=1234567", "a", "1234567");
}

static void assert_no_parameter(const char *query, int error)
{
    char value[8];
    int found = http_query_parameter(query, "a", value, sizeof(value));
    if (found != error)
        fail_msg("%s: %s", query, error_name(found));
}

static void absent_broken_and_overlong_parameters_are_told_apart(void **state)
{
    (void)state;
    static const char *const absent[] = {"", "b=1", "aa=1", "A=1"};
    static const char *const broken[] = {"a=%", "a=%1", "a=%gg", "a=%00", "a=1%00"};
    for (size_t i = 0; i < COUNT_OF(absent); i++)
        assert_no_parameter(absent[i], -QY_ENOTFOUND);
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        assert_no_parameter(broken[i], -QY_EINVAL);
    assert_no_parameter("a=12345678", -QY_ETOOLARGE);
    assert_no_parameter("a=12345678&a=1", -QY_ETOOLARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_cut_and_paths_decoded),
        cmocka_unit_test(authorities_are_a_host_and_perhaps_a_port),
        cmocka_unit_test(wrong_targets_are_named),
        cmocka_unit_test(parameters_are_found_and_decoded),
        cmocka_unit_test(absent_broken_and_overlong_parameters_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
