/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_route.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct ingest_route route;

static void assert_call(const char *path, enum ingest_call call)
{
    assert_true(ingest_route_find(path, &route));
    assert_int_equal(route.kind, ROUTE_CALL);
    assert_int_equal(route.call, call);
    assert_true(route.known);
    assert_false(ingest_route_is_pixel(path));
}

static void calls_have_names_and_letters(void **state)
{
    (void)state;
    static const struct {
        const char *name, *letter;
        enum ingest_call call;
    } calls[] = {
        {"/v1/identify", "/v1/i", CALL_IDENTIFY},
        {"/v1/track", "/v1/t", CALL_TRACK},
        {"/v1/page", "/v1/p", CALL_PAGE},
        {"/v1/screen", "/v1/s", CALL_SCREEN},
        {"/v1/group", "/v1/g", CALL_GROUP},
        {"/v1/alias", "/v1/a", CALL_ALIAS},
        {"/v1/batch", "/v1/b", CALL_BATCH},
        {"/v1/import", "/v1/import/", CALL_IMPORT},
        {"/beacon/v1/batch", "/beacon/v1/batch/", CALL_BATCH},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        assert_call(calls[i].name, calls[i].call);
        assert_call(calls[i].letter, calls[i].call);
    }
}

static void pixels_are_single_events(void **state)
{
    (void)state;
    assert_true(ingest_route_find("/v1/pixel/track", &route));
    assert_int_equal(route.kind, ROUTE_PIXEL);
    assert_int_equal(route.call, CALL_TRACK);
    assert_true(route.known);
    static const char *const unknown[] = {"/v1/pixel/batch", "/v1/pixel/b", "/v1/pixel/import", "/v1/pixel/",
        "/v1/pixel/trac", "/v1/pixel/a/b"};
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        assert_true(ingest_route_is_pixel(unknown[i]));
        if (ingest_route_find(unknown[i], &route))
            assert_false(route.known);
    }
    assert_true(ingest_route_find("/v1/pixel/nothing", &route));
    assert_false(route.known);
}

static void settings_bear_the_write_key_in_their_path(void **state)
{
    (void)state;
    const char *path = "/v1/projects/wk_abc/settings";
    assert_true(ingest_route_find(path, &route));
    assert_int_equal(route.kind, ROUTE_SETTINGS);
    assert_int_equal(route.key_size, strlen("wk_abc"));
    assert_memory_equal(route.key, "wk_abc", route.key_size);
    assert_true(ingest_route_find("/sourceConfig", &route));
    assert_int_equal(route.kind, ROUTE_SOURCE_CONFIG);
    assert_true(ingest_route_find("/sourceConfig/", &route));
}

static void other_paths_are_none_of_it(void **state)
{
    (void)state;
    static const char *const others[] = {"/", "", "/v1", "/v1/", "/v1/m", "/v1/trac", "/v1/tracks",
        "/v1/track//", "/V1/track", "/v1/T", "/v1/track/x", "/v1/ ", "/v1/pixel", "/v1/projects/",
        "/v1/projects/settings", "/v1/projects//settings", "/v1/projects/k/setting",
        "/v1/projects/k/settings/x", "/beacon/v1/b", "/b", "/sourceConfigs", "/api/v1/status"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (ingest_route_find(others[i], &route))
            fail_msg("%s", others[i]);
}

static void each_route_says_what_may_be_done(void **state)
{
    (void)state;
    assert_true(ingest_route_find("/v1/track", &route));
    assert_true(ingest_route_allows(&route, "POST") && ingest_route_allows(&route, "OPTIONS"));
    assert_false(ingest_route_allows(&route, "GET") || ingest_route_allows(&route, "HEAD"));
    assert_true(ingest_route_find("/v1/pixel/track", &route));
    assert_true(ingest_route_allows(&route, "GET") && ingest_route_allows(&route, "HEAD"));
    assert_false(ingest_route_allows(&route, "POST") || ingest_route_allows(&route, "get"));
    assert_string_equal(ingest_route_methods(&route), "GET, HEAD, OPTIONS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_have_names_and_letters),
        cmocka_unit_test(pixels_are_single_events),
        cmocka_unit_test(settings_bear_the_write_key_in_their_path),
        cmocka_unit_test(other_paths_are_none_of_it),
        cmocka_unit_test(each_route_says_what_may_be_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
