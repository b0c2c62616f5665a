/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decimal.h"

#include "common/mem.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool add(struct decimal_sum *sum, const char *text)
{
    struct decimal decimal;
    assert_true(decimal_read(text, strlen(text), DECIMAL_JSON, &decimal));
    return decimal_sum_add(sum, &decimal);
}

static void is_equal(struct decimal_sum *sum, const char *expected)
{
    char text[DECIMAL_SUM_TEXT_BYTES];
    struct decimal total = decimal_sum_read(sum, text), wanted;
    assert_true(decimal_read(expected, strlen(expected), DECIMAL_JSON, &wanted));
    if (decimal_compare(&total, &wanted) != 0)
        fail_msg("%s is not %s", text, expected);
}

static void a_sum_is_exact(void **state)
{
    (void)state;
    struct decimal_sum sum = {0};
    is_equal(&sum, "0");
    for (int i = 0; i < 1000; i++)
        assert_true(add(&sum, "0.1"));
    is_equal(&sum, "100");
    assert_true(add(&sum, "-99.90"));
    is_equal(&sum, "0.1");
    assert_true(add(&sum, "-1e20"));
    is_equal(&sum, "-99999999999999999999.9"); /* reading changes nothing */
    is_equal(&sum, "-99999999999999999999.9");
    assert_true(add(&sum, "1e-300"));
    assert_true(add(&sum, "100000000000000000000"));
    assert_true(add(&sum, "-0.1"));
    is_equal(&sum, "1e-300");
    assert_true(add(&sum, "-1e-300"));
    is_equal(&sum, "0");
}

static void the_ends_of_the_range_hold_and_beyond_is_refused(void **state)
{
    (void)state;
    struct decimal_sum sum = {0};
    assert_true(add(&sum, "9.99e323"));
    assert_true(add(&sum, "9.99e323"));
    is_equal(&sum, "1.998e324");
    assert_true(add(&sum, "-1.998e323"));
    assert_true(add(&sum, "-1.7982e324") == false);
    assert_true(add(&sum, "-8.991e323"));
    assert_true(add(&sum, "-8.991e323"));
    is_equal(&sum, "0");
    assert_false(add(&sum, "1e324"));
    assert_false(add(&sum, "1e-325"));
    assert_false(add(&sum, "1.5e-324"));
    assert_false(add(&sum, "1e999999999999999"));
    assert_false(add(&sum, "1e-999999999999999"));
    is_equal(&sum, "0");
    assert_true(add(&sum, "1e-324"));
    assert_true(add(&sum, "-2e-324"));
    is_equal(&sum, "-1e-324");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_exact),
        cmocka_unit_test(the_ends_of_the_range_hold_and_beyond_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
