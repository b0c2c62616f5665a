/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/events.h"

#include <stdlib.h>
#include <string.h>

/* -- numbers -- */

static size_t map_slot(const struct number_map *map, uint32_t number)
{
    uint32_t hash = number * UINT32_C(2654435761);
    size_t mask = map->capacity - 1, slot = hash & mask;
    while (map->numbers[slot] != 0 && map->numbers[slot] != number)
        slot = (slot + 1) & mask;
    return slot;
}

static void *map_get(const struct number_map *map, uint32_t number)
{
    if (map->capacity == 0)
        return NULL;
    return map->values[map_slot(map, number)];
}

static bool map_resize(struct number_map *map, size_t capacity)
{
    struct number_map larger = {.capacity = capacity, .count = map->count};
    larger.numbers = calloc(capacity, sizeof(*larger.numbers));
    larger.values = calloc(capacity, sizeof(*larger.values));
    if (!larger.numbers || !larger.values) {
        free(larger.numbers);
        free(larger.values);
        return false;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->numbers[i] == 0)
            continue;
        size_t slot = map_slot(&larger, map->numbers[i]);
        larger.numbers[slot] = map->numbers[i];
        larger.values[slot] = map->values[i];
    }
    free(map->numbers);
    free(map->values);
    *map = larger;
    return true;
}

static bool map_put(struct number_map *map, uint32_t number, void *value)
{
    if (map->count * 2 >= map->capacity && !map_resize(map, map->capacity ? map->capacity * 2 : 64))
        return false;
    size_t slot = map_slot(map, number);
    map->count += map->numbers[slot] == 0;
    map->numbers[slot] = number;
    map->values[slot] = value;
    return true;
}

static void map_forget(struct number_map *map)
{
    if (map->count > 0)
        memset(map->numbers, 0, map->capacity * sizeof(*map->numbers));
    if (map->count > 0)
        memset(map->values, 0, map->capacity * sizeof(*map->values));
    map->count = 0;
}

static void map_close(struct number_map *map)
{
    free(map->numbers);
    free(map->values);
    *map = (struct number_map){0};
}

/* -- reading -- */

void people_open(struct people *people, struct store_txn *txn, struct arena *arena)
{
    *people = (struct people){.txn = txn, .arena = arena};
}

void people_close(struct people *people)
{
    map_close(&people->nodes);
    map_close(&people->persons);
    buffer_free(&people->row);
}

void people_forget(struct people *people)
{
    map_forget(&people->nodes);
    map_forget(&people->persons);
    people->next_event = 0;
    people->error = 0;
}

#define READ_HELD_MAX 1000

void people_forget_when_large(struct people *people)
{
    if (people->nodes.count + people->persons.count < READ_HELD_MAX)
        return;
    int error = people->error;
    people_forget(people);
    people->error = error;
    arena_reset(people->arena);
}

static void *people_fail(struct people *people, int error)
{
    if (!people->error)
        people->error = error;
    return NULL;
}

bool people_grow(struct people *people, void *array_pointer, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity)
        return true;
    size_t larger = *capacity ? *capacity * 2 : 4;
    void *array, *grown = arena_alloc(people->arena, larger * item_size);
    if (!grown) {
        people_fail(people, -QY_ENOMEM);
        return false;
    }
    memcpy(&array, array_pointer, sizeof(array));
    if (count > 0)
        memcpy(grown, array, count * item_size);
    memcpy(array_pointer, &grown, sizeof(grown));
    *capacity = larger;
    return true;
}

/* Reads a row of a number into the arena: it stands there for as long as what is decoded from it. */
static bool read_row(struct people *people, uint32_t number, enum people_part part, struct bytes *ret_row)
{
    struct store_key key;
    struct bytes row;
    key_part(&key, number, part);
    if (!store_get(people->txn, TABLE_PEOPLE, &key, &row))
        return false;
    ret_row->data = arena_copy(people->arena, row.data, row.size);
    ret_row->size = ret_row->data ? row.size : 0;
    if (!ret_row->data)
        people_fail(people, -QY_ENOMEM);
    return ret_row->data != NULL;
}

struct node *people_node(struct people *people, uint32_t number)
{
    struct node *node = map_get(&people->nodes, number);
    if (node)
        return node;
    node = arena_alloc(people->arena, sizeof(*node));
    if (!node || number == 0)
        return people_fail(people, node ? -QY_EINVAL : -QY_ENOMEM);
    *node = (struct node){.number = number, .kind = "", .latest_ms = INT64_MIN};
    if (read_row(people, number, PART_NODE, &node->row) && !node_decode(node->row, people->arena, node))
        return people_fail(people, -QY_ECORRUPT);
    if (!map_put(&people->nodes, number, node))
        return people_fail(people, -QY_ENOMEM);
    return node;
}

struct person *people_person(struct people *people, uint32_t number)
{
    struct person *person = map_get(&people->persons, number);
    if (person)
        return person;
    person = arena_alloc(people->arena, sizeof(*person));
    if (!person || number == 0)
        return people_fail(people, person ? -QY_EINVAL : -QY_ENOMEM);
    *person = (struct person){.number = number, .stage = "", .due_ms = TIME_NEVER, .binding = binding_none()};
    if (read_row(people, number, PART_PERSON, &person->row) &&
        !person_decode(person->row, people->arena, person))
        return people_fail(people, -QY_ECORRUPT);
    if (!map_put(&people->persons, number, person))
        return people_fail(people, -QY_ENOMEM);
    return person;
}

struct person *people_resolve(struct people *people, uint32_t number)
{
    if (number == 0)
        return NULL;
    struct person *person = people_person(people, number);
    if (!person || person->node_count > 0)
        return person;
    struct node *node = people_node(people, number);
    if (!node || node->person == 0)
        return NULL;
    person = people_person(people, node->person);
    return person && person->node_count > 0 ? person : NULL;
}

/* -- changing -- */

static bool add_node(struct people *people, struct person *person, uint32_t node, const char *kind)
{
    if (!people_grow(
            people, &person->nodes, &person->node_capacity, person->node_count, sizeof(*person->nodes)))
        return false;
    size_t at = person->node_count++;
    for (; at > 0 && person->nodes[at - 1].node > node; at--)
        person->nodes[at] = person->nodes[at - 1];
    person->nodes[at] = (struct person_node){.node = node, .kind = kind};
    person->dirty = person->facts_dirty = true;
    return true;
}

int people_create_node(struct people *people, uint32_t number, uint32_t person_number, const char *kind)
{
    struct node *node = people_node(people, number);
    struct person *person = people_person(people, person_number);
    if (!node || !person)
        return people->error;
    if (node->person != 0)
        return -QY_EEXISTS;
    node->kind = arena_text(people->arena, kind, strlen(kind));
    if (!node->kind || !add_node(people, person, number, node->kind)) {
        people_fail(people, -QY_ENOMEM);
        return people->error;
    }
    node->person = person_number;
    node->dirty = true;
    return 0;
}

bool people_move_node(struct people *people, uint32_t number, uint32_t from_number, uint32_t to_number)
{
    struct node *node = people_node(people, number);
    struct person *from = people_person(people, from_number), *to = people_person(people, to_number);
    if (!node || !from || !to || node->person != from_number || from == to)
        return false;
    size_t at = 0;
    while (at < from->node_count && from->nodes[at].node != number)
        at++;
    if (at == from->node_count || !add_node(people, to, number, node->kind))
        return false;
    from->node_count--;
    memmove(&from->nodes[at], &from->nodes[at + 1], (from->node_count - at) * sizeof(*from->nodes));
    from->dirty = from->facts_dirty = true;
    to->names |= node->names;
    node->person = to_number;
    node->dirty = true;
    return true;
}

void people_remove_person(struct people *people, struct person *person)
{
    (void)people;
    person->node_count = 0;
    person->membership_count = 0;
    person->totals = (struct totals){0};
    person->names = 0;
    person->stage = "";
    person->stage_since_ms = 0;
    person->due_ms = TIME_NEVER;
    person->binding = binding_none();
    person->dirty = person->facts_dirty = true;
}

/* All that stands under the number. */
static void delete_rows(struct people *people, uint32_t number)
{
    struct store_key key;
    key_reset(&key);
    key_u32(&key, number);
    store_delete_prefix(people->txn, TABLE_PEOPLE, &key);
}

void people_erase(struct people *people, struct person *person, const uint32_t *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct node *node = nodes[i] ? people_node(people, nodes[i]) : NULL;
        if (!node || node->person != person->number)
            continue;
        node_delete_events(people, node);
        delete_rows(people, nodes[i]);
        *node = (struct node){.number = nodes[i], .kind = "", .latest_ms = INT64_MIN, .row = node->row};
    }
    people_remove_person(people, person);
}

/* -- traits and tags -- */

static bool is_later(const struct trait *a, const struct trait *b)
{
    return a->stated_ms != b->stated_ms ? a->stated_ms > b->stated_ms : a->origin > b->origin;
}

static struct trait *node_trait(const struct node *node, const char *name)
{
    for (size_t i = 0; i < node->trait_count; i++)
        if (strcmp(node->traits[i].name, name) == 0)
            return &node->traits[i];
    return NULL;
}

const struct trait *people_trait(struct people *people, const struct person *person, const char *name)
{
    const struct trait *latest = NULL;
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(people, person->nodes[i].node);
        const struct trait *trait = node ? node_trait(node, name) : NULL;
        if (trait && (!latest || is_later(trait, latest)))
            latest = trait;
    }
    return latest && strcmp(latest->json, "null") != 0 ? latest : NULL;
}

static bool copy_trait(struct people *people, const struct trait *from, struct trait *to)
{
    to->json = arena_text(people->arena, from->json, from->size);
    to->size = from->size;
    to->stated_ms = from->stated_ms;
    to->origin = from->origin;
    return to->json != NULL;
}

bool node_state_trait(struct people *people, struct node *node, const struct trait *trait)
{
    struct trait *held = node_trait(node, trait->name);
    if (held && !is_later(trait, held))
        return false;
    if (!held) {
        if (node->trait_count >= TRAITS_MAX)
            return false;
        if (!people_grow(
                people, &node->traits, &node->trait_capacity, node->trait_count, sizeof(*node->traits)))
            return false;
        held = &node->traits[node->trait_count++];
        *held = (struct trait){.name = arena_text(people->arena, trait->name, strlen(trait->name))};
    }
    if (!copy_trait(people, trait, held) || !held->name)
        people_fail(people, -QY_ENOMEM);
    node->dirty = true;
    return true;
}

const struct hand_tag *people_hand_tag(
    struct people *people, const struct person *person, uint32_t definition, const char *origin)
{
    const struct hand_tag *longest = NULL;
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(people, person->nodes[i].node);
        for (size_t j = 0; node && j < node->tag_count; j++) {
            const struct hand_tag *tag = &node->tags[j];
            if (tag->definition == definition && (!origin || strcmp(tag->origin, origin) == 0) &&
                (!longest || hand_tag_end(tag) > hand_tag_end(longest)))
                longest = tag;
        }
    }
    return longest;
}

/* -- memberships -- */

static size_t membership_slot(const struct person *person, uint32_t definition)
{
    size_t low = 0, high = person->membership_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (person->memberships[middle].definition < definition)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool person_has(const struct person *person, uint32_t definition)
{
    size_t slot = membership_slot(person, definition);
    return slot < person->membership_count && person->memberships[slot].definition == definition;
}

bool person_set(
    struct people *people, struct person *person, uint32_t definition, bool member, int64_t now_ms)
{
    size_t slot = membership_slot(person, definition);
    bool is = slot < person->membership_count && person->memberships[slot].definition == definition;
    if (is == member)
        return false;
    if (member) {
        if (!people_grow(people, &person->memberships, &person->membership_capacity, person->membership_count,
                sizeof(*person->memberships)))
            return false;
        memmove(&person->memberships[slot + 1], &person->memberships[slot],
            (person->membership_count - slot) * sizeof(*person->memberships));
        person->memberships[slot] = (struct membership){.definition = definition, .since_ms = now_ms};
        person->membership_count++;
    } else {
        person->membership_count--;
        memmove(&person->memberships[slot], &person->memberships[slot + 1],
            (person->membership_count - slot) * sizeof(*person->memberships));
    }
    person->dirty = true;
    return true;
}

/* -- writing -- */

static int compare_numbers(const void *a, const void *b)
{
    uint32_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static void write_node(struct people *people, struct node *node)
{
    struct store_key key;
    struct buffer *row = &people->row;
    buffer_clear(row);
    node_encode(node, row);
    if (buffer_error(row)) {
        people_fail(people, buffer_error(row));
        return;
    }
    key_part(&key, node->number, PART_NODE);
    store_put(people->txn, TABLE_PEOPLE, &key, row->data, row->size);
    node->dirty = false;
}

static void write_person(struct people *people, struct person *person)
{
    struct store_key key;
    struct buffer *row = &people->row;
    key_part(&key, person->number, PART_PERSON);
    person->dirty = false;
    if (person->node_count == 0) {
        store_delete(people->txn, TABLE_PEOPLE, &key);
        return;
    }
    buffer_clear(row);
    person_encode(person, row);
    if (buffer_error(row))
        people_fail(people, buffer_error(row));
    else
        store_put(people->txn, TABLE_PEOPLE, &key, row->data, row->size);
}

static void flush_number(struct people *people, uint32_t number)
{
    struct node *node = map_get(&people->nodes, number);
    struct person *person = map_get(&people->persons, number);
    if (node && node->dirty)
        write_node(people, node);
    if (person && person->dirty)
        write_person(people, person);
}

void people_flush(struct people *people)
{
    uint32_t *numbers = malloc((people->nodes.count + people->persons.count + 1) * sizeof(*numbers));
    if (!numbers) {
        people_fail(people, -QY_ENOMEM);
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < people->nodes.capacity; i++)
        if (people->nodes.numbers[i])
            numbers[count++] = people->nodes.numbers[i];
    for (size_t i = 0; i < people->persons.capacity; i++)
        if (people->persons.numbers[i])
            numbers[count++] = people->persons.numbers[i];
    qsort(numbers, count, sizeof(*numbers), compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || numbers[i] != numbers[i - 1])
            flush_number(people, numbers[i]);
    free(numbers);
}
