/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/api.h"
#include "services/gateway/role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_permission_is_found_by_its_name_and_no_other(void **state)
{
    (void)state;
    for (unsigned i = PERMISSION_NONE + 1; i < PERMISSION_COUNT; i++) {
        const char *name = permission_name((enum permission)i);
        assert_true(*name);
        assert_true(*permission_help((enum permission)i));
        assert_int_equal(permission_find(name), i);
    }
    assert_int_equal(permission_find(""), PERMISSION_NONE);
    assert_int_equal(permission_find("person.reads"), PERMISSION_NONE);
    assert_true(PERMISSION_COUNT <= 64);
}

static void roles_out_of_the_box_have_names_and_permissions_that_exist(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROLE_STANDARD_COUNT; i++) {
        const struct role *role = &role_standard[i];
        assert_true(role_name_fits(role->name));
        assert_ptr_equal(role_standard_find(role->name), role);
        assert_true(role->permissions != 0);
        assert_true((role->permissions & ~PERMISSION_ALL) == 0);
    }
    assert_null(role_standard_find("nobody"));
    assert_true(role_standard_find(ROLE_HQ_ADMIN)->permissions == PERMISSION_ALL);
}

static void roles_without_personal_data_have_none(void **state)
{
    static const char *const names[] = {"analyst", "finance", "designer"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        uint64_t set = role_standard_find(names[i])->permissions;
        assert_false(permission_in(set, PERMISSION_PERSON_READ));
        assert_false(permission_in(set, PERMISSION_PERSONAL_MASKED));
        assert_false(permission_in(set, PERMISSION_PERSONAL_UNMASK));
    }
    assert_false(permission_in(role_standard_find("designer")->permissions, PERMISSION_AMOUNT_READ));
}

static void every_operation_asks_for_a_permission_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_operation_count; i++) {
        const struct api_operation *operation = &api_operations[i];
        bool own = strncmp(operation->about.pattern, "/api/v1/me", strlen("/api/v1/me")) == 0 ||
                   strcmp(operation->about.pattern, "/api/v1/session") == 0;
        if (!operation->about.open && !own && operation->permission == PERMISSION_NONE)
            fail_msg("%s %s needs no permission", operation->about.method, operation->about.pattern);
        assert_true(operation->permission < PERMISSION_COUNT);
    }
}

static void names_that_do_not_fit_are_told(void **state)
{
    (void)state;
    assert_true(role_name_fits("a"));
    assert_true(role_name_fits("vip_desk_2"));
    assert_false(role_name_fits(""));
    assert_false(role_name_fits("2nd"));
    assert_false(role_name_fits("Guide"));
    assert_false(role_name_fits("a role"));
    assert_false(role_name_fits("abcdefghijklmnopqrstuvwxyz_abcdef"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_permission_is_found_by_its_name_and_no_other),
        cmocka_unit_test(roles_out_of_the_box_have_names_and_permissions_that_exist),
        cmocka_unit_test(roles_without_personal_data_have_none),
        cmocka_unit_test(every_operation_asks_for_a_permission_or_says_why_not),
        cmocka_unit_test(names_that_do_not_fit_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
