/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "tests/unit/common/scratch.h"

enum table { TABLE_TIMERS, TABLE_COUNT };
static const char *const tables[TABLE_COUNT] = {"timers"};

static struct store *open_store(void **state)
{
    struct store *store = NULL;
    struct store_options options = {.path = scratch_path(state),
        .tables = tables,
        .table_count = TABLE_COUNT,
        .map_bytes = 16 << 20,
        .schema_version = 1};
    assert_int_equal(store_open(&options, &store), 0);
    return store;
}

static struct store_txn *begin(struct store *store, struct timers *timers)
{
    struct store_txn *txn = NULL;
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    timers_open(timers, txn, TABLE_TIMERS);
    return txn;
}

static void pops(
    struct timers *timers, struct store_txn *txn, int64_t until_ms, int64_t due_ms, const char *text)
{
    int64_t due = -1;
    uint8_t payload[256];
    size_t size = 0;
    assert_true(timers_pop(timers, txn, until_ms, &due, payload, &size));
    assert_int_equal(due, due_ms);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(payload, text, size);
}

static bool is_quiet(struct timers *timers, struct store_txn *txn, int64_t until_ms)
{
    int64_t due;
    uint8_t payload[256];
    size_t size;
    return !timers_pop(timers, txn, until_ms, &due, payload, &size);
}

static void timers_come_in_the_order_of_their_times(void **state)
{
    struct store *store = open_store(state);
    struct timers timers;
    struct store_txn *txn = begin(store, &timers);
    assert_true(timers.next_due_ms == TIME_NEVER);
    assert_true(is_quiet(&timers, txn, INT64_MAX));
    timers_set(&timers, txn, 300, "c", 1);
    timers_set(&timers, txn, -5, "a", 1);
    timers_set(&timers, txn, 20, "", 0);
    timers_set(&timers, txn, 20, "b", 1);
    timers_set(&timers, txn, 20, "b", 1);
    assert_int_equal(timers.next_due_ms, -5);
    assert_true(is_quiet(&timers, txn, -6));
    pops(&timers, txn, -5, -5, "a");
    pops(&timers, txn, 100, 20, "");
    pops(&timers, txn, 100, 20, "b");
    assert_true(is_quiet(&timers, txn, 299));
    assert_int_equal(timers.next_due_ms, 300);
    pops(&timers, txn, INT64_MAX, 300, "c");
    assert_true(timers.next_due_ms == TIME_NEVER);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
}

static void a_timer_that_is_unset_does_not_come(void **state)
{
    struct store *store = open_store(state);
    struct timers timers;
    struct store_txn *txn = begin(store, &timers);
    timers_set(&timers, txn, 10, "a", 1);
    timers_set(&timers, txn, 20, "b", 1);
    timers_unset(&timers, txn, 10, "other", 5);
    assert_int_equal(timers.next_due_ms, 10);
    timers_unset(&timers, txn, 10, "a", 1);
    assert_int_equal(timers.next_due_ms, 20);
    timers_unset(&timers, txn, 20, "b", 1);
    assert_true(timers.next_due_ms == TIME_NEVER);
    assert_true(is_quiet(&timers, txn, INT64_MAX));
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
}

static void timers_outlive_their_process(void **state)
{
    struct store *store = open_store(state);
    struct timers timers;
    char longest[256];
    memset(longest, 'x', sizeof(longest));
    struct store_txn *txn = begin(store, &timers);
    timers_set(&timers, txn, 1000, longest, sizeof(longest));
    timers_set(&timers, txn, 2000, "later", 5);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    store = open_store(state);
    txn = begin(store, &timers);
    assert_int_equal(timers.next_due_ms, 1000);
    int64_t due;
    uint8_t payload[256];
    size_t size;
    assert_true(timers_pop(&timers, txn, 1000, &due, payload, &size));
    assert_int_equal(size, sizeof(longest));
    assert_memory_equal(payload, longest, size);
    assert_int_equal(timers.next_due_ms, 2000);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(timers_come_in_the_order_of_their_times),
        scratch_test(a_timer_that_is_unset_does_not_come),
        scratch_test(timers_outlive_their_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
