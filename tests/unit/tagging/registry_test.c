/* SPDX-License-Identifier: Apache-2.0 */
/* What holds definitions together. */
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

static void watch(struct world *world, const char *id, const char *rule, bool trigger)
{
    Quanyu__WatchSet watch = QUANYU__WATCH_SET__INIT;
    watch.watch = (char *)id;
    watch.rule = world_bytes(rule);
    watch.trigger = trigger;
    world_record(world, 1, QUANYU__CAMPAIGN_RECORD__RECORD_WATCH, &watch.base);
}

static void what_keeps_a_segment_is_called_as_users_know_it(void **state)
{
    struct world *world = *state;
    char kept[64], other[64], rule[128], wanted[128];
    world_segment(world, "{\"everyone\":true}", kept);
    snprintf(rule, sizeof(rule), "{\"segment\":\"%s\"}", kept);
    world_segment(world, rule, other);
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__SEGMENT, kept), -QY_ECONFLICT);
    snprintf(wanted, sizeof(wanted), "the segment \"%s\" refers to it", other);
    assert_string_equal(world->error, wanted);
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__SEGMENT, other), 0);
    watch(world, "j_1:7", rule, false);
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__SEGMENT, kept), -QY_ECONFLICT);
    assert_string_equal(world->error, "the journey \"j_1\" refers to it");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_keeps_a_segment_is_called_as_users_know_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
