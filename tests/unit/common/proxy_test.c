/* SPDX-License-Identifier: Apache-2.0 */
#include "common/proxy.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char nobody[] = "9.9.9.9"; /* the client before a walk */

static struct proxies proxies_of(const char *text)
{
    struct proxies proxies = {0};
    const char *wrong = proxies_read(text, &proxies);
    if (wrong)
        fail_msg("%s: %s", text, wrong);
    return proxies;
}

static struct in6_addr address_of(const char *text)
{
    struct in6_addr address = {0};
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } whole = {0};
    if (inet_pton(AF_INET, text, &whole.v4.sin_addr) == 1)
        whole.v4.sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &whole.v6.sin6_addr) == 1)
        whole.v6.sin6_family = AF_INET6;
    assert_true(proxy_address_of(&whole.any, &address));
    return address;
}

static bool trusts(const char *list, const char *address)
{
    struct proxies proxies = proxies_of(list);
    struct in6_addr bytes = address_of(address);
    return proxies_trust(&proxies, &bytes);
}

/* -- the setting -- */

static void nobody_is_trusted_unless_it_is_said(void **state)
{
    (void)state;
    assert_false(trusts("", "127.0.0.1"));
    assert_false(trusts("  ", "::1"));
}

static void addresses_and_blocks_hold_what_lies_in_them(void **state)
{
    (void)state;
    static const char list[] = "10.0.0.0/8 , 192.0.2.7,\t2001:db8::/33,fd00::1,203.0.113.128/25";
    static const char *const in[] = {"10.0.0.0", "10.255.255.255", "192.0.2.7", "2001:db8::1",
        "2001:db8:7fff:ffff::", "fd00::1", "203.0.113.128", "203.0.113.255", "::ffff:10.1.2.3"};
    static const char *const out[] = {"9.255.255.255", "11.0.0.0", "192.0.2.6",
        "2001:db8:8000::", "2001:db7::", "fd00::2", "203.0.113.127", "::10.0.0.1", "::1"};
    for (size_t i = 0; i < COUNT_OF(in); i++)
        if (!trusts(list, in[i]))
            fail_msg("%s", in[i]);
    for (size_t i = 0; i < COUNT_OF(out); i++)
        if (trusts(list, out[i]))
            fail_msg("%s", out[i]);
}

static void all_of_one_family_is_none_of_the_other(void **state)
{
    (void)state;
    assert_true(trusts("0.0.0.0/0", "203.0.113.1"));
    assert_false(trusts("0.0.0.0/0", "2001:db8::1"));
    assert_true(trusts("::/0", "2001:db8::1"));
    assert_false(trusts("::/0", "203.0.113.1"));
    assert_true(trusts("::ffff:10.0.0.0/104", "10.1.2.3"));
}

static void what_is_no_list_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {"proxy.example", ",", "10.0.0.1,", ",10.0.0.1", "10.0.0.1,,10.0.0.2",
        "10.0.0.1 10.0.0.2", "10.0.0.0/33", "10.0.0.0/", "/8", "10.0.0.0/-8", "10.0.0.0/+8", "10.0.0.0/8/8",
        "10.0.0.0/ 8", "10.0.0.0/99999999999", "10.0.0", "010.0.0.1", "256.0.0.1", "2001:db8::/129",
        "[2001:db8::1]", "fe80::1%eth0", "10.0.0.1:80", "10.0.0.1/8", "2001:db8::1/32", "0.0.0.1/0",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct proxies proxies = {.count = 7};
        const char *why = proxies_read(wrong[i], &proxies);
        if (!why || strncmp(why, "must ", 5) != 0 || proxies.count != 7)
            fail_msg("%s", wrong[i]);
    }
}

static void a_list_has_its_limit(void **state)
{
    (void)state;
    char list[2048] = "10.0.0.1";
    struct proxies proxies;
    for (int i = 1; i < PROXIES_MAX; i++)
        strcat(list, ",10.0.0.1");
    assert_null(proxies_read(list, &proxies));
    assert_int_equal(proxies.count, PROXIES_MAX);
    strcat(list, ",10.0.0.1");
    assert_non_null(proxies_read(list, &proxies));
}

/* -- what they state -- */

static const char *walk(const char *list, const char *field, bool *ret_all)
{
    static char text[INET6_ADDRSTRLEN];
    struct proxies proxies = proxies_of(list);
    struct in6_addr client = address_of(nobody);
    *ret_all = proxies_walk(&proxies, field, &client);
    proxy_address_write(&client, text);
    return text;
}

static void the_rightmost_address_that_is_not_trusted_is_the_client(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"198.51.100.7", "198.51.100.7"},
        {"1.1.1.1, 198.51.100.7", "198.51.100.7"},
        {"198.51.100.7, 10.0.0.2, 10.0.0.3", "198.51.100.7"},
        {"1.1.1.1,198.51.100.7,10.0.0.2", "198.51.100.7"},
        {" \t198.51.100.7\t ,10.0.0.2 ", "198.51.100.7"},
        {"::ffff:198.51.100.7, 10.0.0.2", "198.51.100.7"},
        {"2001:DB8:0:0::7", "2001:db8::7"},
        {"::", "::"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool all;
        assert_string_equal(walk("10.0.0.0/8", cases[i][0], &all), cases[i][1]);
        assert_false(all);
    }
}

static void where_all_are_trusted_the_walk_goes_on(void **state)
{
    (void)state;
    bool all;
    assert_string_equal(walk("10.0.0.0/8", "10.0.0.1, 10.0.0.2", &all), "10.0.0.1");
    assert_true(all);
    assert_string_equal(walk("10.0.0.0/8", "10.0.0.9", &all), "10.0.0.9");
    assert_true(all);
}

static void a_port_is_left_out(void **state)
{
    (void)state;
    bool all;
    assert_string_equal(walk("10.0.0.0/8", "198.51.100.7:4711, 10.0.0.2:65535", &all), "198.51.100.7");
    assert_string_equal(walk("10.0.0.0/8", "[2001:db8::7]:443", &all), "2001:db8::7");
    assert_string_equal(walk("10.0.0.0/8", "[2001:db8::7]", &all), "2001:db8::7");
}

static void what_is_no_address_ends_the_walk_at_the_last_good_one(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", " ", "unknown", "_hidden", "fe80::1%eth0", "1.2.3", "1.2.3.4.5",
        "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:80:80", "1.2.3.4:http", "01.2.3.4", "[1.2.3.4]", "[::1", "::1]",
        "[", "[]", "[]:80", "[::1]80", "[::1]:", "[::1]:123456", "1.2.3.4 5.6.7.8", "\"1.2.3.4\"",
        "for=1.2.3.4", "1.2.3.4/32", "\xff\xfe", "1.2.3.4;", "::1:80:", "-1.2.3.4",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222:3333"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char field[256];
        bool all;
        if (strcmp(walk("10.0.0.0/8", wrong[i], &all), nobody) != 0 || all)
            fail_msg("alone: %s", wrong[i]);
        snprintf(field, sizeof(field), "1.1.1.1, %s, 10.0.0.2", wrong[i]);
        if (strcmp(walk("10.0.0.0/8", field, &all), "10.0.0.2") != 0 || all)
            fail_msg("%s", field);
    }
}

static void a_thousand_entries_are_walked(void **state)
{
    (void)state;
    char field[16384] = "198.51.100.7";
    bool all;
    for (size_t i = 0, at = strlen(field); i < 1000; i++)
        at += (size_t)snprintf(field + at, sizeof(field) - at, ", 10.0.%zu.%zu", i / 250, i % 250);
    assert_string_equal(walk("10.0.0.0/8", field, &all), "198.51.100.7");
    assert_false(all);
}

static void the_scheme_is_what_the_nearest_proxy_says(void **state)
{
    (void)state;
    assert_string_equal(proxy_scheme("https"), "https");
    assert_string_equal(proxy_scheme("HTTP"), "http");
    assert_string_equal(proxy_scheme("http, https "), "https");
    static const char *const wrong[] = {"", "wss", "https,", "https;", "httpsx", "htt", "javascript:"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_null(proxy_scheme(wrong[i]));
}

static void sockets_of_other_families_have_no_address(void **state)
{
    (void)state;
    const struct sockaddr local = {.sa_family = AF_UNIX};
    struct in6_addr address;
    assert_false(proxy_address_of(&local, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_trusted_unless_it_is_said),
        cmocka_unit_test(addresses_and_blocks_hold_what_lies_in_them),
        cmocka_unit_test(all_of_one_family_is_none_of_the_other),
        cmocka_unit_test(what_is_no_list_is_refused_and_changes_nothing),
        cmocka_unit_test(a_list_has_its_limit),
        cmocka_unit_test(the_rightmost_address_that_is_not_trusted_is_the_client),
        cmocka_unit_test(where_all_are_trusted_the_walk_goes_on),
        cmocka_unit_test(a_port_is_left_out),
        cmocka_unit_test(what_is_no_address_ends_the_walk_at_the_last_good_one),
        cmocka_unit_test(a_thousand_entries_are_walked),
        cmocka_unit_test(the_scheme_is_what_the_nearest_proxy_says),
        cmocka_unit_test(sockets_of_other_families_have_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
