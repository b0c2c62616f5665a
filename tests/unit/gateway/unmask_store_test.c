/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unmask_store.h"
#include "tests/unit/gateway/write_key_fixture.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

static struct store *open_store(void **state, struct store_txn **ret_txn)
{
    struct store *store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    assert_int_equal(store_begin(store, STORE_WRITE, ret_txn), 0);
    return store;
}

static void close_store(struct store **store, struct store_txn **txn)
{
    assert_int_equal(store_error(*txn), 0);
    store_abort(txn);
    store_close(store);
}

static void so_many_an_hour_and_so_many_a_day(void **state)
{
    const struct unmask_limits limits = {3, 5};
    struct store_txn *txn;
    struct store *store = open_store(state, &txn);
    int64_t now = 1000 * HOUR;
    for (int i = 0; i < 3; i++)
        assert_int_equal(unmask_take(txn, &limits, 1, now + (int64_t)i * MINUTE), 0);
    assert_int_equal(unmask_take(txn, &limits, 1, now + 10 * MINUTE), 50 * MINUTE);
    assert_int_equal(unmask_take(txn, &limits, 2, now + 10 * MINUTE), 0);
    assert_int_equal(unmask_take(txn, &limits, 1, now + HOUR), 0);
    assert_int_equal(unmask_take(txn, &limits, 1, now + HOUR + MINUTE), 0);
    assert_int_equal(unmask_take(txn, &limits, 1, now + 5 * HOUR), 19 * HOUR);
    assert_int_equal(unmask_take(txn, &limits, 1, now + 24 * HOUR), 0);
    assert_int_equal(unmask_take(txn, &limits, 1, now + 24 * HOUR), MINUTE);
    close_store(&store, &txn);
}

static void a_restart_forgives_nothing(void **state)
{
    const struct unmask_limits limits = {2, 100};
    struct store_txn *txn;
    struct store *store = open_store(state, &txn);
    assert_int_equal(unmask_take(txn, &limits, 1, HOUR), 0);
    assert_int_equal(unmask_take(txn, &limits, 1, HOUR + MINUTE), 0);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    store = open_store(state, &txn);
    assert_int_equal(unmask_take(txn, &limits, 1, HOUR + 2 * MINUTE), 58 * MINUTE);
    close_store(&store, &txn);
}

static void members_are_counted_apart_and_what_is_old_is_let_go(void **state)
{
    const struct unmask_limits limits = {1, 100};
    struct store_txn *txn;
    struct store *store = open_store(state, &txn);
    for (int day = 0; day < 3; day++)
        for (uint32_t staff = 1; staff <= 200; staff++) {
            assert_int_equal(unmask_take(txn, &limits, staff, (int64_t)day * 24 * HOUR), 0);
            assert_int_equal(unmask_take(txn, &limits, staff, (int64_t)day * 24 * HOUR), HOUR);
        }
    assert_int_equal(store_count(txn, TABLE_STAFF_INDEX), 200);
    unmask_forget(txn, 7);
    assert_int_equal(store_count(txn, TABLE_STAFF_INDEX), 199);
    close_store(&store, &txn);
}

static void none_at_all_may_be_allowed(void **state)
{
    const struct unmask_limits limits = {0, 10};
    struct store_txn *txn;
    struct store *store = open_store(state, &txn);
    assert_int_equal(unmask_take(txn, &limits, 1, 0), HOUR);
    close_store(&store, &txn);
}

/* Settings may change between two starts. */
static void a_limit_that_was_lowered_holds_for_what_was_before(void **state)
{
    const struct unmask_limits many = {100, 100}, few = {1, 2};
    struct store_txn *txn;
    struct store *store = open_store(state, &txn);
    for (int i = 0; i < 5; i++)
        assert_int_equal(unmask_take(txn, &many, 1, HOUR + (int64_t)i * MINUTE), 0);
    assert_int_equal(unmask_take(txn, &few, 1, HOUR + 5 * MINUTE), 24 * HOUR - 2 * MINUTE);
    assert_int_equal(unmask_take(txn, &many, 1, HOUR + 5 * MINUTE), 0);
    close_store(&store, &txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(so_many_an_hour_and_so_many_a_day),
        scratch_test(a_restart_forgives_nothing),
        scratch_test(members_are_counted_apart_and_what_is_old_is_let_go),
        scratch_test(none_at_all_may_be_allowed),
        scratch_test(a_limit_that_was_lowered_holds_for_what_was_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
