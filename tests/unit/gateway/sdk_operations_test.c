/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/api.h"
#include "services/gateway/ingest_route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "/v1/pixel/{type}" with what stands for the name in braces. */
static void fill(const char *pattern, char path[128])
{
    const char *brace = strchr(pattern, '{');
    const char *rest = brace ? strchr(brace, '}') + 1 : "";
    int size = brace ? (int)(brace - pattern) : (int)strlen(pattern);
    snprintf(path, 128, "%.*s%s%s", size, pattern, brace ? "track" : "", rest);
}

static void test_every_path_that_is_described_is_one_of_the_protocol(void **state)
{
    (void)state;
    for (size_t i = 0; i < sdk_operation_count; i++) {
        char path[128];
        struct ingest_route route;
        fill(sdk_operations[i].pattern, path);
        assert_true(ingest_route_find(path, &route));
        assert_true(route.known);
        assert_true(ingest_route_allows(&route, sdk_operations[i].method));
        assert_true((route.kind == ROUTE_CALL) == (sdk_operations[i].takes != NULL));
    }
}

static bool is_described(const char *path)
{
    for (size_t i = 0; i < sdk_operation_count; i++)
        if (strcmp(sdk_operations[i].pattern, path) == 0)
            return true;
    return false;
}

static void test_every_call_is_described_by_its_name_and_by_its_letter(void **state)
{
    static const char *const words[] = {
        "identify", "track", "page", "screen", "group", "alias", "batch", "import"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        char path[32];
        struct ingest_route route;
        snprintf(path, sizeof(path), "/v1/%s", words[i]);
        assert_true(is_described(path));
        snprintf(path, sizeof(path), "/v1/%c", words[i][0]);
        assert_true(is_described(path) == ingest_route_find(path, &route));
    }
}

static void test_the_whole_description_can_be_made(void **state)
{
    struct openapi *openapi;
    (void)state;
    assert_int_equal(openapi_open(&gateway_description, &openapi), 0);
    for (size_t i = 0; i < api_operation_count; i++) {
        const struct openapi_operation *about = &api_operations[i].about;
        assert_true(!about->takes || about->takes_type || openapi_members(openapi, about->takes));
    }
    openapi_close(&openapi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_path_that_is_described_is_one_of_the_protocol),
        cmocka_unit_test(test_every_call_is_described_by_its_name_and_by_its_letter),
        cmocka_unit_test(test_the_whole_description_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
