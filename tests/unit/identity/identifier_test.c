/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identifier.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct kinds kinds;
static struct event_reader *reader;
static struct key_cache *keys;
static struct identifiers found;

static int set_up(void **state)
{
    (void)state;
    return kinds_set(&kinds, KINDS_STANDARD ", loyalty_no", "CN") || event_reader_open(&reader) ||
           key_cache_open(&kinds, &keys);
}

static int tear_down(void **state)
{
    (void)state;
    event_reader_close(&reader);
    key_cache_close(&keys);
    return 0;
}

static void extract(Quanyu__EventType type, const char *json)
{
    struct event event;
    assert_int_equal(
        event_read(reader, type, (struct bytes){(const uint8_t *)json, strlen(json)}, &event), 0);
    identifiers_extract(&kinds, keys, &event, &found);
}

/* "kind:value kind:value", by strength. */
static void check(const char *expected)
{
    char text[4096] = "";
    size_t used = 0;
    for (unsigned i = 0; i < found.count; i++) {
        const struct identifier *identifier = &found.items[found.order[i]];
        int size = snprintf(text + used, sizeof(text) - used, "%s%s:%s", i ? " " : "", identifier->kind->name,
            identifier->value);
        used += (size_t)size;
    }
    assert_string_equal(text, expected);
}

static void identifiers_are_found_in_every_place_strongest_first(void **state)
{
    (void)state;
    extract(QUANYU__EVENT_TYPE__EVENT_IDENTIFY,
        "{\"anonymousId\":\"a-1\",\"userId\":\"u-1\",\"traits\":{\"email\":\" Li@Example.COM "
        "\",\"phone\":\"138 0013 "
        "8000\",\"city\":\"x\",\"member_card\":\"M77\",\"memberCard\":\"M77\"},\"context\":{\"traits\":{"
        "\"unionid\":\"o6\"},"
        "\"externalIds\":[{\"id\":\"op1\",\"type\":\"wechat_openid\",\"app_id\":\"wx9\"},{\"id\":\"L1\","
        "\"type\":\"loyaltyNo\"},"
        "{\"id\":\"L2\",\"type\":\"loyalty_no\",\"collection\":\"users\",\"encoding\":\"none\"}]}}");
    check("user_id:u-1 member_card:M77 wechat_unionid:o6 phone:+8613800138000 email:li@example.com "
          "wechat_openid:wx9:op1 anonymous_id:a-1 loyalty_no:L2");
    assert_int_equal(found.unusable[UNUSABLE_KIND], 1);
}

static void numbers_are_ids_and_other_types_are_not(void **state)
{
    (void)state;
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK, "{\"userId\":17850,\"anonymousId\":{\"a\":1}}");
    check("user_id:17850");
    assert_int_equal(found.unusable[UNUSABLE_MALFORMED], 1);
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK, "{\"userId\":null}");
    check("");
    assert_int_equal(found.unusable[UNUSABLE_MALFORMED], 0);
}

static void values_that_stand_for_nobody_are_blocked(void **state)
{
    (void)state;
    static const char *const blocked[] = {"", "0", "000", "0-0", "---", "-1", "null", "NULL", "None", "NaN",
        "undefined", "anonymous", "Guest", "distinct_id", "distinctId", "id", "not_authenticated", "email",
        "true", "False", "[object Object]", " null ", "'null'", "`none`"};
    for (size_t i = 0; i < COUNT_OF(blocked); i++) {
        char json[200];
        snprintf(json, sizeof(json), "{\"userId\":\"%s\"}", blocked[i]);
        extract(QUANYU__EVENT_TYPE__EVENT_TRACK, json);
        if (found.count || found.unusable[UNUSABLE_BLOCKED] != 1)
            fail_msg("\"%s\" was not blocked", blocked[i]);
    }
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK, "{\"userId\":\"\\\"null\\\"\"}");
    check("");
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK, "{\"userId\":\"00001\"}");
    check("user_id:00001");
}

static void malformed_values_are_left_out(void **state)
{
    (void)state;
    char long_id[400];
    memset(long_id, 'x', sizeof(long_id));
    char json[600];
    snprintf(json, sizeof(json), "{\"userId\":\"%.257s\",\"anonymousId\":\"a\\u0007b\"}", long_id);
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK, json);
    check("");
    assert_int_equal(found.unusable[UNUSABLE_MALFORMED], 2);
    snprintf(json, sizeof(json), "{\"userId\":\"%.256s\"}", long_id);
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK, json);
    assert_int_equal(found.count, 1);
    extract(QUANYU__EVENT_TYPE__EVENT_IDENTIFY,
        "{\"userId\":\"u\",\"traits\":{\"phone\":\"12\",\"email\":\"a@@b.com\"},\"context\":{\"traits\":{"
        "\"email\":\"x@y\"},"
        "\"externalIds\":[{\"id\":\"5d41402abc4b2a76b9719d911017c592\",\"type\":\"phone\",\"encoding\":"
        "\"SHA3\"},7,{}]}}");
    check("user_id:u");
    assert_int_equal(found.unusable[UNUSABLE_MALFORMED], 3);
    assert_int_equal(found.unusable[UNUSABLE_ENCODED], 1);
    assert_int_equal(found.unusable[UNUSABLE_KIND], 2);
}

static void digests_are_a_kind_of_their_own(void **state)
{
    (void)state;
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK,
        "{\"context\":{\"verified\":true,\"traits\":{\"email_md5\":\"5D41402ABC4B2A76B9719D911017C592\"},"
        "\"externalIds\":["
        "{\"type\":\"phone\",\"encoding\":\"MD5\",\"id\":\"6d41402abc4b2a76b9719d911017c592\"},"
        "{\"type\":\"phone_md5\",\"encoding\":\"md5\",\"id\":\" 7d41402abc4b2a76b9719d911017c592\"},"
        "{\"type\":\"mobileSha1\",\"id\":\"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\"},"
        "{\"type\":\"email\",\"encoding\":\"sha-256\",\"id\":"
        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}]}}");
    check("phone_sha1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d phone_md5:6d41402abc4b2a76b9719d911017c592 "
          "phone_md5:7d41402abc4b2a76b9719d911017c592 "
          "email_sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 "
          "email_md5:5d41402abc4b2a76b9719d911017c592");
}

static void what_is_no_digest_of_anybody_is_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        enum unusable why;
    } cases[] = {
        {"\"type\":\"phone_md5\",\"id\":\"D41D8CD98F00B204E9800998ECF8427E\"",
            UNUSABLE_BLOCKED}, /* of nothing */
        {"\"type\":\"phone_md5\",\"id\":\"00000000000000000000000000000000\"", UNUSABLE_BLOCKED},
        {"\"type\":\"phone_md5\",\"id\":\"5d41402abc4b2a76b9719d911017c59\"", UNUSABLE_MALFORMED},
        {"\"type\":\"phone_md5\",\"id\":\"5d41402abc4b2a76b9719d911017c59g\"", UNUSABLE_MALFORMED},
        {"\"type\":\"phone_md5\",\"id\":\"13800138000\"", UNUSABLE_MALFORMED},
        {"\"type\":\"phone_md5\",\"encoding\":\"sha1\",\"id\":\"5d41402abc4b2a76b9719d911017c592\"",
            UNUSABLE_ENCODED},
        {"\"type\":\"user_id\",\"encoding\":\"md5\",\"id\":\"5d41402abc4b2a76b9719d911017c592\"",
            UNUSABLE_ENCODED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char json[256];
        snprintf(json, sizeof(json), "{\"context\":{\"externalIds\":[{%s}]}}", cases[i].entry);
        extract(QUANYU__EVENT_TYPE__EVENT_TRACK, json);
        if (found.count || found.unusable[cases[i].why] != 1)
            fail_msg("%s was not left out as it should be", cases[i].entry);
    }
}

static void a_groups_traits_are_not_a_persons(void **state)
{
    (void)state;
    extract(QUANYU__EVENT_TYPE__EVENT_GROUP,
        "{\"userId\":\"u\",\"groupId\":\"g\",\"traits\":{\"email\":\"shop@example.com\"}}");
    check("user_id:u");
}

static void an_alias_links_the_previous_id(void **state)
{
    (void)state;
    extract(QUANYU__EVENT_TYPE__EVENT_ALIAS, "{\"userId\":\"new\",\"previousId\":\"old\"}");
    check("user_id:new user_id:old");
    assert_false(found.items[found.order[0]].previous);
    assert_true(found.items[found.order[1]].previous);
    extract(
        QUANYU__EVENT_TYPE__EVENT_ALIAS, "{\"userId\":\"new\",\"previousId\":\"a\",\"anonymousId\":\"a\"}");
    check("user_id:new anonymous_id:a");
    extract(QUANYU__EVENT_TYPE__EVENT_ALIAS, "{\"userId\":\"new\",\"previousId\":\"a\",\"context\":{"
                                             "\"externalIds\":[{\"type\":\"anonymous_id\",\"id\":\"a\"}]}}");
    check("user_id:new anonymous_id:a");
    assert_false(found.items[found.order[1]].previous);
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK, "{\"userId\":\"new\",\"previousId\":\"old\"}");
    check("user_id:new");
}

static void the_weakest_give_way_where_there_are_too_many(void **state)
{
    (void)state;
    char json[4000];
    size_t used =
        (size_t)snprintf(json, sizeof(json), "{\"anonymousId\":\"a\",\"context\":{\"externalIds\":[");
    for (int i = 0; i < 20; i++)
        used += (size_t)snprintf(
            json + used, sizeof(json) - used, "{\"type\":\"anonymous_id\",\"id\":\"a%d\"},", i);
    snprintf(json + used, sizeof(json) - used, "{\"type\":\"phone\",\"id\":\"13800138000\"}]}}");
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK, json);
    assert_int_equal(found.count, IDENTIFIERS_MAX);
    assert_string_equal(found.items[found.order[0]].value, "+8613800138000");
    assert_int_equal(found.unusable[UNUSABLE_SURPLUS], 6);
}

static void openids_are_scoped_by_their_app(void **state)
{
    (void)state;
    extract(QUANYU__EVENT_TYPE__EVENT_TRACK,
        "{\"context\":{\"externalIds\":[{\"type\":\"openid\",\"id\":\"op\",\"appId\":\"wx1\"},{\"type\":"
        "\"openid\",\"id\":"
        "\"wx2:op\",\"appId\":\"wx3\"},{\"type\":\"openid\",\"id\":\"bare\"},{\"type\":\"openid\",\"id\":"
        "\"null\",\"appId\":\"wx1\"}],"
        "\"traits\":{\"wechat_openid\":\"t\",\"wechat_app_id\":\"wx4\"}}}");
    check("wechat_openid:wx4:t wechat_openid:wx1:op wechat_openid:wx2:op wechat_openid:bare");
    assert_int_equal(found.unusable[UNUSABLE_BLOCKED], 1);
}

static void wrong_lists_of_kinds_are_refused(void **state)
{
    (void)state;
    struct kinds other;
    assert_int_equal(kinds_set(&other, "", "CN"), -QY_EINVAL);
    assert_int_equal(kinds_set(&other, "phone phone", "CN"), -QY_EINVAL);
    assert_int_equal(kinds_set(&other, "Phone", "CN"), -QY_EINVAL);
    assert_int_equal(kinds_set(&other, "phone", "XX"), -QY_EINVAL);
    assert_int_equal(kinds_set(&other, "phone", "China"), -QY_EINVAL);
    assert_int_equal(kinds_set(&other, "email,phone", "GB"), 0);
    assert_int_equal(other.count, 2);
    assert_string_equal(kind_find(&other, "mobile", 6)->name, "phone");
    assert_null(kind_find(&other, "user_id", 7));
    assert_null(kind_find(&other, "phone\0x", 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers_are_found_in_every_place_strongest_first),
        cmocka_unit_test(numbers_are_ids_and_other_types_are_not),
        cmocka_unit_test(values_that_stand_for_nobody_are_blocked),
        cmocka_unit_test(malformed_values_are_left_out),
        cmocka_unit_test(digests_are_a_kind_of_their_own),
        cmocka_unit_test(what_is_no_digest_of_anybody_is_left_out),
        cmocka_unit_test(a_groups_traits_are_not_a_persons),
        cmocka_unit_test(an_alias_links_the_previous_id),
        cmocka_unit_test(the_weakest_give_way_where_there_are_too_many),
        cmocka_unit_test(openids_are_scoped_by_their_app),
        cmocka_unit_test(wrong_lists_of_kinds_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
