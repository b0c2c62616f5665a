/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/campaign_store.h"

#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_VERSION 1

const char *const campaign_tables[CAMPAIGN_TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_JOURNEYS] = "journeys",
    [TABLE_COUNTS] = "counts",
    [TABLE_WATCHES] = "watches",
    [TABLE_MEMBERS] = "members",
    [TABLE_NODES] = "nodes",
    [TABLE_PERSONS] = "persons",
    [TABLE_POSITIONS] = "positions",
    [TABLE_LIVE] = "live",
    [TABLE_SIDES] = "sides",
    [TABLE_SENDS] = "sends",
    [TABLE_DELIVERIES] = "deliveries",
    [TABLE_BY_JOURNEY] = "deliveries_by_journey",
    [TABLE_OUTBOX] = "outbox",
    [TABLE_TIMERS] = "timers",
};

/* -- keys and rows -- */

static struct store_key key_of(uint32_t first)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, first);
    return key;
}

static struct store_key key_of_two(uint32_t first, uint32_t second)
{
    struct store_key key = key_of(first);
    key_u32(&key, second);
    return key;
}

/* A row of a fixed size and of our version; false where there is none. */
static bool get_row(
    struct store_txn *txn, unsigned table, const struct store_key *key, void *row, size_t size)
{
    struct bytes value;
    if (!store_get(txn, table, key, &value))
        return false;
    if (value.size != size || value.data[0] != ROW_VERSION) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    memcpy(row, value.data, size);
    return true;
}

void number_list_free(struct number_list *list)
{
    free(list->numbers);
    *list = (struct number_list){0};
}

bool number_list_add(struct number_list *list, uint64_t number)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        uint64_t *numbers = realloc(list->numbers, capacity * sizeof(*numbers));
        if (!numbers)
            return false;
        list->numbers = numbers;
        list->capacity = capacity;
    }
    list->numbers[list->count++] = number;
    return true;
}

/* What stands behind the prefix, as a number of four or eight bytes. */
static void list_numbers(
    struct store_txn *txn, unsigned table, const struct store_key *prefix, struct number_list *ret_list)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, table, prefix, NULL, &scan))
        return;
    while (scan_next(scan, &key, &value)) {
        const uint8_t *number = key.data + prefix->size;
        size_t size = key.size - prefix->size;
        if (!number_list_add(ret_list, size >= 8 ? get_be64(number) : get_be32(number))) {
            store_fail(txn, -QY_ENOMEM);
            return;
        }
    }
}

/* -- counters -- */

static const char *const meta_names[] = {
    [META_SEQUENCE] = "sequence",
    [META_JOURNEYS] = "journeys",
    [META_WATCHES] = "watches",
};

uint64_t meta_last(struct store_txn *txn, enum meta_counter counter)
{
    struct store_key key;
    struct bytes value;
    key_reset(&key);
    key_text(&key, meta_names[counter]);
    return store_get(txn, TABLE_META, &key, &value) && value.size == 8 ? get_be64(value.data) : 0;
}

uint64_t meta_next(struct store_txn *txn, enum meta_counter counter)
{
    uint8_t value[8];
    uint64_t next = meta_last(txn, counter) + 1;
    put_be64(value, next);
    struct store_key key;
    key_reset(&key);
    key_text(&key, meta_names[counter]);
    store_put(txn, TABLE_META, &key, value, sizeof(value));
    return next;
}

/* -- journeys -- */

const char *journey_id(uint32_t number, char id[JOURNEY_ID_BYTES])
{
    snprintf(id, JOURNEY_ID_BYTES, "j_%u", number);
    return id;
}

/* Digits without leading zeros, so that each number has one spelling. */
static bool parse_number(const char **text, uint32_t *ret_number)
{
    uint64_t number = 0;
    const char *at = *text;
    if (*at < '1' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (uint64_t)(*at - '0');
        if (number > UINT32_MAX)
            return false;
    }
    *text = at;
    *ret_number = (uint32_t)number;
    return true;
}

bool journey_number(const char *id, uint32_t *ret_number)
{
    if (strncmp(id, "j_", 2) != 0)
        return false;
    const char *at = id + 2;
    return parse_number(&at, ret_number) && *at == '\0';
}

Quanyu__Journey *journey_load(struct store_txn *txn, uint32_t number, struct arena *arena)
{
    struct store_key key = key_of(number);
    struct bytes value;
    if (!store_get(txn, TABLE_JOURNEYS, &key, &value))
        return NULL;
    Quanyu__Journey *journey = quanyu__journey__unpack(arena_allocator(arena), value.size, value.data);
    if (!journey)
        store_fail(txn, -QY_ECORRUPT);
    return journey;
}

void journey_save(struct store_txn *txn, const Quanyu__Journey *journey)
{
    struct store_key key = key_of(journey->number);
    void *room = store_put_room(txn, TABLE_JOURNEYS, &key, quanyu__journey__get_packed_size(journey));
    if (room)
        quanyu__journey__pack(journey, room);
}

static struct store_key counts_key(uint32_t journey, const char *step)
{
    struct store_key key = key_of(journey);
    key_text(&key, step);
    return key;
}

struct counts counts_get(struct store_txn *txn, uint32_t journey, const char *step)
{
    struct store_key key = counts_key(journey, step);
    struct counts counts = {{0}};
    struct bytes value;
    if (store_get(txn, TABLE_COUNTS, &key, &value) && value.size <= sizeof(counts))
        memcpy(&counts, value.data, value.size);
    return counts;
}

void counts_change(
    struct store_txn *txn, uint32_t journey, const char *step, const int64_t change[COUNT_KINDS])
{
    struct counts counts = counts_get(txn, journey, step);
    for (unsigned i = 0; i < COUNT_KINDS; i++)
        counts.value[i] += (uint64_t)change[i];
    struct store_key key = counts_key(journey, step);
    store_put(txn, TABLE_COUNTS, &key, &counts, sizeof(counts));
}

/* -- watches -- */

const char *watch_id(uint32_t journey, uint32_t watch, char id[WATCH_ID_BYTES])
{
    snprintf(id, WATCH_ID_BYTES, "j_%u:%u", journey, watch);
    return id;
}

bool watch_numbers(const char *id, uint32_t *ret_journey, uint32_t *ret_watch)
{
    if (strncmp(id, "j_", 2) != 0)
        return false;
    const char *at = id + 2;
    if (!parse_number(&at, ret_journey) || *at++ != ':')
        return false;
    return parse_number(&at, ret_watch) && *at == '\0';
}

bool watch_get(struct store_txn *txn, uint32_t journey, uint32_t watch, struct watch_row *ret_row)
{
    struct store_key key = key_of_two(journey, watch);
    return get_row(txn, TABLE_WATCHES, &key, ret_row, sizeof(*ret_row));
}

void watch_put(struct store_txn *txn, uint32_t journey, uint32_t watch, const struct watch_row *row)
{
    struct store_key key = key_of_two(journey, watch);
    struct watch_row stored = *row;
    stored.version = ROW_VERSION;
    store_put(txn, TABLE_WATCHES, &key, &stored, sizeof(stored));
}

void watch_delete(struct store_txn *txn, uint32_t journey, uint32_t watch)
{
    struct store_key key = key_of_two(journey, watch);
    store_delete(txn, TABLE_WATCHES, &key);
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes member, value;
    if (scan_open(txn, TABLE_MEMBERS, &all, NULL, &scan))
        return;
    while (scan_next(scan, &member, &value))
        if (get_be32(member.data + 4) == watch)
            scan_delete(scan);
}

void watch_list(struct store_txn *txn, uint32_t journey, struct number_list *ret_watches)
{
    struct store_key prefix = key_of(journey);
    list_numbers(txn, TABLE_WATCHES, &prefix, ret_watches);
}

bool member_has(struct store_txn *txn, uint32_t person, uint32_t watch)
{
    struct store_key key = key_of_two(person, watch);
    return store_has(txn, TABLE_MEMBERS, &key);
}

bool member_add(struct store_txn *txn, uint32_t person, uint32_t watch)
{
    struct store_key key = key_of_two(person, watch);
    if (store_has(txn, TABLE_MEMBERS, &key))
        return false;
    store_put(txn, TABLE_MEMBERS, &key, NULL, 0);
    return true;
}

bool member_remove(struct store_txn *txn, uint32_t person, uint32_t watch)
{
    struct store_key key = key_of_two(person, watch);
    return store_delete(txn, TABLE_MEMBERS, &key);
}

static void delete_prefix(struct store_txn *txn, unsigned table, uint32_t first)
{
    struct store_key prefix = key_of(first);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, table, &prefix, NULL, &scan))
        return;
    while (scan_next(scan, &key, &value))
        scan_delete(scan);
}

void member_forget(struct store_txn *txn, uint32_t person)
{
    delete_prefix(txn, TABLE_MEMBERS, person);
}

void member_list(struct store_txn *txn, uint32_t watch, struct number_list *ret_persons)
{
    struct store_key all;
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, TABLE_MEMBERS, &all, NULL, &scan))
        return;
    while (scan_next(scan, &key, &value))
        if (get_be32(key.data + 4) == watch && !number_list_add(ret_persons, get_be32(key.data))) {
            store_fail(txn, -QY_ENOMEM);
            return;
        }
}

/* -- persons -- */

uint32_t person_of(struct store_txn *txn, uint32_t node)
{
    struct store_key key = key_of(node);
    struct bytes value;
    return store_get(txn, TABLE_NODES, &key, &value) && value.size == 4 ? get_be32(value.data) : node;
}

void person_set(struct store_txn *txn, uint32_t node, uint32_t person)
{
    struct store_key by_node = key_of(node);
    struct store_key before = key_of_two(person_of(txn, node), node);
    store_delete(txn, TABLE_PERSONS, &before);
    if (person == node) {
        store_delete(txn, TABLE_NODES, &by_node);
        return;
    }
    uint8_t value[4];
    put_be32(value, person);
    store_put(txn, TABLE_NODES, &by_node, value, sizeof(value));
    struct store_key by_person = key_of_two(person, node);
    store_put(txn, TABLE_PERSONS, &by_person, NULL, 0);
}

void person_nodes(struct store_txn *txn, uint32_t person, struct number_list *ret_nodes)
{
    if (person_of(txn, person) == person && !number_list_add(ret_nodes, person)) {
        store_fail(txn, -QY_ENOMEM);
        return;
    }
    struct store_key prefix = key_of(person);
    list_numbers(txn, TABLE_PERSONS, &prefix, ret_nodes);
}

/* -- positions -- */

bool position_get(struct store_txn *txn, uint32_t node, uint32_t journey, struct position *ret_position)
{
    struct store_key key = key_of_two(node, journey);
    return get_row(txn, TABLE_POSITIONS, &key, ret_position, sizeof(*ret_position));
}

void position_put(struct store_txn *txn, uint32_t node, uint32_t journey, const struct position *position)
{
    struct store_key key = key_of_two(node, journey);
    struct position stored = *position;
    stored.version = ROW_VERSION;
    store_put(txn, TABLE_POSITIONS, &key, &stored, sizeof(stored));
    struct store_key live = key_of_two(journey, node);
    if (position->state == POSITION_ENDED)
        store_delete(txn, TABLE_LIVE, &live);
    else
        store_put(txn, TABLE_LIVE, &live, NULL, 0);
}

void position_journeys(struct store_txn *txn, uint32_t node, struct number_list *ret_journeys)
{
    struct store_key prefix = key_of(node);
    list_numbers(txn, TABLE_POSITIONS, &prefix, ret_journeys);
}

void position_live(struct store_txn *txn, uint32_t journey, struct number_list *ret_nodes)
{
    struct store_key prefix = key_of(journey);
    list_numbers(txn, TABLE_LIVE, &prefix, ret_nodes);
}

static void forget_live(struct store_txn *txn, uint32_t node)
{
    struct store_key prefix = key_of(node);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    if (scan_open(txn, TABLE_POSITIONS, &prefix, NULL, &scan))
        return;
    while (scan_next(scan, &key, &value)) {
        struct store_key live = key_of_two(get_be32(key.data + 4), node);
        store_delete(txn, TABLE_LIVE, &live);
    }
}

void position_forget(struct store_txn *txn, uint32_t node)
{
    forget_live(txn, node);
    delete_prefix(txn, TABLE_POSITIONS, node);
    delete_prefix(txn, TABLE_SIDES, node);
}

static struct store_key side_key(uint32_t node, uint32_t journey, const char *step)
{
    struct store_key key = key_of_two(node, journey);
    key_text(&key, step);
    return key;
}

bool side_get(struct store_txn *txn, uint32_t node, uint32_t journey, const char *step, unsigned *ret_bucket)
{
    struct store_key key = side_key(node, journey, step);
    struct bytes value;
    if (!store_get(txn, TABLE_SIDES, &key, &value) || value.size != 1)
        return false;
    *ret_bucket = value.data[0];
    return true;
}

void side_put(struct store_txn *txn, uint32_t node, uint32_t journey, const char *step, unsigned bucket)
{
    struct store_key key = side_key(node, journey, step);
    uint8_t value = (uint8_t)bucket;
    store_put(txn, TABLE_SIDES, &key, &value, 1);
}

int position_scan(struct store_txn *txn, uint32_t node, uint32_t journey, struct store_scan **ret_scan)
{
    struct store_key all, from = key_of_two(node, journey);
    key_reset(&all);
    return scan_open(txn, TABLE_POSITIONS, &all, &from, ret_scan);
}

bool position_next(struct store_scan *scan, struct position_row *ret_row)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value) || value.size != sizeof(ret_row->position))
        return false;
    ret_row->node = get_be32(key.data);
    ret_row->journey = get_be32(key.data + 4);
    memcpy(&ret_row->position, value.data, sizeof(ret_row->position));
    return true;
}
