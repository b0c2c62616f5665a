/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store.h"
#include "tests/unit/common/scratch.h"

#define TABLE_ROWS 0

static struct store *open_store(void **state)
{
    static const char *const tables[] = {"rows"};
    struct store *store = NULL;
    assert_int_equal(store_open(&(struct store_options){.path = scratch_path(state),
                                    .tables = tables,
                                    .table_count = 1,
                                    .map_bytes = 64 << 20,
                                    .schema_version = 1},
                         &store),
        0);
    return store;
}

static struct store_txn *begin(struct store *store, enum store_mode mode)
{
    struct store_txn *txn = NULL;
    assert_int_equal(store_begin(store, mode, &txn), 0);
    return txn;
}

static struct store_key raw(const void *data, size_t size)
{
    struct store_key key;
    key_reset(&key);
    key_raw(&key, data, size);
    return key;
}

static void put(struct store_txn *txn, const char *name)
{
    struct store_key key = raw(name, strlen(name));
    store_put(txn, TABLE_ROWS, &key, name, strlen(name));
}

/* The keys that a scan yields, one after the other with blanks between. */
static void assert_scan(
    struct store_txn *txn, const char *prefix, const char *from, bool reverse, const char *expected)
{
    struct store_key prefix_key = raw(prefix, strlen(prefix)),
                     from_key = raw(from ? from : "", from ? strlen(from) : 0);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    assert_int_equal((reverse ? scan_open_reverse : scan_open)(
                         txn, TABLE_ROWS, &prefix_key, from ? &from_key : NULL, &scan),
        0);
    char seen[1024] = "";
    struct bytes key, value;
    while (scan_next(scan, &key, &value)) {
        assert_int_equal(key.size, value.size);
        assert_memory_equal(key.data, value.data, key.size);
        size_t used = strlen(seen);
        snprintf(seen + used, sizeof(seen) - used, "%s%.*s", used ? " " : "", (int)key.size,
            (const char *)key.data);
    }
    assert_false(scan_next(scan, &key, &value));
    assert_string_equal(seen, expected);
}

static void a_scan_yields_a_prefix_in_order_and_nothing_else(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    _cleanup_(store_abort) struct store_txn *txn = begin(store, STORE_WRITE);
    assert_scan(txn, "", NULL, false, "");
    assert_scan(txn, "b", NULL, true, "");
    const char *names[] = {"a", "b1", "b3", "b5", "b\xff\xff", "c", "\xff", "\xff\xff", "\xff\xffz"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        put(txn, names[i]);
    assert_scan(txn, "", NULL, false, "a b1 b3 b5 b\xff\xff c \xff \xff\xff \xff\xffz");
    assert_scan(txn, "", NULL, true, "\xff\xffz \xff\xff \xff c b\xff\xff b5 b3 b1 a");
    assert_scan(txn, "b", NULL, false, "b1 b3 b5 b\xff\xff");
    assert_scan(txn, "b", NULL, true, "b\xff\xff b5 b3 b1");
    assert_scan(txn, "b\xff", NULL, true, "b\xff\xff");
    assert_scan(txn, "\xff\xff", NULL, true, "\xff\xffz \xff\xff");
    assert_scan(txn, "d", NULL, false, "");
    assert_scan(txn, "d", NULL, true, "");
    assert_scan(txn, "A", NULL, true, "");
}

static void a_scan_starts_where_it_is_told(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    _cleanup_(store_abort) struct store_txn *txn = begin(store, STORE_WRITE);
    const char *names[] = {"a", "b1", "b3", "b5", "c"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        put(txn, names[i]);
    assert_scan(txn, "b", "b3", false, "b3 b5");
    assert_scan(txn, "b", "b2", false, "b3 b5");
    assert_scan(txn, "b", "b6", false, "");
    assert_scan(txn, "b", "a", false, "b1 b3 b5");
    assert_scan(txn, "b", "z", false, "");
    assert_scan(txn, "b", "b3", true, "b3 b1");
    assert_scan(txn, "b", "b4", true, "b3 b1");
    assert_scan(txn, "b", "b0", true, "");
    assert_scan(txn, "b", "z", true, "b5 b3 b1");
    assert_scan(txn, "b", "a", true, "");
    assert_scan(txn, "", "b4", true, "b3 b1 a");
    assert_scan(txn, "", "zz", true, "c b5 b3 b1 a");
}

static void fill(struct store_txn *txn, uint32_t count)
{
    struct store_key key;
    uint8_t value[300] = {0};
    for (uint32_t i = 0; i < count; i++) {
        key_reset(&key);
        key_u32(&key, i);
        store_append(txn, TABLE_ROWS, &key, value, i % sizeof(value));
    }
}

/* Deletes two rows of three while scanning and checks that none was skipped and none came twice. */
static void delete_most(struct store_txn *txn, uint32_t count, bool reverse)
{
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    assert_int_equal((reverse ? scan_open_reverse : scan_open)(txn, TABLE_ROWS, &all, NULL, &scan), 0);
    struct bytes key, value;
    uint32_t seen = 0;
    while (scan_next(scan, &key, &value)) {
        uint32_t expected = reverse ? count - 1 - seen : seen;
        uint32_t number = (uint32_t)key.data[0] << 24 | (uint32_t)key.data[1] << 16 |
                          (uint32_t)key.data[2] << 8 | key.data[3];
        assert_int_equal(number, expected);
        if (number % 3)
            scan_delete(scan);
        seen++;
    }
    assert_int_equal(seen, count);
    assert_int_equal(store_count(txn, TABLE_ROWS), (count + 2) / 3);
}

static void deleting_while_scanning_skips_nothing(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    for (int reverse = 0; reverse < 2; reverse++) {
        _cleanup_(store_abort) struct store_txn *txn = begin(store, STORE_WRITE);
        fill(txn, 5000);
        delete_most(txn, 5000, reverse);
        assert_int_equal(store_error(txn), 0);
    }
}

static void deleting_all_that_is_scanned_leaves_an_empty_table(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    for (int reverse = 0; reverse < 2; reverse++) {
        _cleanup_(store_abort) struct store_txn *txn = begin(store, STORE_WRITE);
        fill(txn, 3000);
        struct store_key all;
        key_reset(&all);
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        assert_int_equal((reverse ? scan_open_reverse : scan_open)(txn, TABLE_ROWS, &all, NULL, &scan), 0);
        struct bytes key, value;
        while (scan_next(scan, &key, &value))
            scan_delete(scan);
        assert_int_equal(store_count(txn, TABLE_ROWS), 0);
        assert_int_equal(store_commit(&txn), 0);
    }
}

static void a_scan_may_be_closed_after_its_transaction(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_txn *txn = begin(store, STORE_WRITE);
    put(txn, "a");
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *first = NULL;
    _cleanup_(scan_close) struct store_scan *second = NULL;
    assert_int_equal(scan_open(txn, TABLE_ROWS, &all, NULL, &first), 0);
    assert_int_equal(scan_open(txn, TABLE_ROWS, &all, NULL, &second), 0);
    assert_int_equal(store_commit(&txn), 0);
    struct bytes key, value;
    assert_false(scan_next(first, &key, &value));
    txn = begin(store, STORE_READ);
    _cleanup_(scan_close) struct store_scan *third = NULL;
    assert_int_equal(scan_open(txn, TABLE_ROWS, &all, NULL, &third), 0);
    assert_true(scan_next(third, &key, &value));
    store_abort(&txn);
    assert_false(scan_next(third, &key, &value));
}

static void a_failed_transaction_opens_no_scan(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    _cleanup_(store_abort) struct store_txn *txn = begin(store, STORE_READ);
    struct store_key key;
    uint8_t bytes[600] = {0};
    key_reset(&key);
    key_raw(&key, bytes, sizeof(bytes));
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    assert_int_equal(scan_open(txn, TABLE_ROWS, &key, NULL, &scan), -QY_ETOOLARGE);
    key_reset(&key);
    assert_int_equal(scan_open_reverse(txn, TABLE_ROWS, &key, NULL, &scan), -QY_ETOOLARGE);
    assert_null(scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_scan_yields_a_prefix_in_order_and_nothing_else),
        scratch_test(a_scan_starts_where_it_is_told),
        scratch_test(deleting_while_scanning_skips_nothing),
        scratch_test(deleting_all_that_is_scanned_leaves_an_empty_table),
        scratch_test(a_scan_may_be_closed_after_its_transaction),
        scratch_test(a_failed_transaction_opens_no_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
