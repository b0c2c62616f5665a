/* SPDX-License-Identifier: Apache-2.0 */
/* Scores follow at midnight, part by part. */
#include "tests/unit/tagging/world.h"

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

static void buy(struct world *world, uint32_t node)
{
    world_event(
        world, (struct world_event){.node = node, .name = "Order Completed", .properties = "{\"total\":10}"});
}

static void scores_are_taken_at_midnight(void **state)
{
    struct world *world = *state;
    char id[64], text[64];
    world_segment(world, "{\"metric\":\"frequency_score\",\"gte\":5}", id);
    for (uint32_t node = 1; node <= 10; node++) {
        world_node(world, node, node, "user_id");
        for (uint32_t i = 0; i < node; i++)
            buy(world, node);
    }
    assert_string_equal(world_metric(world, 10, "frequency_score", text), "null");
    world_time(world, clock_next_midnight(WORLD_START));
    static const char *const expected[] = {"1", "1", "2", "2", "3", "3", "4", "4", "5", "5"};
    for (uint32_t node = 1; node <= 10; node++)
        assert_string_equal(world_metric(world, node, "frequency_score", text), expected[node - 1]);
    assert_true(world_in_segment(world, 10, id));
    assert_false(world_in_segment(world, 8, id));
    buy(world, 8);
    assert_true(world_in_segment(world, 8, id));
}

/* However few people a batch looks at, and wherever the process ends between them. */
static void midnights_go_on_in_parts(void **state)
{
    static const uint32_t most[] = {0, 1, 4, 1000};
    struct world *first = *state;
    char *dumps[COUNT_OF(most)];
    uint64_t emitted[COUNT_OF(most)];
    for (size_t run = 0; run < COUNT_OF(most); run++) {
        struct world *world = run == 0 ? first : world_open();
        char id[64];
        world_now = world;
        world->batch.timers_max = most[run];
        world->restarts = true;
        world_segment(world, "{\"metric\":\"frequency_score\",\"gte\":4}", id);
        world_segment(world, "{\"metric\":\"recency_score\",\"lte\":2}", id);
        srand(5);
        for (uint32_t node = 1; node <= 24; node++)
            world_node(world, node, node, "user_id");
        for (int day = 0; day < 3; day++) {
            for (int i = 0; i < 60; i++)
                buy(world, (uint32_t)(rand() % 24) + 1);
            size_t before = world->emitted_count;
            world_time(world, world->batch.now_ms + DAY_MS);
            assert_true(world->emitted_count > before);
        }
        dumps[run] = world_dump(world);
        emitted[run] = world_emitted_digest(world);
        if (run > 0)
            world_close(world);
    }
    world_now = first;
    for (size_t run = 1; run < COUNT_OF(most); run++) {
        assert_string_equal(dumps[0], dumps[run]);
        assert_int_equal(emitted[0], emitted[run]);
        free(dumps[run]);
    }
    free(dumps[0]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(scores_are_taken_at_midnight),
        TEST(midnights_go_on_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
