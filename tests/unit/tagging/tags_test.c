/* SPDX-License-Identifier: Apache-2.0 */
/* Tags that are set by hand. */
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

static int tag_person(struct world *world, uint32_t person, const char *tag, bool add, int64_t expires_ms)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TagPersonRequest change = QUANYU__TAG_PERSON_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    change.person = person;
    change.tag = (char *)tag;
    change.add = add;
    change.origin = (char *)"guide";
    change.expires_ms = expires_ms;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_TAG_PERSON;
    request.tag_person = &change;
    return world_ask(world, &request, &reply);
}

static void a_tag_by_hand_stays_with_its_node_and_expires(void **state)
{
    struct world *world = *state;
    char id[64];
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__TAG, "敏感肌", NULL, true, NULL), 0);
    world_segment(world, "{\"tag\":\"敏感肌\",\"origin\":\"guide\"}", id);
    world_node(world, 1, 1, "user_id");
    world_node(world, 2, 2, "phone");
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    world_event(world, (struct world_event){.node = 2, .name = "a"});
    assert_int_equal(tag_person(world, 3, "敏感肌", true, 0), -QY_ENOTFOUND);
    assert_int_equal(tag_person(world, 2, "other", true, 0), -QY_ENOTFOUND);
    world_move(world, (uint32_t[]){2}, 1, 2, 1);
    world_event(world, (struct world_event){.node = 1, .name = "a", .linked = 2});
    assert_int_equal(tag_person(world, 2, "敏感肌", true, WORLD_START + DAY_MS), 0);
    assert_true(world_in_segment(world, 1, id));
    world_move(world, (uint32_t[]){2}, 1, 1, 2);
    world_time(world, WORLD_START + 1000);
    assert_false(world_in_segment(world, 1, id));
    assert_true(world_in_segment(world, 2, id));
    world_time(world, WORLD_START + DAY_MS);
    assert_false(world_has_tag(world, 2, "敏感肌", "guide"));
    assert_false(world_in_segment(world, 2, id));
    assert_int_equal(tag_person(world, 1, "敏感肌", true, 0), 0);
    assert_true(world_in_segment(world, 1, id));
    assert_int_equal(tag_person(world, 1, "敏感肌", false, 0), 0);
    assert_false(world_in_segment(world, 1, id));
}

static const Quanyu__ProfileReply__Tag *shown_tag(struct world *world, uint32_t person)
{
    Quanyu__ProfileReply *profile = world_profile(world, person);
    assert_int_equal(profile->n_tags, 1);
    return profile->tags[0];
}

/* By the index and by looking at each: the same. */
static uint64_t audience(struct world *world, const char *rule)
{
    Quanyu__AudienceReply *by_index = NULL, *by_scan = NULL;
    assert_int_equal(world_audience(world, rule, 0, false, &by_index), 0);
    uint64_t count = by_index->count;
    assert_int_equal(world_audience(world, rule, 0, true, &by_scan), 0);
    assert_int_equal(by_scan->count, count);
    return count;
}

static size_t tag_changes(const struct world *world)
{
    size_t count = 0;
    while (world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_TAG, count))
        count++;
    return count;
}

/* Whichever node of a joined person lasts longer. */
static void a_tag_on_two_nodes_lasts_as_long_as_the_longer(void **state)
{
    struct world *world = *state;
    char id[64];
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__TAG, "vip", NULL, true, NULL), 0);
    world_segment(world, "{\"tag\":\"vip\"}", id);
    for (uint32_t node = 1; node <= 4; node++) {
        world_node(world, node, node, "user_id");
        world_event(world, (struct world_event){.node = node, .name = "a"});
    }
    assert_int_equal(tag_person(world, 1, "vip", true, WORLD_START + DAY_MS), 0);
    assert_int_equal(tag_person(world, 3, "vip", true, 0), 0);
    world_time(world, WORLD_START + 1000);
    assert_int_equal(tag_person(world, 2, "vip", true, WORLD_START + 3 * DAY_MS), 0);
    assert_int_equal(tag_person(world, 4, "vip", true, WORLD_START + DAY_MS), 0);
    world_move(world, (uint32_t[]){2}, 1, 2, 1);
    world_move(world, (uint32_t[]){4}, 1, 4, 3);
    world_time(world, WORLD_START + 2000);
    assert_int_equal(shown_tag(world, 1)->expires_ms, WORLD_START + 3 * DAY_MS);
    assert_int_equal(shown_tag(world, 1)->since_ms, WORLD_START);
    assert_int_equal(shown_tag(world, 3)->expires_ms, 0);
    size_t changes = tag_changes(world);
    world_time(world, WORLD_START + 2 * DAY_MS); /* the shorter are over */
    assert_int_equal(shown_tag(world, 1)->expires_ms, WORLD_START + 3 * DAY_MS);
    assert_true(world_in_segment(world, 1, id));
    assert_true(world_in_segment(world, 3, id));
    assert_int_equal(audience(world, "{\"tag\":\"vip\"}"), 2);
    assert_int_equal(tag_changes(world), changes); /* nobody has lost it */
    world_time(world, WORLD_START + 3 * DAY_MS);
    assert_false(world_in_segment(world, 1, id));
    assert_true(world_in_segment(world, 3, id));
    assert_int_equal(audience(world, "{\"tag\":\"vip\",\"origin\":\"guide\"}"), 1);
    assert_int_equal(tag_changes(world), changes + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(a_tag_by_hand_stays_with_its_node_and_expires),
        TEST(a_tag_on_two_nodes_lasts_as_long_as_the_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
