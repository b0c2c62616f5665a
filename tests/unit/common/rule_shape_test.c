/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rule_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *rule, const char *expected)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    yyjson_doc *doc = yyjson_read(rule, strlen(rule), YYJSON_READ_NUMBER_AS_RAW);
    struct json json = json_to(&out);
    rule_write_shape(&json, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    assert_string_equal(buffer_c_str(&out), expected);
}

static void names_stay_in_order_and_operands_do_not(void **state)
{
    (void)state;
    check("{\"everyone\":true}", "{\"everyone\":true}");
    check("{\"all\":[{\"trait\":\"city\",\"is\":\"上海\"},{\"not\":{\"metric\":\"orders\",\"gte\":2}},{"
          "\"stage\":[\"new\","
          "\"lost\"]},{\"trait\":\"a\",\"in\":[\"x\",7,null],\"exists\":true}]}",
        "{\"all\":[{\"is\":\"…\",\"trait\":\"city\"},{\"not\":{\"gte\":\"…\",\"metric\":\"orders\"}},{"
        "\"stage\":[\"new\","
        "\"lost\"]},{\"exists\":true,\"in\":[\"…\",\"…\",\"…\"],\"trait\":\"a\"}]}");
    check("{\"any\":[{\"unit\":[\"u_7\"]},{\"guide\":{\"exists\":false}}]}",
        "{\"any\":[{\"unit\":[\"u_7\"]},{\"guide\":{\"exists\":false}}]}");
    check("{\"event\":\"Order "
          "Completed\",\"where\":[{\"property\":\"total\",\"gte\":50}],\"within\":\"90d\",\"sum\":{"
          "\"property\":\"total\",\"gte\":\"9.90\"}}",
        "{\"event\":\"Order Completed\",\"sum\":{\"gte\":\"…\",\"property\":\"total\"},"
        "\"where\":[{\"gte\":\"…\",\"property\":\"total\"}],\"within\":\"90d\"}");
}

static void stages_are_shown_with_their_rules(void **state)
{
    (void)state;
    check("[{\"stage\":\"new\",\"rule\":{\"trait\":\"city\",\"is\":\"x\"}}]",
        "[{\"rule\":{\"is\":\"…\",\"trait\":\"city\"},\"stage\":\"new\"}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stay_in_order_and_operands_do_not),
        cmocka_unit_test(stages_are_shown_with_their_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
