/* SPDX-License-Identifier: Apache-2.0 */
/* The stored events of a node, and the references by which they are found. */
#include "services/tagging/events.h"
#include "tests/unit/tagging/world.h"

#define NODE 5u
#define MANY 300u
#define LONG_NAME 600u

static int open_world(void **state)
{
    *state = world_open();
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    return 0;
}

struct sample {
    int64_t time_ms;
    const char *name;
    uint32_t found;
};

static struct sample samples[MANY];

/* Times that go up and down; the last name is too long to have a number. */
static void make_samples(void)
{
    static char long_name[LONG_NAME + 1];
    static const char *const names[] = {"a", "b", "", "Order Completed", long_name};
    memset(long_name, 'x', LONG_NAME);
    for (uint32_t i = 0; i < MANY; i++)
        samples[i] =
            (struct sample){WORLD_START + (int64_t)((i * 7919) % 1000) * 1000, names[(i * 31) % 5], 0};
}

static void add_samples(struct people *people)
{
    make_samples();
    assert_int_equal(people_create_node(people, NODE, NODE, "user_id"), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        const struct stored_event event = {.time_ms = samples[i].time_ms,
            .origin = i,
            .type = i % 3 ? QUANYU__EVENT_TYPE__EVENT_TRACK : QUANYU__EVENT_TYPE__EVENT_NONE,
            .name = samples[i].name,
            .traits = {(const uint8_t *)"{}", i % 7 ? 0 : 2}};
        assert_int_equal(node_add_event(people, people_node(people, NODE), &event), 0);
        people_person(people, NODE)->names |= event_name_bit(samples[i].name);
    }
}

static bool mark_found(void *context, uint32_t node, const struct event_reference *reference)
{
    struct stored_event event;
    assert_int_equal(node, NODE);
    assert_true(event_load(context, node, reference, &event));
    assert_true(event.time_ms == samples[event.origin].time_ms && reference->time_ms == event.time_ms);
    assert_string_equal(event.name, samples[event.origin].name);
    assert_string_equal(event_name(context, node, reference), event.name);
    assert_int_equal(reference->delivery, event.origin % 3 == 0);
    assert_int_equal(reference->traits, event.origin % 7 == 0);
    samples[event.origin].found++;
    return true;
}

static void check_walk(struct people *people, const char *name, int64_t from_ms, int64_t to_ms)
{
    assert_true(
        people_walk_events(people, people_person(people, NODE), name, from_ms, to_ms, mark_found, people));
    assert_int_equal(people->error, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        bool wanted = samples[i].time_ms >= from_ms && samples[i].time_ms < to_ms &&
                      (!name || strcmp(name, samples[i].name) == 0);
        assert_int_equal(samples[i].found, wanted);
        samples[i].found = 0;
    }
}

static void check_walks(struct people *people)
{
    static const int64_t windows[][2] = {{INT64_MIN, INT64_MAX}, {WORLD_START + 500000, INT64_MAX},
        {INT64_MIN, WORLD_START + 100000}, {WORLD_START + 990000, WORLD_START + 999000},
        {INT64_MAX - 1, INT64_MAX}};
    for (size_t i = 0; i < COUNT_OF(windows); i++) {
        check_walk(people, NULL, windows[i][0], windows[i][1]);
        check_walk(people, "nobody's", windows[i][0], windows[i][1]);
        for (size_t j = 0; j < 5; j++)
            check_walk(people, samples[j].name, windows[i][0], windows[i][1]);
    }
}

static void a_walk_finds_what_is_in_its_window_and_bears_the_name(void **state)
{
    struct world *world = *state;
    struct people people;
    people_open(&people, world->batch.txn, world->arena);
    add_samples(&people);
    check_walks(&people);
    people_flush(&people);
    people_forget(&people);
    check_walks(&people);
    const struct node *node = people_node(&people, NODE);
    assert_true(node->chunks > 1 && node->reference_count <= REFERENCES_INLINE);
    assert_int_equal(node->chunks * REFERENCES_CHUNK + node->reference_count, MANY);
    people_close(&people);
}

static void an_erased_node_leaves_no_event(void **state)
{
    struct world *world = *state;
    struct people people;
    people_open(&people, world->batch.txn, world->arena);
    add_samples(&people);
    people_flush(&people);
    people_forget(&people);
    assert_int_equal(store_count(world->batch.txn, TABLE_EVENTS), MANY);
    people_erase(&people, people_person(&people, NODE), (uint32_t[]){NODE}, 1);
    people_flush(&people);
    assert_int_equal(people.error, 0);
    assert_int_equal(store_count(world->batch.txn, TABLE_EVENTS), 0);
    assert_int_equal(store_count(world->batch.txn, TABLE_PEOPLE), 0);
    people_close(&people);
}

static void names_without_a_number_are_found_by_their_events(void **state)
{
    struct world *world = *state;
    struct people people;
    uint8_t number[4] = {0};
    struct store_key key;
    /* As if all numbers were given. */
    for (uint32_t i = 1; i <= UINT16_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        put_be32(number, i);
        key_name_number(&key, i);
        store_put(world->batch.txn, TABLE_NAMES, &key, name, strlen(name) + 1);
        key_name(&key, name);
        store_put(world->batch.txn, TABLE_NAMES, &key, number, sizeof(number));
    }
    people_open(&people, world->batch.txn, world->arena);
    assert_int_equal(event_name_take(&people, "n65535"), 65535);
    assert_int_equal(event_name_take(&people, "a"), 0);
    add_samples(&people);
    check_walks(&people);
    people_close(&people);
}

static void a_batch_that_is_rolled_back_leaves_neither_event_nor_name(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    world_commit(world);
    for (size_t i = 0; i < 3; i++) {
        world_event(world, (struct world_event){.node = 1, .name = "b"});
        world_event(world, (struct world_event){.node = 1, .name = "c"});
        world_rollback(world);
    }
    world_event(world, (struct world_event){.node = 1, .name = "c"});
    world_commit(world);
    struct people people;
    struct store_key key;
    people_open(&people, world->batch.txn, world->arena);
    assert_int_equal(store_count(world->batch.txn, TABLE_EVENTS), 2);
    key_event(&key, 2);
    assert_true(store_has(world->batch.txn, TABLE_EVENTS, &key));
    assert_int_equal(event_name_number(&people, "a"), 1);
    assert_int_equal(event_name_number(&people, "c"), 2);
    assert_int_equal(event_name_number(&people, "b"), 0);
    assert_string_equal(event_name_text(&people, 2), "c");
    people_close(&people);
}

static void a_missing_event_is_told(void **state)
{
    struct world *world = *state;
    struct people people;
    struct store_key key;
    people_open(&people, world->batch.txn, world->arena);
    add_samples(&people);
    key_event(&key, 1);
    assert_true(store_delete(world->batch.txn, TABLE_EVENTS, &key));
    struct stored_event event;
    const struct event_reference gone = {.sequence = 1, .time_ms = samples[0].time_ms};
    const struct event_reference other = {.sequence = 2, .time_ms = samples[1].time_ms};
    assert_true(event_load(&people, NODE, &other, &event));
    assert_false(event_load(&people, NODE, &gone, &event));
    assert_int_equal(people.error, -QY_ECORRUPT);
    people_forget(&people);
    assert_false(event_load(&people, NODE + 1, &other, &event));
    assert_int_equal(people.error, -QY_ECORRUPT);
    people_close(&people);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(a_walk_finds_what_is_in_its_window_and_bears_the_name),
        TEST(an_erased_node_leaves_no_event),
        TEST(names_without_a_number_are_found_by_their_events),
        TEST(a_batch_that_is_rolled_back_leaves_neither_event_nor_name),
        TEST(a_missing_event_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
