/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/admission.h"

#include "common/error.h"
#include "services/identity/identity_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY INT64_C(86400000)

static void a_document_is_written_as_it_was_read(void **state)
{
    (void)state;
    struct kinds kinds;
    struct identity_rules rules, again;
    struct rules_problem problem;
    _cleanup_(buffer_free) struct buffer first = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer second = BUFFER_INIT;
    assert_int_equal(kinds_set(&kinds, KINDS_STANDARD, "CN"), 0);
    rules_reset(&rules, &kinds);
    rules_write(&rules, &kinds, &first);
    yyjson_doc *document = yyjson_read((const char *)first.data, first.size, 0);
    assert_non_null(document);
    assert_int_equal(rules_read(yyjson_doc_get_root(document), true, &kinds, &again, &problem), 0);
    yyjson_doc_free(document);
    rules_write(&again, &kinds, &second);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    rules_free(&again);
}

static int read_text(const char *text, struct kinds *kinds, struct identity_rules *ret_rules,
    struct rules_problem *ret_problem)
{
    yyjson_doc *document = yyjson_read(text, strlen(text), 0);
    assert_non_null(document);
    int error = rules_read(yyjson_doc_get_root(document), false, kinds, ret_rules, ret_problem);
    yyjson_doc_free(document);
    return error;
}

static struct kind_rule rule_of(
    const struct kinds *kinds, const struct identity_rules *rules, const char *kind)
{
    return rules->kinds[kind_exact(kinds, kind, strlen(kind))->number];
}

static void digests_follow_what_they_are_digests_of(void **state)
{
    (void)state;
    struct kinds kinds;
    struct identity_rules rules;
    struct rules_problem problem;
    assert_int_equal(kinds_set(&kinds, KINDS_STANDARD, "CN"), 0);
    const char *text = "{\"kinds\":[{\"kind\":\"anonymous_id\"},{\"kind\":\"user_id\"},"
                       "{\"kind\":\"phone\",\"verified\":\"issued\",\"joins\":false,\"limit\":2},"
                       "{\"kind\":\"email\",\"busy_after\":7},{\"kind\":\"member_card\"}]}";
    assert_int_equal(read_text(text, &kinds, &rules, &problem), 0);
    struct kind_rule phone = rule_of(&kinds, &rules, "phone_md5");
    struct kind_rule email = rule_of(&kinds, &rules, "email_sha1");
    assert_false(phone.joins);
    assert_true(email.joins);
    assert_int_equal(phone.verification, VERIFICATION_NEVER);
    assert_int_equal(phone.limits[LIMIT_EVER], 0);
    assert_int_equal(email.busy_after, 7);
    assert_true(phone.strength > rule_of(&kinds, &rules, "email").strength);
    assert_true(email.strength < rule_of(&kinds, &rules, "member_card").strength);
    rules_free(&rules);

    assert_int_equal(
        read_text("{\"kinds\":[{\"kind\":\"phone_md5\"}]}", &kinds, &rules, &problem), -QY_EINVAL);
    assert_string_equal(problem.field, "kinds/0/kind");
    text = "{\"kinds\":[],\"blocked\":[{\"kind\":\"email_md5\",\"value\":"
           "\"d41d8cd98f00b204e9800998ecf8427e\"}]}";
    assert_int_equal(read_text(text, &kinds, &rules, &problem), -QY_EINVAL);
    assert_string_equal(problem.field, "blocked/0/kind");
}

static void only_a_union_to_which_both_bring_some_breaks_a_limit(void **state)
{
    (void)state;
    struct kinds kinds;
    struct identity_rules rules;
    struct group one = {0}, other = {0};
    assert_int_equal(kinds_set(&kinds, KINDS_STANDARD, "CN"), 0);
    rules_reset(&rules, &kinds);
    unsigned user = kinds.user_id->number, phone = kind_exact(&kinds, "phone", 5)->number;
    group_add(&one, user, true);
    group_add(&one, user, true); /* an alias */
    group_add(&other, phone, true);
    assert_int_equal(admission_check(&rules, &one, &other, RANK_CLAIMED, 0).refusal, REFUSED_NOT);
    group_add(&other, user, false);
    struct verdict verdict = admission_check(&rules, &one, &other, RANK_VERIFIED, 0);
    assert_int_equal(verdict.refusal, REFUSED_LIMIT);
    assert_int_equal(verdict.kind, user);
    assert_int_equal(admission_check(&rules, &one, &other, RANK_VERIFIED, user).refusal, REFUSED_NOT);
    assert_int_equal(admission_check(&rules, &one, &other, RANK_HAND, 0).refusal, REFUSED_NOT);
}

static void a_claim_joins_no_two_that_each_have_a_verified_one(void **state)
{
    (void)state;
    struct kinds kinds;
    struct identity_rules rules;
    struct group one = {0}, other = {0};
    assert_int_equal(kinds_set(&kinds, KINDS_STANDARD, "CN"), 0);
    rules_reset(&rules, &kinds);
    unsigned phone = kind_exact(&kinds, "phone", 5)->number;
    group_add(&one, phone, true);
    group_add(&other, phone, false);
    assert_int_equal(admission_check(&rules, &one, &other, RANK_CLAIMED, 0).refusal, REFUSED_NOT);
    group_add(&other, phone, true);
    assert_int_equal(admission_check(&rules, &one, &other, RANK_CLAIMED, 0).refusal, REFUSED_CLAIMED);
    assert_int_equal(admission_check(&rules, &one, &other, RANK_VERIFIED, 0).refusal, REFUSED_NOT);
}

static void windows_are_of_event_time_in_any_order(void **state)
{
    (void)state;
    struct kind_rule rule = {.limits = {[LIMIT_MONTH] = 2, [LIMIT_WEEK] = 1}};
    int64_t apart[] = {20 * DAY, 0, 40 * DAY}, week[] = {3 * DAY, 0}, month[] = {0, 29 * DAY, 10 * DAY};
    int64_t edge[] = {0, 7 * DAY};
    assert_true(admission_fits_windows(&rule, apart, 3));
    assert_false(admission_fits_windows(&rule, week, 2));
    assert_false(admission_fits_windows(&rule, month, 3));
    assert_true(admission_fits_windows(&rule, edge, 2));
}

static bool is_blocked(const char *pattern, const char *value)
{
    struct blocklist *list = blocklist_make(1);
    assert_non_null(list);
    list->count = 1;
    list->items[0].is_pattern = true;
    strcpy(list->items[0].text, pattern); // NOLINT
    bool blocked = blocklist_has(list, 3, value, strlen(value));
    list->items[0].kind = 4;
    assert_false(blocklist_has(list, 3, value, strlen(value)));
    free(list);
    return blocked;
}

static void what_was_told_verifies_by_the_rules_that_hold(void **state)
{
    (void)state;
    const struct kind_rule never = {.verification = VERIFICATION_NEVER},
                           stated = {.verification = VERIFICATION_STATED},
                           issued = {.verification = VERIFICATION_ISSUED};
    assert_false(rules_verify(&never, true, true));
    assert_true(rules_verify(&stated, true, true) && !rules_verify(&stated, true, false) &&
                !rules_verify(&stated, false, true));
    assert_true(rules_verify(&issued, true, false) && !rules_verify(&issued, false, true));
    assert_true(rules_verify_node(&issued, NODE_TRUSTED) &&
                !rules_verify_node(&stated, NODE_TRUSTED | NODE_VERIFIED));
    assert_true(rules_verify_node(&stated, NODE_TRUSTED | NODE_STATED) && !rules_verify_node(&issued, 0));
    assert_true(rules_verify_node(&stated, NODE_VERIFIED) &&
                !rules_verify_node(&never, NODE_VERIFIED)); /* of before */
}

static void patterns_match_the_whole_value(void **state)
{
    (void)state;
    assert_true(is_blocked("test*", "Test-17"));
    assert_false(is_blocked("test*", "a test"));
    assert_true(is_blocked("*@example.???", "WHO@EXAMPLE.com"));
    assert_false(is_blocked("*@example.???", "who@example.shop"));
    assert_true(is_blocked("1380000[0-9][0-9][0-9][0-9]", "13800001234"));
    assert_false(is_blocked("1380000[0-9][0-9][0-9][0-9]", "1380000123x"));
    assert_true(is_blocked("a*b*c", "aXXbYYbZc"));
    assert_false(is_blocked("a*b*c", "aXXbYYcZ"));
    assert_true(is_blocked("[]]", "]"));
    assert_non_null(pattern_problem("*"));
    assert_non_null(pattern_problem("**?"));
    assert_non_null(pattern_problem("a[bc"));
    assert_null(pattern_problem("a[bc]*"));
}

static void numbers_of_kinds_stay_whatever_is_configured(void **state)
{
    (void)state;
    struct kinds kinds;
    const struct kind *added;
    _cleanup_(buffer_free) struct buffer registry = BUFFER_INIT;
    assert_int_equal(kinds_set(&kinds, "user_id phone", "CN"), 0);
    assert_int_equal(kinds_register(&kinds, &registry), 0);
    assert_int_equal(kinds_add(&kinds, "card_no", "digits", &added), 0);
    kind_register(added, &registry);
    assert_int_equal(kinds_add(&kinds, "card_no", "digits", &added), -QY_EINVAL);
    assert_int_equal(kinds_add(&kinds, "other", "phone", &added), -QY_EINVAL);
    assert_int_equal(kinds_set(&kinds, "email phone user_id", "CN"), 0);
    assert_int_equal(kinds_register(&kinds, &registry), 0);
    assert_string_equal(buffer_c_str(&registry), "user_id phone card_no:digits email");
    assert_int_equal(kind_exact(&kinds, "phone", 5)->number, 2);
    assert_int_equal(kind_exact(&kinds, "email", 5)->number, 4);
    assert_int_equal(kind_exact(&kinds, "card_no", 7)->form, FORM_DIGITS);
    assert_string_equal(kind_numbered(&kinds, 3)->name, "card_no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_written_as_it_was_read),
        cmocka_unit_test(digests_follow_what_they_are_digests_of),
        cmocka_unit_test(only_a_union_to_which_both_bring_some_breaks_a_limit),
        cmocka_unit_test(a_claim_joins_no_two_that_each_have_a_verified_one),
        cmocka_unit_test(windows_are_of_event_time_in_any_order),
        cmocka_unit_test(what_was_told_verifies_by_the_rules_that_hold),
        cmocka_unit_test(patterns_match_the_whole_value),
        cmocka_unit_test(numbers_of_kinds_stay_whatever_is_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
