/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef void mask_fn(const char *value, size_t size, struct buffer *out);

static void check(mask_fn *mask, const char *value, const char *shown)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    mask(value, strlen(value), &out);
    assert_string_equal(buffer_c_str(&out), shown);
}

static void masks_show_little_and_keep_characters_whole(void **state)
{
    (void)state;
    check(mask_phone, "+8613800138000", "138****8000");
    check(mask_phone, "+447911123456", "+44****3456");
    check(mask_phone, "+4930123", "+49****");
    check(mask_phone, "12345", "****");
    check(mask_email, "li@example.com", "l***@example.com");
    check(mask_email, "\xe6\x9d\x8e\xe9\x9b\xb7@example.com", "\xe6\x9d\x8e***@example.com");
    check(mask_email, "nothing", "***");
    check(mask_name, "\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e", "\xe7\x8e\x8b*");
    check(mask_name, "John Smith", "J*");
    check(mask_name, "", "*");
    check(mask_date, "1990-03-14", "****-03-14");
    check(mask_date, "14 March", "14***");
    check(mask_text, "12 Long Street, Town", "12 Lo***");
    check(mask_text, "abc", "***");
}

static void identifiers_are_masked_where_they_are_personal(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"phone", "+8613800138000", "138****8000"},
        {"email", "li@example.com", "l***@example.com"}, {"user_id", "u-42", "u-42"},
        {"user_id", "li@example.com", "l***@example.com"}, {"member_card", "13800138000", "138****8000"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
        mask_identifier(cases[i][0], cases[i][1], strlen(cases[i][1]), &out);
        assert_string_equal(buffer_c_str(&out), cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_show_little_and_keep_characters_whole),
        cmocka_unit_test(identifiers_are_masked_where_they_are_personal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
