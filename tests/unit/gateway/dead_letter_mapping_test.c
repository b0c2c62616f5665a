/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_mapping.h"

#include "common/clock.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static yyjson_doc *read_json(const char *text)
{
    yyjson_doc *doc = yyjson_read(text, strlen(text), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    return doc;
}

static void check(const char *event, const char *mapping, const char *corrected)
{
    struct letter_mapping_fault fault;
    yyjson_doc *doc = read_json(event), *steps = read_json(mapping);
    if (!letter_mapping_check(yyjson_doc_get_root(steps), &fault))
        fail_msg("%s: %s", fault.field, fault.message);
    yyjson_mut_doc *copy = yyjson_doc_mut_copy(doc, NULL);
    assert_true(letter_mapping_apply(yyjson_doc_get_root(steps), copy));
    char *text = yyjson_mut_write(copy, 0, NULL);
    assert_string_equal(text, corrected);
    free(text);
    yyjson_mut_doc_free(copy);
    yyjson_doc_free(doc);
    yyjson_doc_free(steps);
}

static void each_step_does_what_it_says(void **state)
{
    (void)state;
    check("{}", "[{\"set\":\"/event\",\"value\":\"X\"}]", "{\"event\":\"X\"}");
    check("{\"event\":1}", "[{\"set\":\"/event\",\"value\":{\"a\":1.50}}]", "{\"event\":{\"a\":1.50}}");
    check("{}", "[{\"set\":\"/context/page/path\",\"value\":\"/\"}]",
        "{\"context\":{\"page\":{\"path\":\"/\"}}}");
    check("{\"a\":\"\",\"b\":null,\"c\":0}",
        "[{\"default\":\"/a\",\"value\":1},{\"default\":\"/b\",\"value\":2},{\"default\":\"/c\",\"value\":3},"
        "{\"default\":\"/d\",\"value\":4}]",
        "{\"a\":1,\"b\":2,\"c\":0,\"d\":4}");
    check("{\"user\":\"u\"}", "[{\"rename\":\"/user\",\"to\":\"/userId\"}]", "{\"userId\":\"u\"}");
    check("{\"event\":{\"name\":\"X\"}}", "[{\"rename\":\"/event/name\",\"to\":\"/event\"}]",
        "{\"event\":\"X\"}");
    check("{\"a\":1}", "[{\"rename\":\"/a\",\"to\":\"/a/b\"}]", "{\"a\":{\"b\":1}}");
    check("{\"a\":{\"b\":1,\"c\":2}}", "[{\"remove\":\"/a/b\"}]", "{\"a\":{\"c\":2}}");
    check("{\"a/b\":1}", "[{\"remove\":\"/a~1b\"}]", "{}");
}

static void steps_are_taken_in_order(void **state)
{
    (void)state;
    check("{\"a\":1}",
        "[{\"rename\":\"/a\",\"to\":\"/b\"},{\"convert\":\"/b\",\"as\":\"text\"},{\"set\":\"/"
        "a\",\"value\":2}]",
        "{\"b\":\"1\",\"a\":2}");
}

static void what_a_step_points_to_need_not_be_there(void **state)
{
    (void)state;
    check("{\"x\":\"text\"}",
        "[{\"rename\":\"/a\",\"to\":\"/b\"},{\"remove\":\"/a/b\"},{\"convert\":\"/a\",\"as\":\"time\"},"
        "{\"set\":\"/x/y\",\"value\":1},{\"rename\":\"/x\",\"to\":\"/x/y/z\"}]",
        "{\"x\":{\"y\":{\"z\":\"text\"}}}");
    check("5", "[{\"set\":\"/a\",\"value\":1}]", "5");
}

static void values_are_brought_into_other_forms(void **state)
{
    (void)state;
    static const struct {
        const char *value, *form, *converted;
    } cases[] = {
        {"12.50", "text", "\"12.50\""},
        {"true", "text", "\"true\""},
        {"\"x\"", "text", "\"x\""},
        {"[1]", "text", "[1]"},
        {"\"12.50\"", "number", "12.50"},
        {"\"-1e3\"", "number", "-1e3"},
        {"\" 1\"", "number", "\" 1\""},
        {"\"12,50\"", "number", "\"12,50\""},
        {"\"\"", "number", "\"\""},
        {"1767225600", "time", "\"2026-01-01T00:00:00Z\""},
        {"\"1767225600250\"", "time", "\"2026-01-01T00:00:00.250Z\""},
        {"\"2026-01-01 08:00:00\"", "time", "\"2026-01-01T00:00:00Z\""},
        {"\"2026-01-01T08:00:00\"", "time", "\"2026-01-01T00:00:00Z\""},
        {"\"2026-01-01\"", "time", "\"2025-12-31T16:00:00Z\""},
        {"\"2026-01-01T08:00:00+08:00\"", "time", "\"2026-01-01T00:00:00Z\""},
        {"\"yesterday\"", "time", "\"yesterday\""},
        {"99999999999999999999", "time", "99999999999999999999"},
        {"null", "time", "null"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char event[100], mapping[100], corrected[100];
        snprintf(event, sizeof(event), "{\"v\":%s}", cases[i].value);
        snprintf(mapping, sizeof(mapping), "[{\"convert\":\"/v\",\"as\":\"%s\"}]", cases[i].form);
        snprintf(corrected, sizeof(corrected), "{\"v\":%s}", cases[i].converted);
        check(event, mapping, corrected);
    }
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *mapping, *field;
    } cases[] = {
        {"{}", "mapping"},
        {"[{}]", "mapping/0"},
        {"[5]", "mapping/0"},
        {"[{\"set\":\"/a\"}]", "mapping/0"},
        {"[{\"set\":\"/a\",\"value\":1,\"more\":2}]", "mapping/0"},
        {"[{\"remove\":\"/a\"},{\"set\":\"a\",\"value\":1}]", "mapping/1/set"},
        {"[{\"remove\":\"\"}]", "mapping/0/remove"},
        {"[{\"remove\":\"/\"}]", "mapping/0/remove"},
        {"[{\"remove\":\"/a~2\"}]", "mapping/0/remove"},
        {"[{\"rename\":\"/a\",\"to\":\"b\"}]", "mapping/0/to"},
        {"[{\"convert\":\"/a\",\"as\":\"date\"}]", "mapping/0/as"},
    };
    struct letter_mapping_fault fault;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        yyjson_doc *doc = read_json(cases[i].mapping);
        assert_false(letter_mapping_check(yyjson_doc_get_root(doc), &fault));
        assert_string_equal(fault.field, cases[i].field);
        yyjson_doc_free(doc);
    }
    assert_true(letter_mapping_check(NULL, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_does_what_it_says),
        cmocka_unit_test(steps_are_taken_in_order),
        cmocka_unit_test(what_a_step_points_to_need_not_be_there),
        cmocka_unit_test(values_are_brought_into_other_forms),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    if (clock_set_zone("Asia/Shanghai"))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
