/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_pixel.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_decodes(const char *text, const char *expected)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    assert_true(pixel_decode(text, strlen(text), &out));
    assert_int_equal(out.size, strlen(expected));
    assert_memory_equal(out.data, expected, out.size);
}

static void assert_refused(const char *text)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    if (pixel_decode(text, strlen(text), &out))
        fail_msg("%s", text);
}

static void padding_may_be_left_out(void **state)
{
    (void)state;
    assert_decodes("YQ==", "a");
    assert_decodes("YQ=", "a");
    assert_decodes("YQ", "a");
    assert_decodes("YWI=", "ab");
    assert_decodes("YWI", "ab");
    assert_decodes("YWJj", "abc");
}

static void both_alphabets_are_understood_also_with_blanks_and_lines(void **state)
{
    (void)state;
    assert_decodes("Pz8/Pj4+", "?\?\?>>>");
    assert_decodes("Pz8_Pj4-", "?\?\?>>>");
    assert_decodes("Pz8/Pj4 ", "?\?\?>>>"); /* a plus that was not escaped */
    assert_decodes("Pz8\r\n/Pj4\n+\r\n", "?\?\?>>>");
    assert_decodes("YQ==\n", "a");
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "=", "==", "\n", "Y", "YWJjZ", "YW=J", "YQ===", "YWJj!", "YW\tJj", "YWJj\xe4", "YW.J", "Y=Q="};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_refused(bad[i]);
}

static void whatever_was_encoded_comes_back(void **state)
{
    (void)state;
    static const int variants[] = {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    uint8_t bytes[100];
    char text[200];
    for (size_t size = 1; size < sizeof(bytes); size++)
        for (size_t i = 0; i < COUNT_OF(variants); i++) {
            _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
            randombytes_buf(bytes, size);
            sodium_bin2base64(text, sizeof(text), bytes, size, variants[i]);
            assert_true(pixel_decode(text, strlen(text), &out));
            assert_int_equal(out.size, size);
            assert_memory_equal(out.data, bytes, size);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_may_be_left_out),
        cmocka_unit_test(both_alphabets_are_understood_also_with_blanks_and_lines),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(whatever_was_encoded_comes_back),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
