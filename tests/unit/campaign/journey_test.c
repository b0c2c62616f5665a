/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/journey.h"

#include "common/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WHOLE                                                                                                \
    "{\"name\":\"Win "                                                                                       \
    "back\",\"entry\":{\"segment\":\"s_ab12\"},\"include_current\":true,\"reentry\":\"30d\","                \
    "\"exit_when\":{\"metric\":\"orders\",\"gte\":2},\"steps\":["                                            \
    "{\"id\":\"w1\",\"type\":\"wait\",\"for\":\"3d\"},"                                                      \
    "{\"id\":\"c1\",\"type\":\"condition\",\"rule\":{\"tag\":\"vip\"},\"then\":\"ab\",\"else\":\"x\"},"      \
    "{\"id\":\"ab\",\"type\":\"split\",\"branches\":[{\"share\":30,\"next\":\"m1\"},{\"share\":70}]},"       \
    "{\"id\":\"s1\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://127.0.0.1:9/"                 \
    "x\",\"secret\":\"k\","                                                                                  \
    "\"content\":{\"who\":\"{{one_id}}\",\"amount\":1.50},\"next\":\"x\"},"                                  \
    "{\"id\":\"m1\",\"type\":\"send\",\"channel\":\"email\",\"subject\":\"Hi "                               \
    "{{name}}\",\"text\":\"a\\nb\"},"                                                                        \
    "{\"id\":\"u\",\"type\":\"wait\",\"until\":\"2026-03-01T08:00:00Z\",\"next\":\"w1\"},"                   \
    "{\"id\":\"x\",\"type\":\"exit\"}]}"

static void a_whole_definition_is_understood(void **state)
{
    (void)state;
    struct journey *journey;
    struct journey_problem problem;
    int error = journey_parse(WHOLE, strlen(WHOLE), &journey, &problem);
    if (error)
        fail_msg("%s %s", problem.pointer, problem.message);
    assert_string_equal(journey->name, "Win back");
    assert_string_equal(journey->entry.json, "{\"segment\":\"s_ab12\"}");
    assert_false(journey->entry.trigger);
    assert_true(journey->include_current);
    assert_int_equal(journey->reentry, REENTRY_AFTER);
    assert_int_equal(journey->reentry_ms, INT64_C(30) * 86400000);
    assert_non_null(journey->exit_when.json);
    assert_int_equal(journey->step_count, 7);
    const struct step *steps = journey->steps;
    assert_int_equal(steps[0].wait_ms, INT64_C(3) * 86400000);
    assert_int_equal(steps[0].next, 1);
    assert_int_equal(steps[1].next, 2);
    assert_int_equal(steps[1].otherwise, 6);
    assert_int_equal(steps[2].branches[0].next, 4);
    assert_int_equal(steps[2].branches[1].next, 3);
    assert_int_equal(steps[3].next, 6);
    assert_string_equal(steps[3].message.content, "{\"who\":\"{{one_id}}\",\"amount\":1.50}");
    assert_int_equal(steps[3].message.placeholders, PLACEHOLDER_BIT(PLACEHOLDER_ONE_ID));
    assert_int_equal(steps[4].next, 5);
    assert_int_equal(steps[5].until_ms, INT64_C(1772352000000));
    assert_int_equal(steps[5].next, 0);
    assert_int_equal(steps[6].next, STEP_END);
    journey_free(&journey);
}

#define STEPS(steps) "{\"name\":\"n\",\"entry\":{\"segment\":\"s\"},\"steps\":[" steps "]}"
#define EXIT "{\"id\":\"x\",\"type\":\"exit\"}"
#define HOOK "\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://h/\",\"secret\":\"k\""

static const struct {
    const char *json;
    const char *pointer;
    const char *message; /* a part of it */
} wrong[] = {
    {"{", "", "is no JSON"},
    {"[]", "", "must be an object"},
    {"{\"name\":\"n\"}", "/entry", "is missing"},
    {"{\"entry\":{\"segment\":\"s\"},\"steps\":[" EXIT "]}", "/name", "is missing"},
    {"{\"name\":\"\",\"entry\":{\"segment\":\"s\"},\"steps\":[" EXIT "]}", "/name", "not empty"},
    {"{\"name\":\"a\\nb\",\"entry\":{\"segment\":\"s\"},\"steps\":[" EXIT "]}", "/name", "control"},
    {"{\"name\":\"n\",\"name\":\"m\",\"entry\":{\"segment\":\"s\"},\"steps\":[" EXIT "]}", "/name", "twice"},
    {"{\"name\":\"n\",\"when/how\":1,\"entry\":{\"segment\":\"s\"},\"steps\":[" EXIT "]}", "/when~1how",
        "unknown key"},
    {"{\"name\":\"n\",\"entry\":{},\"steps\":[" EXIT "]}", "/entry", "one of segment"},
    {"{\"name\":\"n\",\"entry\":{\"segment\":\"s\",\"rule\":{}},\"steps\":[" EXIT "]}", "/entry",
        "one of segment"},
    {"{\"name\":\"n\",\"entry\":{\"segment\":7},\"steps\":[" EXIT "]}", "/entry/segment", "text"},
    {"{\"name\":\"n\",\"entry\":{\"rule\":{\"metric\":\"height\",\"gt\":1}},\"steps\":[" EXIT "]}",
        "/entry/rule/metric", ""},
    {"{\"name\":\"n\",\"entry\":{\"rule\":{\"all\":[{\"tag\":\"a\"},{\"tag\":1}]}},\"steps\":[" EXIT "]}",
        "/entry/rule/all/1/tag", ""},
    {"{\"name\":\"n\",\"entry\":{\"event\":\"Viewed\"},\"steps\":[" EXIT "]}", "/entry/event", "object"},
    {"{\"name\":\"n\",\"entry\":{\"event\":{\"event\":\"Viewed\",\"count\":{\"gte\":2}}},\"steps\":[" EXIT
     "]}",
        "/entry/event/count", "unknown key"},
    {"{\"name\":\"n\",\"entry\":{\"event\":{\"event\":\"V\"}},\"include_current\":true,\"steps\":[" EXIT "]}",
        "/include_current", "segment or rule"},
    {"{\"name\":\"n\",\"entry\":{\"segment\":\"s\"},\"reentry\":\"often\",\"steps\":[" EXIT "]}", "/reentry",
        "never"},
    {"{\"name\":\"n\",\"entry\":{\"segment\":\"s\"},\"include_current\":1,\"steps\":[" EXIT "]}",
        "/include_current", "true"},
    {STEPS(""), "/steps", "1 to 100"},
    {STEPS("7"), "/steps/0", "object"},
    {STEPS("{\"id\":\"a b\",\"type\":\"exit\"}"), "/steps/0/id", "letters"},
    {STEPS(EXIT "," EXIT), "/steps/1/id", "another step"},
    {STEPS("{\"id\":\"a\",\"type\":\"jump\"}"), "/steps/0/type", "must be wait"},
    {STEPS("{\"id\":\"a\",\"type\":\"exit\",\"next\":\"a\"}"), "/steps/0/next", "unknown key"},
    {STEPS("{\"id\":\"a\",\"type\":\"wait\"}"), "/steps/0", "either for or until"},
    {STEPS("{\"id\":\"a\",\"type\":\"wait\",\"for\":\"1d\",\"until\":\"2026-01-01\"}"), "/steps/0", "either"},
    {STEPS("{\"id\":\"a\",\"type\":\"wait\",\"for\":\"soon\"}"), "/steps/0/for", "duration"},
    {STEPS("{\"id\":\"a\",\"type\":\"wait\",\"until\":\"tomorrow\"}"), "/steps/0/until", "RFC 3339"},
    {STEPS("{\"id\":\"a\",\"type\":\"wait\",\"for\":\"1d\",\"next\":\"b\"}"), "/steps/0/next",
        "no step \"b\""},
    {STEPS("{\"id\":\"a\",\"type\":\"condition\",\"rule\":{\"tag\":\"t\"}}"), "/steps/0", "then, else"},
    {STEPS("{\"id\":\"a\",\"type\":\"condition\",\"then\":\"a\"}"), "/steps/0/rule", "is missing"},
    {STEPS("{\"id\":\"a\",\"type\":\"split\",\"branches\":[{\"share\":100}]}"), "/steps/0/branches",
        "2 to 10"},
    {STEPS("{\"id\":\"a\",\"type\":\"split\",\"branches\":[{\"share\":50},{\"share\":49}]}"),
        "/steps/0/branches", "99"},
    {STEPS("{\"id\":\"a\",\"type\":\"split\",\"branches\":[{\"share\":50},{\"share\":0}]}"),
        "/steps/0/branches/1/share", "1 to 100"},
    {STEPS("{\"id\":\"a\",\"type\":\"split\",\"branches\":[{\"share\":50},{\"share\":50.0}]}"),
        "/steps/0/branches/1/share", "1 to 100"},
    {STEPS("{\"id\":\"a\",\"type\":\"split\",\"branches\":[{\"share\":50},{\"share\":50,\"next\":\"q\"}]}"),
        "/steps/0/branches/1/next", "no step"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\"}"), "/steps/0/channel", "is missing"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"pigeon\"}"), "/steps/0/channel",
        "webhook or email"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"file:///etc/"
           "passwd\",\"secret\":\"k\"}"),
        "/steps/0/url", "http"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://u:p@h/"
           "\",\"secret\":\"k\"}"),
        "/steps/0/url", "http"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://h/?p={{phone}}"
           "\",\"secret\":\"k\"}"),
        "/steps/0/url", "placeholders"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://h/"
           "\",\"secret\":\"\",\"content\":{}}"),
        "/steps/0/secret", "not empty"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://h/"
           "\",\"secret_sealed\":\"AAAA\",\"content\":{}}"),
        "/steps/0/secret_sealed", "unknown key"},
    {STEPS("{\"id\":\"a\"," HOOK "}"), "/steps/0/content", "is missing"},
    {STEPS("{\"id\":\"a\"," HOOK ",\"content\":{\"x\":\"{{shoe_size}}\"}}"), "/steps/0/content",
        "{{shoe_size}}"},
    {STEPS("{\"id\":\"a\"," HOOK ",\"content\":{},\"subject\":\"s\"}"), "/steps/0/subject", "unknown key"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"email\",\"subject\":\"s\"}"), "/steps/0",
        "text, html"},
    {STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"email\",\"subject\":\"s\\r\\nBcc: "
           "b\",\"text\":\"t\"}"),
        "/steps/0/subject", "control"},
    {STEPS("{\"id\":\"a\"," HOOK ",\"content\":{},\"next\":\"a\"}"), "/steps/0", "leads back"},
    {STEPS("{\"id\":\"a\",\"type\":\"wait\",\"until\":\"2026-01-01\",\"next\":\"a\"}"), "/steps/0",
        "leads back"},
    {STEPS(
         "{\"id\":\"a\",\"type\":\"condition\",\"rule\":{\"tag\":\"t\"},\"then\":\"x\",\"else\":\"b\"}," EXIT
         ",{\"id\":\"b\",\"type\":\"split\",\"branches\":[{\"share\":50,\"next\":\"x\"},{\"share\":50,"
         "\"next\":\"a\"}]}"),
        "/steps/0", "leads back"},
};

static void what_is_wrong_is_refused_where_it_stands(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct journey *journey = NULL;
        struct journey_problem problem;
        int error = journey_parse(wrong[i].json, strlen(wrong[i].json), &journey, &problem);
        if (error != -QY_EINVAL || strcmp(problem.pointer, wrong[i].pointer) != 0 ||
            !strstr(problem.message, wrong[i].message))
            fail_msg("%s\n gives %d at \"%s\": %s", wrong[i].json, error, problem.pointer, problem.message);
        assert_null(journey);
    }
}

static const char *const good[] = {
    STEPS("{\"id\":\"a\",\"type\":\"wait\",\"for\":\"1h\",\"next\":\"a\"}"),
    STEPS("{\"id\":\"a\",\"type\":\"condition\",\"rule\":{\"tag\":\"t\"},\"then\":\"x\"},"
          "{\"id\":\"w\",\"type\":\"wait\",\"for\":\"1d\",\"next\":\"a\"}," EXIT),
    STEPS("{\"id\":\"a\"," HOOK ",\"content\":[1,2]}"),
    "{\"name\":\"n\",\"entry\":{\"event\":{\"event\":\"Product "
    "Viewed\",\"where\":[{\"property\":\"sku\",\"is\":\"A\"}]}},"
    "\"reentry\":\"after_exit\",\"steps\":[" EXIT "]}",
};

static void what_is_right_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct journey *journey = NULL;
        struct journey_problem problem;
        if (journey_parse(good[i], strlen(good[i]), &journey, &problem))
            fail_msg("%s\n is refused at \"%s\": %s", good[i], problem.pointer, problem.message);
        journey_free(&journey);
    }
}

static void a_definition_has_a_limit(void **state)
{
    (void)state;
    static char large[JOURNEY_BYTES_MAX + 1];
    memset(large, ' ', sizeof(large));
    struct journey *journey = NULL;
    struct journey_problem problem;
    assert_int_equal(journey_parse(large, sizeof(large), &journey, &problem), -QY_ETOOLARGE);
}

static void the_same_rule_has_the_same_key(void **state)
{
    (void)state;
    static const char text[] =
        STEPS("{\"id\":\"a\",\"type\":\"condition\",\"rule\": {\"segment\" : \"s\"},\"then\":\"x\"},"
              "{\"id\":\"b\",\"type\":\"condition\",\"rule\":{\"segment\":\"t\"},\"then\":\"x\"}," EXIT);
    struct journey *journey;
    struct journey_problem problem;
    assert_int_equal(journey_parse(text, strlen(text), &journey, &problem), 0);
    assert_memory_equal(journey->entry.key, journey->steps[0].rule.key, WATCH_KEY_BYTES);
    assert_memory_not_equal(journey->entry.key, journey->steps[1].rule.key, WATCH_KEY_BYTES);
    journey_free(&journey);
}

static void a_split_is_fair_and_constant(void **state)
{
    (void)state;
    unsigned counts[100] = {0};
    for (uint32_t node = 1; node <= 100000; node++) {
        unsigned bucket = journey_bucket("j_1", "ab", node);
        assert_true(bucket < 100);
        assert_int_equal(bucket, journey_bucket("j_1", "ab", node));
        counts[bucket]++;
    }
    for (unsigned i = 0; i < 100; i++)
        assert_in_range(counts[i], 850, 1150);
    unsigned same = 0;
    for (uint32_t node = 1; node <= 10000; node++)
        same += journey_bucket("j_1", "ab", node) / 50 == journey_bucket("j_2", "ab", node) / 50;
    assert_in_range(same, 4700, 5300); /* one journey's sides say nothing about another's */
    struct step_branch branches[] = {{.share = 30, .next = 1}, {.share = 70, .next = 2}};
    const struct step step = {.branches = branches, .branch_count = 2};
    assert_int_equal(step_side(&step, 0), 1);
    assert_int_equal(step_side(&step, 29), 1);
    assert_int_equal(step_side(&step, 30), 2);
    assert_int_equal(step_side(&step, 99), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_definition_is_understood),
        cmocka_unit_test(what_is_wrong_is_refused_where_it_stands),
        cmocka_unit_test(what_is_right_is_taken),
        cmocka_unit_test(a_definition_has_a_limit),
        cmocka_unit_test(the_same_rule_has_the_same_key),
        cmocka_unit_test(a_split_is_fair_and_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
