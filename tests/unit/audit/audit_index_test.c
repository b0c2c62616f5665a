/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_index.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct index_words *words, unsigned place, const char *actor_id, uint32_t number)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    actor.id = (char *)actor_id;
    record.actor = &actor;
    record.action = "person.show";
    record.numbers = &number;
    record.n_numbers = 1;
    index_words_add(words, place, &record);
}

static size_t count_places(const struct place_set *places)
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(places->bits); i++)
        count += (size_t)__builtin_popcountll(places->bits[i]);
    return count;
}

static void test_a_segment_and_its_runs_find_the_same_places(void **state)
{
    (void)state;
    _cleanup_(index_words_free) struct index_words words = {0};
    _cleanup_(buffer_free) struct buffer first = BUFFER_INIT, second = BUFFER_INIT, segment = BUFFER_INIT;
    for (unsigned place = 0; place < SEGMENT_RECORDS; place++) {
        char actor[16];
        sprintf(actor, "t_%u", place % 7);
        add(&words, place, actor, place % 100);
        if (place == 5000)
            assert_int_equal(index_words_pack_run(&words, &first), 0);
    }
    assert_int_equal(index_words_pack_run(&words, &second), 0);
    assert_int_equal(index_words_pack_segment(&words, &segment), 0);
    assert_int_equal(segment.size, first.size + second.size - 1);

    uint64_t numbers[] = {term_of_number(93), term_of_number(7), term_of_number(4000)};
    struct term_list terms = {numbers, COUNT_OF(numbers)};
    struct place_set by_segment = {{0}}, by_runs = {{0}};
    term_list_sort(&terms);
    assert_int_equal(segment_find((struct bytes){segment.data, segment.size}, &terms, &by_segment), 0);
    assert_int_equal(run_find((struct bytes){first.data, first.size}, &terms, &by_runs), 0);
    assert_int_equal(run_find((struct bytes){second.data, second.size}, &terms, &by_runs), 0);
    assert_memory_equal(&by_segment, &by_runs, sizeof(by_runs));
    assert_int_equal(
        count_places(&by_runs), SEGMENT_RECORDS / 100 * 2 + 1); /* 16384 is 163 hundreds and 84 */
}

static void test_loaded_runs_make_the_segment_that_would_have_been(void **state)
{
    (void)state;
    _cleanup_(index_words_free) struct index_words words = {0}, loaded = {0};
    _cleanup_(buffer_free) struct buffer run = BUFFER_INIT, expected = BUFFER_INIT, segment = BUFFER_INIT;
    for (unsigned place = 0; place < 300; place++)
        add(&words, place, "t_1", place);
    assert_int_equal(index_words_pack_run(&words, &run), 0);
    assert_int_equal(index_words_load(&loaded, (struct bytes){run.data, run.size}), 0);
    for (unsigned place = 300; place < 400; place++) {
        add(&words, place, "t_2", place);
        add(&loaded, place, "t_2", place);
    }
    assert_int_equal(index_words_pack_segment(&words, &expected), 0);
    assert_int_equal(index_words_pack_segment(&loaded, &segment), 0);
    assert_int_equal(segment.size, expected.size);
    assert_memory_equal(segment.data, expected.data, segment.size);
}

static void test_terms_of_different_kinds_are_different(void **state)
{
    (void)state;
    assert_int_not_equal(term_of_text(TERM_ACTOR, "x"), term_of_text(TERM_ACTION, "x"));
    assert_int_not_equal(term_of_text(TERM_ACTOR, "x"), term_of_text(TERM_PERSON, "x"));
    assert_int_equal(term_of_text(TERM_ACTOR, "x") % SEGMENT_RECORDS, 0);
    assert_int_equal(term_of_number(9) % SEGMENT_RECORDS, 0);
}

static void test_places_are_walked_downwards(void **state)
{
    (void)state;
    struct place_set places = {{0}};
    const unsigned set[] = {0, 1, 63, 64, 65, 4095, 8192, SEGMENT_RECORDS - 1};
    for (size_t i = 0; i < COUNT_OF(set); i++)
        places.bits[set[i] / 64] |= UINT64_C(1) << set[i] % 64;
    unsigned below = SEGMENT_RECORDS, place;
    for (size_t i = COUNT_OF(set); i-- > 0; below = place) {
        assert_true(place_below(&places, below, &place));
        assert_int_equal(place, set[i]);
    }
    assert_false(place_below(&places, 0, &place));
    assert_false(place_below(&(struct place_set){{0}}, SEGMENT_RECORDS, &place));
}

static void test_words_that_are_cut_off_are_corrupt(void **state)
{
    (void)state;
    struct place_set places = {{0}};
    struct term_list none = {NULL, 0};
    _cleanup_(index_words_free) struct index_words words = {0};
    const uint8_t stored[] = {1, 0, 0, 0, 0, 0, 0, 0, 0}, other[] = {2};
    assert_int_equal(segment_find((struct bytes){stored, 9}, &none, &places), 0);
    assert_int_equal(segment_find((struct bytes){stored, 8}, &none, &places), -QY_ECORRUPT);
    assert_int_equal(run_find((struct bytes){stored, 0}, &none, &places), -QY_ECORRUPT);
    assert_int_equal(run_find((struct bytes){other, 1}, &none, &places), -QY_ECORRUPT);
    assert_int_equal(index_words_load(&words, (struct bytes){stored, 7}), -QY_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_segment_and_its_runs_find_the_same_places),
        cmocka_unit_test(test_loaded_runs_make_the_segment_that_would_have_been),
        cmocka_unit_test(test_terms_of_different_kinds_are_different),
        cmocka_unit_test(test_places_are_walked_downwards),
        cmocka_unit_test(test_words_that_are_cut_off_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
