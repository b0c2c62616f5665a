/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

static void bytes_that_are_no_json_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "{", "{'all':[}", "{'everyone':true} x", "{'everyone':NaN}", "\xff"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        refused(wrong[i], "");
}

static void nesting_and_number_of_conditions_have_limits(void **state)
{
    (void)state;
    char json[2048] = "", *end = json;
    for (int i = 0; i < RULE_DEPTH_MAX; i++)
        end = stpcpy(end, "{'not':");
    end = stpcpy(end, "{'everyone':true}");
    for (int i = 0; i < RULE_DEPTH_MAX; i++)
        end = stpcpy(end, "}");
    struct rule *rule = parse_rule(json);
    rule_free(&rule);
    char deeper[4096];
    snprintf(deeper, sizeof(deeper), "{'all':[%s]}", json);
    refused(deeper, "/all/0/not/not/not/not/not/not/not/not/not/not/not/not/not/not/not/not");
}

static bool is_known(void *self, const char *name)
{
    return strcmp(name, self) == 0;
}

static void names_are_asked_for(void **state)
{
    (void)state;
    const struct rule_names names = {
        .self = (char[]){"known"}, .tag = is_known, .segment = is_known, .stage = is_known};
    static const struct {
        const char *json, *pointer;
    } cases[] = {{"{\"tag\":\"known\"}", NULL}, {"{\"tag\":\"other\"}", "/tag"},
        {"{\"segment\":\"known\"}", NULL}, {"{\"segment\":\"other\"}", "/segment"},
        {"{\"stage\":[\"known\"]}", NULL}, {"{\"stage\":[\"known\",\"other\"]}", "/stage/1"},
        {"{\"stage\":\"other\"}", "/stage"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rule *rule = NULL;
        struct rule_problem problem;
        int error = rule_parse_text(cases[i].json, strlen(cases[i].json), &names, &rule, &problem);
        assert_int_equal(error, cases[i].pointer ? -QY_EINVAL : 0);
        assert_string_equal(problem.pointer, cases[i].pointer ? cases[i].pointer : "");
        rule_free(&rule);
    }
}

static void the_tree_outlives_the_json(void **state)
{
    (void)state;
    struct rule *rule =
        parse_rule("{'any':[{'trait':'city','is':'x'},{'not':{'tag':'vip','origin':'guide'}}]}");
    const struct rule_node *root = rule_root(rule);
    assert_int_equal(root->kind, RULE_ANY);
    assert_int_equal(root->child_count, 2);
    assert_string_equal(root->children[0]->name, "city");
    assert_string_equal(root->children[0]->tests[0].value.text, "x");
    assert_string_equal(root->children[1]->children[0]->tag_origin, "guide");
    assert_string_equal(root->children[1]->children[0]->pointer, "/any/1/not");
    rule_free(&rule);
    assert_null(rule);
}

static void units_and_guides_are_ids_or_whether_there_is_one(void **state)
{
    (void)state;
    struct rule *rule =
        parse_rule("{'all':[{'unit':['u_7','u_12']},{'guide':'st_3'},{'unit':{'exists':true}}]}");
    const struct rule_node *const *parts = rule_root(rule)->children;
    assert_int_equal(parts[0]->number_count, 2);
    assert_int_equal(parts[0]->numbers[1], 12);
    assert_int_equal(parts[1]->numbers[0], 3);
    assert_int_equal(parts[2]->number_count, 0);
    assert_int_equal(parts[2]->tests[0].op, OP_EXISTS);
    rule_free(&rule);
    refused("{'unit':'code:S-0012'}", "/unit");
    refused("{'unit':['u_7','st_7']}", "/unit/1");
    refused("{'unit':'u_07'}", "/unit");
    refused("{'unit':[]}", "/unit");
    refused("{'unit':7}", "/unit");
    refused("{'unit':null}", "/unit");
    refused("{'guide':'u_7'}", "/guide");
    refused("{'guide':{}}", "/guide");
    refused("{'guide':{'is':'st_7'}}", "/guide/is");
    refused("{'guide':{'exists':1}}", "/guide/exists");
    refused("{'guide':'st_7','is':'st_8'}", "/is");
}

static void a_key_too_many_or_twice_is_refused(void **state)
{
    (void)state;
    refused("{'everyone':true,'everyone':true}", "/everyone");
    refused("{'not':{'everyone':true},'x':1}", "/x");
    refused("{'tag':'a','is':'b'}", "/is");
    refused("{'tag':'a','origin':'guide','origin':'rule'}", "/origin");
    refused("{'trait':'a','is':1,'metric':'orders'}", "/metric");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_no_json_are_refused),
        cmocka_unit_test(nesting_and_number_of_conditions_have_limits),
        cmocka_unit_test(names_are_asked_for),
        cmocka_unit_test(the_tree_outlives_the_json),
        cmocka_unit_test(units_and_guides_are_ids_or_whether_there_is_one),
        cmocka_unit_test(a_key_too_many_or_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
