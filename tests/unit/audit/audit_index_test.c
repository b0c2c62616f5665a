/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_index.h"

#include "common/error.h"
#include "services/audit/audit_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECORDS 5000u
#define ACTORS 40u
#define PERSONS 900u

/* What is known of each record. */
static struct {
    unsigned actor;
    unsigned persons[3]; /* by number */
    size_t person_count;
} known[RECORDS];
static struct buffer packed[RECORDS];
static struct bytes records[RECORDS];

static int make(void **state)
{
    (void)state;
    char actor_id[16];
    uint32_t numbers[3];
    for (unsigned i = 0; i < RECORDS; i++) {
        Quanyu__Actor actor = QUANYU__ACTOR__INIT;
        Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
        known[i].actor = i < 4000 && i >= 1000 ? 7 : (unsigned)random() % ACTORS;
        known[i].person_count = (size_t)random() % 4;
        for (size_t p = 0; p < known[i].person_count; p++)
            numbers[p] = known[i].persons[p] = (unsigned)random() % PERSONS;
        snprintf(actor_id, sizeof(actor_id), "st_%u", known[i].actor);
        actor.id = actor_id;
        record.actor = &actor;
        record.action = (char *)"person.show";
        record.time_ms = INT64_C(1767225600000) + i * 10;
        record.numbers = numbers;
        record.n_numbers = known[i].person_count;
        assert_int_equal(audit_record_pack(&record, &packed[i]), 0);
        records[i] = (struct bytes){packed[i].data, packed[i].size};
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RECORDS; i++)
        buffer_free(&packed[i]);
    return 0;
}

static void build(struct buffer *out, struct audit_index *index)
{
    assert_int_equal(audit_index_build(records, RECORDS, out), 0);
    assert_int_equal(audit_index_open((struct bytes){out->data, out->size}, index), 0);
    assert_int_equal(index->records, RECORDS);
}

static void find(
    const struct audit_index *index, const struct term_key *key, bool prefix, struct place_set *places)
{
    struct term_value value = {.key = *key};
    struct term_values values = {.whole = &value, .whole_count = 1};
    term_values_sort(&values);
    if (prefix)
        values = (struct term_values){.prefixes = &value, .prefix_count = 1};
    place_set_clear(places);
    assert_int_equal(audit_index_find(index, &values, places), 0);
}

static bool has_person(unsigned i, unsigned person)
{
    for (size_t p = 0; p < known[i].person_count; p++)
        if (known[i].persons[p] == person)
            return true;
    return false;
}

static void test_each_term_has_the_places_of_the_records_that_bear_it(void **state)
{
    (void)state;
    struct buffer stored = BUFFER_INIT;
    struct audit_index index;
    struct place_set places;
    struct term_key key;
    char text[16];
    build(&stored, &index);
    for (unsigned person = 0; person < PERSONS + 5; person++) {
        term_of_number(person, &key);
        find(&index, &key, false, &places);
        for (unsigned i = 0; i < RECORDS; i++)
            assert_int_equal(place_set_has(&places, i), has_person(i, person));
    }
    for (unsigned actor = 0; actor < ACTORS + 5; actor++) {
        snprintf(text, sizeof(text), "st_%u", actor);
        term_of_text(TERM_ACTOR, text, &key);
        find(&index, &key, false, &places);
        for (unsigned i = 0; i < RECORDS; i++)
            assert_int_equal(place_set_has(&places, i), known[i].actor == actor);
        find(&index, &key, true, &places);
        for (unsigned i = 0; i < RECORDS; i++)
            assert_int_equal(place_set_has(&places, i),
                known[i].actor == actor || (actor > 0 && known[i].actor / 10 == actor));
    }
    for (unsigned i = 0; i < RECORDS; i++)
        assert_int_equal(audit_index_time(&index, i), INT64_C(1767225600000) + i * 10);
    buffer_free(&stored);
}

static void test_the_same_records_give_the_same_bytes(void **state)
{
    (void)state;
    struct buffer one = BUFFER_INIT, two = BUFFER_INIT;
    struct audit_index index;
    build(&one, &index);
    build(&two, &index);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.data, two.data, one.size);
    struct bytes bad = {(const uint8_t *)"\xff", 1};
    assert_int_equal(audit_index_build(&bad, 1, &two), -QY_ECORRUPT);
    assert_int_equal(audit_index_build(records, SEGMENT_RECORDS + 1, &two), -QY_EINVAL);
    buffer_free(&one);
    buffer_free(&two);
}

static int forget(void *context, struct bytes text, unsigned count)
{
    (void)text;
    *(uint64_t *)context += count;
    return 0;
}

static void ask_all(const struct audit_index *index)
{
    struct place_set all, places = {{0}};
    struct term_value value;
    const struct term_values values = {.whole = &value, .whole_count = 1},
                             prefixes = {.prefixes = &value, .prefix_count = 1};
    uint64_t sum = 0;
    place_set_range(&all, 0, RECORDS);
    term_of_text(TERM_ACTOR, "st_7", &value.key);
    (void)audit_index_find(index, &values, &places);
    (void)audit_index_find(index, &prefixes, &places);
    (void)audit_index_each(index, TERM_NUMBER, &all, forget, &sum);
    (void)audit_index_each(index, TERM_ACTOR, &all, forget, &sum);
}

static void test_damaged_bytes_are_not_followed_beyond_their_end(void **state)
{
    (void)state;
    struct buffer stored = BUFFER_INIT;
    struct audit_index index;
    build(&stored, &index);
    size_t entries = (size_t)(index.entries.data - stored.data);
    for (unsigned round = 0; round < 300; round++) {
        uint8_t *copy = malloc(stored.size); /* of its very size, so that reading on is noticed */
        assert_non_null(copy);
        memcpy(copy, stored.data, stored.size);
        for (unsigned flips = 0; flips < 8; flips++) {
            size_t at = random() % 4 ? entries - 1000 + (size_t)random() % (stored.size - entries + 1000)
                                     : (size_t)random() % 40;
            copy[at] ^= (uint8_t)(1u << random() % 8);
        }
        if (audit_index_open((struct bytes){copy, stored.size}, &index) == 0)
            ask_all(&index);
        free(copy);
    }
    for (size_t size = 0; size < 200; size++)
        assert_int_equal(audit_index_open((struct bytes){stored.data, size}, &index), -QY_ECORRUPT);
    assert_int_equal(audit_index_open((struct bytes){stored.data, stored.size - 1}, &index), -QY_ECORRUPT);
    buffer_free(&stored);
}

static void test_no_records_make_an_index_too(void **state)
{
    (void)state;
    struct buffer stored = BUFFER_INIT;
    struct audit_index index;
    assert_int_equal(audit_index_build(NULL, 0, &stored), 0);
    assert_int_equal(audit_index_open((struct bytes){stored.data, stored.size}, &index), 0);
    ask_all(&index);
    buffer_free(&stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_term_has_the_places_of_the_records_that_bear_it),
        cmocka_unit_test(test_the_same_records_give_the_same_bytes),
        cmocka_unit_test(test_damaged_bytes_are_not_followed_beyond_their_end),
        cmocka_unit_test(test_no_records_make_an_index_too),
    };
    srandom(20261130);
    return cmocka_run_group_tests(tests, make, drop);
}
