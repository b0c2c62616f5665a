/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void numbers_of_all_sizes_are_written_as_they_are(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 9, 10, 99, 100, 4294967296u, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
        char wanted[128];
        struct json json = json_to(&out);
        json_open(&json, '[');
        json_unsigned(&json, numbers[i]);
        json_unsigned_text(&json, numbers[i]);
        json_unsigned(&json, numbers[i]);
        json_close(&json, ']');
        unsigned long long number = numbers[i];
        snprintf(wanted, sizeof(wanted), "[%llu,\"%llu\",%llu]", number, number, number);
        assert_string_equal(buffer_c_str(&out), wanted);
    }
}

static void commas_stand_between_values_and_nowhere_else(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    struct json json = json_to(&out);
    json_open(&json, '[');
    json_open(&json, '{');
    json_field_text(&json, "a", "\"\n");
    json_field_integer(&json, "b", INT64_MIN);
    json_field_bool(&json, "c", false);
    json_name(&json, "d");
    json_open(&json, '[');
    json_close(&json, ']');
    json_close(&json, '}');
    json_null(&json);
    json_decimal(&json, 0.25);
    json_decimal(&json, (double)INFINITY);
    json_raw(&json, "{}", 2, "");
    json_raw(&json, NULL, 0, "null");
    json_time(&json, 0);
    json_close(&json, ']');
    assert_string_equal(buffer_c_str(&out),
        "[{\"a\":\"\\\"\\u000a\",\"b\":-9223372036854775808,\"c\":false,\"d\":[]},null,0.25,null,{},null,"
        "\"1970-01-01T00:00:00Z\"]");
}

static void large_numbers_are_texts_and_empty_texts_are_left_out(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    struct json json = json_to(&out);
    json_open(&json, '{');
    json_field_optional(&json, "none", NULL);
    json_field_optional(&json, "empty", "");
    json_field_number(&json, "number", UINT64_MAX);
    json_field_optional(&json, "text", "x");
    json_field_number(&json, "zero", 0);
    json_close(&json, '}');
    assert_string_equal(
        buffer_c_str(&out), "{\"number\":\"18446744073709551615\",\"text\":\"x\",\"zero\":\"0\"}");
}

static void a_page_says_how_to_go_on(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    struct json json = json_to(&out);
    json_open_page(&json, "things");
    json_text(&json, "one");
    json_text(&json, "two");
    json_close_page(&json, "17");
    assert_string_equal(buffer_c_str(&out), "{\"things\":[\"one\",\"two\"],\"next_cursor\":\"17\"}");
    buffer_clear(&out);
    json = json_to(&out);
    json_open_page(&json, "things");
    json_close_page(&json, "");
    assert_string_equal(buffer_c_str(&out), "{\"things\":[],\"next_cursor\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_all_sizes_are_written_as_they_are),
        cmocka_unit_test(commas_stand_between_values_and_nowhere_else),
        cmocka_unit_test(large_numbers_are_texts_and_empty_texts_are_left_out),
        cmocka_unit_test(a_page_says_how_to_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
