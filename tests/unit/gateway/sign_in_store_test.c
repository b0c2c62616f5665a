/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/sign_in_store.h"
#include "tests/unit/gateway/write_key_fixture.h"

static const struct sign_in_who somebody = {.hash = {1}}, address = {.hash = {2}, .free = 3};

static void delays_double_from_a_second_to_a_quarter_of_an_hour(void **state)
{
    (void)state;
    assert_int_equal(sign_in_delay_ms(0, 0), 0);
    assert_int_equal(sign_in_delay_ms(1, 0), 1000);
    assert_int_equal(sign_in_delay_ms(2, 0), 2000);
    assert_int_equal(sign_in_delay_ms(10, 0), 512000);
    assert_int_equal(sign_in_delay_ms(11, 0), 900000);
    assert_int_equal(sign_in_delay_ms(UINT32_MAX, 0), 900000);
    assert_int_equal(sign_in_delay_ms(3, 3), 0);
    assert_int_equal(sign_in_delay_ms(4, 3), 1000);
}

static struct store_txn *begin(struct store *store)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    return txn;
}

static void an_attempt_counts_until_it_is_known_to_be_right(void **state)
{
    struct store *store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    struct store_txn *txn = begin(store);
    assert_int_equal(sign_in_wait_ms(txn, &somebody, 1000), 0);
    sign_in_begin(txn, &somebody, 1000);
    assert_int_equal(sign_in_wait_ms(txn, &somebody, 1000), 1000);
    assert_int_equal(sign_in_wait_ms(txn, &somebody, 2000), 0);
    sign_in_begin(txn, &somebody, 2000);
    assert_int_equal(sign_in_wait_ms(txn, &somebody, 2500), 1500);
    assert_int_equal(store_commit(&txn), 0);
    txn = begin(store);
    assert_int_equal(sign_in_wait_ms(txn, &somebody, 2500), 1500);
    sign_in_forget(txn, &somebody);
    sign_in_begin(txn, &somebody, 3000);
    assert_int_equal(sign_in_wait_ms(txn, &somebody, 3000), 1000);
    store_abort(&txn);
    store_close(&store);
}

static void of_an_address_a_few_are_free_and_what_was_right_is_taken_back(void **state)
{
    struct store *store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    struct store_txn *txn = begin(store);
    for (int i = 0; i < 100; i++) {
        sign_in_begin(txn, &address, 1000);
        sign_in_forgive(txn, &address);
    }
    for (int i = 0; i < 3; i++)
        sign_in_begin(txn, &address, 1000);
    assert_int_equal(sign_in_wait_ms(txn, &address, 1000), 0);
    sign_in_begin(txn, &address, 1000);
    assert_int_equal(sign_in_wait_ms(txn, &address, 1000), 1000);
    store_abort(&txn);
    store_close(&store);
}

static void after_a_day_it_is_forgotten(void **state)
{
    struct store *store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    struct store_txn *txn = begin(store);
    for (int i = 0; i < 8; i++)
        sign_in_begin(txn, &somebody, 1000);
    sign_in_begin(txn, &somebody, 1001 + SIGN_IN_FORGOTTEN_MS);
    assert_int_equal(sign_in_wait_ms(txn, &somebody, 1001 + SIGN_IN_FORGOTTEN_MS), 1000);
    store_abort(&txn);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_from_a_second_to_a_quarter_of_an_hour),
        cmocka_unit_test_setup_teardown(
            an_attempt_counts_until_it_is_known_to_be_right, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(
            of_an_address_a_few_are_free_and_what_was_right_is_taken_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(after_a_day_it_is_forgotten, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
