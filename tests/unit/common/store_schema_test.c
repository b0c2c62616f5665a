/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store.h"
#include "tests/unit/common/scratch.h"

#include <stdbool.h>

static const char *const tables[] = {"rows", "added"};

static struct store_key row(void)
{
    struct store_key key;
    key_reset(&key);
    key_text(&key, "row");
    return key;
}

static int append_letter(struct store_txn *txn, char letter)
{
    struct store_key key = row();
    struct bytes value;
    char text[16];
    if (!store_get(txn, 0, &key, &value))
        return -QY_ECORRUPT;
    int size = snprintf(text, sizeof(text), "%.*s%c", (int)value.size, (const char *)value.data, letter);
    store_put(txn, 0, &key, text, (size_t)size);
    return 0;
}

static int one_to_two(struct store_txn *txn)
{
    return append_letter(txn, '2');
}

static int two_to_three(struct store_txn *txn)
{
    return append_letter(txn, '3');
}

static int always_fail(struct store_txn *txn)
{
    append_letter(txn, 'x');
    return -QY_ECORRUPT;
}

static int open_at(void **state, uint32_t version, unsigned table_count,
    const struct store_migration *migrations, unsigned migration_count, struct store **ret_store)
{
    return store_open(&(struct store_options){.path = scratch_path(state),
                          .tables = tables,
                          .table_count = table_count,
                          .map_bytes = 16 << 20,
                          .schema_version = version,
                          .migrations = migrations,
                          .migration_count = migration_count},
        ret_store);
}

static void make_at(void **state, uint32_t version)
{
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    assert_int_equal(open_at(state, version, 1, NULL, 0, &store), 0);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    struct store_key key = row();
    store_put(txn, 0, &key, "1", 1);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
}

static void assert_row(struct store *store, const char *expected)
{
    struct store_txn *txn = NULL;
    struct bytes value;
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    struct store_key key = row();
    assert_true(store_get(txn, 0, &key, &value));
    assert_int_equal(value.size, strlen(expected));
    assert_memory_equal(value.data, expected, value.size);
    store_abort(&txn);
}

static void a_newer_schema_is_refused(void **state)
{
    make_at(state, 3);
    struct store *store = NULL;
    assert_int_equal(open_at(state, 2, 1, NULL, 0, &store), -QY_EVERSION);
    assert_null(store);
    assert_int_equal(open_at(state, 3, 1, NULL, 0, &store), 0);
    store_close(&store);
}

static void an_old_schema_is_migrated_step_by_step(void **state)
{
    make_at(state, 1);
    const struct store_migration migrations[] = {{2, two_to_three}, {1, one_to_two}};
    struct store *store = NULL;
    assert_int_equal(open_at(state, 3, 1, migrations, 2, &store), 0);
    assert_row(store, "123");
    store_close(&store);
    assert_int_equal(open_at(state, 3, 1, migrations, 2, &store), 0);
    assert_row(store, "123");
    store_close(&store);
}

static void a_schema_without_a_way_here_is_refused_untouched(void **state)
{
    make_at(state, 1);
    const struct store_migration gap[] = {{1, one_to_two}, {3, two_to_three}};
    struct store *store = NULL;
    assert_int_equal(open_at(state, 4, 1, gap, 2, &store), -QY_EVERSION);
    assert_int_equal(open_at(state, 1, 1, NULL, 0, &store), 0);
    assert_row(store, "1");
    store_close(&store);
}

static void a_migration_that_fails_leaves_the_step_before(void **state)
{
    make_at(state, 1);
    const struct store_migration failing[] = {{1, one_to_two}, {2, always_fail}};
    struct store *store = NULL;
    assert_int_equal(open_at(state, 3, 1, failing, 2, &store), -QY_ECORRUPT);
    const struct store_migration working[] = {{1, always_fail}, {2, two_to_three}};
    assert_int_equal(open_at(state, 3, 1, working, 2, &store), 0);
    assert_row(store, "123");
    store_close(&store);
}

static void a_table_that_is_new_is_made(void **state)
{
    make_at(state, 1);
    struct store *store = NULL;
    assert_int_equal(open_at(state, 1, 2, NULL, 0, &store), 0);
    struct store_txn *txn = NULL;
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    struct store_key key = row();
    store_put(txn, 1, &key, "new", 3);
    assert_int_equal(store_commit(&txn), 0);
    assert_row(store, "1");
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_newer_schema_is_refused),
        scratch_test(an_old_schema_is_migrated_step_by_step),
        scratch_test(a_schema_without_a_way_here_is_refused_untouched),
        scratch_test(a_migration_that_fails_leaves_the_step_before),
        scratch_test(a_table_that_is_new_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
