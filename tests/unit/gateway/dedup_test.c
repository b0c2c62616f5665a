/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hash_tiers.h"
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
static void hash_of(uint64_t i, uint8_t hash[HASH_BYTES])
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
    uint8_t hash[HASH_BYTES];
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
    uint8_t hash[HASH_BYTES];
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

/* -- merging -- */

/* Numbers first to first + count, as one batch. */
static void add(struct fixture *f, uint64_t first, uint64_t count, int64_t wall_ms)
{
    begin(f);
    for (uint64_t i = 0; i < count; i++)
        assert_false(check(f, first + i));
    commit_written(f, wall_ms);
}

static void assert_known(struct fixture *f, uint64_t below)
{
    begin(f);
    for (uint64_t i = 0; i < below; i += 1 + below / 5000) /* of many, some of all batches */
        assert_true(has(f, i));
    for (uint64_t i = below; i < below + 1000; i++)
        assert_false(has(f, i));
    store_abort(&f->txn);
}

struct rows {
    uint64_t keys[4000]; /* hashed, in order */
    size_t count, hashes;
    unsigned merges;
};

static uint64_t mix(const uint8_t *bytes, size_t size)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static void read_rows(struct fixture *f, struct rows *ret_rows)
{
    struct store_key all;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    *ret_rows = (struct rows){0};
    assert_int_equal(store_begin(f->store, STORE_READ, &f->txn), 0);
    assert_int_equal(scan_open(f->txn, 0, &all, NULL, &scan), 0);
    while (scan_next(scan, &key, &value)) {
        assert_true(ret_rows->count < COUNT_OF(ret_rows->keys));
        assert_true(value.size <= CHUNK_HASHES * HASH_BYTES);
        ret_rows->keys[ret_rows->count++] = mix(key.data, key.size);
        ret_rows->merges += key.size == 9;
        ret_rows->hashes += key.size == 9 ? 0 : value.size / HASH_BYTES;
    }
    scan_close(&scan);
    store_abort(&f->txn);
}

/* Of `a`, those that `b` has not. */
static size_t missing(const struct rows *a, const struct rows *b)
{
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++) {
        bool found = false;
        for (size_t k = 0; k < b->count && !found; k++)
            found = a->keys[i] == b->keys[k];
        count += !found;
    }
    return count;
}

static void a_commit_writes_no_more_for_there_being_many(void **state)
{
    struct fixture *f = *state;
    static struct rows before, after;
    size_t most_early = 0, most_late = 0, most_gone = 0, merges = 0;
    for (uint64_t batch = 0; batch < 300; batch++) {
        read_rows(f, &before);
        add(f, batch * 3000, 3000, HOUR);
        read_rows(f, &after);
        size_t written = missing(&after, &before), gone = missing(&before, &after);
        size_t *most = batch < 16 ? &most_early : &most_late;
        *most = written > *most ? written : *most;
        most_gone = gone > most_gone ? gone : most_gone;
        merges += after.merges;
    }
    assert_true(merges > 100); /* they go on over many commits */
    /* Of three tiers, that are all there is at last: twice as many as came, each, and what remains of a chunk. */
    assert_in_range(most_early, 1, 6);
    assert_in_range(most_late, 1, 12);
    assert_in_range(most_gone, 1, 12 + 3 * TIER_RUNS);
    assert_in_range(
        after.hashes, 900000, 900000 + 3 * TIER_RUNS * CHUNK_HASHES); /* part of a chunk may lie in both */
    assert_true(after.count < 400);
    assert_known(f, 900000);
}

static void a_merge_that_ended_in_the_middle_goes_on(void **state)
{
    struct fixture *f = *state;
    static struct rows rows;
    uint64_t ids = 0;
    unsigned stopped = 0;
    for (uint64_t batch = 0; batch < 120; batch++) {
        add(f, ids, 5000, HOUR);
        ids += 5000;
        read_rows(f, &rows);
        if (!rows.merges)
            continue;
        stopped++;
        load(f); /* as after a crash: all that is left is what was committed */
        if (batch % 10 == 0)
            assert_known(f, ids);
    }
    assert_true(stopped > 50);
    load(f);
    assert_known(f, ids);
    for (unsigned i = 0; i < 60; i++)
        add(f, ids++, 1, HOUR);
    load(f);
    assert_known(f, ids);
    read_rows(f, &rows);
    assert_int_equal(rows.hashes, ids); /* each is there once when the merges are over */
    assert_int_equal(rows.merges, 0);
}

static void any_order_of_batches_crashes_and_failures_keeps_every_id(void **state)
{
    struct fixture *f = *state;
    static struct rows rows;
    uint64_t ids = 0, random = 88172645463325252u;
    for (unsigned step = 0; step < 400; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t count = random % 5 == 0 ? 1 + random % 9000 : 1 + random % 60;
        begin(f);
        for (uint64_t i = 0; i < count; i++)
            assert_false(check(f, ids + i));
        if (random % 7 == 0) { /* it is rolled back, with what it merged */
            struct store_key key;
            key_reset(&key);
            key_text(&key, "anything");
            store_put(f->txn, 1, &key, "", 0);
            dedup_finish(f->dedup, f->txn, HOUR);
            store_abort(&f->txn);
            dedup_discard(f->dedup);
        } else {
            commit_written(f, HOUR);
            ids += count;
        }
        if (random % 11 == 0)
            load(f);
        if (random % 31 == 0)
            assert_known(f, ids);
    }
    assert_known(f, ids);
    read_rows(f, &rows);
    assert_true(rows.count < 200);
}

static void what_is_over_goes_a_part_at_a_time_also_over_a_restart(void **state)
{
    struct fixture *f = *state;
    static struct rows before, after;
    for (uint64_t i = 0; i < 30; i++)
        add(f, i * 4000, 4000, HOUR);
    int64_t later = 3 * HOUR + DEDUP_WINDOW_MS;
    read_rows(f, &before);
    add(f, 1000000, 1, later);
    read_rows(f, &after);
    assert_in_range(before.hashes - after.hashes, 1, 5 * CHUNK_HASHES);
    begin(f);
    assert_false(has(f, 1));
    assert_false(has(f, 119999));
    store_abort(&f->txn);
    load(f);
    for (uint64_t i = 1; i < 30; i++)
        add(f, 1000000 + i, 1, later);
    read_rows(f, &after);
    assert_int_equal(after.hashes, 30);
    begin(f);
    for (uint64_t i = 0; i < 30; i++)
        assert_true(has(f, 1000000 + i));
    assert_false(has(f, 1));
    store_abort(&f->txn);
}

/* As the version before wrote them: a row a run, however long. */
static void put_old_run(struct fixture *f, uint32_t number, uint64_t first, size_t count)
{
    struct hash *hashes = calloc(count, sizeof(*hashes)), *sorted = calloc(count, sizeof(*sorted));
    struct store_key key;
    for (size_t i = 0; i < count; i++)
        hash_of(first + i, hashes[i].bytes);
    run_sort(hashes, count, sorted);
    key_reset(&key);
    key_i64(&key, HOUR);
    key_u8(&key, 0);
    key_u32(&key, number);
    store_put(f->txn, 0, &key, sorted, count * sizeof(*sorted));
    free(hashes);
    free(sorted);
}

static void runs_of_the_version_before_are_read_and_merged(void **state)
{
    struct fixture *f = *state;
    static struct rows rows;
    begin(f);
    for (uint32_t i = 0; i < 7; i++)
        put_old_run(f, i, i * UINT64_C(10000), 10000);
    assert_int_equal(store_commit(&f->txn), 0);
    load(f);
    assert_known(f, 70000);
    for (uint64_t i = 0; i < 30; i++) {
        add(f, 70000 + i, 1, HOUR);
        if (i % 4 == 0)
            assert_known(f, 70000 + i + 1);
    }
    read_rows(f, &rows); /* no long row is left */
    load(f);
    assert_known(f, 70030);
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
        cmocka_unit_test_setup_teardown(a_commit_writes_no_more_for_there_being_many, setup, teardown),
        cmocka_unit_test_setup_teardown(a_merge_that_ended_in_the_middle_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(
            any_order_of_batches_crashes_and_failures_keeps_every_id, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_is_over_goes_a_part_at_a_time_also_over_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_of_the_version_before_are_read_and_merged, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
