/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_match.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool fits(const char *kind, const char *value, const char *event)
{
    static struct match match;
    match = (struct match){0};
    assert_true(match_add(&match, kind, value));
    yyjson_doc *doc = yyjson_read(event, strlen(event), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    bool found = match_event(&match, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return found;
}

static void a_phone_number_is_found_however_it_is_written(void **state)
{
    (void)state;
    static const char *const events[] = {"{\"traits\":{\"phone\":\"13800138000\"}}",
        "{\"userId\":\"+86 138-0013-8000\"}", "{\"properties\":{\"n\":[13800138000]}}",
        "{\"n\":8613800138000}", "{\"note\":\"call 138 0013 8000, or not\"}", "{\"138.0013.8000\":true}",
        "[\"008613800138000\"]", "\"(+86)13800138000 ext. 3\""};
    static const char *const values[] = {"13800138000", "+8613800138000", "+86 138 0013 8000",
        "008613800138000", "138-0013-8000", "86 13800138000"};
    for (size_t i = 0; i < COUNT_OF(events); i++)
        for (size_t j = 0; j < COUNT_OF(values); j++)
            if (!fits("phone", values[j], events[i]))
                fail_msg("%s in %s", values[j], events[i]);
    assert_false(fits("phone", "13800138000", "{\"phone\":\"13800138001\",\"total\":8000}"));
    assert_false(fits("phone", "13800138000", "{\"phone\":\"0013800\"}"));
    assert_true(fits("phone", "+44 20 7946 0018", "{\"phone\":\"020 7946 0018\"}"));
    assert_true(fits("phone", "020 7946 0018", "{\"phone\":\"+442079460018\"}"));
    assert_true(fits("phone", "021-6437 6688", "{\"phone\":\"+86 21 6437 6688\"}"));
}

static void other_values_are_found_as_words_in_any_letter_case(void **state)
{
    (void)state;
    assert_true(fits("email", "Li@Example.com ", "{\"traits\":{\"email\":\"li@example.com\"}}"));
    assert_true(fits("email", "li@example.com", "{\"note\":\"write to <LI@example.com>\"}"));
    assert_false(fits("email", "li@example.com", "{\"note\":\"write to weili@example.com\"}"));
    assert_true(fits("user_id", "u-1001", "{\"page\":{\"url\":\"https://x.example/u/u-1001?a=b\"}}"));
    assert_false(fits("user_id", "u-1001", "{\"userId\":\"u-10011\"}"));
    assert_true(fits("wechat_openid", "wx12:o6_bmjrPTlm6_2sgVt", "{\"openid\":\"o6_bmjrPTlm6_2sgVt\"}"));
}

static void short_values_are_found_where_identifiers_stand(void **state)
{
    (void)state;
    assert_true(fits("user_id", "17", "{\"userId\":\"17\"}"));
    assert_true(fits("user_id", "17", "{\"userId\":17}"));
    assert_true(fits("user_id", "17", "{\"type\":\"alias\",\"previousId\":\" 17 \"}"));
    assert_true(fits("user_id", "17", "{\"traits\":{\"user_id\":\"17\"}}"));
    assert_true(fits(
        "member_card", "17", "{\"context\":{\"externalIds\":[{\"type\":\"member_card\",\"id\":\"17\"}]}}"));
    assert_true(fits("member_card", "17", "{\"traits\":{\"memberCard\":17}}"));
    assert_false(
        fits("user_id", "17", "{\"userId\":\"18\",\"properties\":{\"quantity\":17,\"order_id\":\"17\"}}"));
}

static void what_is_encoded_or_hashed_is_found_too(void **state)
{
    (void)state;
    static const char *const events[] = {"{\"n\":1.3800138e10}", "{\"n\":13800138000.0}",
        "{\"b\":\"MTM4MDAxMzgwMDA=\"}", "{\"u\":\"https://x.example/?p=%2B86138-0013-8000\"}",
        "{\"t\":\"\\\\u00313800138000\"}", "{\"m\":\"709559e9597fadc042d59c664fe27e7e\"}",
        "{\"m\":\"5791b597afc76ed4915e522eb0010be9\"}", "{\"x d08d34f991404450e729a04a72d2b48d299dc69d\":1}"};
    for (size_t i = 0; i < COUNT_OF(events); i++)
        if (!fits("phone", "138 0013 8000", events[i]))
            fail_msg("not in %s", events[i]);
    assert_true(fits("email", "Li@example.com",
        "{\"h\":\"b9b55f36c238a61026abc7e4c6be9758363c10c54a4e4462f83f33458230eafe\"}"));
    assert_false(fits("email", "li@example.org",
        "{\"h\":\"b9b55f36c238a61026abc7e4c6be9758363c10c54a4e4462f83f33458230eafe\"}"));
}

static void what_says_nothing_is_not_taken(void **state)
{
    (void)state;
    static struct match match;
    assert_false(match_add(&match, "phone", "  "));
    for (size_t i = 0; i < MATCH_IDENTIFIERS_MAX; i++)
        assert_true(match_add(&match, "user_id", "u-1"));
    assert_false(match_add(&match, "user_id", "u-1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phone_number_is_found_however_it_is_written),
        cmocka_unit_test(other_values_are_found_as_words_in_any_letter_case),
        cmocka_unit_test(short_values_are_found_where_identifiers_stand),
        cmocka_unit_test(what_is_encoded_or_hashed_is_found_too),
        cmocka_unit_test(what_says_nothing_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
