/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of persons say what was written, and those of earlier versions what they said then. */
#include "services/tagging/people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define UPPER_BYTES 2 /* what the third version has at its end, of small sums */
#define NO_BINDING_BYTES 1u

static void decode(struct bytes row, struct person *person)
{
    struct arena *arena;
    assert_int_equal(arena_open(&arena), 0);
    memset(person, 0, sizeof(*person));
    assert_true(person_decode(row, arena, person));
    arena_close(&arena);
}

static void sums_of_any_size_come_back(void **state)
{
    (void)state;
    const __int128 wide = (__int128)AMOUNT_MAX << 64;
    const __int128 sums[] = {0, 1, -1, 12800, INT64_MAX, INT64_MIN, (__int128)INT64_MAX + 1,
        (__int128)INT64_MIN - 1, UINT64_MAX, wide, -wide, wide - 1};
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
        struct person person = {
            .stage = "", .totals = {.gross = sums[i], .refunded = sums[COUNT_OF(sums) - 1 - i]}};
        struct person read;
        person_encode(&person, &row);
        decode((struct bytes){row.data, row.size}, &read);
        assert_true(read.totals.gross == person.totals.gross);
        assert_true(read.totals.refunded == person.totals.refunded);
    }
}

static void sums_of_the_second_version_are_read(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    struct person person = {
        .stage = "new", .totals = {.gross = 12800, .refunded = -300}, .binding = binding_none()};
    struct person read;
    person_encode(&person, &row);
    assert_int_equal(row.data[0], 4);
    row.data[0] = 2;
    decode((struct bytes){row.data, row.size - UPPER_BYTES - NO_BINDING_BYTES}, &read);
    assert_true(read.totals.gross == 12800 && read.totals.refunded == -300);
}

static void a_binding_comes_back(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    const struct binding binding = {.unit = 70000,
        .guide = 7,
        .vacant = true,
        .unit_rank = RANK_HAND,
        .unit_since = {-5, 1, 2},
        .guide_since = {1760000000000, 9, 0},
        .touched_ms = 1760000000001,
        .last = {1760000000002, 10, 3}};
    struct person person = {.stage = "", .binding = binding}, read;
    person_encode(&person, &row);
    decode((struct bytes){row.data, row.size}, &read);
    assert_memory_equal(&read.binding, &binding, sizeof(binding));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_any_size_come_back),
        cmocka_unit_test(sums_of_the_second_version_are_read),
        cmocka_unit_test(a_binding_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
