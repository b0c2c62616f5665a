/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_text.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum staff_text look(const char *body, char pointer[STAFF_POINTER_BYTES])
{
    yyjson_doc *doc = yyjson_read(body, strlen(body), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    enum staff_text found = staff_text_check(yyjson_doc_get_root(doc), pointer);
    yyjson_doc_free(doc);
    return found;
}

static void numbers_and_addresses_are_found_wherever_they_stand(void **state)
{
    (void)state;
    static const char *const found[][2] = {
        {"{\"name\":\"find 13911112222\"}", "/name"},
        {"{\"description\":\"ask li@example.com\"}", "/description"},
        {"{\"tag\":\"139,1111,2222\"}", "/tag"},
        {"{\"rule\":{\"trait\":\"zzmobile\",\"is\":\"13911112222\"}}", "/rule/is"},
        {"{\"rule\":{\"trait\":\"zzmobile\",\"is\":13911112222}}", "/rule/is"},
        {"{\"rule\":{\"any\":[{\"tag\":\"x\"},{\"trait\":\"a/b\",\"in\":[\"x\",\"li @ example.com\"]}]}}",
            "/rule/any/1/in/1"},
        {"{\"rule\":{\"event\":\"13911114444\"}}", "/rule/event"},
        {"{\"rule\":{\"trait\":\"secret2@example.org\",\"is\":1}}", "/rule/trait"},
        {"{\"rule\":{\"event\":\"x\",\"where\":[{\"property\":\"p.13911112222\",\"is\":1}]}}",
            "/rule/where/0/property"},
        {"{\"rule\":{\"13911112222\":1}}", "/rule"},
        {"{\"a/b~c\":\"13911112222\"}", "/a~1b~0c"},
        {"{\"stages\":[{\"stage\":\"13911112222\",\"rule\":{\"everyone\":true}}]}", "/stages/0/stage"},
        {"{\"steps\":[{\"id\":\"s-13911112222\",\"type\":\"exit\"}]}", "/steps/0/id"},
    };
    char pointer[STAFF_POINTER_BYTES];
    for (size_t i = 0; i < COUNT_OF(found); i++) {
        if (look(found[i][0], pointer) != STAFF_TEXT_PERSONAL)
            fail_msg("not found: %s", found[i][0]);
        assert_string_equal(pointer, found[i][1]);
    }
}

static void what_staff_usually_write_is_fine(void **state)
{
    (void)state;
    static const char *const fine[] = {
        "{\"name\":\"Win-back 2025-03-01\",\"description\":\"over 1,000,000 in 90 days\",\"paused\":false}",
        "{\"rule\":{\"metric\":\"gross\",\"gte\":13911112222},\"as_of\":\"2025-03-13T12:30:00.250+08:00\"}",
        "{\"rule\":{\"event\":\"x\",\"sum\":{\"property\":\"total\",\"gte\":13911112222},\"between\":[\"2025-"
        "03-01\",\"2025-04-01\"]}}",
        "{\"rule\":{\"trait\":\"sku\",\"in\":[\"012345678905\",6901234567892]}}",
        "{\"steps\":[{\"id\":\"s\",\"channel\":\"email\",\"subject\":\"Call 13911112222\",\"text\":\"or "
        "us@example.com\"}]}",
        "{\"steps\":[{\"id\":\"s\",\"channel\":\"webhook\",\"url\":\"https://x/"
        "13911112222\",\"secret\":\"13911112222\",\"content\":{\"a\":13911112222}}]}",
    };
    char pointer[STAFF_POINTER_BYTES];
    for (size_t i = 0; i < COUNT_OF(fine); i++)
        if (look(fine[i], pointer) != STAFF_TEXT_FINE)
            fail_msg("refused at %s: %s", pointer, fine[i]);
}

static void what_is_too_deep_is_refused(void **state)
{
    (void)state;
    char body[4000] = "", pointer[STAFF_POINTER_BYTES];
    memset(body, '[', 1000);
    memset(body + 1000, ']', 1000);
    assert_int_equal(look(body, pointer), STAFF_TEXT_DEEP);
    assert_true(strlen(pointer) < STAFF_POINTER_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_addresses_are_found_wherever_they_stand),
        cmocka_unit_test(what_staff_usually_write_is_fine),
        cmocka_unit_test(what_is_too_deep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
