/* SPDX-License-Identifier: Apache-2.0 */
#include "common/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const struct route routes[] = {
    {"GET", "/", NULL, "root"},
    {"GET", "/api/persons/{one_id}", NULL, "show"},
    {"DELETE", "/api/persons/{one_id}", NULL, "forget"},
    {"POST", "/api/persons/lookup", NULL, "lookup"},
    {"GET", "/api/persons/self", NULL, "self"},
    {"PUT", "/api/persons/{one_id}/tags/{tag}", NULL, "tag"},
    {"POST", "/v1/batch", NULL, "batch"},
};

static enum route_result find(const char *method, const char *path, struct route_match *match)
{
    memset(match, 0x55, sizeof(*match));
    return router_find(routes, COUNT_OF(routes), method, path, match);
}

static void assert_found(const char *method, const char *path, const char *extra)
{
    struct route_match match;
    if (find(method, path, &match) != ROUTE_FOUND)
        fail_msg("%s %s is not found", method, path);
    assert_string_equal(match.route->extra, extra);
}

static void literal_paths_are_found(void **state)
{
    (void)state;
    assert_found("GET", "/", "root");
    assert_found("POST", "/v1/batch", "batch");
    assert_found("POST", "/api/persons/lookup", "lookup");
}

static void names_take_one_segment_each(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(find("PUT", "/api/persons/P1/tags/a b", &match), ROUTE_FOUND);
    assert_int_equal(match.parameter_count, 2);
    assert_string_equal(route_parameter(&match, "one_id"), "P1");
    assert_string_equal(route_parameter(&match, "tag"), "a b");
}

static void literals_go_before_names(void **state)
{
    (void)state;
    assert_found("GET", "/api/persons/self", "self");
    assert_found("GET", "/api/persons/lookup", "show"); /* lookup itself is for POST */
    assert_found("DELETE", "/api/persons/self", "forget");
}

static void head_is_served_by_get(void **state)
{
    (void)state;
    assert_found("HEAD", "/", "root");
}

static void other_methods_are_told_apart_from_other_paths(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(find("PUT", "/api/persons/P1", &match), ROUTE_NO_METHOD);
    assert_string_equal(match.allowed, "GET, HEAD, DELETE");
    assert_int_equal(find("PUT", "/api/persons/lookup", &match), ROUTE_NO_METHOD);
    assert_string_equal(match.allowed, "GET, HEAD, DELETE, POST");
    assert_int_equal(find("HEAD", "/v1/batch", &match), ROUTE_NO_METHOD);
    assert_string_equal(match.allowed, "POST");
    assert_int_equal(find("get", "/", &match), ROUTE_NO_METHOD);
    static const char *const absent[] = {"//", "/v1", "/v1/", "/v1/batch/", "/v1/batchx", "/v1/batc",
        "/v2/batch", "/api/persons/", "/api/persons/.", "/api/persons/..", "/api/persons/a/b",
        "/api/persons//tags/a", "", "x"};
    for (size_t i = 0; i < COUNT_OF(absent); i++)
        if (find("GET", absent[i], &match) != ROUTE_NO_PATH)
            fail_msg("%s was found", absent[i]);
}

static void values_have_a_limit(void **state)
{
    (void)state;
    struct route_match match;
    char path[512] = "/api/persons/";
    size_t start = strlen(path);
    memset(path + start, 'a', ROUTE_VALUE_BYTES - 1);
    assert_int_equal(find("GET", path, &match), ROUTE_FOUND);
    assert_int_equal(strlen(route_parameter(&match, "one_id")), ROUTE_VALUE_BYTES - 1);
    path[start + ROUTE_VALUE_BYTES - 1] = 'a';
    assert_int_equal(find("GET", path, &match), ROUTE_NO_PATH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal_paths_are_found),
        cmocka_unit_test(names_take_one_segment_each),
        cmocka_unit_test(literals_go_before_names),
        cmocka_unit_test(head_is_served_by_get),
        cmocka_unit_test(other_methods_are_told_apart_from_other_paths),
        cmocka_unit_test(values_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
