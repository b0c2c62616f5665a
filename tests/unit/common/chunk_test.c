/* SPDX-License-Identifier: Apache-2.0 */
#include "common/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct chunk_builder *builder;
    struct chunk_reader *reader;
    struct buffer wire;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    return !fixture || chunk_builder_open(1, &fixture->builder) || chunk_reader_open(&fixture->reader);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    chunk_builder_close(&fixture->builder);
    chunk_reader_close(&fixture->reader);
    buffer_free(&fixture->wire);
    free(fixture);
    return 0;
}

static void add(struct fixture *fixture, unsigned record_class, int64_t time_ms, const char *text)
{
    uint8_t *room;
    size_t size = strlen(text);
    assert_int_equal(chunk_builder_add(fixture->builder, record_class, time_ms, size, &room), 0);
    for (size_t i = 0; i < size; i++)
        room[i] = (uint8_t)text[i];
}

static struct bytes finish(struct fixture *fixture, struct journal_position *position)
{
    assert_int_equal(chunk_builder_finish(fixture->builder, position, &fixture->wire), 0);
    return (struct bytes){fixture->wire.data, fixture->wire.size};
}

/* Three records in a chunk at 0. */
static struct bytes sample(struct fixture *fixture)
{
    struct journal_position position = {0};
    add(fixture, 2, 1000, "first");
    add(fixture, 63, 900, "");
    add(fixture, 1, 1500, "third");
    return finish(fixture, &position);
}

static void assert_next(
    struct fixture *fixture, uint64_t offset, unsigned record_class, int64_t time_ms, const char *text)
{
    struct journal_record record;
    assert_true(chunk_next(fixture->reader, &record));
    assert_int_equal(record.offset, offset);
    assert_int_equal(record.record_class, record_class);
    assert_int_equal(record.time_ms, time_ms);
    assert_int_equal(record.data.size, strlen(text));
    assert_memory_equal(record.data.data, text, record.data.size);
}

static void what_was_added_comes_back_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct journal_position written = {.next = 7}, read = {.next = 7};
    memset(written.chain, 3, sizeof(written.chain));
    memset(read.chain, 3, sizeof(read.chain));
    add(fixture, 2, 1000, "first");
    add(fixture, 63, INT64_MIN, "");
    add(fixture, 1, INT64_MAX, "third");
    assert_int_equal(chunk_builder_count(fixture->builder), 3);
    struct bytes wire = finish(fixture, &written);
    assert_int_equal(written.next, 10);
    assert_int_equal(chunk_builder_count(fixture->builder), 0);
    assert_int_equal(chunk_read(fixture->reader, wire, &read), 0);
    assert_memory_equal(&read, &written, sizeof(read));
    assert_next(fixture, 7, 2, 1000, "first");
    assert_next(fixture, 8, 63, INT64_MIN, "");
    assert_next(fixture, 9, 1, INT64_MAX, "third");
    struct journal_record record;
    assert_false(chunk_next(fixture->reader, &record));
    assert_false(chunk_next(fixture->reader, &record));
    struct chunk_header header;
    assert_int_equal(chunk_header_read(wire, &header), 0);
    assert_int_equal(header.first, 7);
    assert_int_equal(header.count, 3);
    assert_true(header.classes == (UINT64_C(1) << 2 | UINT64_C(1) << 63 | UINT64_C(1) << 1));
    assert_int_equal(header.base_ms, 1000);
    assert_true(header.latest_ms == INT64_MAX);
}

static void a_chunk_of_another_history_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct bytes wire = sample(fixture);
    struct journal_position elsewhere = {.next = 1}, other = {.chain = {1}}, right = {0};
    struct journal_record record;
    assert_int_equal(chunk_read(fixture->reader, wire, &elsewhere), -QY_EDIVERGED);
    assert_int_equal(chunk_read(fixture->reader, wire, &other), -QY_EDIVERGED);
    assert_false(chunk_next(fixture->reader, &record));
    assert_int_equal(elsewhere.next, 1);
    assert_int_equal(chunk_read(fixture->reader, wire, &right), 0);
    assert_int_equal(chunk_read(fixture->reader, wire, &right), -QY_EDIVERGED);
}

static void every_altered_bit_is_noticed_or_changes_the_chain(void **state)
{
    struct fixture *fixture = *state;
    struct bytes wire = sample(fixture);
    struct journal_position right = {0};
    assert_int_equal(chunk_read(fixture->reader, wire, &right), 0);
    uint8_t *copy = malloc(wire.size);
    assert_non_null(copy);
    for (size_t bit = 0; bit < wire.size * 8; bit++) {
        memcpy(copy, wire.data, wire.size);
        copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1u << bit % 8);
        struct journal_position position = {0};
        if (chunk_read(fixture->reader, (struct bytes){copy, wire.size}, &position) == 0)
            assert_memory_not_equal(position.chain, right.chain, sizeof(right.chain));
        else
            assert_int_equal(position.next, 0);
    }
    free(copy);
}

static void a_chunk_that_is_cut_off_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct bytes wire = sample(fixture);
    for (size_t size = 0; size < wire.size; size++) {
        /* In memory of exactly this size, so that a read behind its end is caught. */
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        uint8_t *exact = copy + 1;
        memcpy(exact, wire.data, size);
        struct journal_position position = {0};
        assert_true(chunk_read(fixture->reader, (struct bytes){exact, size}, &position) < 0);
        free(copy);
    }
}

static void a_header_that_promises_too_much_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct bytes wire = sample(fixture);
    uint8_t *copy = malloc(wire.size);
    assert_non_null(copy);
    struct chunk_header header;
    const struct {
        size_t at;
        uint32_t value;
    } lies[] = {{9, 0}, {9, 0xffffffff}, {9, 1000}, {37, 0}, {37, 0xffffffff}, {37, (8 << 20) + 1}};
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        memcpy(copy, wire.data, wire.size);
        put_be32(copy + lies[i].at, lies[i].value);
        assert_int_equal(chunk_header_read((struct bytes){copy, wire.size}, &header), -QY_ECORRUPT);
    }
    memcpy(copy, wire.data, wire.size);
    put_be64(copy + 1, UINT64_MAX - 1);
    assert_int_equal(chunk_header_read((struct bytes){copy, wire.size}, &header), -QY_ECORRUPT);
    copy[0] = 2;
    assert_int_equal(chunk_header_read((struct bytes){copy, wire.size}, &header), -QY_EVERSION);
    free(copy);
}

static void one_large_record_makes_a_chunk_and_a_larger_one_is_refused(void **state)
{
    struct fixture *fixture = *state;
    uint8_t *room;
    assert_false(chunk_builder_is_full(fixture->builder, CHUNK_RECORDS_MAX));
    assert_int_equal(chunk_builder_add(fixture->builder, 1, 0, CHUNK_RECORDS_MAX, &room), -QY_ETOOLARGE);
    assert_int_equal(chunk_builder_add(fixture->builder, 1, 0, SIZE_MAX, &room), -QY_ETOOLARGE);
    assert_int_equal(chunk_builder_add(fixture->builder, 1, 0, CHUNK_RECORDS_MAX - 32, &room), 0);
    memset(room, 'x', CHUNK_RECORDS_MAX - 32);
    assert_true(chunk_builder_is_full(fixture->builder, 1));
    struct journal_position written = {0}, read = {0};
    struct bytes wire = finish(fixture, &written);
    assert_int_equal(chunk_read(fixture->reader, wire, &read), 0);
    struct journal_record record;
    assert_true(chunk_next(fixture->reader, &record));
    assert_int_equal(record.data.size, CHUNK_RECORDS_MAX - 32);
    assert_false(chunk_next(fixture->reader, &record));
}

static void at_rest_it_opens_with_its_own_key_and_place_only(void **state)
{
    struct fixture *fixture = *state;
    struct bytes wire = sample(fixture), opened;
    uint8_t key[CHUNK_KEY_BYTES] = {1}, other[CHUNK_KEY_BYTES] = {2};
    struct buffer plain = BUFFER_INIT, sealed = BUFFER_INIT, out = BUFFER_INIT;
    assert_int_equal(chunk_store(NULL, 5, wire, &plain), 0);
    assert_int_equal(chunk_store(key, 5, wire, &sealed), 0);
    struct bytes plain_bytes = {plain.data, plain.size}, sealed_bytes = {sealed.data, sealed.size};
    assert_int_equal(chunk_unstore(NULL, 5, plain_bytes, false, &out, &opened), 0);
    assert_int_equal(opened.size, wire.size);
    assert_memory_equal(opened.data, wire.data, wire.size);
    buffer_clear(&out);
    assert_int_equal(chunk_unstore(key, 5, sealed_bytes, true, &out, &opened), 0);
    assert_memory_equal(opened.data, wire.data, wire.size);
    struct bytes cursor = {out.data, out.size};
    uint64_t size;
    assert_true(bytes_varint(&cursor, &size));
    assert_int_equal(size, wire.size);
    assert_ptr_equal(cursor.data, opened.data);
    buffer_clear(&out);
    assert_int_equal(chunk_unstore(other, 5, sealed_bytes, true, &out, &opened), -QY_ECORRUPT);
    assert_int_equal(chunk_unstore(key, 6, sealed_bytes, true, &out, &opened), -QY_ECORRUPT);
    assert_int_equal(chunk_unstore(NULL, 5, sealed_bytes, true, &out, &opened), -QY_ECORRUPT);
    assert_int_equal(chunk_unstore(key, 5, plain_bytes, true, &out, &opened), -QY_ECORRUPT);
    assert_int_equal(
        chunk_unstore(key, 5, (struct bytes){sealed.data, 20}, true, &out, &opened), -QY_ECORRUPT);
    assert_int_equal(chunk_unstore(NULL, 5, (struct bytes){NULL, 0}, true, &out, &opened), -QY_ECORRUPT);
    sealed.data[sealed.size - 1] ^= 1;
    assert_int_equal(chunk_unstore(key, 5, sealed_bytes, true, &out, &opened), -QY_ECORRUPT);
    assert_int_equal(out.size, 0);
    buffer_free(&plain);
    buffer_free(&sealed);
    buffer_free(&out);
}

#define chunk_case(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        chunk_case(what_was_added_comes_back_in_order),
        chunk_case(a_chunk_of_another_history_is_refused),
        chunk_case(every_altered_bit_is_noticed_or_changes_the_chain),
        chunk_case(a_chunk_that_is_cut_off_is_refused),
        chunk_case(a_header_that_promises_too_much_is_refused),
        chunk_case(one_large_record_makes_a_chunk_and_a_larger_one_is_refused),
        chunk_case(at_rest_it_opens_with_its_own_key_and_place_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
