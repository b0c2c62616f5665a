/* SPDX-License-Identifier: Apache-2.0 */
#include "common/authorization.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_token_stands_behind_its_scheme(void **state)
{
    static const struct {
        const char *header, *token;
    } cases[] = {
        {"Bearer qt_1", "qt_1"},
        {"bEARER   qt_1", "qt_1"},
        {"Bearer qt_1 ", "qt_1 "},
        {"Bearer ", ""},
        {"Bearer", NULL},
        {"Bearerqt_1", NULL},
        {"Bearer\tqt_1", NULL},
        {" Bearer qt_1", NULL},
        {"Basic cXQ6", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *token = authorization_bearer(cases[i].header);
        assert_int_equal(token != NULL, cases[i].token != NULL);
        if (token)
            assert_string_equal(token, cases[i].token);
    }
}

static void a_user_stands_before_the_colon_or_alone(void **state)
{
    static const struct {
        const char *header, *user;
    } cases[] = {
        {"Basic a2V5", "key"},
        {"basic  a2V5Og==", "key"},
        {"Basic a2V5OnNlY3JldA==", "key"}, /* key:secret */
        {"Basic OnNlY3JldA==", NULL},      /* :secret */
        {"Basic a2V5Og", NULL},            /* not padded */
        {"Basic a2V5 ", NULL},
        {"Basic a2V5AGtleQ==", "key"}, /* key, NUL, key */
        {"Basic !", NULL},
        {"Basic ", NULL},
        {"Basic", NULL},
        {"Bearer a2V5", NULL},
        {NULL, NULL},
    };
    char user[16];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(
            authorization_basic_user(cases[i].header, user, sizeof(user)), cases[i].user != NULL);
        if (cases[i].user)
            assert_string_equal(user, cases[i].user);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    char user[8];
    (void)state;
    assert_true(authorization_basic_user("Basic MTIzNDU2Nw==", user, sizeof(user)));
    assert_string_equal(user, "1234567");
    assert_false(authorization_basic_user("Basic MTIzNDU2Nzg=", user, sizeof(user)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_stands_behind_its_scheme),
        cmocka_unit_test(a_user_stands_before_the_colon_or_alone),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
