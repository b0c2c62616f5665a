/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dedup_run.h"

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
        for (unsigned k = spread == SPREAD_EVENLY ? 0 : 9; k < DEDUP_HASH_BYTES; k++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            hashes[i].bytes[k] = (uint8_t)state;
        }
    return hashes;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, DEDUP_HASH_BYTES);
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

static void merging_runs_gives_what_sorting_all_gives(void **state)
{
    (void)state;
    static const size_t sizes[][RUNS_MERGED_MAX] = {
        {0}, {5}, {0, 3, 0, 4}, {1000, 1, 500, 0, 20, 20, 3000, 7}, {9, 9, 9, 9, 9, 9, 9, 9}};
    for (enum spread spread = 0; spread < SPREAD_COUNT; spread++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            size_t counts[RUNS_MERGED_MAX], total = 0;
            struct hash *runs = make(10000, spread), *merged = make(10000, SPREAD_ALL_ALIKE);
            for (unsigned k = 0; k < RUNS_MERGED_MAX; total += counts[k++]) {
                counts[k] = sizes[i][k];
                qsort(runs + total, counts[k], sizeof(*runs), compare);
            }
            run_merge(runs, counts, RUNS_MERGED_MAX, merged);
            qsort(runs, total, sizeof(*runs), compare);
            assert_memory_equal(merged, runs, total * sizeof(*runs));
            free(runs);
            free(merged);
        }
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
        cmocka_unit_test(a_run_has_what_was_put_into_it_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
