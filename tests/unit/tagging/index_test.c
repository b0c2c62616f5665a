/* SPDX-License-Identifier: Apache-2.0 */
/* The index against a plain memory of what it was told, over several blocks, with logs long and short. */
#include "common/store.h"
#include "services/tagging/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERSONS (BLOCK_PERSONS * 2 + 5000)
#define BLOCKS 3
#define METRIC 3u
#define DAY INT64_C(86400000)

struct fixture {
    char path[64];
    struct store *store;
    struct store_txn *txn;
    struct index_writer *writer;
    struct arena *arena;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->path, sizeof(fixture->path), "/tmp/quanyu-index-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    const struct store_options options = {.path = fixture->path,
        .tables = tagging_tables,
        .table_count = TAGGING_TABLES,
        .map_bytes = UINT64_C(1) << 30,
        .schema_version = TAGGING_SCHEMA};
    assert_int_equal(store_open(&options, &fixture->store), 0);
    assert_int_equal(store_begin(fixture->store, STORE_WRITE, &fixture->txn), 0);
    assert_int_equal(index_writer_open(&fixture->writer), 0);
    assert_int_equal(arena_open(&fixture->arena), 0);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    store_abort(&fixture->txn);
    store_close(&fixture->store);
    index_writer_close(&fixture->writer);
    arena_close(&fixture->arena);
    snprintf(command, sizeof(command), "rm -r %s", fixture->path);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static uint32_t below(uint32_t limit)
{
    return ((uint32_t)rand() << 15 ^ (uint32_t)rand()) % limit;
}

/* Numbers where something is likely to break: ends of words, chunks and blocks. */
static uint32_t some_person(void)
{
    static const uint32_t edges[] = {1, 63, 64, 1023, 1024, BLOCK_PERSONS - 1, BLOCK_PERSONS,
        BLOCK_PERSONS + 1, 2 * BLOCK_PERSONS - 1, 2 * BLOCK_PERSONS, PERSONS - 1};
    return below(3) == 0 ? edges[below(COUNT_OF(edges))] : below(PERSONS);
}

static void flush(struct fixture *fixture)
{
    assert_int_equal(index_flush(fixture->writer, fixture->txn, PERSONS), 0);
}

static void read_term(struct fixture *fixture, const struct index_class *class, const char *term,
    uint64_t bits[BLOCKS * BLOCK_WORDS])
{
    struct bits_reader reader;
    struct text_set terms = {.arena = fixture->arena};
    uint32_t place;
    assert_int_equal(text_set_add(&terms, term, strlen(term), &place, NULL), 0);
    assert_int_equal(bits_open(fixture->txn, class, &terms, BLOCKS, fixture->arena, &reader), 0);
    for (uint32_t block = 0; block < BLOCKS; block++)
        assert_int_equal(bits_read(&reader, block, bits + (size_t)block * BLOCK_WORDS), 0);
    bits_close(&reader);
    text_set_close(&terms);
}

/* To all of a block, or from every so many of it, whatever is still in the log. */
static void put_block(
    struct fixture *fixture, bool known[PERSONS], const char *term, uint32_t block, uint32_t each, bool on)
{
    uint64_t persons[BLOCK_WORDS] = {0};
    for (uint32_t place = 0; place < BLOCK_PERSONS && block * BLOCK_PERSONS + place < PERSONS;
        place += each) {
        bit_put(persons, place, true);
        known[block * BLOCK_PERSONS + place] = on;
    }
    assert_int_equal(index_settle(fixture->txn, BITS_STAGE), 0);
    assert_int_equal(index_put_block(fixture->txn, BITS_STAGE, term, block, persons, on), 0);
}

static void bitmaps_remember(void **state)
{
    struct fixture *fixture = *state;
    static bool known[3][PERSONS];
    static uint64_t bits[BLOCKS * BLOCK_WORDS];
    static const char *const terms[] = {"a", "ab", ""};
    const struct index_class class = {SORT_BITS, BITS_STAGE, ""};
    memset(known, 0, sizeof(known));
    srand(3);
    index_limit_log(fixture->writer, 30000);
    for (unsigned round = 0; round < 30; round++) {
        for (unsigned i = 0; i < 4000; i++) {
            uint32_t person = some_person(), term = below(3);
            known[term][person] = below(4) != 0;
            index_bit(fixture->writer, BITS_STAGE, "", terms[term], person, known[term][person]);
        }
        if (round == 10) /* dense: the other form of a bitmap */
            for (uint32_t person = 5; person < BLOCK_PERSONS; person++) {
                known[1][person] = true;
                index_bit(fixture->writer, BITS_STAGE, "", "ab", person, true);
            }
        flush(fixture);
        if (round % 4 == 3)
            for (uint32_t term = 0; term < 3; term++)
                put_block(
                    fixture, known[term], terms[term], below(BLOCKS), 1 + below(3) * below(40), below(2));
        for (size_t term = 0; term < 3; term++) {
            read_term(fixture, &class, terms[term], bits);
            for (uint32_t person = 0; person < PERSONS; person++)
                if (bit_get(bits, person) != known[term][person])
                    fail_msg("round %u, term \"%s\", person %u", round, terms[term], person);
        }
    }
}

static void columns_remember(void **state)
{
    struct fixture *fixture = *state;
    static bool present[PERSONS];
    static int64_t values[PERSONS];
    static uint64_t all[BLOCK_WORDS], in[BLOCK_WORDS], any[BLOCK_WORDS];
    static const int64_t spans[] = {200, 60000, 4000000000, INT64_MAX / 2};
    memset(present, 0, sizeof(present));
    memset(all, 0xff, sizeof(all));
    srand(5);
    index_limit_log(fixture->writer, 15000);
    for (unsigned round = 0; round < 24; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            uint32_t person = some_person();
            present[person] = below(5) != 0;
            values[person] =
                (int64_t)((uint64_t)below(1u << 30) << 30 | below(1u << 30)) % spans[round / 6] - 100;
            index_value(fixture->writer, METRIC, person, present[person], values[person]);
        }
        flush(fixture);
        int64_t low = values[some_person()], high = values[some_person()];
        const struct value_range ranges[] = {{low, high}, {INT64_MAX - 5, INT64_MAX}};
        struct column_reader reader;
        assert_int_equal(column_open(fixture->txn, METRIC, BLOCKS, fixture->arena, &reader), 0);
        for (uint32_t block = 0; block < BLOCKS; block++) {
            assert_int_equal(column_read(&reader, block, ranges, 2, all, in, any), 0);
            for (uint32_t i = 0; i < BLOCK_PERSONS && block * BLOCK_PERSONS + i < PERSONS; i++) {
                uint32_t person = block * BLOCK_PERSONS + i;
                bool meant = present[person] && values[person] >= low && values[person] <= high;
                if (bit_get(in, i) != meant || bit_get(any, i) != present[person])
                    fail_msg("round %u, person %u", round, person);
            }
        }
        column_close(&reader);
    }
}

static void all_values_of_a_column_can_be_had(void **state)
{
    struct fixture *fixture = *state;
    int64_t *values, sum = 0;
    size_t count;
    struct column_reader reader;
    index_limit_log(fixture->writer, 3);
    for (int64_t i = 1; i <= 10; i++) {
        index_value(fixture->writer, METRIC, (uint32_t)i * 9000, true, i);
        if (i % 3 == 0)
            flush(fixture);
    }
    index_value(fixture->writer, METRIC, 9000, false, 0);
    flush(fixture);
    assert_int_equal(column_open(fixture->txn, METRIC, BLOCKS, fixture->arena, &reader), 0);
    assert_int_equal(column_values(&reader, &values, &count), 0);
    column_close(&reader);
    assert_int_equal(count, 9);
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    assert_int_equal(sum, 54);
    free(values);
}

struct told {
    uint32_t person;
    int64_t time_ms;
    bool gone;
};

static void times_remember(void **state)
{
    struct fixture *fixture = *state;
    static struct told told[60000];
    static uint32_t counts[BLOCK_PERSONS], expected[PERSONS];
    size_t count = 0;
    srand(9);
    index_limit_log(fixture->writer, 9000);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 2500; i++) {
            struct told *one = &told[count++];
            /* First over many days, then on one, whose rows become large. */
            *one = (struct told){.person = some_person(),
                .time_ms = (int64_t)below(round < 8 ? 20 : 1) * DAY - 5 * DAY +
                           below(below(3) ? 86400000 : 2)}; /* some of a person at the same time */
            index_time(fixture->writer, "a", one->person, one->time_ms, true);
            struct told *former = &told[below((uint32_t)count)];
            if (below(4) == 0 && !former->gone) {
                former->gone = true;
                index_time(fixture->writer, "a", former->person, former->time_ms, false);
            }
        }
        flush(fixture);
        int64_t from_ms = (int64_t)below(10) * DAY - 4 * DAY + below(2) * 12345,
                to_ms = from_ms + (int64_t)below(9) * DAY + below(9999);
        if (round == 19)
            from_ms = INT64_MIN, to_ms = INT64_MAX;
        memset(expected, 0, sizeof(expected));
        for (size_t i = 0; i < count; i++)
            expected[told[i].person] +=
                !told[i].gone && told[i].time_ms >= from_ms && told[i].time_ms < to_ms;
        struct times_reader reader;
        assert_int_equal(times_open(fixture->txn, "a", BLOCKS, fixture->arena, &reader), 0);
        for (uint32_t block = 0; block < BLOCKS; block++) {
            memset(counts, 0, sizeof(counts));
            assert_int_equal(times_count(&reader, block, from_ms, to_ms, counts), 0);
            for (uint32_t i = 0; i < BLOCK_PERSONS && block * BLOCK_PERSONS + i < PERSONS; i++)
                if (counts[i] != expected[block * BLOCK_PERSONS + i])
                    fail_msg("round %u, person %u", round, block * BLOCK_PERSONS + i);
        }
        times_close(&reader);
    }
}

static void a_trait_of_too_many_values_is_left_to_the_persons(void **state)
{
    struct fixture *fixture = *state;
    char term[32];
    index_limit_log(fixture->writer, 100);
    for (uint32_t person = 1; person <= 3000; person++) {
        snprintf(term, sizeof(term), "\"v%u\"", person);
        index_bit(fixture->writer, BITS_TRAIT_VALUE, "name", term, person, true);
        index_bit(fixture->writer, BITS_TRAIT_VALUE, "city", person % 2 ? "\"a\"" : "\"b\"", person, true);
    }
    assert_int_equal(index_flush(fixture->writer, fixture->txn, 0), 0);
    assert_true(index_trait_is_wide(fixture->txn, "name"));
    assert_false(index_trait_is_wide(fixture->txn, "city"));
    index_bit(fixture->writer, BITS_TRAIT_VALUE, "name", "\"w\"", 5, true);
    flush(fixture);
    struct index_log log;
    struct text_set terms = {.arena = fixture->arena};
    const struct index_class name = {SORT_BITS, BITS_TRAIT_VALUE, "name"},
                             city = {SORT_BITS, BITS_TRAIT_VALUE, "city"};
    assert_int_equal(index_log_read(fixture->txn, &name, fixture->arena, &log), 0);
    assert_int_equal(index_terms(fixture->txn, &name, &log, &terms), 0);
    assert_int_equal(terms.count, 0);
    index_log_close(&log);
    assert_int_equal(index_log_read(fixture->txn, &city, fixture->arena, &log), 0);
    assert_int_equal(index_terms(fixture->txn, &city, &log, &terms), 0);
    assert_int_equal(terms.count, 2);
    index_log_close(&log);
    text_set_close(&terms);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(bitmaps_remember),
        TEST(columns_remember),
        TEST(all_values_of_a_column_can_be_had),
        TEST(times_remember),
        TEST(a_trait_of_too_many_values_is_left_to_the_persons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
