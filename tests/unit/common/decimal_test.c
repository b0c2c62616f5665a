/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decimal.h"

#include "common/mem.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void takes(const char *text, unsigned scale, bool round, int64_t expected)
{
    int64_t units = 0;
    if (!decimal_parse(text, strlen(text), scale, round, &units))
        fail_msg("%s is refused", text);
    assert_int_equal(units, expected);
}

static void refuses(const char *text, unsigned scale, bool round)
{
    int64_t units = 7;
    if (decimal_parse(text, strlen(text), scale, round, &units))
        fail_msg("%s is taken", text);
    assert_int_equal(units, 7);
}

static void amounts_are_read_to_their_units(void **state)
{
    (void)state;
    takes("99.90", 2, false, 9990);
    takes("-3", 2, false, -300);
    takes("0", 0, false, 0);
    takes("-0.00", 2, false, 0);
    takes("00012.5000000000000000000000000000", 2, false, 1250);
    takes("0.01", 2, false, 1);
    takes("9223372036854775807", 0, false, INT64_MAX);
    takes("-9223372036854775808", 0, false, INT64_MIN);
    takes("92233720368547758.07", 2, false, INT64_MAX);
}

static void what_is_no_amount_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "-", ".", "1.", ".5", "+1", "--1", "1e2", "1E2", "0x10", " 1",
        "1 ", "1,000", "1.2.3", "NaN", "Infinity", "9223372036854775808", "-9223372036854775809",
        "99999999999999999999999999", "1.-2"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        refuses(wrong[i], 0, true);
    refuses("0.001", 2, false);
    refuses("92233720368547758.08", 2, false);
    refuses("92233720368547758.075", 2, true);
    int64_t units;
    assert_false(decimal_parse("1\0", 2, 0, false, &units));
}

static void rounding_goes_half_away_from_zero(void **state)
{
    (void)state;
    takes("0.005", 2, true, 1);
    takes("-0.005", 2, true, -1);
    takes("0.00499999999999999999999", 2, true, 0);
    takes("0.0009", 2, true, 0);
    takes("1.995", 2, true, 200);
    assert_int_equal(divide_half_away(5, 2), 3);
    assert_int_equal(divide_half_away(-5, 2), -3);
    assert_int_equal(divide_half_away(4, 3), 1);
    assert_int_equal(divide_half_away(-5, 3), -2);
    assert_int_equal(divide_half_away(INT64_MAX, INT64_MAX), 1);
    assert_int_equal(divide_half_away(INT64_MIN, INT64_MAX), -1);
    assert_int_equal(divide_half_away(INT64_MIN, 1), INT64_MIN);
    assert_int_equal(divide_half_away((__int128)INT64_MAX * 5, INT64_MAX), 5);
    assert_true(saturate((__int128)INT64_MAX + 1) == INT64_MAX);
    assert_true(saturate((__int128)INT64_MIN - 1) == INT64_MIN);
    assert_true(saturate(-7) == -7);
}

static void json_numbers_may_have_exponents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t units;
    } right[] = {{"1e2", 10000}, {"1.5E+3", 150000}, {"990e-1", 9900}, {"0e999999999999999", 0}, {"1e-2", 1},
        {"100000000000000000000e-18", 10000}};
    static const char *const wrong[] = {"1e", "1e+", "1e1.5", "e5", "1e17", "1e999999999999999",
        "1e99999999999999999999", "1e-3", "1e-999999999999999"};
    int64_t units;
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        assert_true(decimal_parse_json(right[i].text, strlen(right[i].text), 2, false, &units));
        assert_int_equal(units, right[i].units);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(decimal_parse_json(wrong[i], strlen(wrong[i]), 2, false, &units));
}

static void units_are_written_with_their_point(void **state)
{
    (void)state;
    char text[DECIMAL_TEXT_BYTES];
    assert_string_equal(decimal_format(-1230, 2, text), "-12.30");
    assert_string_equal(decimal_format(0, 2, text), "0.00");
    assert_string_equal(decimal_format(-5, 2, text), "-0.05");
    assert_string_equal(decimal_format(1000, 0, text), "1000");
    assert_string_equal(decimal_format(0, 0, text), "0");
    assert_string_equal(decimal_format(INT64_MIN, 3, text), "-9223372036854775.808");
    assert_string_equal(decimal_format(INT64_MAX, 9, text), "9223372036.854775807");
    const __int128 large = ((__int128)INT64_MAX << 64);
    assert_string_equal(decimal_format(-large, 9, text), "-170141183460469231713240559642.174554112");
}

static int compared(const char *a, const char *b)
{
    struct decimal left, right;
    assert_true(decimal_read(a, strlen(a), DECIMAL_JSON, &left));
    assert_true(decimal_read(b, strlen(b), DECIMAL_JSON, &right));
    int order = decimal_compare(&left, &right);
    int mirrored = decimal_compare(&right, &left);
    assert_int_equal((order > 0) - (order < 0), (mirrored < 0) - (mirrored > 0));
    return (order > 0) - (order < 0);
}

static void numbers_are_compared_by_their_digits(void **state)
{
    (void)state;
    assert_int_equal(compared("1", "1.0"), 0);
    assert_int_equal(compared("100", "1e2"), 0);
    assert_int_equal(compared("0.1", "10e-2"), 0);
    assert_int_equal(compared("0.1", "0.10000000000000000000000000000000001"), -1);
    assert_int_equal(compared("9007199254740993", "9007199254740992"), 1);
    assert_int_equal(compared("-0", "0.000"), 0);
    assert_int_equal(compared("-1", "-2"), 1);
    assert_int_equal(compared("-1", "0"), -1);
    assert_int_equal(compared("1e400", "9e399"), 1);
    assert_int_equal(compared("1e-400", "0"), 1);
    assert_int_equal(compared("12.05", "12.1"), -1);
    assert_int_equal(compared("1.05", "10.5"), -1);
    assert_int_equal(compared("1.5", "15e-1"), 0);
}

static void a_floor_says_whether_it_is_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t floor;
        bool exact;
    } cases[] = {{"1.23", 123, true}, {"1.239", 123, false}, {"-1.231", -124, false}, {"-1.23", -123, true},
        {"0", 0, true}, {"1e30", INT64_MAX, false}, {"-1e30", INT64_MIN, false}, {"1e-30", 0, false},
        {"-1e-30", -1, false}, {"-92233720368547758.08", INT64_MIN, true},
        {"-92233720368547758.081", INT64_MIN, false}, {"92233720368547758.07", INT64_MAX, true},
        {"92233720368547758.08", INT64_MAX, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct decimal decimal;
        int64_t floor;
        assert_true(decimal_read(cases[i].text, strlen(cases[i].text), DECIMAL_JSON, &decimal));
        assert_int_equal(decimal_floor(&decimal, 2, &floor), cases[i].exact);
        assert_int_equal(floor, cases[i].floor);
    }
}

static void whole_numbers_have_the_same_digits_however_they_are_written(void **state)
{
    (void)state;
    static const char *const phone[] = {
        "13800138000", "13800138000.0", "1.3800138e10", "-13800138000", "138001380e2", "0.13800138E+11"};
    char digits[DECIMAL_WHOLE_BYTES];
    for (size_t i = 0; i < COUNT_OF(phone); i++) {
        assert_int_equal(decimal_whole(phone[i], strlen(phone[i]), digits), 11);
        assert_memory_equal(digits, "13800138000", 11);
    }
    assert_int_equal(decimal_whole("1.5", 3, digits), 0);
    assert_int_equal(decimal_whole("0", 1, digits), 0);
    assert_int_equal(decimal_whole("1e641", 5, digits), 0);
    assert_int_equal(decimal_whole("x", 1, digits), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_have_the_same_digits_however_they_are_written),
        cmocka_unit_test(amounts_are_read_to_their_units),
        cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(rounding_goes_half_away_from_zero),
        cmocka_unit_test(json_numbers_may_have_exponents),
        cmocka_unit_test(units_are_written_with_their_point),
        cmocka_unit_test(numbers_are_compared_by_their_digits),
        cmocka_unit_test(a_floor_says_whether_it_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
