/* SPDX-License-Identifier: Apache-2.0 */
/* State that an earlier version wrote says the same to this one. */
#include "services/tagging/events.h"
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
        .migration_count = version - 1};
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
    store = open_store(path, 3);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    assert_int_equal(store_count(txn, TABLE_PEOPLE), 2 * EVENTS + 1);
    for (uint32_t sequence = 0; sequence < EVENTS; sequence++) {
        struct store_key key;
        struct bytes row;
        key_part(&key, 9, PART_EVENT);
        key_u32(&key, UINT32_MAX - sequence);
        assert_true(store_get(txn, TABLE_PEOPLE, &key, &row));
        assert_int_equal(row.size, sizeof(sequence));
        assert_memory_equal(row.data, &sequence, sizeof(sequence));
    }
    store_abort(&txn);
    store_close(&store);
    snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

/* -- references to events -- */

#define MANY 100u
#define FIRST_MS INT64_C(1760000000000)

static int64_t old_time_ms(uint32_t sequence)
{
    return FIRST_MS + (int64_t)((sequence * 37) % MANY) * 1000;
}

static const char *old_name(uint32_t sequence)
{
    return sequence % 5 == 0 ? "Order Completed" : sequence % 5 == 1 ? "" : "Page Shown";
}

/* As the third version did: the largest time so far where the node's number stands now. */
static void put_third_event(struct store_txn *txn, uint32_t number, uint32_t sequence)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    struct store_key key;
    const struct stored_event event = {.time_ms = old_time_ms(sequence),
        .origin = sequence,
        .type = sequence % 5 == 1 ? QUANYU__EVENT_TYPE__EVENT_IDENTIFY : QUANYU__EVENT_TYPE__EVENT_TRACK,
        .name = old_name(sequence),
        .properties = {(const uint8_t *)"{\"a\":1}", 7}};
    event_encode(&event, &row);
    memcpy(row.data + 8, &(int64_t){FIRST_MS + MANY * 1000}, 8);
    row.data[66] = 1;
    key_part(&key, number, PART_EVENT);
    key_u32(&key, UINT32_MAX - sequence);
    store_put(txn, TABLE_PEOPLE, &key, row.data, row.size);
}

static void put_text_field(struct buffer *row, const char *text)
{
    buffer_varint(row, strlen(text));
    buffer_append(row, text, strlen(text) + 1);
}

static void put_third_node(struct store_txn *txn, uint32_t number, uint32_t events)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    struct store_key key;
    buffer_byte(&row, 3);
    buffer_varint(&row, number);
    put_text_field(&row, "user_id");
    buffer_varint(&row, events);
    buffer_varint(&row, events);
    for (size_t i = 0; i < 3; i++)
        buffer_varint(&row, (uint64_t)(FIRST_MS + MANY * 1000) << 1);
    buffer_varint(&row, 0);
    buffer_varint(&row, 0);
    buffer_varint(&row, UINT64_MAX);
    buffer_byte(&row, 1);
    key_part(&key, number, PART_NODE);
    store_put(txn, TABLE_PEOPLE, &key, row.data, row.size);
    for (uint32_t sequence = 0; sequence < events; sequence++)
        put_third_event(txn, number, sequence);
}

struct seen {
    struct people *people;
    uint32_t count;
};

/* Newest first, as they came. */
static bool see_event(void *context, uint32_t node, const struct event_reference *reference)
{
    struct seen *seen = context;
    struct stored_event event;
    uint32_t sequence = MANY - 1 - seen->count++;
    assert_true(event_load(seen->people, node, reference, &event));
    assert_int_equal(event.origin, sequence);
    assert_int_equal(event.node, 7);
    assert_true(event.time_ms == old_time_ms(sequence) && reference->time_ms == event.time_ms);
    assert_string_equal(event.name, old_name(sequence));
    assert_string_equal(event_name(seen->people, node, reference), old_name(sequence));
    assert_memory_equal(event.properties.data, "{\"a\":1}", 7);
    return true;
}

static void check_moved(struct store *store)
{
    struct store_txn *txn;
    struct arena *arena;
    struct people people;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    people_open(&people, txn, arena);
    struct seen seen = {.people = &people};
    const struct node *node = people_node(&people, 7);
    assert_non_null(node);
    assert_int_equal(node->events, MANY);
    assert_int_equal(node->person, 7);
    assert_string_equal(node->kind, "user_id");
    assert_true(node_walk_events(&people, node, see_event, &seen));
    assert_int_equal(seen.count, MANY);
    assert_int_equal(store_count(txn, TABLE_EVENTS), MANY + 1);
    assert_int_equal(store_count(txn, TABLE_NAMES), 2 * 3);
    assert_int_equal(store_count(txn, TABLE_PEOPLE), 3 + node->chunks);
    assert_int_equal(people_node(&people, 8)->events, 0);
    assert_int_equal(people_node(&people, 9)->reference_count, 1);
    assert_int_equal(people.error, 0);
    people_close(&people);
    store_abort(&txn);
    arena_close(&arena);
}

static void events_move_into_a_table_of_their_own(void **state)
{
    (void)state;
    char path[] = "/tmp/quanyu-migration-XXXXXX", command[64];
    struct store_txn *txn;
    assert_non_null(mkdtemp(path));
    struct store *store = open_store(path, 3);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    put_third_node(txn, 7, MANY);
    put_third_node(txn, 8, 0);
    put_third_node(txn, 9, 1);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    store = open_store(path, TAGGING_SCHEMA);
    check_moved(store);
    store_close(&store);
    snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

/* -- who has a home unit, and who a guide -- */

static void put_bound(struct store_txn *txn)
{
    static const struct binding bindings[] = {
        {.unit = 4, .guide = 2}, {.unit = 5, .guide = 3, .vacant = true}, {.unit = 0}};
    struct arena *arena;
    struct people people;
    assert_int_equal(arena_open(&arena), 0);
    people_open(&people, txn, arena);
    for (uint32_t i = 0; i < COUNT_OF(bindings); i++) {
        assert_int_equal(people_create_node(&people, i + 7, i + 7, "user_id"), 0);
        struct person *person = people_person(&people, i + 7);
        person->binding = bindings[i];
        person->dirty = true;
    }
    people_flush(&people);
    assert_int_equal(people.error, 0);
    people_close(&people);
    arena_close(&arena);
}

static uint64_t read_any(struct store *store, enum bits_kind kind)
{
    static uint64_t words[BLOCK_WORDS];
    const struct index_class class = {SORT_BITS, (uint8_t)kind, ""};
    struct store_txn *txn;
    struct arena *arena;
    struct bits_reader reader;
    uint32_t place;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
    struct text_set terms = {.arena = arena};
    assert_int_equal(text_set_add(&terms, "", 0, &place, NULL), 0);
    assert_int_equal(bits_open(txn, &class, &terms, 1, arena, &reader), 0);
    assert_int_equal(bits_read(&reader, 0, words), 0);
    bits_close(&reader);
    text_set_close(&terms);
    store_abort(&txn);
    arena_close(&arena);
    return words[0];
}

static void who_has_a_home_unit_or_a_guide_is_found(void **state)
{
    (void)state;
    char path[] = "/tmp/quanyu-migration-XXXXXX", command[64];
    struct store_txn *txn;
    assert_non_null(mkdtemp(path));
    struct store *store = open_store(path, 5);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    put_bound(txn);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
    store = open_store(path, TAGGING_SCHEMA);
    assert_int_equal(read_any(store, BITS_UNIT), 1U << 7 | 1U << 8);
    assert_int_equal(read_any(store, BITS_GUIDE), 1U << 7);
    store_close(&store);
    snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_days_are_numbered),
        cmocka_unit_test(events_are_turned),
        cmocka_unit_test(events_move_into_a_table_of_their_own),
        cmocka_unit_test(who_has_a_home_unit_or_a_guide_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
