/* SPDX-License-Identifier: Apache-2.0 */
#include "common/exact_set.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bytes bytes_of(const struct buffer *buffer)
{
    return (struct bytes){buffer->data, buffer->size};
}

static void the_same_set_is_the_same_bytes(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer one = BUFFER_INIT, other = BUFFER_INIT;
    const uint32_t ascending[] = {1, 2, 3, 70000, 4000000000u},
                   otherwise[] = {70000, 3, 2, 4000000000u, 1, 2};
    uint8_t hash[EXACT_SET_HASH_BYTES], again[EXACT_SET_HASH_BYTES];
    assert_int_equal(exact_set_write(ascending, COUNT_OF(ascending), &one), 0);
    assert_int_equal(exact_set_write(otherwise, COUNT_OF(otherwise), &other), 0);
    exact_set_hash(bytes_of(&one), hash);
    exact_set_hash(bytes_of(&other), again);
    assert_memory_equal(hash, again, sizeof(hash));
}

static void it_holds_what_it_was_made_of(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    _cleanup_(exact_set_close) struct exact_set *set = NULL;
    static uint32_t numbers[50000];
    uint32_t listed[3];
    uint64_t count;
    for (uint32_t i = 0; i < COUNT_OF(numbers); i++)
        numbers[i] = 7 + 3 * i;
    assert_int_equal(exact_set_write(numbers, COUNT_OF(numbers), &out), 0);
    assert_int_equal(exact_set_check(bytes_of(&out), &count), 0);
    assert_int_equal(count, COUNT_OF(numbers));
    assert_int_equal(exact_set_open(bytes_of(&out), &set), 0);
    assert_int_equal(exact_set_count(set), COUNT_OF(numbers));
    assert_true(exact_set_has(set, 7) && exact_set_has(set, 7 + 3 * 49999) && !exact_set_has(set, 8));
    assert_int_equal(exact_set_list(set, 0, listed, 3), 3);
    assert_true(listed[0] == 7 && listed[1] == 10 && listed[2] == 13);
    assert_int_equal(exact_set_list(set, 13, listed, 3), 3);
    assert_int_equal(listed[0], 16);
    assert_int_equal(exact_set_list(set, 7 + 3 * 49998, listed, 3), 1);
    assert_int_equal(exact_set_list(set, UINT32_MAX, listed, 3), 0);
}

static void nobody_is_a_set_too(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    uint64_t count = 1;
    assert_int_equal(exact_set_write(NULL, 0, &out), 0);
    assert_int_equal(exact_set_check(bytes_of(&out), &count), 0);
    assert_int_equal(count, 0);
}

/* Each byte, cut off and altered: it is refused, or another set that was written as it should be. */
static void what_is_no_set_is_refused(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    const uint32_t numbers[] = {1, 2, 3, 4, 5, 6, 90, 70000, 70002};
    uint64_t count;
    assert_int_equal(exact_set_write(numbers, COUNT_OF(numbers), &out), 0);
    for (size_t size = 0; size < out.size; size++)
        assert_int_equal(exact_set_check((struct bytes){out.data, size}, &count), -QY_EINVAL);
    unsigned refused = 0;
    for (size_t at = 0; at < out.size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *copy = malloc(out.size);
            assert_non_null(copy);
            memcpy(copy, out.data, out.size);
            copy[at] ^= (uint8_t)(1u << bit);
            int error = exact_set_check((struct bytes){copy, out.size}, &count);
            assert_true(error == 0 || error == -QY_EINVAL);
            refused += error != 0;
            free(copy);
        }
    assert_true(refused > 0);
    buffer_byte(&out, 0);
    assert_int_equal(exact_set_check(bytes_of(&out), &count), -QY_EINVAL);
}

/* The library believes what a container says of how many it holds, and writes as many as there are. */
static void what_says_of_itself_what_it_is_not_is_refused(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    uint32_t numbers[6000];
    uint64_t count;
    for (uint32_t i = 0; i < COUNT_OF(numbers); i++)
        numbers[i] = i * 3 + i % 2; /* no runs, too many for an array */
    assert_int_equal(exact_set_write(numbers, COUNT_OF(numbers), &out), 0);
    assert_int_equal(exact_set_check(bytes_of(&out), &count), 0);
    assert_int_equal(count, COUNT_OF(numbers));
    uint8_t *bits = out.data + out.size - 8192;
    memset(bits, 0xff, 8192);
    assert_int_equal(exact_set_check(bytes_of(&out), &count), -QY_EINVAL);
    /* 65,536 containers of one run of all, in few bytes: everybody, which is a set. */
    buffer_clear(&out);
    const uint8_t cookie[] = {0x3b, 0x30, 0xff, 0xff};
    buffer_append(&out, cookie, sizeof(cookie));
    for (unsigned i = 0; i < 65536 / 8; i++)
        buffer_byte(&out, 0xff);
    for (unsigned i = 0; i < 65536; i++) {
        const uint8_t key[] = {(uint8_t)i, (uint8_t)(i >> 8), 0xff, 0xff};
        buffer_append(&out, key, sizeof(key));
    }
    uint32_t place = (uint32_t)out.size + 4 * 65536;
    for (unsigned i = 0; i < 65536; i++, place += 6) {
        const uint8_t offset[] = {
            (uint8_t)place, (uint8_t)(place >> 8), (uint8_t)(place >> 16), (uint8_t)(place >> 24)};
        buffer_append(&out, offset, sizeof(offset));
    }
    for (unsigned i = 0; i < 65536; i++) {
        const uint8_t run[] = {1, 0, 0, 0, 0xff, 0xff};
        buffer_append(&out, run, sizeof(run));
    }
    assert_int_equal(exact_set_check(bytes_of(&out), &count), 0);
    assert_int_equal(count, (uint64_t)1 << 32);
    out.data[out.size - 1] = 0xfe; /* one fewer than it says */
    assert_int_equal(exact_set_check(bytes_of(&out), &count), -QY_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_set_is_the_same_bytes),
        cmocka_unit_test(it_holds_what_it_was_made_of),
        cmocka_unit_test(nobody_is_a_set_too),
        cmocka_unit_test(what_is_no_set_is_refused),
        cmocka_unit_test(what_says_of_itself_what_it_is_not_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
