/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hash_tiers.h"

#include "common/buffer.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUNS 150u
#define RUN_HASHES 300u
#define BEGINNING 12

static const char *const tables[] = {"runs"};

static struct store *open_store(char path[64])
{
    struct store *store;
    snprintf(path, 64, "/tmp/hash_tiers_test.XXXXXX");
    assert_non_null(mkdtemp(path));
    const struct store_options options = {.path = path,
        .tables = tables,
        .table_count = 1,
        .map_bytes = UINT64_C(1) << 28,
        .schema_version = 1};
    assert_int_equal(store_open(&options, &store), 0);
    return store;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Evenly spread, and another one for each number; its last four bytes are the number. */
static struct hash hash_of(uint32_t number)
{
    struct hash hash;
    uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    put_be64(hash.bytes, mixed ^ mixed >> 29);
    put_be32(hash.bytes + 8, number * 2654435761u);
    put_be32(hash.bytes + BEGINNING, number + 1);
    return hash;
}

static void assert_found(struct store_txn *txn, int64_t set, uint32_t number, bool found)
{
    struct hash hash = hash_of(number), got;
    const struct bytes beginning = {hash.bytes, BEGINNING};
    assert_int_equal(tiers_find(txn, 0, set, beginning, &got), found);
    if (found)
        assert_memory_equal(got.bytes, hash.bytes, HASH_BYTES);
}

static void add_run(struct tiers *tiers, struct store_txn *txn, unsigned run)
{
    struct hash hashes[RUN_HASHES], sorted[RUN_HASHES];
    for (unsigned i = 0; i < RUN_HASHES; i++)
        hashes[i] = hash_of(run * RUN_HASHES + i);
    run_sort(hashes, RUN_HASHES, sorted);
    tiers_add(tiers, txn, sorted, RUN_HASHES);
    (void)tiers_merge(tiers, txn, 2 * (size_t)RUN_HASHES);
}

/* While runs become fewer, and also to who has nothing but the store. */
static void a_hash_is_found_by_how_it_begins_whatever_run_it_is_in(void **state)
{
    (void)state;
    char path[64];
    struct store *store = open_store(path);
    struct tiers tiers = {.table = 0, .set = 7};
    for (unsigned run = 0; run < RUNS; run++) {
        struct store_txn *txn;
        struct tiers loaded = {.table = 0, .set = 7};
        assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
        add_run(&tiers, txn, run);
        assert_int_equal(store_commit(&txn), 0);
        assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
        for (unsigned i = 0; i < 40; i++)
            assert_found(txn, 7, i * (run + 1) * RUN_HASHES / 40, true);
        assert_found(txn, 7, (run + 1) * RUN_HASHES, false);
        assert_found(txn, 6, 0, false);
        assert_found(txn, 8, 0, false);
        tiers_load(&loaded, txn);
        store_abort(&txn);
        if (run % 3 == 0)
            tiers = loaded; /* as after a restart: nothing is lost by it */
    }
    store_close(&store);
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The last run of a merge, of few hashes, is used up long before the others. */
static void what_comes_after_a_restart_is_no_part_of_a_merge_that_goes_on(void **state)
{
    (void)state;
    static struct hash many[2 * CHUNK_HASHES], sorted[2 * CHUNK_HASHES];
    char path[64];
    struct store *store = open_store(path);
    struct store_txn *txn;
    struct tiers tiers = {.table = 0, .set = 7};
    const struct hash least = {.bytes = {[HASH_BYTES - 1] = 1}}, later = {.bytes = {[HASH_BYTES - 1] = 2}};
    for (uint32_t i = 0; i < COUNT_OF(many); i++)
        many[i] = hash_of(i);
    run_sort(many, COUNT_OF(many), sorted);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    for (unsigned run = 0; run + 1 < TIER_RUNS; run++)
        tiers_add(&tiers, txn, sorted + run * COUNT_OF(many) / TIER_RUNS, COUNT_OF(many) / TIER_RUNS);
    tiers_add(&tiers, txn, &least, 1);
    assert_true(tiers_merge(&tiers, txn, 1) > 0);
    assert_true(tiers.list[0].merging);
    assert_int_equal(store_commit(&txn), 0);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    struct tiers loaded = {.table = 0, .set = 7};
    tiers_load(&loaded, txn);
    assert_memory_equal(&loaded, &tiers, sizeof(tiers));
    tiers_add(&loaded, txn, &later, 1);
    (void)tiers_merge(&loaded, txn, COUNT_OF(many));
    assert_false(loaded.list[0].merging);
    assert_true(tiers_have(&loaded, txn, later.bytes));
    store_abort(&txn);
    store_close(&store);
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_found_by_how_it_begins_whatever_run_it_is_in),
        cmocka_unit_test(what_comes_after_a_restart_is_no_part_of_a_merge_that_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
