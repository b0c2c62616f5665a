/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/write_key_policy.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_star_stands_for_any_text(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"Order Completed", "Order Completed", true},
        {"Order Completed", "order completed", false},
        {"Order Completed", "Order", false},
        {"Order", "Order Completed", false},
        {"*", "", true},
        {"*", "anything", true},
        {"Order *", "Order Completed", true},
        {"Order *", "Order", false},
        {"* Viewed", "Product Viewed", true},
        {"* Viewed", "Product Viewed Twice", false},
        {"*a*b*", "xxaxxbxx", true},
        {"*a*b*", "xxbxxaxx", false},
        {"a*a", "a", false},
        {"a*a", "aa", true},
        {"", "", true},
        {"", "a", false},
        {"**", "a", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (pattern_matches(cases[i].pattern, cases[i].text, strlen(cases[i].text)) != cases[i].matches)
            fail_msg("%s against %s", cases[i].pattern, cases[i].text);
}

/* Its cost must not grow with what each star could take. */
static void a_pattern_of_stars_is_no_trap(void **state)
{
    (void)state;
    char pattern[256], text[256];
    for (size_t i = 0; i + 1 < sizeof(pattern); i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof(pattern) - 2] = 'b';
    pattern[sizeof(pattern) - 1] = 0;
    memset(text, 'a', sizeof(text));
    for (int i = 0; i < 1000; i++)
        assert_false(pattern_matches(pattern, text, sizeof(text)));
}

static void an_empty_list_allows_everything(void **state)
{
    (void)state;
    Quanyu__WriteKey key = QUANYU__WRITE_KEY__INIT;
    assert_true(write_key_allows_type(&key, QUANYU__EVENT_TYPE__EVENT_ALIAS));
    assert_true(write_key_allows_name(&key, "X", 1));
    assert_true(write_key_allows_origin(&key, "https://anywhere.example"));
    assert_true(write_key_allows_origin(&key, NULL));
}

static void what_is_not_listed_is_not_allowed(void **state)
{
    (void)state;
    Quanyu__EventType types[] = {QUANYU__EVENT_TYPE__EVENT_TRACK, QUANYU__EVENT_TYPE__EVENT_PAGE};
    char *names[] = {(char *)"Order *", (char *)"Signed Up"};
    Quanyu__WriteKey key = QUANYU__WRITE_KEY__INIT;
    key.event_types = types;
    key.n_event_types = 2;
    key.event_names = names;
    key.n_event_names = 2;
    assert_true(write_key_allows_type(&key, QUANYU__EVENT_TYPE__EVENT_PAGE));
    assert_false(write_key_allows_type(&key, QUANYU__EVENT_TYPE__EVENT_IDENTIFY));
    assert_true(write_key_allows_name(&key, "Order Refunded", 14));
    assert_false(write_key_allows_name(&key, "Signed Up Again", 15));
    assert_true(write_key_lists(names, 2, "Signed Up", 9));
    assert_false(write_key_lists(names, 2, "Order Refunded", 14));
}

static bool allows(const char *pattern, const char *origin)
{
    char *origins[] = {(char *)(uintptr_t)pattern};
    Quanyu__WriteKey key = QUANYU__WRITE_KEY__INIT;
    key.platform = QUANYU__WRITE_KEY__PLATFORM__BROWSER;
    key.allowed_origins = origins;
    key.n_allowed_origins = 1;
    return write_key_allows_origin(&key, origin);
}

static void an_origin_is_compared_whole(void **state)
{
    (void)state;
    assert_true(allows("https://shop.example.com", "https://shop.example.com"));
    assert_true(allows("https://shop.example.com", "HTTPS://Shop.Example.Com"));
    assert_false(allows("https://shop.example.com", "http://shop.example.com"));
    assert_false(allows("https://shop.example.com", "https://shop.example.com:8443"));
    assert_false(allows("https://shop.example.com", "https://shop.example.com.evil.example"));
    assert_false(allows("https://shop.example.com", "https://evilshop.example.com"));
    assert_true(allows("https://*.example.com", "https://shop.example.com"));
    assert_true(allows("https://*.example.com", "https://a.b.example.com"));
    assert_false(allows("https://*.example.com", "https://example.com"));
    assert_false(allows("https://*.example.com", "https://evilexample.com"));
    assert_false(allows("https://*.example.com", "https://shop.example.com:444"));
    assert_true(allows("http://localhost:*", "http://localhost:3000"));
    assert_true(allows("http://localhost:*", "http://localhost"));
    assert_false(allows("http://localhost:*", "http://localhost.evil.example:3000"));
    assert_true(allows("http://[::1]:8080", "http://[::1]:8080"));
    assert_false(allows("http://[::1]", "http://[::1]:8080"));
    assert_true(allows("null", "null"));
    assert_false(allows("https://shop.example.com", "null"));
    assert_false(allows("https://shop.example.com", ""));
    assert_false(allows("null", ""));
    assert_true(allows("https://shop.example.com", NULL));
}

static void a_port_and_a_dot_that_go_without_saying_make_no_difference(void **state)
{
    (void)state;
    assert_true(allows("https://shop.example.com:443", "https://shop.example.com"));
    assert_true(allows("https://shop.example.com", "https://shop.example.com:443"));
    assert_true(allows("https://*.example.com:443", "https://shop.example.com"));
    assert_true(allows("http://localhost:80", "http://localhost"));
    assert_true(allows("http://[::1]:80", "http://[::1]"));
    assert_false(allows("https://shop.example.com:80", "https://shop.example.com"));
    assert_false(allows("http://shop.example.com:443", "http://shop.example.com"));
    assert_false(allows("capacitor://localhost:443", "capacitor://localhost"));
    assert_false(allows("https://shop.example.com", "https://shop.example.com:4430"));
    assert_true(allows("https://shop.example.com.", "https://shop.example.com"));
    assert_true(allows("https://shop.example.com", "https://shop.example.com."));
    assert_true(allows("https://*.example.com", "https://shop.example.com.:443"));
    assert_true(allows("https://*.example.com.:443", "https://shop.example.com"));
    assert_false(allows("https://shop.example.com", "https://shop.example.com.."));
    assert_false(allows("https://*.example.com", "https://.example.com."));
    assert_false(allows("https://shop.example.com", "https://shop.example.com.evil.example."));
}

static void a_servers_key_is_for_no_page(void **state)
{
    (void)state;
    Quanyu__WriteKey key = QUANYU__WRITE_KEY__INIT;
    key.platform = QUANYU__WRITE_KEY__PLATFORM__SERVER;
    assert_false(write_key_allows_origin(&key, "https://shop.example.com"));
    assert_false(write_key_allows_origin(&key, ""));
    assert_true(write_key_allows_origin(&key, NULL));
}

static void only_origins_can_be_listed(void **state)
{
    (void)state;
    static const char *const good[] = {"https://shop.example.com", "https://*.example.com",
        "http://localhost:*", "http://localhost:3000", "http://[::1]:8080", "http://127.0.0.1", "null",
        "capacitor://localhost"};
    static const char *const bad[] = {"", "*", "shop.example.com", "https://", "https://shop.example.com/",
        "https://shop.example.com/path", "https://Shop.example.com", "https://a*.example.com", "https://*",
        "https://*.", "https://shop.example.com:", "https://shop.example.com:port",
        "https://shop.example.com:123456", "https://shop example.com", "https://user@shop.example.com",
        "https://[::1", "://x"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!origin_is_pattern(good[i]))
            fail_msg("%s is one", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (origin_is_pattern(bad[i]))
            fail_msg("%s is none", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stands_for_any_text),
        cmocka_unit_test(a_pattern_of_stars_is_no_trap),
        cmocka_unit_test(an_empty_list_allows_everything),
        cmocka_unit_test(what_is_not_listed_is_not_allowed),
        cmocka_unit_test(an_origin_is_compared_whole),
        cmocka_unit_test(a_port_and_a_dot_that_go_without_saying_make_no_difference),
        cmocka_unit_test(a_servers_key_is_for_no_page),
        cmocka_unit_test(only_origins_can_be_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
