/* SPDX-License-Identifier: Apache-2.0 */
/* From one version of tagging's tables to the next. */
#include "services/tagging/events.h"
#include "services/tagging/index.h"
#include "services/tagging/tagging.h"

#include <string.h>

/* -- days of events -- */

/* Block and day stand behind a name and its NUL. */
#define BLOCK_AND_DAY_BYTES 6

/* The keys of days, each with its size (u16) in front. */
static int find_days(struct store_txn *txn, const struct store_key *prefix, struct buffer *keys)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(txn, TABLE_INDEX, prefix, NULL, &scan);
    struct bytes key, row;
    while (!error && scan_next(scan, &key, &row)) {
        const uint8_t *end = memchr(key.data + prefix->size, 0, key.size - prefix->size);
        uint16_t size = (uint16_t)key.size;
        if (!end || key.data + key.size - (end + 1) != BLOCK_AND_DAY_BYTES)
            return -QY_ECORRUPT;
        buffer_append(keys, &size, sizeof(size));
        buffer_append(keys, key.data, key.size);
    }
    if (!error)
        error = buffer_error(keys);
    return error ? error : store_error(txn);
}

static int number_day(struct store_txn *txn, struct store_key *key)
{
    _cleanup_(buffer_free) struct buffer copy = BUFFER_INIT;
    struct bytes row;
    if (!store_get(txn, TABLE_INDEX, key, &row))
        return store_error(txn);
    buffer_append(&copy, row.data, row.size);
    if (buffer_error(&copy))
        return buffer_error(&copy);
    store_delete(txn, TABLE_INDEX, key);
    key_u32(key, 0);
    store_put(txn, TABLE_INDEX, key, copy.data, copy.size);
    return store_error(txn);
}

/* A day of a name and a block was one row; now its rows are numbered. */
static int number_times(struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer keys = BUFFER_INIT;
    struct store_key key;
    key_reset(&key);
    key_u8(&key, SORT_TIMES);
    key_u8(&key, 0);
    int error = find_days(txn, &key, &keys);
    for (size_t at = 0; !error && at < keys.size;) {
        uint16_t size;
        memcpy(&size, keys.data + at, sizeof(size));
        key_reset(&key);
        key_raw(&key, keys.data + at + sizeof(size), size);
        error = number_day(txn, &key);
        at += sizeof(size) + size;
    }
    return error;
}

/* -- events of a number -- */

#define NUMBER_BYTES 4
#define EVENT_KEY_BYTES 9

/* The number of the first row at `from` or above. */
static bool next_number(struct store_txn *txn, uint32_t from, uint32_t *ret_number)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key all, first;
    struct bytes key, row;
    key_reset(&all);
    key_reset(&first);
    key_u32(&first, from);
    if (scan_open(txn, TABLE_PEOPLE, &all, &first, &scan) || !scan_next(scan, &key, &row) ||
        key.size < NUMBER_BYTES)
        return false;
    *ret_number = get_be32(key.data);
    return true;
}

typedef int scan_open_fn(struct store_txn *txn, unsigned table, const struct store_key *prefix,
    const struct store_key *from, struct store_scan **ret_scan);

/* Takes the events of a number away, in the order of the scan: each one's sequence (u32), size (u32) and row. */
static int take_events(struct store_txn *txn, uint32_t number, scan_open_fn *open_scan, struct buffer *events)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key prefix;
    struct bytes key, row;
    key_part(&prefix, number, PART_EVENT);
    int error = open_scan(txn, TABLE_PEOPLE, &prefix, NULL, &scan);
    while (!error && scan_next(scan, &key, &row)) {
        if (key.size != EVENT_KEY_BYTES)
            return -QY_ECORRUPT;
        uint32_t head[2] = {get_be32(key.data + EVENT_KEY_BYTES - 4), (uint32_t)row.size};
        buffer_append(events, head, sizeof(head));
        buffer_append(events, row.data, row.size);
        error = buffer_error(events);
        scan_delete(scan);
    }
    return error ? error : store_error(txn);
}

static void put_events(struct store_txn *txn, uint32_t number, const struct buffer *events)
{
    for (size_t at = 0; at < events->size;) {
        uint32_t head[2];
        struct store_key key;
        memcpy(head, events->data + at, sizeof(head));
        at += sizeof(head);
        key_part(&key, number, PART_EVENT);
        key_u32(&key, UINT32_MAX - head[0]);
        store_put(txn, TABLE_PEOPLE, &key, events->data + at, head[1]);
        at += head[1];
    }
}

/* The newest event stood last; now it stands first, beside what it changes. */
static int turn_events(struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer events = BUFFER_INIT;
    int error = 0;
    for (uint32_t number = 0; !error && next_number(txn, number, &number); number++) {
        buffer_clear(&events);
        error = take_events(txn, number, scan_open, &events);
        if (!error)
            put_events(txn, number, &events);
        if (!error)
            error = store_error(txn);
        if (number == UINT32_MAX)
            break;
    }
    return error ? error : store_error(txn);
}

/* -- references to events -- */

static int refer_events(struct people *people, uint32_t number, const struct buffer *events)
{
    struct node *node = events->size > 0 ? people_node(people, number) : NULL;
    for (size_t at = 0; node && !people->error && at < events->size;) {
        uint32_t head[2];
        struct stored_event event;
        memcpy(head, events->data + at, sizeof(head));
        at += sizeof(head);
        if (!event_decode((struct bytes){events->data + at, head[1]}, &event))
            return -QY_ECORRUPT;
        node_store_event(people, node, &event);
        at += head[1];
    }
    people_flush(people);
    return people->error ? people->error : store_error(people->txn);
}

/* Events stood under their node, the newest first; now they stand in a table of their own, and the node refers to
 * them. Number by number, so that memory holds one node's events. */
static int move_events(struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer events = BUFFER_INIT;
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(people_close) struct people people = {0};
    int error = arena_open(&arena);
    if (!error)
        people_open(&people, txn, arena);
    for (uint32_t number = 0; !error && next_number(txn, number, &number); number++) {
        buffer_clear(&events);
        error = take_events(txn, number, scan_open_reverse, &events);
        if (!error)
            error = refer_events(&people, number, &events);
        people_forget(&people);
        arena_reset(arena);
        if (number == UINT32_MAX)
            break;
    }
    return error ? error : store_error(txn);
}

/* -- bindings -- */

/* What is new stands behind what was there; a program that does not know it must not write over it. */
static int add_bindings(struct store_txn *txn)
{
    return store_error(txn);
}

/* -- who has a home unit, and who a guide -- */

#define PERSONS_A_FLUSH 100000u

static void index_person(struct index_writer *index, uint32_t number, const struct binding *binding)
{
    if (binding->unit)
        index_bit(index, BITS_UNIT, "", "", number, true);
    if (binding_guide(binding))
        index_bit(index, BITS_GUIDE, "", "", number, true);
}

static int index_people(struct people *people, struct index_writer *index)
{
    struct store_txn *txn = people->txn;
    struct tagging_state state = {0};
    int error = 0;
    (void)tagging_read_state(txn, &state);
    for (uint32_t number = 0, done = 1; !error && next_number(txn, number, &number); number++, done++) {
        const struct person *person = people_person(people, number);
        if (person)
            index_person(index, number, &person->binding);
        error = people->error;
        if (!error && done % PERSONS_A_FLUSH == 0)
            error = index_flush(index, txn, state.persons);
        people_forget(people);
        arena_reset(people->arena);
        if (number == UINT32_MAX)
            break;
    }
    return error ? error : index_flush(index, txn, state.persons);
}

/* There were bitmaps of each unit and each guide; now there is one of all. */
static int index_bound(struct store_txn *txn)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(people_close) struct people people = {0};
    _cleanup_(index_writer_close) struct index_writer *index = NULL;
    int error = arena_open(&arena);
    if (!error)
        error = index_writer_open(&index);
    if (error)
        return error;
    people_open(&people, txn, arena);
    error = index_people(&people, index);
    return error ? error : store_error(txn);
}

const struct store_migration tagging_migrations[TAGGING_MIGRATIONS] = {
    {.from = 1, .migrate = number_times},
    {.from = 2, .migrate = turn_events},
    {.from = 3, .migrate = move_events},
    {.from = 4, .migrate = add_bindings},
    {.from = 5, .migrate = index_bound},
};
