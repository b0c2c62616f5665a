/* SPDX-License-Identifier: Apache-2.0 */
/* What is altered behind the log's back is noticed. */
#include "services/audit/audit_check.h"

#include "services/audit/audit_search.h"
#include "tests/unit/audit/runtime.h"

#define RECORDS 700u /* two full tiles and a part of one */

static int setup(void **state)
{
    struct runtime *runtime = runtime_open("simulated");
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    actor.id = (char *)"t_1";
    record.actor = &actor;
    record.action = (char *)"person.lookup";
    runtime_begin(runtime);
    for (unsigned i = 0; i < RECORDS; i++) {
        uint64_t index;
        record.count = i;
        assert_int_equal(audit_take(&runtime->audit, &runtime->batch, &record, &index), 0);
    }
    runtime_commit(runtime);
    *state = runtime;
    return 0;
}

static int teardown(void **state)
{
    runtime_close(*state);
    return 0;
}

/* Puts another letter into a stored record, and where asked its hash into the tile. */
static void alter(struct runtime *runtime, uint64_t index, bool hash_too)
{
    struct bytes stored;
    uint8_t bytes[400];
    struct store_key key;
    runtime_begin(runtime);
    struct store_txn *txn = runtime->batch.txn;
    assert_true(audit_store_record(txn, index, &stored) && stored.size < sizeof(bytes));
    memcpy(bytes, stored.data, stored.size);
    uint8_t *letter = memmem(bytes, stored.size, "lookup", 6);
    assert_non_null(letter);
    *letter = 'b';
    struct bytes altered = {bytes, stored.size};
    key_reset(&key);
    key_u64(&key, index);
    store_put(txn, TABLE_RECORDS, &key, altered.data, altered.size);
    if (hash_too) {
        struct merkle_hasher *hasher;
        struct merkle_tiles tiles = audit_store_tiles(txn);
        struct merkle_hash hashes[MERKLE_TILE_HASHES];
        memcpy(hashes, tiles.read(tiles.self, 0, index / MERKLE_TILE_HASHES, MERKLE_TILE_HASHES),
            sizeof(hashes));
        assert_int_equal(merkle_hasher_open(&hasher), 0);
        merkle_leaf(hasher, altered, &hashes[index % MERKLE_TILE_HASHES]);
        merkle_hasher_close(&hasher);
        tiles.write(tiles.self, 0, index / MERKLE_TILE_HASHES, hashes, MERKLE_TILE_HASHES);
    }
    runtime_commit(runtime);
}

static unsigned count_intact(struct runtime *runtime, uint64_t first, uint64_t end)
{
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    struct store_txn *txn = runtime_read(runtime);
    unsigned intact = 0;
    assert_int_equal(audit_check_open(txn, &check), 0);
    for (uint64_t index = first; index < end; index++) {
        struct bytes record;
        assert_true(audit_store_record(txn, index, &record));
        intact += audit_check_is_intact(check, index, record);
    }
    store_abort(&txn);
    return intact;
}

static void an_untouched_log_is_intact(void **state)
{
    assert_int_equal(count_intact(*state, 0, RECORDS), RECORDS);
}

static void an_altered_record_is_noticed_and_no_other_blamed(void **state)
{
    alter(*state, 300, false);
    alter(*state, RECORDS - 1, false);
    assert_int_equal(count_intact(*state, 300, 301), 0);
    assert_int_equal(count_intact(*state, RECORDS - 1, RECORDS), 0);
    assert_int_equal(count_intact(*state, 0, RECORDS), RECORDS - 2);
}

/* The tile then no longer leads to the root: none of its records can be vouched for. */
static void a_record_that_was_altered_with_its_hash_is_noticed(void **state)
{
    alter(*state, 300, true);
    assert_int_equal(count_intact(*state, 256, 512), 0);
    assert_int_equal(count_intact(*state, 0, RECORDS), RECORDS - 256);
}

static void the_newest_are_checked_as_far_as_asked(void **state)
{
    struct audit_sweep sweep;
    alter(*state, 300, false);
    alter(*state, 600, false);
    struct store_txn *txn = runtime_read(*state);
    assert_int_equal(audit_check_newest(txn, 50, 60, &sweep), 0);
    assert_true(sweep.checked == 50 && sweep.altered == 0);
    assert_int_equal(audit_check_newest(txn, 100, 60, &sweep), 0);
    assert_true(sweep.checked == 100 && sweep.altered == 1 && sweep.index == 600);
    assert_int_equal(audit_check_newest(txn, UINT64_MAX, 60, &sweep), 0);
    assert_true(sweep.checked == RECORDS && sweep.altered == 2 && sweep.index == 300);
    assert_int_equal(audit_check_newest(txn, UINT64_MAX, -1, &sweep), 0);
    assert_int_equal(sweep.checked, 0);
    store_abort(&txn);
}

static void a_search_finds_an_altered_record_whatever_was_asked(void **state)
{
    struct runtime *runtime = *state;
    alter(runtime, 300, false); /* it no longer says person.lookup */
    struct store_txn *txn = runtime_read(runtime);
    struct audit_found found;
    struct audit_search search = {.bound = 302, .limit = 3};
    struct audit_view view;
    const char *problem =
        audit_filter_add(&search.filter, runtime->arena, audit_filter_name("action"), "person.lookup");
    assert_null(problem);
    audit_view_open(&runtime->audit.tails, txn, &view);
    assert_int_equal(audit_search(&view, &search, runtime->arena, &found), 0);
    audit_view_close(&view);
    store_abort(&txn);
    assert_int_equal(found.count, 3);
    assert_true(found.rows[0].index == 301 && found.rows[0].intact);
    assert_true(found.rows[1].index == 300 && !found.rows[1].intact);
    assert_true(found.rows[2].index == 299 && found.rows[2].intact);
}

static void a_proof_holds_with_nothing_but_hashes(void **state)
{
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    struct merkle_hasher *hasher;
    struct store_txn *txn = runtime_read(*state);
    struct audit_proof proof;
    struct bytes record;
    assert_int_equal(audit_check_open(txn, &check), 0);
    assert_true(audit_store_record(txn, 299, &record));
    assert_int_equal(audit_check_prove(check, 299, record, &proof), 0);
    assert_int_equal(audit_check_prove(check, RECORDS, record, &proof), -QY_EINVAL);
    store_abort(&txn);
    assert_int_equal(merkle_hasher_open(&hasher), 0);
    assert_int_equal(proof.size, RECORDS);
    assert_true(
        merkle_verify_inclusion(hasher, &proof.leaf, 299, proof.size, proof.path, proof.count, &proof.root));
    assert_false(
        merkle_verify_inclusion(hasher, &proof.leaf, 298, proof.size, proof.path, proof.count, &proof.root));
    merkle_hasher_close(&hasher);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_untouched_log_is_intact),
        TEST(an_altered_record_is_noticed_and_no_other_blamed),
        TEST(a_record_that_was_altered_with_its_hash_is_noticed),
        TEST(the_newest_are_checked_as_far_as_asked),
        TEST(a_search_finds_an_altered_record_whatever_was_asked),
        TEST(a_proof_holds_with_nothing_but_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
