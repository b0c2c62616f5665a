/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/phone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_form_of_a_number_is_one_number(void **state)
{
    (void)state;
    static const char *const forms[] = {"13800138000", " 138 0013 8000 ", "138-0013-8000", "+8613800138000",
        "+86 138-0013-8000", "8613800138000", "008613800138000", "(138)00138000", "１３８００１３８０００"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct phone phone;
        assert_true(phone_normalise(forms[i], strlen(forms[i]), "CN", &phone));
        assert_string_equal(phone.e164, "+8613800138000");
        assert_string_equal(phone.national, "13800138000");
    }
}

static void other_regions_go_by_their_own_rules(void **state)
{
    (void)state;
    struct phone phone;
    assert_true(phone_normalise("07911 123456", 12, "GB", &phone));
    assert_string_equal(phone.e164, "+447911123456");
    assert_string_equal(phone.national, "7911123456");
    assert_true(phone_normalise("+447911123456", 13, "CN", &phone));
    assert_string_equal(phone.e164, "+447911123456");
    assert_true(phone_normalise("+8613800138000", 14, "GB", &phone));
    assert_true(phone_normalise("021-64376688", 12, "CN", &phone));
    assert_string_equal(phone.e164, "+862164376688");
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", " ", "12345", "1380013800", "138001380001", "0000", "abc", "+",
        "+86", "99999999999999999999999999999999999999999999999999999999999999999999999", "14012345678"};
    struct phone phone;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        if (phone_normalise(wrong[i], strlen(wrong[i]), "CN", &phone))
            fail_msg("\"%s\" was taken as %s", wrong[i], phone.e164);
    assert_false(phone_normalise("13800138000", 11, "GB", &phone));
}

static void regions_are_known_or_not(void **state)
{
    (void)state;
    assert_true(phone_region_known("CN"));
    assert_true(phone_region_known("GB"));
    assert_false(phone_region_known("XX"));
    assert_false(phone_region_known(""));
}

static void check_same(const char *text, const char *region)
{
    struct phone quick = {0}, library = {0};
    bool a = phone_normalise(text, strlen(text), region, &quick);
    bool b = phone_normalise_by_library(text, strlen(text), region, &library);
    if (a != b || strcmp(quick.e164, library.e164) != 0 || strcmp(quick.national, library.national) != 0)
        fail_msg("%s in %s: %d %s, by the library %d %s", text, region, a, quick.e164, b, library.e164);
}

/* Three pieces of eleven digits, put together as people write them. */
static void check_forms(const char *digits)
{
    static const struct {
        const char *before, *first, *second, *after;
    } forms[] = {{"", " ", " ", ""}, {"", "-", "-", ""}, {"+86", "", "", ""}, {"+86 ", " ", "", ""},
        {"+86-", "", "-", ""}, {"", "  ", "", ""}, {"", "--", "", ""}, {"+86  ", "", "", ""},
        {"", "", "", "-"}, {"+86", "", "", "5"}, {"-", "", "", ""}, {"0086", "", "", ""}, {"86", "", "", ""},
        {"0", "", "", ""}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s%.3s%s%.4s%s%.4s%s", forms[i].before, digits, forms[i].first,
            digits + 3, forms[i].second, digits + 7, forms[i].after);
        check_same(text, "CN");
        check_same(text, "GB");
    }
}

static void the_short_way_agrees_with_the_library(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (unsigned head = 10000; head < 20000; head++) { /* every beginning, with a tail that changes */
        char text[40];
        random = random * 1664525 + 1013904223;
        snprintf(text, sizeof(text), "%05u%06u", head, (random >> 8) % 1000000);
        check_same(text, "CN");
    }
    for (unsigned head = 130; head < 200; head++) {
        char digits[16];
        random = random * 1664525 + 1013904223;
        snprintf(digits, sizeof(digits), "%03u%08u", head, (random >> 4) % 100000000);
        check_forms(digits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_number_is_one_number),
        cmocka_unit_test(other_regions_go_by_their_own_rules),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(regions_are_known_or_not),
        cmocka_unit_test(the_short_way_agrees_with_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
