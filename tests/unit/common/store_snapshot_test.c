/* SPDX-License-Identifier: Apache-2.0 */
/* A store that is being written can be copied: the copy is one commit's. */
#include "common/buffer.h"
#include "common/store.h"
#include "tests/unit/common/scratch.h"

#include <signal.h>
#include <sys/wait.h>

enum table { TABLE_ONE, TABLE_OTHER, TABLE_COUNT };
static const char *const tables[TABLE_COUNT] = {"one", "other"};

static struct store_options options_at(const char *path)
{
    return (struct store_options){.path = path,
        .tables = tables,
        .table_count = TABLE_COUNT,
        .map_bytes = 256 << 20,
        .schema_version = 1};
}

static void put(struct store_txn *txn, unsigned table, uint64_t value)
{
    struct store_key key;
    uint8_t bytes[2000] = {0};
    put_be64(bytes, value);
    key_reset(&key);
    key_u64(&key, value % 100);
    store_put(txn, table, &key, bytes, sizeof(bytes));
}

/* Each commit writes the same into both tables, and tells how far it is. */
static void write_until_killed(const char *path, int told)
{
    struct store_options options = options_at(path);
    struct store *store;
    struct store_txn *txn;
    if (store_open(&options, &store))
        _exit(1);
    for (uint64_t value = 1;; value++) {
        if (store_begin(store, STORE_WRITE, &txn))
            _exit(2);
        put(txn, TABLE_ONE, value);
        put(txn, TABLE_OTHER, value);
        if (store_commit(&txn) || write(told, &value, sizeof(value)) != sizeof(value))
            _exit(3);
    }
}

static uint64_t newest(struct store_txn *txn, unsigned table)
{
    uint64_t most = 0;
    for (uint64_t i = 0; i < 100; i++) {
        struct store_key key;
        struct bytes value;
        key_reset(&key);
        key_u64(&key, i);
        if (store_get(txn, table, &key, &value) && get_be64(value.data) > most)
            most = get_be64(value.data);
    }
    return most;
}

static uint64_t read_copy(const char *path)
{
    struct store_options options = options_at(path);
    struct store *store;
    struct store_txn *txn;
    assert_int_equal(store_open_copy(&options, &store), 0);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    uint64_t one = newest(txn, TABLE_ONE), other = newest(txn, TABLE_OTHER);
    assert_int_equal(one, other);
    store_abort(&txn);
    store_close(&store);
    return one;
}

static void a_copy_is_that_of_one_commit_while_others_come(void **state)
{
    char path[512], to[512];
    int pipes[2], status;
    uint64_t told = 0, before = 0;
    scratch_join(state, &path, "store");
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        write_until_killed(path, pipes[1]);
    }
    close(pipes[1]);
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned j = 0; j < 20; j++)
            assert_int_equal(read(pipes[0], &told, sizeof(told)), sizeof(told));
        snprintf(to, sizeof(to), "%s/copy-%u", scratch_path(state), i);
        assert_int_equal(store_snapshot(path, to, 0), 0);
        uint64_t copied = read_copy(to);
        assert_true(copied >= told); /* all that was durable before */
        assert_true(copied >= before);
        before = copied;
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(pipes[0]);
}

static void what_is_not_there_is_not_copied_and_what_is_reserved_stays(void **state)
{
    char path[512], to[512];
    struct store *store;
    scratch_join(state, &path, "store");
    scratch_join(state, &to, "copy");
    assert_int_equal(store_snapshot(path, to, 0), -QY_ENOTFOUND);
    assert_int_equal(access(path, F_OK), -1);
    struct store_options options = options_at(path);
    assert_int_equal(store_open(&options, &store), 0);
    store_close(&store);
    assert_int_equal(store_snapshot(path, to, UINT64_C(1) << 60), -QY_EFULL);
    scratch_join(state, &path, "copy/data.mdb");
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_copy_is_that_of_one_commit_while_others_come),
        scratch_test(what_is_not_there_is_not_copied_and_what_is_reserved_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
