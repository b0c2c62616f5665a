/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/disclosure.h"

#include "services/gateway/permission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool names(const struct disclosure *disclosure, const char *name)
{
    char *fields[DISCLOSURE_FIELDS_MAX];
    size_t count = disclosure_fields(disclosure, fields);
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i], name) == 0)
            return true;
    return false;
}

static void what_is_named_is_what_the_permissions_allow(void **state)
{
    const struct disclosure all = disclosure_of(PERMISSION_ALL), none = disclosure_of(0);
    const struct disclosure bare = disclosure_of(PERMISSION_BIT(PERMISSION_PERSON_READ));
    (void)state;
    assert_true(all.persons && all.personal && all.amounts);
    assert_false(none.persons || none.personal || none.amounts);
    assert_true(bare.persons && !bare.personal && !bare.amounts);
    assert_true(names(&all, "identifiers") && names(&all, "personal_traits") && names(&all, "amounts"));
    assert_false(names(&bare, "identifiers") || names(&bare, "personal_traits") || names(&bare, "amounts"));
    assert_true(names(&bare, "traits") && names(&bare, "events"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_named_is_what_the_permissions_allow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
