/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/rule_internal.h"
#include "tests/support/rules.h"

static int64_t count_of(const char *list)
{
    struct distinct distinct = {0};
    yyjson_doc *document = read_json(list);
    size_t index, size;
    yyjson_val *value;
    yyjson_arr_foreach(yyjson_doc_get_root(document), index, size, value)
    {
        distinct_add(&distinct, value);
    }
    int64_t count = distinct_count(&distinct);
    assert_int_equal(distinct_count(&distinct), count);
    distinct_free(&distinct);
    yyjson_doc_free(document);
    return count;
}

static void equal_values_are_one(void **state)
{
    (void)state;
    assert_int_equal(count_of("[]"), 0);
    assert_int_equal(count_of("[1,1.0,1e0,10e-1,0.1e1]"), 1);
    assert_int_equal(count_of("[0,-0,0.0,0e5]"), 1);
    assert_int_equal(count_of("[1,-1,10,0.1,'1',true]"), 6);
    assert_int_equal(count_of("['a','a','A','','ab']"), 4);
    assert_int_equal(count_of("[true,false,true]"), 2);
}

static void what_is_no_value_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(count_of("[null,{},[],{'a':1},[1]]"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values_are_one),
        cmocka_unit_test(what_is_no_value_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
