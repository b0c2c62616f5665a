/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hash_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum spread { SPREAD_EVENLY, SPREAD_ALL_ALIKE, SPREAD_FIRST_BYTES_ALIKE, SPREAD_COUNT };

static struct hash *make(size_t count, enum spread spread)
{
    static uint64_t state = 88172645463325252u;
    struct hash *hashes = calloc(count + 1, sizeof(*hashes));
    assert_non_null(hashes);
    for (size_t i = 0; i < count && spread != SPREAD_ALL_ALIKE; i++)
        for (unsigned k = spread == SPREAD_EVENLY ? 0 : 9; k < HASH_BYTES; k++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            hashes[i].bytes[k] = (uint8_t)state;
        }
    return hashes;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, HASH_BYTES);
}

static void sorting_gives_what_qsort_gives(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 16, 17, 100, 4096, 70000};
    for (enum spread spread = 0; spread < SPREAD_COUNT; spread++)
        for (size_t i = 0; i < COUNT_OF(counts); i++) {
            struct hash *hashes = make(counts[i], spread), *sorted = make(counts[i], SPREAD_ALL_ALIKE);
            run_sort(hashes, counts[i], sorted);
            qsort(hashes, counts[i], sizeof(*hashes), compare);
            assert_memory_equal(sorted, hashes, (counts[i] + 1) * sizeof(*hashes));
            free(hashes);
            free(sorted);
        }
}

/* A run that comes in parts. */
struct parted {
    struct run_source source;
    const struct hash *end;
};

static bool more(struct run_source *source)
{
    struct parted *run = (struct parted *)source;
    size_t left = (size_t)(run->end - source->end);
    source->at = source->end;
    source->end += left < 100 ? left : 100;
    return left > 0;
}

static struct parted parted(const struct hash *run, size_t count)
{
    return (struct parted){.source = {.at = run, .end = run, .more = more}, .end = run + count};
}

static void merging_runs_gives_what_sorting_all_gives(void **state)
{
    (void)state;
    static const size_t sizes[][RUNS_MERGED_MAX] = {
        {0}, {5}, {0, 3, 0, 4}, {1000, 1, 500, 0, 20, 20, 3000, 7}, {9, 9, 9, 9, 9, 9, 9, 9}};
    for (enum spread spread = 0; spread < SPREAD_COUNT; spread++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            size_t total = 0, count = 0;
            struct hash *runs = make(10000, spread), *merged = make(10000, SPREAD_ALL_ALIKE);
            struct parted parts[RUNS_MERGED_MAX];
            struct run_source *sources[RUNS_MERGED_MAX];
            for (unsigned k = 0; k < RUNS_MERGED_MAX; total += sizes[i][k++]) {
                qsort(runs + total, sizes[i][k], sizeof(*runs), compare);
                parts[k] = parted(runs + total, sizes[i][k]);
                sources[k] = &parts[k].source;
            }
            for (size_t taken = 1; taken > 0; count += taken) /* less at a time than there is */
                taken = run_merge(sources, RUNS_MERGED_MAX, merged + count, 700);
            assert_int_equal(count, total);
            qsort(runs, total, sizeof(*runs), compare);
            assert_memory_equal(merged, runs, total * sizeof(*runs));
            free(runs);
            free(merged);
        }
}

static void what_is_above_a_hash_begins_after_it(void **state)
{
    (void)state;
    struct hash *hashes = make(100, SPREAD_EVENLY);
    qsort(hashes, 100, sizeof(*hashes), compare);
    struct bytes run = {(const uint8_t *)hashes, 100 * sizeof(*hashes)};
    for (size_t i = 0; i < 100; i++)
        assert_ptr_equal(run_above(run, hashes[i].bytes), hashes + i + 1);
    struct bytes rest = {(const uint8_t *)(hashes + 50), 50 * sizeof(*hashes)};
    assert_ptr_equal(run_above(rest, hashes[10].bytes), hashes + 50);
    free(hashes);
}

static void a_run_has_what_was_put_into_it_and_nothing_else(void **state)
{
    (void)state;
    struct hash *hashes = make(2000, SPREAD_EVENLY), *sorted = make(1000, SPREAD_ALL_ALIKE);
    run_sort(hashes, 1000, sorted);
    struct bytes run = {(const uint8_t *)sorted, 1000 * sizeof(*sorted)};
    for (size_t i = 0; i < 2000; i++)
        assert_int_equal(run_has(run, hashes[i].bytes), i < 1000);
    assert_false(run_has((struct bytes){NULL, 0}, hashes[0].bytes));
    free(hashes);
    free(sorted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_gives_what_qsort_gives),
        cmocka_unit_test(merging_runs_gives_what_sorting_all_gives),
        cmocka_unit_test(what_is_above_a_hash_begins_after_it),
        cmocka_unit_test(a_run_has_what_was_put_into_it_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
