/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dedup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)

struct fixture {
    char path[64];
    struct store *store;
    struct dedup *dedup;
    struct store_txn *txn;
};

static void begin(struct fixture *f)
{
    assert_int_equal(store_begin(f->store, STORE_WRITE, &f->txn), 0);
}

static void commit(struct fixture *f, int64_t wall_ms)
{
    dedup_finish(f->dedup, f->txn, wall_ms);
    assert_int_equal(store_commit(&f->txn), 0);
    dedup_committed(f->dedup);
}

/* As a batch that the store sees otherwise changed: its ids are written. */
static void commit_written(struct fixture *f, int64_t wall_ms)
{
    struct store_key key;
    key_reset(&key);
    key_text(&key, "anything");
    store_put(f->txn, 1, &key, "", 0);
    commit(f, wall_ms);
}

static void load(struct fixture *f)
{
    dedup_close(&f->dedup);
    begin(f);
    assert_int_equal(dedup_open(f->txn, 0, &f->dedup), 0);
    assert_int_equal(store_commit(&f->txn), 0);
}

static int setup(void **state)
{
    static const char *const tables[] = {"seen", "other"};
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->path, "/tmp/quanyu-dedup-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    struct store_options options = {
        .path = f->path, .tables = tables, .table_count = 2, .map_bytes = 1 << 30, .schema_version = 1};
    assert_int_equal(store_open(&options, &f->store), 0);
    load(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[100];
    dedup_close(&f->dedup);
    store_close(&f->store);
    snprintf(command, sizeof(command), "rm -rf %s", f->path);
    int status = system(command);
    free(f);
    return status;
}

/* The hash of number i, as evenly spread as a real one. */
static void hash_of(uint64_t i, uint8_t hash[DEDUP_HASH_BYTES])
{
    for (unsigned half = 0; half < 2; half++) {
        uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u + half * 0xd1b54a32d192ed03u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        x ^= x >> 31;
        memcpy(hash + 8 * (size_t)half, &x, 8);
    }
}

static bool check(struct fixture *f, uint64_t i)
{
    uint8_t hash[DEDUP_HASH_BYTES];
    hash_of(i, hash);
    return dedup_check(f->dedup, f->txn, hash);
}

static void an_id_is_new_once_in_a_batch_and_over_batches(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_false(check(f, 1));
    assert_true(check(f, 1));
    commit(f, HOUR);
    begin(f);
    assert_true(check(f, 1));
    assert_false(check(f, 2));
    commit(f, HOUR);
}

static bool has(struct fixture *f, uint64_t id)
{
    uint8_t hash[DEDUP_HASH_BYTES];
    hash_of(id, hash);
    return dedup_has(f->dedup, f->txn, hash);
}

static void a_look_remembers_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_false(has(f, 1));
    assert_false(has(f, 1));
    assert_false(check(f, 1));
    assert_true(has(f, 1));
    commit_written(f, HOUR);
    begin(f);
    assert_true(has(f, 1));
    assert_false(has(f, 2));
    assert_false(check(f, 2));
    commit(f, HOUR);
}

static void ids_are_known_after_a_restart_and_many_merges(void **state)
{
    struct fixture *f = *state;
    for (uint64_t batch = 0; batch < 300; batch++) {
        begin(f);
        for (uint64_t i = 0; i < 100; i++)
            assert_false(check(f, batch * 100 + i));
        commit_written(f, HOUR + (int64_t)batch);
    }
    load(f);
    begin(f);
    for (uint64_t i = 0; i < 30000; i++)
        assert_true(check(f, i));
    for (uint64_t i = 30000; i < 60000; i++)
        assert_false(check(f, i));
    commit(f, 2 * HOUR);
}

static void a_rolled_back_batch_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_false(check(f, 7));
    dedup_finish(f->dedup, f->txn, HOUR);
    store_abort(&f->txn);
    dedup_discard(f->dedup);
    begin(f);
    assert_false(check(f, 7));
    commit(f, HOUR);
    begin(f);
    assert_true(check(f, 7));
    commit(f, HOUR);
}

static void ids_are_kept_a_day_and_then_let_go(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_false(check(f, 1));
    commit_written(f, HOUR);
    begin(f);
    assert_true(check(f, 1));
    assert_false(check(f, 2));
    commit_written(f, HOUR + DEDUP_WINDOW_MS);
    begin(f);
    assert_false(check(f, 3));
    commit_written(f, 3 * HOUR + DEDUP_WINDOW_MS + HOUR);
    begin(f);
    assert_false(check(f, 1));
    assert_true(check(f, 3));
    commit_written(f, 3 * HOUR + DEDUP_WINDOW_MS + HOUR);
}

static void few_ids_wait_and_change_nothing_in_the_store(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < 10; i++) {
        begin(f);
        assert_false(check(f, i));
        dedup_finish(f->dedup, f->txn, HOUR);
        assert_false(store_changed(f->txn));
        store_abort(&f->txn);
        dedup_committed(f->dedup);
    }
    begin(f);
    for (uint64_t i = 0; i < 10; i++)
        assert_true(check(f, i));
    commit(f, HOUR + 10000);
    load(f);
    begin(f);
    for (uint64_t i = 0; i < 10; i++)
        assert_true(check(f, i));
    store_abort(&f->txn);
}

static void a_rolled_back_write_forgets_its_own_ids_only(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_false(check(f, 1));
    commit(f, HOUR);
    begin(f);
    assert_false(check(f, 2));
    dedup_finish(f->dedup, f->txn, HOUR + 10000);
    assert_true(store_changed(f->txn));
    store_abort(&f->txn);
    dedup_discard(f->dedup);
    begin(f);
    assert_true(check(f, 1));
    assert_false(check(f, 2));
    commit(f, HOUR + 10000);
    load(f);
    begin(f);
    assert_true(check(f, 1));
    assert_true(check(f, 2));
    store_abort(&f->txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_is_new_once_in_a_batch_and_over_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(a_look_remembers_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_are_known_after_a_restart_and_many_merges, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rolled_back_batch_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_are_kept_a_day_and_then_let_go, setup, teardown),
        cmocka_unit_test_setup_teardown(few_ids_wait_and_change_nothing_in_the_store, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rolled_back_write_forgets_its_own_ids_only, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
