/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store.h"
#include "tests/unit/common/scratch.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum table { TABLE_PERSONS, TABLE_EVENTS, TABLE_COUNT };

static const char *const tables[TABLE_COUNT] = {"persons", "events"};

static struct store_options options_for(void **state)
{
    return (struct store_options){
        .path = scratch_path(state),
        .tables = tables,
        .table_count = TABLE_COUNT,
        .map_bytes = 64 << 20,
        .schema_version = 1,
    };
}

static struct store *open_store(void **state)
{
    struct store *store = NULL;
    struct store_options options = options_for(state);
    assert_int_equal(store_open(&options, &store), 0);
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

/* One transaction with rows of `size` bytes; its outcome. */
static int put_rows(struct store *store, uint32_t first, uint32_t count, size_t size)
{
    struct store_txn *txn = begin(store, STORE_WRITE);
    uint8_t *value = calloc(1, size + 1);
    assert_non_null(value);
    for (uint32_t i = 0; i < count; i++) {
        struct store_key key = number(first + i);
        store_put(txn, TABLE_EVENTS, &key, value, size);
    }
    free(value);
    return store_commit(&txn);
}

static uint64_t rows(struct store *store)
{
    _cleanup_(store_abort) struct store_txn *txn = begin(store, STORE_READ);
    return store_count(txn, TABLE_EVENTS);
}

static void version_is_another_one_after_each_commit_alone(void **state)
{
    struct store *store = open_store(state);
    uint64_t before = store_version(store);
    struct store_txn *txn = begin(store, STORE_WRITE);
    struct store_key key = number(1);
    store_put(txn, TABLE_EVENTS, &key, "x", 1);
    store_abort(&txn);
    assert_int_equal(store_version(store), before);
    assert_int_equal(put_rows(store, 1, 1, 1), 0);
    assert_int_not_equal(store_version(store), before);
    store_close(&store);
}

static void the_oldest_snapshot_is_that_of_who_reads_longest(void **state)
{
    struct store *store = open_store(state);
    struct store_txn *before = begin(store, STORE_READ);
    assert_int_equal(put_rows(store, 1, 1, 1), 0);
    struct store_txn *after = begin(store, STORE_READ);
    assert_true(store_sees(after) > store_sees(before));
    assert_int_equal(store_oldest_read(after), store_sees(before));
    store_abort(&before);
    assert_int_equal(store_oldest_read(after), store_sees(after));
    store_abort(&after);
    store_close(&store);
}

static void what_was_committed_is_there_after_reopening(void **state)
{
    struct store *store = open_store(state);
    assert_int_equal(put_rows(store, 0, 100, 50), 0);
    store_close(&store);
    assert_null(store);
    store = open_store(state);
    assert_int_equal(rows(store), 100);
    _cleanup_(store_abort) struct store_txn *txn = begin(store, STORE_READ);
    struct store_key key = number(99);
    struct bytes value;
    assert_true(store_get(txn, TABLE_EVENTS, &key, &value));
    assert_int_equal(value.size, 50);
    assert_false(store_has(txn, TABLE_PERSONS, &key));
    store_abort(&txn);
    store_close(&store);
}

static void the_directory_is_made_private_with_what_is_above_it(void **state)
{
    char path[512];
    struct store_options options = options_for(state);
    options.path = scratch_join(state, &path, "gateway/state");
    _cleanup_(store_close) struct store *store = NULL;
    assert_int_equal(store_open(&options, &store), 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void a_second_writer_in_this_process_is_refused(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store *second = NULL;
    struct store_options options = options_for(state);
    assert_int_equal(store_open(&options, &second), -QY_ECONFLICT);
    assert_null(second);
    store_close(&store);
    store = open_store(state);
}

static void a_second_writer_process_is_refused(void **state)
{
    int go[2];
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *store = NULL;
        struct store_options options = options_for(state);
        char byte = store_open(&options, &store) ? 'f' : 'o';
        if (write(go[1], &byte, 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    char byte = 0;
    assert_int_equal(read(go[0], &byte, 1), 1);
    assert_int_equal(byte, 'o');
    struct store *store = NULL;
    struct store_options options = options_for(state);
    int code = store_open(&options, &store);
    int holder = store_holder(options.path);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(go[0]);
    close(go[1]);
    assert_int_equal(code, -QY_ECONFLICT);
    assert_int_equal(holder, child);
    store = open_store(state);
    assert_int_equal(store_holder(options.path), getpid());
    store_close(&store);
    assert_int_equal(store_holder("/nowhere"), 0);
}

static void a_process_that_dies_in_a_transaction_leaves_nothing_of_it(void **state)
{
    struct store *store = open_store(state);
    assert_int_equal(put_rows(store, 0, 10, 10), 0);
    store_close(&store);
    pid_t child = fork();
    if (child == 0) {
        store = open_store(state);
        struct store_txn *txn = begin(store, STORE_WRITE);
        struct store_txn *reader = begin(store, STORE_READ);
        struct store_key key = number(1000);
        store_put(txn, TABLE_EVENTS, &key, "x", 1);
        _exit(reader && !store_error(txn) ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    store = open_store(state);
    assert_int_equal(rows(store), 10);
    assert_int_equal(put_rows(store, 1000, 1, 1), 0);
    store_close(&store);
}

static void a_full_quota_refuses_more_and_lets_delete(void **state)
{
    struct store_options options = options_for(state);
    options.map_bytes = 8 << 20;
    options.quota_bytes = 4 << 20;
    _cleanup_(store_close) struct store *store = NULL;
    assert_int_equal(store_open(&options, &store), 0);
    uint32_t next = 0;
    int code = 0;
    for (; !code; next += 100)
        code = put_rows(store, next, 100, 1000);
    next -= 100;
    assert_int_equal(code, -QY_EFULL);
    assert_int_equal(rows(store), next); /* nothing of the refused one */
    assert_true(store_used_bytes(store) <= 4 << 20);
    assert_true(store_used_bytes(store) > 3 << 20);
    assert_int_equal(put_rows(store, next, 100, 1000), -QY_EFULL);
    assert_true(store_is_full(store));
    for (uint32_t i = 0; i < next; i += 50) {
        struct store_txn *txn = begin(store, STORE_WRITE);
        for (uint32_t j = i; j < i + 50; j++) {
            struct store_key key = number(j);
            assert_true(store_delete(txn, TABLE_EVENTS, &key));
        }
        assert_int_equal(store_commit(&txn), 0);
    }
    assert_false(store_is_full(store));
    assert_int_equal(put_rows(store, 0, 100, 1000), 0);
}

static void a_store_over_a_lowered_quota_opens_and_lets_delete(void **state)
{
    struct store *store = open_store(state);
    assert_int_equal(put_rows(store, 0, 8000, 1000), 0);
    store_close(&store);
    struct store_options options = options_for(state);
    options.quota_bytes = 2 << 20;
    assert_int_equal(store_open(&options, &store), 0);
    assert_true(store_is_full(store));
    assert_int_equal(put_rows(store, 8000, 10, 1000), -QY_EFULL);
    /* What takes no more room is let through: a batch that deletes also notes how far it has come. */
    struct store_txn *txn = begin(store, STORE_WRITE);
    for (uint32_t i = 0; i < 100; i++) {
        struct store_key key = number(i);
        assert_true(store_delete(txn, TABLE_EVENTS, &key));
    }
    struct store_key key = number(500);
    store_put(txn, TABLE_EVENTS, &key, "short", 5);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
}

static void a_full_map_is_a_clear_error_and_changes_nothing(void **state)
{
    struct store_options options = options_for(state);
    options.map_bytes = 2 << 20;
    _cleanup_(store_close) struct store *store = NULL;
    assert_int_equal(store_open(&options, &store), 0);
    assert_int_equal(put_rows(store, 0, 500, 1000), 0);
    assert_int_equal(put_rows(store, 500, 1, 3 << 20), -QY_EFULL);
    assert_int_equal(put_rows(store, 500, 5000, 1000), -QY_EFULL);
    assert_int_equal(rows(store), 500);
    assert_int_equal(put_rows(store, 500, 10, 1000), 0);
}

static void used_bytes_fall_when_rows_are_deleted(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    uint64_t empty = store_used_bytes(store);
    assert_int_equal(put_rows(store, 0, 2000, 1000), 0);
    uint64_t filled = store_used_bytes(store);
    assert_true(filled > empty + 2000000);
    struct store_txn *txn = begin(store, STORE_WRITE);
    for (uint32_t i = 0; i < 2000; i++) {
        struct store_key key = number(i);
        store_delete(txn, TABLE_EVENTS, &key);
    }
    assert_int_equal(store_commit(&txn), 0);
    assert_true(store_used_bytes(store) <= empty + 4096);
}

static void reserved_room_is_written_in_place(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_txn *txn = begin(store, STORE_WRITE);
    struct store_key key = number(1);
    uint8_t *room = store_put_room(txn, TABLE_PERSONS, &key, 20000);
    assert_non_null(room);
    memset(room, 'r', 20000);
    assert_int_equal(store_commit(&txn), 0);
    txn = begin(store, STORE_READ);
    struct bytes value;
    assert_true(store_get(txn, TABLE_PERSONS, &key, &value));
    assert_int_equal(value.size, 20000);
    for (size_t i = 0; i < value.size; i++)
        assert_int_equal(value.data[i], 'r');
    store_abort(&txn);
}

static void appending_out_of_order_fails_the_transaction(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_txn *txn = begin(store, STORE_WRITE);
    struct store_key low = number(1), high = number(2);
    store_append(txn, TABLE_EVENTS, &high, "b", 1);
    assert_int_equal(store_error(txn), 0);
    store_append(txn, TABLE_EVENTS, &low, "a", 1);
    assert_int_equal(store_error(txn), -QY_ECORRUPT);
    assert_int_equal(store_commit(&txn), -QY_ECORRUPT);
    assert_int_equal(rows(store), 0);
}

static void values_may_be_empty_and_deletes_say_whether_there_was_one(void **state)
{
    _cleanup_(store_close) struct store *store = open_store(state);
    struct store_txn *txn = begin(store, STORE_WRITE);
    struct store_key key = number(1);
    assert_false(store_delete(txn, TABLE_PERSONS, &key));
    store_put(txn, TABLE_PERSONS, &key, NULL, 0);
    struct bytes value;
    assert_true(store_get(txn, TABLE_PERSONS, &key, &value));
    assert_int_equal(value.size, 0);
    assert_true(store_delete(txn, TABLE_PERSONS, &key));
    assert_false(store_has(txn, TABLE_PERSONS, &key));
    assert_int_equal(store_commit(&txn), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(version_is_another_one_after_each_commit_alone),
        scratch_test(the_oldest_snapshot_is_that_of_who_reads_longest),
        scratch_test(what_was_committed_is_there_after_reopening),
        scratch_test(the_directory_is_made_private_with_what_is_above_it),
        scratch_test(a_second_writer_in_this_process_is_refused),
        scratch_test(a_second_writer_process_is_refused),
        scratch_test(a_process_that_dies_in_a_transaction_leaves_nothing_of_it),
        scratch_test(a_full_quota_refuses_more_and_lets_delete),
        scratch_test(a_store_over_a_lowered_quota_opens_and_lets_delete),
        scratch_test(a_full_map_is_a_clear_error_and_changes_nothing),
        scratch_test(used_bytes_fall_when_rows_are_deleted),
        scratch_test(reserved_room_is_written_in_place),
        scratch_test(appending_out_of_order_fails_the_transaction),
        scratch_test(values_may_be_empty_and_deletes_say_whether_there_was_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
