/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mask.h"

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
    check(mask_email, "li@13800138000", "l***@***");
    check(mask_email, "li@139.com", "l***@139.com");
    check(mask_email, "li@example.com, 13800138000", "l***@example.com");
    check(mask_email, "Li <li@example.com>", "L***@example.com");
    check(mask_email, "li@example.com;han@example.com", "l***@example.com");
    check(mask_name, "\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e", "\xe7\x8e\x8b*");
    check(mask_name, "John Smith", "J*");
    check(mask_name, "", "*");
    check(mask_date, "1990-03-14", "****-03-14");
    check(mask_date, "14 March", "14***");
    check(mask_text, "12 Long Street, Town", "12 Lo***");
    check(mask_text, "abc", "***");
    check(mask_anything, "\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e 13800138000", "\xe7\x8e\x8b***");
    check(mask_anything, "abc", "***");
    check(mask_anything, "", "***");
}

static void a_phone_is_masked_alike_however_it_is_written(void **state)
{
    (void)state;
    static const char *const mobile[] = {"13800138007", "+86 138 0013 8007", "+86 (0) 138-0013-8007",
        "0086-138-0013-8007", "8613800138007", "013800138007", "00861 3800138007", " 138.0013.8007 ",
        "(+86)13800138007", "Tel. 138/0013/8007", "13800138007 ext. 12",
        "\xef\xbc\x91\xef\xbc\x93\xef\xbc\x98\xef\xbc\x90\xef\xbc\x90\xef\xbc\x91\xef\xbc\x93\xef\xbc\x98"
        "\xef\xbc\x90\xef\xbc\x90\xef\xbc\x97",
        "\xef\xbc\x8b\xef\xbc\x98\xef\xbc\x96\xe3\x80\x80"
        "138\xe2\x80\x93"
        "0013\xc2\xa0"
        "8007",
        "\xe7\x94\xb5\xe8\xaf\x9d"
        "13800138007\xe8\xbd\xac"
        "12"};
    for (size_t i = 0; i < COUNT_OF(mobile); i++)
        check(mask_phone, mobile[i], "138****8007");
    check(mask_phone, "021-6437 6688", "****6688");
    check(mask_phone, "0086 21 6437 6688", "+86****6688");
    check(mask_phone, "00447911123456", "+44****3456");
    check(mask_phone, "(415) 555-2671", "****2671");
    check(mask_phone, "+1 380 013 8007", "+13****8007");
    check(mask_phone, "6437 6688", "****");
    check(mask_phone, "13800138007 13900139007", "****");
    check(mask_phone,
        "\xd9\xa1\xd9\xa3\xd9\xa8\xd9\xa0\xd9\xa0\xd9\xa1\xd9\xa3\xd9\xa8\xd9\xa0\xd9\xa0\xd9\xa7",
        "138****8007");
    check(mask_phone, "", "****");
    check(mask_phone, "\xef\xbc", "****");
    check(mask_phone, "\xff\x80\x80", "****");
}

/* Whatever is given: at most three digits, the stars, at most four digits; all of ASCII. */
static void assert_masked(const char *shown)
{
    size_t head = strspn(shown, "+0123456789");
    assert_true(head <= 3);
    assert_int_equal(strncmp(shown + head, "****", 4), 0);
    size_t tail = strspn(shown + head + 4, "0123456789");
    assert_true(tail == 0 || tail == 4);
    assert_int_equal(shown[head + 4 + tail], 0);
}

static void nothing_but_the_mask_is_shown_of_any_bytes(void **state)
{
    (void)state;
    static const char *const parts[] = {"+", "0", "86", "138", "1", "9", "44", " ", "-", "(", ")", "x",
        "\xef\xbc\x91", "\xef\xbc\x99", "\xef\xbc", "\xef", "\xbc", "\xc2\xa0", "\xe2\x80\x93",
        "\xe8\xbd\xac", "\xff", "\xf0\x9f\x93\x9e"};
    uint64_t random = 42;
    for (int round = 0; round < 200000; round++) {
        char value[128];
        size_t size = 0;
        _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
        unsigned count = (unsigned)(random >> 33) % 24;
        for (unsigned i = 0; i < count; i++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            const char *part = parts[(random >> 33) % COUNT_OF(parts)];
            memcpy(value + size, part, strlen(part));
            size += strlen(part);
        }
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        mask_phone(value, size, &out);
        assert_masked(buffer_c_str(&out));
    }
}

static void identifiers_are_masked_where_they_are_personal(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"phone", "+8613800138000", "138****8000"},
        {"email", "li@example.com", "l***@example.com"}, {"user_id", "u-42", "u-42"},
        {"user_id", "li@example.com", "l***@example.com"}, {"member_card", "13800138000", "138****8000"},
        {"member_card", "110101199003070011", "1101***"}, {"car", "京A12345", "京***"},
        {"phone", "一三八零零一三八零零零", "138****8000"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
        mask_identifier(cases[i][0], cases[i][1], strlen(cases[i][1]), &out);
        assert_string_equal(buffer_c_str(&out), cases[i][2]);
    }
}

static void a_trait_is_masked_by_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *shown;
    } cases[] = {
        {"fullName", "John Smith", "J*"},
        {"name", "John Smith", "J*"},
        {"receiver_phone", "13800138000", "138****8000"},
        {"Email", "li@example.com", "l***@example.com"},
        {"birthday", "1990-03-14", "****-03-14"},
        {"address", "12 Long Street, Town", "12 Lo***"},
        {"favourite", "12 Long Street, Town", "1***"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
        mask_trait(cases[i].name, strlen(cases[i].name), cases[i].value, strlen(cases[i].value), &out);
        assert_string_equal(buffer_c_str(&out), cases[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trait_is_masked_by_its_name),
        cmocka_unit_test(masks_show_little_and_keep_characters_whole),
        cmocka_unit_test(a_phone_is_masked_alike_however_it_is_written),
        cmocka_unit_test(nothing_but_the_mask_is_shown_of_any_bytes),
        cmocka_unit_test(identifiers_are_masked_where_they_are_personal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
