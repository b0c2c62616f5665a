/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rules.h"

static void a_pointer_escapes_what_pointers_must(void **state)
{
    (void)state;
    refused("{'all':[{'a~b/c':1}]}", "/all/0/a~0b~1c");
    refused("{'':1}", "/");
    refused("[]", "");
}

static void a_pointer_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    char json[2048] = "{\"", *end = json + 2;
    for (int i = 0; i < 200; i++)
        end = stpcpy(end, "\xe5\x9f\x9f"); /* three bytes each */
    stpcpy(end, "\":1}");
    struct rule *rule = NULL;
    struct rule_problem problem;
    assert_int_equal(rule_parse_text(json, strlen(json), &any_names, &rule, &problem), -QY_EINVAL);
    assert_int_equal(strlen(problem.pointer), 1 + 84 * 3);
    assert_string_equal(problem.pointer + 1 + 83 * 3, "\xe5\x9f\x9f");
}

static void a_name_has_bytes_and_not_too_many(void **state)
{
    (void)state;
    refused("{'identifier':''}", "/identifier");
    refused("{'identifier':7}", "/identifier");
    refused("{'identifier':'a\\u0000b'}", "/identifier");
    char json[512];
    snprintf(json, sizeof(json), "{'identifier':'%0*d'}", RULE_NAME_MAX + 1, 0);
    refused(json, "/identifier");
    snprintf(json, sizeof(json), "{'identifier':'%0*d'}", RULE_NAME_MAX, 0);
    struct rule *rule = parse_rule(json);
    rule_free(&rule);
}

static void a_path_has_no_empty_part(void **state)
{
    (void)state;
    static const char *const wrong[] = {".", "a.", ".a", "a..b", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char json[256];
        snprintf(json, sizeof(json), "{'event':'X','where':[{'property':'%s','is':1}]}", wrong[i]);
        refused(json, "/where/0/property");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pointer_escapes_what_pointers_must),
        cmocka_unit_test(a_pointer_too_long_is_cut_between_characters),
        cmocka_unit_test(a_name_has_bytes_and_not_too_many),
        cmocka_unit_test(a_path_has_no_empty_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
