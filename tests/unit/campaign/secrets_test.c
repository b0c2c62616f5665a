/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define HOOK(id, secret)                                                                                     \
    "{\"id\":\"" id                                                                                          \
    "\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://h/\",\"secret\":\"" secret                \
    "\",\"content\":{\"secret\":1.50,\"secret_sealed\":2}}"
#define MAIL "{\"id\":\"m\",\"type\":\"send\",\"channel\":\"email\",\"subject\":\"s\",\"text\":\"t\"}"
#define STEPS(steps) "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"},\"steps\":[" steps "]}"

static const struct secret_key key = {{1, 2, 3}};

static struct bytes text(const char *json)
{
    return (struct bytes){(const uint8_t *)json, strlen(json)};
}

static struct journey *stored(struct arena *arena, const char *given)
{
    struct bytes json;
    struct journey *journey = NULL;
    struct journey_problem problem;
    assert_int_equal(secrets_seal(&key, 7, text(given), NULL, arena, &json, &problem), 0);
    assert_int_equal(journey_parse_stored(json.data, json.size, &journey), 0);
    return journey;
}

static void a_secret_opens_where_it_was_sealed_and_nowhere_else(void **state)
{
    (void)state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    _cleanup_(journey_free) struct journey *journey =
        stored(arena, STEPS(HOOK("a", "one") "," MAIL "," HOOK("b", "one")));
    const char *sealed = journey->steps[0].message.sealed;
    const struct secret_key other = {{1, 2, 4}};
    char secret[SECRET_BYTES_MAX + 1];
    assert_int_equal(secrets_open(&key, 7, "a", sealed, secret), 0);
    assert_string_equal(secret, "one");
    assert_null(journey->steps[1].message.sealed);
    assert_string_not_equal(sealed, journey->steps[2].message.sealed);
    assert_int_equal(secrets_open(&key, 7, "b", sealed, secret), -QY_ECORRUPT);
    assert_int_equal(secrets_open(&key, 8, "a", sealed, secret), -QY_ECORRUPT);
    assert_int_equal(secrets_open(&other, 7, "a", sealed, secret), -QY_ECORRUPT);
    assert_int_equal(secrets_open(&key, 7, "a", "", secret), -QY_ECORRUPT);
    assert_int_equal(secrets_open(&key, 7, "a", "no base64!", secret), -QY_ECORRUPT);
}

static void the_longest_secret_is_kept_whole(void **state)
{
    (void)state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    char given[1000], longest[SECRET_BYTES_MAX + 1], secret[SECRET_BYTES_MAX + 1];
    memset(longest, 'x', SECRET_BYTES_MAX);
    longest[SECRET_BYTES_MAX] = '\0';
    snprintf(given, sizeof(given), STEPS(HOOK("a", "%s")), longest);
    assert_int_equal(arena_open(&arena), 0);
    _cleanup_(journey_free) struct journey *journey = stored(arena, given);
    assert_int_equal(secrets_open(&key, 7, "a", journey->steps[0].message.sealed, secret), 0);
    assert_string_equal(secret, longest);
}

static void what_is_shown_says_that_there_is_a_secret(void **state)
{
    (void)state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    struct bytes json, shown;
    struct journey_problem problem;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(
        secrets_seal(&key, 7, text(STEPS(HOOK("a", "one") "," MAIL)), NULL, arena, &json, &problem), 0);
    assert_int_equal(secrets_hide(json, arena, &shown), 0);
    const char *expected =
        STEPS("{\"id\":\"a\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://h/\","
              "\"content\":{\"secret\":1.50,\"secret_sealed\":2},\"secret_set\":true}," MAIL);
    assert_int_equal(shown.size, strlen(expected));
    assert_memory_equal(shown.data, expected, shown.size);
}

static void the_key_lies_in_a_file_of_its_own(void **state)
{
    (void)state;
    char directory[] = "/tmp/quanyu-secrets-XXXXXX", path[64];
    struct secret_key first, second;
    struct stat info;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(secrets_key(directory, &first), 0);
    assert_int_equal(secrets_key(directory, &second), 0);
    assert_memory_equal(&first, &second, sizeof(first));
    snprintf(path, sizeof(path), "%s/secrets.key", directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_opens_where_it_was_sealed_and_nowhere_else),
        cmocka_unit_test(the_longest_secret_is_kept_whole),
        cmocka_unit_test(what_is_shown_says_that_there_is_a_secret),
        cmocka_unit_test(the_key_lies_in_a_file_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
