/* SPDX-License-Identifier: Apache-2.0 */
/* State that an earlier version wrote says the same to this one. */
#include "services/identity/link_store.h"
#include "tests/unit/identity/world.h"

#define OLD_PLACE_BYTES (4 + 1 + VAULT_HASH_BYTES)

static struct store *open_version(struct world *world, uint32_t version)
{
    struct store *store;
    char path[128];
    snprintf(path, sizeof(path), "%s/old", world->path);
    struct store_options options = {
        .path = path,
        .tables = identity_tables,
        .table_count = TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 30,
        .schema_version = version,
        .migrations = identity_migrations,
        .migration_count = IDENTITY_MIGRATION_COUNT,
    };
    assert_int_equal(store_open(&options, &store), 0);
    return store;
}

static void make_key(struct store_key *key, uint32_t first, uint32_t second)
{
    key_reset(key);
    key_u32(key, first);
    if (second)
        key_u32(key, second);
}

/* As the first version did: no kind's number, no time, links one way. */
static void put_first_node(struct store_txn *txn, uint32_t node, uint32_t person, const char *kind)
{
    struct store_key key;
    uint8_t place[OLD_PLACE_BYTES] = {0}, row[VAULT_WRAPPED_BYTES + 1 + KIND_NAME_BYTES + 4] = {0};
    make_key(&key, node, 0);
    put_be32(place, person);
    place[4] = node == person;
    place[5] = (uint8_t)node; /* of the hash */
    store_put(txn, TABLE_INDEX, &key, place, sizeof(place));
    row[0] = (uint8_t)(node + 100); /* of the wrapped key */
    row[VAULT_WRAPPED_BYTES] = (uint8_t)strlen(kind);
    memcpy(row + VAULT_WRAPPED_BYTES + 1, kind, strlen(kind));
    memcpy(row + VAULT_WRAPPED_BYTES + 1 + strlen(kind), "seal", 4);
    store_put(txn, TABLE_NODES, &key, row, VAULT_WRAPPED_BYTES + 1 + strlen(kind) + 4);
}

static void put_first_link(struct store_txn *txn, uint32_t low, uint32_t high, uint64_t evidence)
{
    struct store_key key;
    uint8_t value[16];
    make_key(&key, low, high);
    put_be64(value, evidence);
    put_be64(value + 8, 1700000000000);
    store_put(txn, TABLE_LINKS, &key, value, sizeof(value));
}

static void put_first_counters(struct store_txn *txn)
{
    struct store_key key;
    uint8_t value[40] = {0};
    key_reset(&key);
    key_text(&key, "counters");
    put_be64(value, 3);     /* nodes */
    put_be64(value + 8, 2); /* persons */
    store_put(txn, TABLE_META, &key, value, sizeof(value));
}

static void check_nodes(struct store_txn *txn)
{
    static const char *const kinds[] = {"user_id", "phone", "user_id"};
    _cleanup_(buffer_free) struct buffer registry = BUFFER_INIT;
    struct identity_counters counters;
    identity_store_kinds(txn, &registry);
    assert_string_equal(buffer_c_str(&registry), "user_id phone");
    identity_store_counters(txn, &counters);
    assert_int_equal(counters.nodes, 3);
    assert_int_equal(counters.persons, 2);
    for (uint32_t node = 1; node <= 3; node++) {
        struct node_place place;
        struct node_row row;
        assert_true(identity_store_place(txn, node, &place));
        assert_int_equal(place.kind, node == 2 ? 2 : 1);
        assert_int_equal(place.flags, node == 2 ? 0 : NODE_FOUNDER);
        assert_int_equal(place.hash[0], node);
        assert_true(identity_store_node(txn, node, &row));
        assert_string_equal(row.kind, kinds[node - 1]);
        assert_int_equal(row.wrapped[0], node + 100);
        assert_memory_equal(row.sealed.data, "seal", 4);
    }
}

static void what_the_first_version_joined_is_claimed(void **state)
{
    struct store_txn *txn;
    struct link link;
    struct store_scan *scan;
    uint32_t other;
    struct store *store = open_version(*state, 1);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    put_first_counters(txn);
    put_first_node(txn, 1, 1, "user_id");
    put_first_node(txn, 2, 1, "phone");
    put_first_node(txn, 3, 3, "user_id");
    put_first_link(txn, 1, 2, 17);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);

    store = open_version(*state, IDENTITY_SCHEMA_VERSION);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    check_nodes(txn);
    assert_true(identity_store_link(txn, 2, 1, &link));
    assert_true(link.has_evidence && !link.verified);
    assert_int_equal(link.evidence, 17);
    assert_int_equal(link.event_ms, 1700000000000);
    assert_int_equal(identity_store_scan_neighbours(txn, 2, &scan), 0);
    assert_true(identity_store_next_link_of(txn, scan, 2, &other, &link));
    assert_int_equal(other, 1);
    scan_close(&scan);
    store_abort(&txn);
    store_close(&store);
}

/* More rows than are taken at a time. */
static void many_rows_are_all_brought_over(void **state)
{
    struct store_txn *txn;
    struct store *store = open_version(*state, 1);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    for (uint32_t node = 1; node <= 2500; node++) {
        put_first_node(txn, node, node, "anonymous_id");
        if (node > 1)
            put_first_link(txn, node - 1, node, node);
    }
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    store = open_version(*state, IDENTITY_SCHEMA_VERSION);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    assert_int_equal(store_count(txn, TABLE_LINKS), 2 * 2499);
    for (uint32_t node = 1; node <= 2500; node++) {
        struct node_place place;
        struct link link;
        assert_true(identity_store_place(txn, node, &place));
        assert_int_equal(place.kind, 1);
        assert_true(node == 1 || (identity_store_link(txn, node - 1, node, &link) && link.evidence == node));
    }
    store_abort(&txn);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_first_version_joined_is_claimed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_rows_are_all_brought_over, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
