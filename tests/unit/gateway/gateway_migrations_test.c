/* SPDX-License-Identifier: Apache-2.0 */
/* State that an earlier version wrote says the same to this one. */
#include "services/gateway/dedup.h"
#include "services/gateway/staff_roster.h"
#include "tests/unit/gateway/write_key_fixture.h"

/* As the first version did: the number, in the machine's order, and the name, under the hash of the secret. */
static void put_first(struct store_txn *txn, const char *secret, uint32_t source, const char *name)
{
    uint8_t hash[SECRET_HASH_BYTES];
    struct {
        uint32_t source;
        char name[64];
    } row = {.source = source};
    struct store_key key;
    snprintf(row.name, sizeof(row.name), "%s", name);
    secret_hash(secret, strlen(secret), hash);
    key_reset(&key);
    key_raw(&key, hash, sizeof(hash));
    store_put(txn, TABLE_WRITE_KEYS, &key, &row, sizeof(row));
}

static void check_first(struct write_keys *keys)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_hash("wk_first", 8, hash);
    struct write_key_snapshot *snapshot = write_keys_hold(keys);
    const struct write_key_secret *secret = write_keys_find(snapshot, hash);
    assert_int_equal(write_key_secret_state(secret, INT64_MAX), KEY_GOOD);
    const Quanyu__WriteKey *row = secret->key->row;
    assert_int_equal(row->source, 1);
    assert_string_equal(row->name, "first");
    assert_int_equal(row->version, 1);
    assert_int_equal(row->platform, QUANYU__WRITE_KEY__PLATFORM__ANY);
    assert_true(row->may_import);
    assert_false(secret->key->restricted);
    write_key_snapshot_release(&snapshot);
}

static void a_key_of_the_first_version_goes_on_with_its_number_and_may_send_everything(void **state)
{
    const struct rate_limit none = {0};
    struct store_txn *txn;
    struct write_keys *keys;
    struct store *store = open_gateway_store(scratch_path(state), 1);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    put_first(txn, "wk_first", 1, "first");
    put_first(txn, "wk_second", 2, "");
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);

    store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    assert_int_equal(write_keys_open(txn, &none, &keys), 0);
    assert_int_equal(store_count(txn, TABLE_WRITE_KEYS), 2);
    assert_int_equal(write_key_last(txn), 2);
    store_abort(&txn);
    check_first(keys);
    write_keys_close(&keys);
    store_close(&store);
}

static void a_row_that_is_none_stops_the_migration_and_changes_nothing(void **state)
{
    struct store_txn *txn;
    struct store *store = open_gateway_store(scratch_path(state), 1);
    struct store_key key;
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    put_first(txn, "wk_first", 1, "first");
    key_reset(&key);
    key_text(&key, "damaged");
    store_put(txn, TABLE_WRITE_KEYS, &key, "", 0);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    const struct store_options options = {.path = scratch_path(state),
        .tables = gateway_tables,
        .table_count = GATEWAY_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 26,
        .schema_version = GATEWAY_SCHEMA_VERSION,
        .migrations = gateway_migrations,
        .migration_count = GATEWAY_MIGRATIONS};
    assert_int_equal(store_open(&options, &store), -QY_ECORRUPT);
    store = open_gateway_store(scratch_path(state), 1);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    assert_int_equal(store_count(txn, TABLE_WRITE_KEYS), 2);
    store_abort(&txn);
    store_close(&store);
}

/* As the second version wrote a run: one row, without a hash in its key. */
static void put_second_run(struct store_txn *txn, const uint8_t hash[HASH_BYTES])
{
    struct store_key key;
    key_reset(&key);
    key_i64(&key, 1);
    key_u8(&key, 0);
    key_u32(&key, 0);
    store_put(txn, TABLE_SEEN, &key, hash, HASH_BYTES);
}

static void a_message_id_of_the_second_version_is_known(void **state)
{
    static const uint8_t seen[HASH_BYTES] = {1, 2, 3}, other[HASH_BYTES] = {1, 2, 4};
    struct store_txn *txn;
    struct dedup *dedup;
    struct store *store = open_gateway_store(scratch_path(state), 2);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    put_second_run(txn, seen);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    assert_int_equal(dedup_open(txn, TABLE_SEEN, &dedup), 0);
    assert_true(dedup_has(dedup, txn, seen));
    assert_false(dedup_has(dedup, txn, other));
    store_abort(&txn);
    dedup_close(&dedup);
    store_close(&store);
}

/* As versions before the fourth did: a row, and nothing that shows it beside others. */
static void put_second(struct store_txn *txn, uint32_t number, uint32_t unit)
{
    Quanyu__Staff staff = QUANYU__STAFF__INIT;
    struct store_key key;
    staff.number = number;
    staff.unit = unit;
    staff.role = (char *)"guide";
    key_reset(&key);
    key_u32(&key, number);
    uint8_t *room = store_put_room(txn, TABLE_STAFF, &key, quanyu__staff__get_packed_size(&staff));
    assert_non_null(room);
    quanyu__staff__pack(&staff, room);
}

static void staff_of_an_earlier_version_is_found_by_its_unit(void **state)
{
    struct store_txn *txn;
    struct unit_tree *tree;
    struct arena *arena;
    enum unit_fault fault;
    size_t row;
    Quanyu__Unit root = QUANYU__UNIT__INIT, shop = QUANYU__UNIT__INIT, *rows[] = {&root, &shop};
    root.number = shop.parent = UNIT_ROOT;
    shop.number = 2;
    struct store *store = open_gateway_store(scratch_path(state), 3);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    put_second(txn, 1, 1);
    put_second(txn, 200, 2);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);

    store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(unit_tree_make(NULL, rows, 2, &tree, &fault, &row), 0);
    struct staff_pick pick = {tree, UNIT_ROOT, 0, "guide", STAFF_ANY_STATE};
    assert_int_equal(staff_pick_next(txn, &pick, 0, arena_allocator(arena))->number, 1);
    pick.unit = 2;
    assert_int_equal(staff_pick_next(txn, &pick, 0, arena_allocator(arena))->number, 200);
    assert_null(staff_pick_next(txn, &pick, 200, arena_allocator(arena)));
    unit_tree_release(&tree);
    arena_close(&arena);
    store_abort(&txn);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_key_of_the_first_version_goes_on_with_its_number_and_may_send_everything),
        scratch_test(a_message_id_of_the_second_version_is_known),
        scratch_test(staff_of_an_earlier_version_is_found_by_its_unit),
        scratch_test(a_row_that_is_none_stops_the_migration_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
