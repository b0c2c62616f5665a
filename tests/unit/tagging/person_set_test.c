/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/person_set.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void fill(struct person_set *set, size_t blocks, uint32_t from, uint32_t to, uint32_t step)
{
    assert_int_equal(person_set_open(blocks, set), 0);
    for (uint32_t i = from; i < to; i += step)
        person_set_add(set, i);
}

static void a_set_is_what_it_was_once_packed(void **state)
{
    (void)state;
    for (uint32_t step = 1; step < 5000; step = step * 3 + 1) {
        _cleanup_(person_set_close) struct person_set set = {0}, again = {0};
        _cleanup_(buffer_free) struct buffer packed = BUFFER_INIT;
        fill(&set, 3, step, 3 * BLOCK_PERSONS, step);
        person_set_add(&set, step); /* is in it already */
        person_set_pack(&set, &packed);
        assert_int_equal(buffer_error(&packed), 0);
        assert_int_equal(person_set_unpack((struct bytes){packed.data, packed.size}, &again), 0);
        assert_int_equal(again.count, set.count);
        assert_int_equal(set.count, (3 * BLOCK_PERSONS - 1) / step);
        assert_memory_equal(again.words, set.words, (size_t)3 * BLOCK_WORDS * sizeof(*set.words));
    }
}

static void bytes_that_are_no_set_are_refused(void **state)
{
    struct person_set set = {0};
    (void)state;
    assert_int_equal(person_set_unpack((struct bytes){NULL, 0}, &set), -QY_ECORRUPT);
    assert_int_equal(person_set_unpack((struct bytes){(const uint8_t *)"nonsense", 8}, &set), -QY_ECORRUPT);
    assert_null(set.words);
}

static uint64_t difference(
    const struct person_set *a, const struct person_set *b, const struct person_set *all)
{
    return picked_difference(&(struct picked){a, all}, &(struct picked){b, all}, 10);
}

static void the_least_difference_of_halves_counts_and_the_same_is_none(void **state)
{
    _cleanup_(person_set_close) struct person_set all = {0}, low = {0}, lower = {0}, high = {0}, far = {0};
    (void)state;
    fill(&all, 2, 0, 70000, 1);
    fill(&low, 2, 0, 66000, 1);
    fill(&lower, 2, 0, 65993, 1);
    fill(&high, 2, 66000, 70000, 1);
    fill(&far, 1, 0, 30000, 1);
    assert_int_equal(difference(&low, &low, &all), 10); /* and all that they are not is far from them */
    assert_int_equal(difference(&low, &lower, &all), 7);
    assert_int_equal(difference(&lower, &low, &all), 7);
    assert_int_equal(difference(&high, &lower, &all), 7);
    assert_int_equal(difference(&high, &low, &all), 10);
    assert_int_equal(difference(&far, &low, &all), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_is_what_it_was_once_packed),
        cmocka_unit_test(bytes_that_are_no_set_are_refused),
        cmocka_unit_test(the_least_difference_of_halves_counts_and_the_same_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
