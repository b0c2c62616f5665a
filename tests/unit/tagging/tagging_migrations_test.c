/* SPDX-License-Identifier: Apache-2.0 */
/* State that an earlier version wrote says the same to this one. */
#include "services/tagging/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAYS 3u
#define EVENTS 5u

static struct store *open_store(const char *path, uint32_t version)
{
    struct store *store;
    const struct store_options options = {.path = path,
        .tables = tagging_tables,
        .table_count = TAGGING_TABLES,
        .map_bytes = UINT64_C(1) << 26,
        .schema_version = version,
        .migrations = tagging_migrations,
        .migration_count = version == TAGGING_SCHEMA ? TAGGING_MIGRATIONS : 0};
    assert_int_equal(store_open(&options, &store), 0);
    return store;
}

/* As the first version did: a name's day in one row. */
static void put_day(struct store_txn *txn, uint32_t day)
{
    uint8_t row[4 + EVENTS * 6] = {EVENTS};
    for (uint16_t i = 0; i < EVENTS; i++) {
        uint32_t time_ms = i * 1000u;
        memcpy(row + 4 + i * 2, &(uint16_t){7}, 2);
        memcpy(row + 4 + EVENTS * 2 + i * 4, &time_ms, 4);
    }
    struct store_key key;
    index_class_key(&(struct index_class){SORT_TIMES, 0, "Order Completed"}, &key);
    key_u16(&key, 0);
    key_u32(&key, (uint32_t)(day + DAY_BIAS));
    store_put(txn, TABLE_INDEX, &key, row, sizeof(row));
}

static uint32_t count_events(struct store *store, int64_t from_ms, int64_t to_ms)
{
    static uint32_t counts[BLOCK_PERSONS];
    struct store_txn *txn;
    struct arena *arena;
    struct times_reader reader;
    memset(counts, 0, sizeof(counts));
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    assert_int_equal(times_open(txn, "Order Completed", 1, arena, &reader), 0);
    assert_int_equal(times_count(&reader, 0, from_ms, to_ms, counts), 0);
    times_close(&reader);
    store_abort(&txn);
    arena_close(&arena);
    return counts[7];
}

static void rows_of_days_are_numbered(void **state)
{
    (void)state;
    char path[] = "/tmp/quanyu-migration-XXXXXX", command[64];
    struct store_txn *txn;
    assert_non_null(mkdtemp(path));
    struct store *store = open_store(path, 1);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    for (uint32_t day = 0; day < DAYS; day++)
        put_day(txn, day);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    store = open_store(path, TAGGING_SCHEMA);
    assert_int_equal(count_events(store, INT64_MIN, INT64_MAX), DAYS * EVENTS);
    assert_int_equal(count_events(store, INT64_C(86400000) + 1, INT64_C(2) * 86400000 + 1), EVENTS);
    store_close(&store);
    snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

/* Of two numbers, with a row of another part between them. */
static void put_old_events(struct store_txn *txn)
{
    struct store_key key;
    for (uint32_t number = 3; number <= 9; number += 6)
        for (uint32_t sequence = 0; sequence < EVENTS; sequence++) {
            key_part(&key, number, PART_EVENT);
            key_u32(&key, sequence);
            store_put(txn, TABLE_PEOPLE, &key, &sequence, sizeof(sequence));
        }
    key_part(&key, 9, PART_NODE);
    store_put(txn, TABLE_PEOPLE, &key, "node", 4);
}

static void events_are_turned(void **state)
{
    (void)state;
    char path[] = "/tmp/quanyu-migration-XXXXXX", command[64];
    struct store_txn *txn;
    assert_non_null(mkdtemp(path));
    struct store *store = open_store(path, 2);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    put_old_events(txn);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    store = open_store(path, TAGGING_SCHEMA);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    assert_int_equal(store_count(txn, TABLE_PEOPLE), 2 * EVENTS + 1);
    for (uint32_t sequence = 0; sequence < EVENTS; sequence++) {
        struct store_key key;
        struct bytes row;
        key_event(&key, 9, sequence);
        assert_true(store_get(txn, TABLE_PEOPLE, &key, &row));
        assert_int_equal(row.size, sizeof(sequence));
        assert_memory_equal(row.data, &sequence, sizeof(sequence));
    }
    store_abort(&txn);
    store_close(&store);
    snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_days_are_numbered),
        cmocka_unit_test(events_are_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
