/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/import_groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void add(struct groups *groups, uint64_t number, char *first, char *second, const char *key)
{
    char *fields[] = {first, second};
    struct line line = {.number = number, .fields = fields};
    struct buffer text = BUFFER_INIT;
    buffer_text(&text, key);
    assert_int_equal(groups_add(groups, &line, 2, &text), 0);
    buffer_free(&text);
}

static void lines_with_one_key_are_one_group_in_the_order_of_their_first_lines(void **state)
{
    (void)state;
    struct groups groups;
    char a[] = "a", b[] = "b";
    assert_int_equal(groups_open(&groups), 0);
    add(&groups, 2, a, b, "x");
    add(&groups, 3, a, b, "y");
    add(&groups, 7, b, a, "x");
    assert_int_equal(groups.count, 2);
    assert_int_equal(groups.all[0].count, 2);
    assert_int_equal(groups.all[0].lines[0].number, 2);
    assert_int_equal(groups.all[0].lines[1].number, 7);
    assert_string_equal(groups.all[0].lines[1].fields[0], "b");
    assert_int_equal(groups.all[1].lines[0].number, 3);
    groups_close(&groups);
}

static void the_text_is_copied(void **state)
{
    (void)state;
    struct groups groups;
    char a[] = "before", b[] = "";
    assert_int_equal(groups_open(&groups), 0);
    add(&groups, 1, a, b, "x");
    memcpy(a, "after!", 6);
    assert_string_equal(groups.all[0].lines[0].fields[0], "before");
    assert_string_equal(groups.all[0].lines[0].fields[1], "");
    groups_close(&groups);
}

static void without_a_key_each_line_is_a_group(void **state)
{
    (void)state;
    struct groups groups;
    char a[] = "a", b[] = "b";
    assert_int_equal(groups_open(&groups), 0);
    for (uint64_t i = 1; i <= 3; i++)
        add(&groups, i, a, b, "");
    assert_int_equal(groups.count, 3);
    groups_close(&groups);
}

static void many_groups_are_told_apart(void **state)
{
    (void)state;
    struct groups groups;
    char key[24];
    assert_int_equal(groups_open(&groups), 0);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 20000; i++) {
            snprintf(key, sizeof(key), "%u", i);
            add(&groups, i + 1, key, key, key);
        }
    assert_int_equal(groups.count, 20000);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "%u", i);
        assert_int_equal(groups.all[i].count, 3);
        assert_string_equal(groups.all[i].lines[2].fields[1], key);
    }
    groups_close(&groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_with_one_key_are_one_group_in_the_order_of_their_first_lines),
        cmocka_unit_test(the_text_is_copied),
        cmocka_unit_test(without_a_key_each_line_is_a_group),
        cmocka_unit_test(many_groups_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
