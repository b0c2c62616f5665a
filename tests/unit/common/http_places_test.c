/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_places.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union address address_of(const char *text)
{
    union address address = {0};
    if (strchr(text, ':')) {
        address.v6.sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
    } else {
        address.v4.sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &address.v4.sin_addr), 1);
    }
    return address;
}

static bool admit(struct http_places *places, const char *text, uint64_t *ret_key)
{
    union address address = address_of(text);
    return http_places_admit(places, &address.any, ret_key);
}

static void there_are_as_many_places_as_was_said(void **state)
{
    (void)state;
    struct http_places *places = http_places_open(2, 0);
    assert_true(http_places_take(places));
    assert_true(http_places_take(places));
    assert_false(http_places_take(places));
    http_places_give(places);
    assert_true(http_places_take(places));
    http_places_close(&places);
    assert_null(places);
}

static void one_address_has_its_share(void **state)
{
    (void)state;
    struct http_places *places = http_places_open(100, 2);
    uint64_t first, second, other;
    assert_true(admit(places, "192.0.2.1", &first));
    assert_true(admit(places, "192.0.2.1", &second));
    assert_false(admit(places, "192.0.2.1", &other));
    assert_false(admit(places, "::ffff:192.0.2.1", &other)); /* the same, on a socket of both families */
    assert_true(admit(places, "192.0.2.2", &other));
    http_places_dismiss(places, first);
    assert_true(admit(places, "192.0.2.1", &first));
    assert_false(admit(places, "192.0.2.1", &other));
    http_places_close(&places);
}

static void an_ipv6_network_counts_as_one_address(void **state)
{
    (void)state;
    struct http_places *places = http_places_open(100, 1);
    uint64_t key;
    assert_true(admit(places, "2001:db8:0:1::1", &key));
    assert_false(admit(places, "2001:db8:0:1:ffff::2", &key));
    assert_true(admit(places, "2001:db8:0:2::1", &key));
    http_places_close(&places);
}

static void the_machine_itself_is_not_counted(void **state)
{
    (void)state;
    static const char *const own[] = {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"};
    struct http_places *places = http_places_open(100, 1);
    for (size_t i = 0; i < 2 * COUNT_OF(own); i++) {
        uint64_t key = 1;
        assert_true(admit(places, own[i % COUNT_OF(own)], &key));
        assert_int_equal(key, 0);
        http_places_dismiss(places, key);
    }
    http_places_close(&places);
    places = http_places_open(100, 0);
    for (int i = 0; i < 200; i++) {
        uint64_t key = 1;
        assert_true(admit(places, "192.0.2.1", &key)); /* without a limit */
        assert_int_equal(key, 0);
    }
    http_places_close(&places);
}

#define MOST 512
#define ADDRESSES 300

/* Against a plain table of counts: many addresses that come and go, so that slots are shared, freed and closed up. */
static void counts_hold_however_addresses_come_and_go(void **state)
{
    (void)state;
    struct http_places *places = http_places_open(MOST, 3);
    static unsigned counts[ADDRESSES];
    static uint64_t keys[ADDRESSES];
    unsigned all = 0;
    srand(7);
    for (int i = 0; i < 200000; i++) {
        unsigned at = (unsigned)rand() % ADDRESSES;
        char text[32];
        snprintf(text, sizeof(text), "198.51.%u.%u", 100 + at / 250, at % 250);
        if (rand() % 2 && counts[at] > 0) {
            http_places_dismiss(places, keys[at]);
            counts[at]--;
            all--;
        } else if (all < MOST) {
            uint64_t key;
            assert_int_equal(admit(places, text, &key), counts[at] < 3);
            keys[at] = key;
            all += counts[at] < 3;
            counts[at] += counts[at] < 3;
        }
    }
    http_places_close(&places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_places_as_was_said),
        cmocka_unit_test(one_address_has_its_share),
        cmocka_unit_test(an_ipv6_network_counts_as_one_address),
        cmocka_unit_test(the_machine_itself_is_not_counted),
        cmocka_unit_test(counts_hold_however_addresses_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
