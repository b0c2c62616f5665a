/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

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

static void members_are_parted_by_commas_whatever_they_hold(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    struct json json = json_to(&out);
    json_open(&json, '{');
    json_field_text(&json, "a", "\"\n");
    json_name(&json, "b");
    json_unsigned_text(&json, 1);
    json_name(&json, "c");
    json_open(&json, '[');
    json_close(&json, ']');
    json_field_bool(&json, "d", true);
    json_close(&json, '}');
    assert_string_equal(buffer_c_str(&out), "{\"a\":\"\\\"\\u000a\",\"b\":\"1\",\"c\":[],\"d\":true}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_all_sizes_are_written_as_they_are),
        cmocka_unit_test(members_are_parted_by_commas_whatever_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
