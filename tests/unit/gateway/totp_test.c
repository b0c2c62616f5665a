/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/totp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[TOTP_KEY_BYTES] = "12345678901234567890"; /* RFC 6238, appendix B */

static void the_codes_are_those_of_rfc_6238(void **state)
{
    static const struct {
        uint64_t seconds;
        uint32_t code;
    } vectors[] = {{59, 94287082}, {1111111109, 7081804}, {1111111111, 14050471}, {1234567890, 89005924},
        {2000000000, 69279037}, {20000000000, 65353130}};
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
        assert_int_equal(totp_code(key, sizeof(key), vectors[i].seconds / 30, 8), vectors[i].code);
}

static const char *code_of(uint64_t step)
{
    static char text[16];
    snprintf(text, sizeof(text), "%06u", totp_code(key, sizeof(key), step, TOTP_DIGITS));
    return text;
}

static void a_step_early_or_late_is_right_and_two_are_not(void **state)
{
    uint64_t step = 0;
    (void)state;
    for (int64_t off = -1; off <= 1; off++) {
        assert_true(totp_check(key, code_of((uint64_t)(1000 + off)), 30000 + 17, 0, &step));
        assert_int_equal(step, 1000 + off);
    }
    assert_false(totp_check(key, code_of(998), 30000 + 17, 0, &step));
    assert_false(totp_check(key, code_of(1002), 30000 + 17, 0, &step));
}

static void a_step_counts_once_and_none_before_it_any_more(void **state)
{
    uint64_t step;
    (void)state;
    assert_false(totp_check(key, code_of(1000), 30000, 1000, &step));
    assert_false(totp_check(key, code_of(999), 30000, 1000, &step));
    assert_true(totp_check(key, code_of(1001), 30000, 1000, &step));
}

static void what_is_no_code_is_not_right(void **state)
{
    uint64_t step;
    static const char *const wrong[] = {"", "1", "12345", "1234567", "abcdef", "123 456"};
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(totp_check(key, wrong[i], 30000, 0, &step));
    assert_false(totp_check(key, code_of(0), 0, 0, &step));
    assert_false(totp_check(key, code_of(0), -5, 0, &step));
}

static void the_secret_is_base32(void **state)
{
    char text[TOTP_SECRET_TEXT_BYTES];
    (void)state;
    totp_secret(key, text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_codes_are_those_of_rfc_6238),
        cmocka_unit_test(a_step_early_or_late_is_right_and_two_are_not),
        cmocka_unit_test(a_step_counts_once_and_none_before_it_any_more),
        cmocka_unit_test(what_is_no_code_is_not_right),
        cmocka_unit_test(the_secret_is_base32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
