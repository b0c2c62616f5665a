/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store.h"
#include "tests/unit/common/scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define ROWS_A_COMMIT 20u

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

static void fill(uint32_t number, uint8_t value[200])
{
    for (uint32_t i = 0; i < 200; i++)
        value[i] = (uint8_t)(1 + (number * 31 + i) % 255);
}

static void put(struct store *store, uint32_t commit)
{
    struct store_txn *txn;
    struct store_key key;
    uint8_t value[200];
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    for (uint32_t i = 0; i < ROWS_A_COMMIT; i++) {
        fill(commit * ROWS_A_COMMIT + i, value);
        key_reset(&key);
        key_u32(&key, commit * ROWS_A_COMMIT + i);
        store_put(txn, 0, &key, value, sizeof(value));
    }
    assert_int_equal(store_commit(&txn), 0);
}

static void check_all(struct store *store, uint32_t commits)
{
    struct store_txn *txn;
    struct store_key key;
    struct bytes found;
    uint8_t value[200];
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    for (uint32_t number = 0; number < commits * ROWS_A_COMMIT; number++) {
        fill(number, value);
        key_reset(&key);
        key_u32(&key, number);
        assert_true(store_get(txn, 0, &key, &found));
        assert_int_equal(found.size, sizeof(value));
        assert_memory_equal(found.data, value, sizeof(value));
    }
    store_abort(&txn);
}

static uint64_t file_bytes(void **state)
{
    char path[512];
    struct stat status;
    assert_int_equal(stat(scratch_join(state, &path, "data.mdb"), &status), 0);
    return (uint64_t)status.st_size;
}

static void a_file_grows_seldom_and_keeps_what_it_holds(void **state)
{
    enum { COMMITS = 600, OPENED_AGAIN = 97 };
    struct store *store = open_store(state);
    uint64_t before = file_bytes(state);
    unsigned grown = 0;
    for (uint32_t commit = 0; commit < COMMITS; commit++) {
        put(store, commit);
        grown += file_bytes(state) != before;
        before = file_bytes(state);
        assert_true(before >= store_used_bytes(store));
        if (commit % OPENED_AGAIN == 0) {
            store_close(&store);
            store = open_store(state);
        }
    }
    assert_in_range(grown, 1, COMMITS / 6);
    check_all(store, COMMITS);
    store_close(&store);
}

static void without_room_ahead_it_goes_on(void **state)
{
    enum { COMMITS = 40 };
    struct rlimit limit, before;
    struct store *store = open_store(state);
    put(store, 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = file_bytes(state); /* not a byte more, though it has room below */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
    put(store, 1);
    put(store, 2);
    assert_int_equal(file_bytes(state), limit.rlim_cur);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    for (uint32_t commit = 3; commit < COMMITS; commit++)
        put(store, commit);
    check_all(store, COMMITS);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_file_grows_seldom_and_keeps_what_it_holds),
        scratch_test(without_room_ahead_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
