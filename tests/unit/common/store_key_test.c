/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int compare(const struct store_key *a, const struct store_key *b)
{
    size_t shorter = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->bytes, b->bytes, shorter);
    return order ? order : (int)a->size - (int)b->size;
}

static void signed_numbers_sort_as_bytes(void **state)
{
    (void)state;
    const int64_t ascending[] = {
        INT64_MIN, INT64_MIN + 1, -1000000, -256, -1, 0, 1, 255, 256, 1000000, INT64_MAX};
    struct store_key before, after;
    for (size_t i = 1; i < COUNT_OF(ascending); i++) {
        key_reset(&before);
        key_reset(&after);
        key_i64(&before, ascending[i - 1]);
        key_i64(&after, ascending[i]);
        assert_true(compare(&before, &after) < 0);
    }
}

static void unsigned_numbers_of_each_width_sort_as_bytes(void **state)
{
    (void)state;
    struct store_key a, b;
    unsigned seed = 7;
    for (int i = 0; i < 10000; i++) {
        uint64_t x = ((uint64_t)(uint32_t)rand_r(&seed) << 32) ^ (uint32_t)rand_r(&seed);
        uint64_t y = i % 3 ? x + (uint64_t)i : ((uint64_t)(uint32_t)rand_r(&seed) << 32);
        key_reset(&a);
        key_reset(&b);
        key_u64(&a, x);
        key_u64(&b, y);
        assert_int_equal(compare(&a, &b) < 0, x < y);
        key_reset(&a);
        key_reset(&b);
        key_u32(&a, (uint32_t)x);
        key_u32(&b, (uint32_t)y);
        assert_int_equal(compare(&a, &b) < 0, (uint32_t)x < (uint32_t)y);
        key_reset(&a);
        key_reset(&b);
        key_u16(&a, (uint16_t)x);
        key_u16(&b, (uint16_t)y);
        assert_int_equal(compare(&a, &b) < 0, (uint16_t)x < (uint16_t)y);
        key_reset(&a);
        key_reset(&b);
        key_u8(&a, (uint8_t)x);
        key_u8(&b, (uint8_t)y);
        assert_int_equal(compare(&a, &b) < 0, (uint8_t)x < (uint8_t)y);
    }
}

static void no_text_is_the_prefix_of_another(void **state)
{
    (void)state;
    struct store_key shorter, longer;
    key_reset(&shorter);
    key_reset(&longer);
    key_text(&shorter, "email");
    key_text(&longer, "emails");
    assert_int_not_equal(memcmp(shorter.bytes, longer.bytes, shorter.size), 0);
    assert_true(compare(&shorter, &longer) < 0);
}

static void a_key_that_is_too_long_says_so_and_stays_so(void **state)
{
    (void)state;
    char text[600];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct store_key key;
    key_reset(&key);
    key_raw(&key, text, 511);
    assert_false(key.too_long);
    assert_int_equal(key.size, 511);
    key_u8(&key, 1);
    assert_true(key.too_long);
    key_reset(&key);
    assert_false(key.too_long);
    key_text(&key, text);
    key_u8(&key, 1);
    assert_true(key.too_long);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_numbers_sort_as_bytes),
        cmocka_unit_test(unsigned_numbers_of_each_width_sort_as_bytes),
        cmocka_unit_test(no_text_is_the_prefix_of_another),
        cmocka_unit_test(a_key_that_is_too_long_says_so_and_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
