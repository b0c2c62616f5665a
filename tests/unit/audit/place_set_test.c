/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of places, against CRoaring: it reads what we store, and we read what it stores. */
#include "services/audit/place_set.h"

#include "common/error.h"

#include <roaring/roaring.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Places at random, alone or in runs. */
static size_t draw(uint16_t *places, struct place_set *set, roaring_bitmap_t *bitmap)
{
    size_t count = 0;
    unsigned sparse = 1u << random() % 15, run = 1u << random() % 12;
    place_set_clear(set);
    for (unsigned place = (unsigned)random() % sparse; place < SEGMENT_RECORDS;
        place += 1 + (unsigned)random() % sparse)
        for (unsigned last = place + (unsigned)random() % run; place <= last && place < SEGMENT_RECORDS;
            place++) {
            places[count++] = (uint16_t)place;
            place_set_add(set, place);
            roaring_bitmap_add(bitmap, place);
        }
    return count;
}

static void assert_read(struct bytes stored, const struct place_set *expected)
{
    struct place_set set = {{0}};
    unsigned count = 0;
    assert_int_equal(places_read(stored, &set), 0);
    assert_memory_equal(&set, expected, sizeof(set));
    assert_int_equal(places_count(stored, expected, &count), 0);
    assert_int_equal(count, place_set_count(expected));
}

static void test_what_is_stored_is_a_roaring_bitmap(void **state)
{
    (void)state;
    static uint16_t places[SEGMENT_RECORDS];
    for (unsigned round = 0; round < 300; round++) {
        struct place_set set;
        struct buffer stored = BUFFER_INIT, theirs = BUFFER_INIT;
        roaring_bitmap_t *bitmap = roaring_bitmap_create();
        size_t count = draw(places, &set, bitmap);
        if (count > 0) {
            places_write(&stored, places, count);
            roaring_bitmap_t *read =
                roaring_bitmap_portable_deserialize_safe((const char *)stored.data, stored.size);
            assert_non_null(read);
            assert_true(roaring_bitmap_equals(read, bitmap));
            roaring_bitmap_free(read);
            assert_read((struct bytes){stored.data, stored.size}, &set);
            if (random() % 2)
                roaring_bitmap_run_optimize(bitmap);
            theirs.size = roaring_bitmap_portable_serialize(
                bitmap, (char *)buffer_reserve(&theirs, roaring_bitmap_portable_size_in_bytes(bitmap)));
            assert_read((struct bytes){theirs.data, theirs.size}, &set);
        }
        buffer_free(&stored);
        buffer_free(&theirs);
        roaring_bitmap_free(bitmap);
    }
}

static void test_damaged_bytes_are_refused_and_not_followed(void **state)
{
    (void)state;
    static uint16_t places[SEGMENT_RECORDS];
    for (unsigned round = 0; round < 2000; round++) {
        struct place_set set;
        roaring_bitmap_t *bitmap = roaring_bitmap_create();
        size_t count = draw(places, &set, bitmap);
        struct buffer stored = BUFFER_INIT;
        unsigned other;
        if (count > 0)
            places_write(&stored, places, count);
        size_t size = stored.size ? (size_t)random() % stored.size : 0;
        uint8_t *cut = malloc(size + 1);
        assert_non_null(cut);
        if (size)
            memcpy(cut, stored.data, size);
        assert_int_equal(places_read((struct bytes){cut, size}, &set), -QY_ECORRUPT);
        if (stored.size) {
            stored.data[(size_t)random() % (stored.size < 20 ? stored.size : 20)] ^=
                (uint8_t)(1u << random() % 8);
            (void)places_read((struct bytes){stored.data, stored.size}, &set);
            (void)places_count((struct bytes){stored.data, stored.size}, &set, &other);
        }
        free(cut);
        buffer_free(&stored);
        roaring_bitmap_free(bitmap);
    }
}

static void test_ranges_and_neighbours_are_those_of_single_places(void **state)
{
    (void)state;
    static uint16_t places[SEGMENT_RECORDS];
    for (unsigned round = 0; round < 200; round++) {
        struct place_set set, range;
        roaring_bitmap_t *bitmap = roaring_bitmap_create();
        (void)draw(places, &set, bitmap);
        unsigned first = (unsigned)random() % (SEGMENT_RECORDS + 1),
                 end = (unsigned)random() % (SEGMENT_RECORDS + 1);
        unsigned expected = first < end ? (unsigned)roaring_bitmap_range_cardinality(bitmap, first, end) : 0,
                 place;
        assert_int_equal(place_set_count_range(&set, first, end), expected);
        place_set_range(&range, first, end);
        assert_int_equal(place_set_count(&range), first < end ? end - first : 0);
        place_set_and(&range, &set);
        assert_int_equal(place_set_count(&range), expected);
        assert_int_equal(place_set_is_empty(&range), expected == 0);
        if (place_set_from(&set, first, &place)) {
            assert_true(place >= first && place_set_has(&set, place));
            assert_int_equal(place_set_count_range(&set, first, place), 0);
        } else {
            assert_int_equal(place_set_count_range(&set, first, SEGMENT_RECORDS), 0);
        }
        if (place_set_below(&set, end, &place)) {
            assert_true(place < end && place_set_has(&set, place));
            assert_int_equal(place_set_count_range(&set, place + 1, end), 0);
        } else {
            assert_int_equal(place_set_count_range(&set, 0, end), 0);
        }
        roaring_bitmap_free(bitmap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_stored_is_a_roaring_bitmap),
        cmocka_unit_test(test_damaged_bytes_are_refused_and_not_followed),
        cmocka_unit_test(test_ranges_and_neighbours_are_those_of_single_places),
    };
    srandom(20261130);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
