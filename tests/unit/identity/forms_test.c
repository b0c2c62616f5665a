/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/forms.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct forms *forms;

static bool hold(void *self, const struct digest *digest)
{
    (void)self;
    return forms_hold(forms, digest);
}

static bool is_known(const char *text)
{
    return disguise_digests(text, strlen(text), hold, NULL);
}

static void hashes_of_all_forms_are_recognised(void **state)
{
    (void)state;
    static const struct kinds empty;
    struct kinds kinds = empty;
    assert_int_equal(kinds_set(&kinds, KINDS_STANDARD, "CN"), 0);
    assert_int_equal(forms_open(&forms), 0);
    forms_add_identifier(forms, kind_find(&kinds, "phone", 5), "+8613800138000", 14);
    assert_true(is_known("709559e9597fadc042d59c664fe27e7e"));         /* MD5 of +8613800138000 */
    assert_true(is_known("d08d34f991404450e729a04a72d2b48d299dc69d")); /* SHA-1 of 8613800138000 */
    assert_true(
        is_known("A6942F9771D67F34034D2F1926988ED3FAD3BF1B4E7CEDB9A31F31398DEA43BC")); /* of 13800138000 */
    assert_true(is_known("x eUW9gyNzNeU3b/RNYuTwrg=="));       /* MD5 of 13800138000 */
    assert_true(is_known("5791b597afc76ed4915e522eb0010be9")); /* MD5 of 138-0013-8000 */
    assert_false(is_known("b9b55f36c238a61026abc7e4c6be9758363c10c54a4e4462f83f33458230eafe"));
    forms_add_text(forms, " Li@Example.com", 15); /* what comes later is hashed, too */
    assert_true(
        is_known("b9b55f36c238a61026abc7e4c6be9758363c10c54a4e4462f83f33458230eafe")); /* of li@example.com */
    assert_false(is_known("9f86d081884c7d659a2feaa0c55ad015"));
    forms_reset(forms);
    assert_false(is_known("709559e9597fadc042d59c664fe27e7e"));
    forms_close(&forms);
}

static void more_forms_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    char value[40];
    assert_int_equal(forms_open(&forms), 0);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(value, sizeof(value), "139%08u", i);
        forms_add_number(forms, value, strlen(value));
    }
    assert_false(is_known("9f86d081884c7d659a2feaa0c55ad015"));
    forms_close(&forms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_of_all_forms_are_recognised),
        cmocka_unit_test(more_forms_than_there_is_room_for_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
