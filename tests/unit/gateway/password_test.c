/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/password.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const words[] = {"li.lei@example.com", "li.lei", "李雷", "E-1017"};
#define WORDS words, sizeof(words) / sizeof(*words)

static void length_is_counted_in_characters(void **state)
{
    char most[4 * 258] = "";
    (void)state;
    assert_int_equal(password_characters("密码ab"), 4);
    assert_non_null(password_problem("kw9 tulip moon", PASSWORD_CHARACTERS, WORDS));
    assert_null(password_problem("kw9 tulip moons", PASSWORD_CHARACTERS, WORDS));
    assert_null(password_problem("kw9tulip", PASSWORD_CHARACTERS_WITH_FACTOR, WORDS));
    assert_non_null(password_problem("kw9tuli", PASSWORD_CHARACTERS_WITH_FACTOR, WORDS));
    for (size_t i = 0; i < 257; i++)
        memcpy(most + i * 3, i % 3 ? "雨" : i % 2 ? "云" : "风", 3);
    assert_non_null(strstr(password_problem(most, PASSWORD_CHARACTERS, WORDS), "256"));
}

static void what_is_guessed_first_is_refused(void **state)
{
    static const char *const guessed[] = {"passwordpassword", "Password12345678", "1234567890123456",
        "abcdefghijklmnop", "qwertyuiopqwerty", "aaaaaaaaaaaaaaaa", "abc123abc123abc123", "li.lei2026li.lei",
        "Li.Lei@Example.com!", "E-1017 E-1017 E-1017", "李雷李雷密码123456789", "woaini1314woaini",
        "admin admin 2026", "iloveyou iloveyou", "correcthorsebatterystaple"};
    (void)state;
    for (size_t i = 0; i < sizeof(guessed) / sizeof(*guessed); i++)
        if (!password_problem(guessed[i], PASSWORD_CHARACTERS, WORDS))
            fail_msg("%s is taken", guessed[i]);
}

static void anything_else_goes_without_rules_of_composition(void **state)
{
    static const char *const good[] = {"violet tractor hums quietly", "我昨天在西湖边喝了三杯龙井茶呢",
        "lowercaseletterzonly", "    kept  blanks    x7", "🍵🚲🌧️ every evening", "8201 4477 9053 1266"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (password_problem(good[i], PASSWORD_CHARACTERS, WORDS))
            fail_msg("%s: %s", good[i], password_problem(good[i], PASSWORD_CHARACTERS, WORDS));
}

static void a_hash_is_argon2id_and_matches_its_password_alone(void **state)
{
    char hash[PASSWORD_HASH_BYTES];
    (void)state;
    assert_int_equal(password_hash("violet tractor hums", hash), 0);
    assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=3,p=1$", strlen("$argon2id$v=19$m=65536,t=3,p=1$"));
    assert_true(password_matches(hash, "violet tractor hums"));
    assert_true(password_matches(hash, "ｖｉｏｌｅｔ　ｔｒａｃｔｏｒ　ｈｕｍｓ"));
    assert_false(password_matches(hash, "violet tractor hum"));
    assert_false(password_matches(hash, "Violet tractor hums"));
    assert_false(password_matches(hash, ""));
    assert_false(password_matches("", "violet tractor hums"));
    assert_false(password_matches("$argon2id$damaged", "violet tractor hums"));
}

/* Where it could not be verified, or with other parameters, the answer would come sooner or later than for somebody. */
static void nobodys_hash_is_as_dear_as_any(void **state)
{
    (void)state;
    assert_int_equal(
        crypto_pwhash_str_needs_rehash(password_nobody, PASSWORD_OPERATIONS, PASSWORD_MEMORY), 0);
    assert_int_not_equal(crypto_pwhash_str_verify(password_nobody, "", 0), 0);
}

static int setup(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_is_counted_in_characters),
        cmocka_unit_test(what_is_guessed_first_is_refused),
        cmocka_unit_test(anything_else_goes_without_rules_of_composition),
        cmocka_unit_test(a_hash_is_argon2id_and_matches_its_password_alone),
        cmocka_unit_test(nobodys_hash_is_as_dear_as_any),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
