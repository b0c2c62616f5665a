/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store.h"
#include "tests/unit/common/scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define TABLE_ROWS 0

static struct store *open_store(void **state)
{
    static const char *const tables[] = {"rows"};
    struct store *store = NULL;
    assert_int_equal(store_open(&(struct store_options){.path = scratch_path(state),
                                    .tables = tables,
                                    .table_count = 1,
                                    .map_bytes = 256 << 20,
                                    .schema_version = 1},
                         &store),
        0);
    return store;
}

static struct store_key number(uint32_t value)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, value);
    return key;
}

static struct store_txn *begin(struct store *store, enum store_mode mode)
{
    struct store_txn *txn = NULL;
    assert_int_equal(store_begin(store, mode, &txn), 0);
    return txn;
}

static void the_first_error_stays_and_stops_the_transaction(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_txn *txn = begin(store, STORE_WRITE);
    struct store_key key = number(1);
    store_put(txn, TABLE_ROWS, &key, "1", 1);
    assert_int_equal(store_fail(txn, -QY_ECONFLICT), -QY_ECONFLICT);
    assert_int_equal(store_fail(txn, -QY_EINVAL), -QY_EINVAL);
    assert_int_equal(store_error(txn), -QY_ECONFLICT);
    struct bytes value;
    assert_false(store_get(txn, TABLE_ROWS, &key, &value));
    assert_false(store_delete(txn, TABLE_ROWS, &key));
    assert_null(store_put_room(txn, TABLE_ROWS, &key, 10));
    assert_int_equal(store_count(txn, TABLE_ROWS), 0);
    assert_int_equal(store_commit(&txn), -QY_ECONFLICT);
    assert_null(txn);
    txn = begin(store, STORE_READ);
    assert_false(store_has(txn, TABLE_ROWS, &key));
    assert_int_equal(store_error(txn), 0);
    store_abort(&txn);
    store_abort(&txn);
}

static void a_bad_key_fails_the_transaction_that_is_given_it(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_key key;
    uint8_t bytes[600] = {0};
    key_reset(&key);
    key_raw(&key, bytes, sizeof(bytes));
    struct store_txn *txn = begin(store, STORE_READ);
    assert_false(store_has(txn, TABLE_ROWS, &key));
    assert_int_equal(store_error(txn), -QY_ETOOLARGE);
    store_abort(&txn);
    key_reset(&key);
    txn = begin(store, STORE_WRITE);
    store_put(txn, TABLE_ROWS, &key, "x", 1);
    assert_int_equal(store_commit(&txn), -QY_EINVAL);
    /* A pooled snapshot that failed once starts afresh. */
    txn = begin(store, STORE_READ);
    assert_int_equal(store_error(txn), 0);
    store_abort(&txn);
}

static void an_aborted_write_leaves_nothing(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_txn *txn = begin(store, STORE_WRITE);
    struct store_key key = number(1);
    store_put(txn, TABLE_ROWS, &key, "1", 1);
    store_abort(&txn);
    txn = begin(store, STORE_WRITE);
    assert_false(store_has(txn, TABLE_ROWS, &key));
    assert_int_equal(store_commit(&txn), 0);
}

static void a_reader_keeps_its_snapshot(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_key key = number(1);
    struct store_txn *before = begin(store, STORE_READ);
    struct store_txn *writer = begin(store, STORE_WRITE);
    store_put(writer, TABLE_ROWS, &key, "1", 1);
    assert_int_equal(store_commit(&writer), 0);
    assert_false(store_has(before, TABLE_ROWS, &key));
    struct store_txn *after = begin(store, STORE_READ);
    assert_true(store_has(after, TABLE_ROWS, &key));
    store_abort(&before);
    store_abort(&after);
    /* The snapshot that comes from the pool is a new one. */
    writer = begin(store, STORE_WRITE);
    store_delete(writer, TABLE_ROWS, &key);
    assert_int_equal(store_commit(&writer), 0);
    after = begin(store, STORE_READ);
    assert_false(store_has(after, TABLE_ROWS, &key));
    store_abort(&after);
}

static void more_readers_than_slots_are_told_to_come_again(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_txn *readers[300] = {NULL};
    size_t open = 0;
    int code = 0;
    while (open < COUNT_OF(readers) && (code = store_begin(store, STORE_READ, &readers[open])) == 0)
        open++;
    assert_int_equal(code, -QY_EUNAVAILABLE);
    assert_int_equal(open, 256);
    for (size_t i = 0; i < open; i++)
        store_abort(&readers[i]);
    struct store_txn *txn = begin(store, STORE_READ);
    store_abort(&txn);
}

static void a_failed_sync_stops_all_further_writes(void **state)
{
    assert_int_equal(setenv("QUANYU_TEST_FAIL_SYNC", "2", 1), 0);
    struct store *store = open_store(state);
    assert_int_equal(unsetenv("QUANYU_TEST_FAIL_SYNC"), 0);
    struct store_key key = number(1);
    struct store_txn *txn = begin(store, STORE_WRITE);
    store_put(txn, TABLE_ROWS, &key, "1", 1);
    assert_int_equal(store_commit(&txn), 0);
    txn = begin(store, STORE_WRITE);
    store_delete(txn, TABLE_ROWS, &key);
    assert_int_equal(store_commit(&txn), -QY_EIO);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), -QY_EIO);
    assert_null(txn);
    txn = begin(store, STORE_READ);
    assert_true(store_has(txn, TABLE_ROWS, &key));
    store_abort(&txn);
    store_close(&store);
}

static void a_failed_sync_can_be_aimed_at_one_store(void **state)
{
    assert_int_equal(setenv("QUANYU_TEST_FAIL_SYNC", "1@/elsewhere/", 1), 0);
    _cleanup_(store_close) struct store *store = open_store(state);
    assert_int_equal(unsetenv("QUANYU_TEST_FAIL_SYNC"), 0);
    struct store_txn *txn = begin(store, STORE_WRITE);
    assert_int_equal(store_commit(&txn), 0);
}

#define PAIRS 200u

struct concurrency {
    struct store *store;
    atomic_bool stop;
    atomic_uint checks;
    atomic_uint torn;
};

/* Each commit writes one value into all rows: a reader that sees two has seen half a commit. */
static void *check_snapshots(void *context)
{
    struct concurrency *shared = context;
    while (!atomic_load(&shared->stop)) {
        struct store_txn *txn = NULL;
        if (store_begin(shared->store, STORE_READ, &txn)) {
            atomic_fetch_add(&shared->torn, 1);
            break;
        }
        uint8_t first[4] = {0};
        for (uint32_t i = 0; i < PAIRS; i++) {
            struct store_key key = number(i);
            struct bytes value;
            if (!store_get(txn, TABLE_ROWS, &key, &value))
                break;
            if (i == 0)
                memcpy(first, value.data, sizeof(first));
            if (memcmp(first, value.data, sizeof(first)) != 0)
                atomic_fetch_add(&shared->torn, 1);
        }
        store_abort(&txn);
        atomic_fetch_add(&shared->checks, 1);
    }
    return NULL;
}

static void readers_see_whole_commits_while_the_writer_writes(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct concurrency shared = {.store = store};
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_snapshots, &shared), 0);
    for (uint32_t round = 0; round < 200 || atomic_load(&shared.checks) < 200; round++) {
        struct store_txn *txn = begin(store, STORE_WRITE);
        for (uint32_t i = 0; i < PAIRS; i++) {
            struct store_key key = number(i);
            store_put(txn, TABLE_ROWS, &key, &round, sizeof(round));
        }
        assert_int_equal(store_commit(&txn), 0);
        assert_true(store_used_bytes(store) > 0);
    }
    atomic_store(&shared.stop, true);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&shared.torn), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(the_first_error_stays_and_stops_the_transaction),
        scratch_test(a_bad_key_fails_the_transaction_that_is_given_it),
        scratch_test(an_aborted_write_leaves_nothing),
        scratch_test(a_reader_keeps_its_snapshot),
        scratch_test(more_readers_than_slots_are_told_to_come_again),
        scratch_test(a_failed_sync_stops_all_further_writes),
        scratch_test(a_failed_sync_can_be_aimed_at_one_store),
        scratch_test(readers_see_whole_commits_while_the_writer_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
