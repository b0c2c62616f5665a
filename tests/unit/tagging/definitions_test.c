/* SPDX-License-Identifier: Apache-2.0 */
/* Segments, tags and stages keep themselves up to date. */
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

static void buy(struct world *world, uint32_t node, int64_t event_ms)
{
    world_event(world,
        (struct world_event){
            .node = node, .name = "Order Completed", .event_ms = event_ms, .properties = "{\"total\":10}"});
}

static void a_segment_follows_events_and_names_their_origin(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"metric\":\"orders\",\"gte\":2}", id);
    world_node(world, 1, 1, "user_id");
    buy(world, 1, 0);
    assert_null(world_change(world, 0));
    uint64_t origin = world->origin;
    buy(world, 1, 0);
    const Quanyu__MembershipChanged *change = world_change(world, 0);
    assert_non_null(change);
    assert_string_equal(change->set, id);
    assert_true(change->entered);
    assert_false(change->history);
    assert_int_equal(change->origin, origin);
    assert_true(world_in_segment(world, 1, id));
}

static void stages_move_on_as_time_passes_and_back_with_an_order(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    assert_string_equal(world_profile(world, 1)->stage, "prospect");
    buy(world, 1, 0);
    assert_string_equal(world_profile(world, 1)->stage, "new");
    world_time(world, WORLD_START + 30 * DAY_MS);
    assert_string_equal(world_profile(world, 1)->stage, "new");
    world_time(world, WORLD_START + 30 * DAY_MS + 1);
    assert_string_equal(world_profile(world, 1)->stage, "active");
    world_time(world, WORLD_START + 200 * DAY_MS);
    assert_string_equal(world_profile(world, 1)->stage, "lost");
    assert_int_equal(world_profile(world, 1)->stage_since_ms, WORLD_START + 180 * DAY_MS + 1);
    buy(world, 1, 0);
    assert_string_equal(world_profile(world, 1)->stage, "active");
    static const char *const stages[] = {"prospect", "new", "active", "dormant", "lost", "active"};
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        const Quanyu__StageChanged *change = world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_STAGE, i);
        assert_non_null(change);
        assert_string_equal(change->to, stages[i]);
    }
    assert_null(world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_STAGE, COUNT_OF(stages)));
}

static void a_window_lets_go_when_its_events_grow_old(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"event\":\"a\",\"within\":\"1h\",\"count\":{\"gte\":2}}", id);
    world_node(world, 1, 1, "user_id");
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    world_time(world, WORLD_START + 1000);
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    assert_true(world_in_segment(world, 1, id));
    world_restart(world);
    world_time(world, WORLD_START + 3600000);
    assert_true(world_in_segment(world, 1, id));
    world_time(world, WORLD_START + 3600001);
    assert_false(world_in_segment(world, 1, id));
    const Quanyu__MembershipChanged *change = world_change(world, 1);
    assert_false(change->entered);
    assert_int_equal(change->origin, 0);
}

static void imported_history_marks_what_it_causes_but_time_does_not(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"stage\":\"dormant\"}", id);
    world_node(world, 1, 1, "user_id");
    world_event(world,
        (struct world_event){
            .node = 1, .name = "Order Completed", .event_ms = WORLD_START - 100 * DAY_MS, .history = true});
    const Quanyu__MembershipChanged *change = world_change(world, 0);
    assert_true(change->entered && change->history);
    world_time(world, WORLD_START + 90 * DAY_MS);
    change = world_change(world, 1);
    assert_true(!change->entered && !change->history);
}

static void what_a_join_causes_waits_for_its_event(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"metric\":\"orders\",\"gte\":2}", id);
    world_node(world, 1, 1, "user_id");
    buy(world, 1, 0);
    world_node(world, 2, 2, "anonymous_id");
    buy(world, 2, 0);
    world_move(world, (uint32_t[]){2}, 1, 2, 1);
    assert_null(world_change(world, 0));
    world_commit(world);
    world_restart(world);
    world_event(world, (struct world_event){.node = 1, .name = "a", .history = true, .linked = 2});
    const Quanyu__MembershipChanged *change = world_change(world, 0);
    assert_non_null(change);
    assert_int_equal(change->person, 1);
    assert_true(change->history);
}

static void a_split_by_hand_is_settled_at_once(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"metric\":\"orders\",\"gte\":1}", id);
    world_node(world, 1, 1, "user_id");
    world_node(world, 2, 1, "anonymous_id");
    buy(world, 2, 0);
    world_move(world, (uint32_t[]){2}, 1, 1, 2);
    assert_true(world_in_segment(world, 1, id));
    world_settle(world);
    assert_false(world_in_segment(world, 1, id));
    assert_true(world_in_segment(world, 2, id));
    world_settle(world);
    assert_null(world_change(world, 3));
}

static void a_split_is_settled_when_time_goes_on(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"metric\":\"orders\",\"gte\":1}", id);
    world_node(world, 1, 1, "user_id");
    world_node(world, 2, 1, "anonymous_id");
    buy(world, 2, 0);
    assert_true(world_in_segment(world, 1, id));
    world_move(world, (uint32_t[]){2}, 1, 1, 2);
    world_time(world, WORLD_START + 1000);
    assert_false(world_in_segment(world, 1, id));
    assert_true(world_in_segment(world, 2, id));
}

static void who_is_joined_into_another_leaves_what_he_was_in(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"metric\":\"orders\",\"gte\":1}", id);
    world_node(world, 1, 1, "user_id");
    buy(world, 1, 0);
    world_node(world, 2, 2, "anonymous_id");
    buy(world, 2, 0);
    world_move(world, (uint32_t[]){2}, 1, 2, 1);
    world_event(world, (struct world_event){.node = 1, .name = "a", .linked = 2});
    const Quanyu__MembershipChanged *change = world_change(world, 2);
    assert_non_null(change);
    assert_true(change->person == 2 && !change->entered);
    assert_null(world_change(world, 3));
    const struct definition *segment = registry_find(world->tagging.registry, DEFINITION_SEGMENT, id);
    assert_int_equal(segment->count, 1);
    assert_int_equal(segment->entered, 2);
    assert_int_equal(segment->left, 1);
    world_commit(world);
    assert_int_equal(world->tagging.state.persons, 1);
    assert_int_equal(world->tagging.state.orders, 2);
}

static void definitions_that_refer_to_others_follow_them(void **state)
{
    struct world *world = *state;
    char buyers[64], vip[64];
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__TAG, "gold",
                         "{\"metric\":\"gross\",\"gte\":\"20\"}", true, NULL),
        0);
    world_segment(world, "{\"tag\":\"gold\"}", buyers);
    char rule[128];
    snprintf(rule, sizeof(rule),
        "{\"all\":[{\"segment\":\"%s\"},{\"not\":{\"trait\":\"city\",\"is\":\"上海\"}}]}", buyers);
    world_segment(world, rule, vip);
    world_node(world, 1, 1, "user_id");
    buy(world, 1, 0);
    buy(world, 1, 0);
    assert_true(world_has_tag(world, 1, "gold", "rule"));
    assert_true(world_in_segment(world, 1, buyers));
    assert_true(world_in_segment(world, 1, vip));
    world_event(world, (struct world_event){.node = 1, .traits = "{\"city\":\"上海\"}"});
    assert_false(world_in_segment(world, 1, vip));
    /* What is referred to stays, and cannot refer back. */
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__TAG, "gold"), -QY_ECONFLICT);
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__SEGMENT, buyers), -QY_ECONFLICT);
    snprintf(rule, sizeof(rule), "{\"segment\":\"%s\"}", vip);
    assert_int_equal(
        world_define(world, QUANYU__DEFINITION__KIND__TAG, "gold", rule, false, NULL), -QY_EINVAL);
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__SEGMENT, vip), 0);
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__SEGMENT, buyers), 0);
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__TAG, "gold"), 0);
    assert_false(world_has_tag(world, 1, "gold", "rule"));
    buy(world, 1, 0);
}

static void a_new_definition_holds_for_everybody_at_once(void **state)
{
    struct world *world = *state;
    char id[64];
    for (uint32_t node = 1; node <= 50; node++) {
        world_node(world, node, node, "user_id");
        if (node % 2)
            buy(world, node, 0);
        else
            world_event(world, (struct world_event){.node = node, .name = "a"});
    }
    world_commit(world);
    world_segment(world, "{\"metric\":\"orders\",\"gte\":1}", id);
    assert_int_equal(registry_find(world->tagging.registry, DEFINITION_SEGMENT, id)->count, 25);
    assert_true(world_change(world, 0)->initial);
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__SEGMENT, id,
                         "{\"metric\":\"orders\",\"is\":0}", false, NULL),
        0);
    assert_int_equal(registry_find(world->tagging.registry, DEFINITION_SEGMENT, id)->count, 25);
    assert_true(world_in_segment(world, 2, id));
    assert_false(world_in_segment(world, 1, id));
}

static void a_stage_that_rules_name_cannot_be_taken_off_the_list(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"stage\":\"dormant\"}", id);
    static const char shorter[] = "[{\"stage\":\"all\",\"rule\":{\"everyone\":true}}]";
    assert_int_equal(
        world_define(world, QUANYU__DEFINITION__KIND__STAGES, "stages", shorter, false, NULL), -QY_ECONFLICT);
    assert_int_equal(world_remove(world, QUANYU__DEFINITION__KIND__SEGMENT, id), 0);
    world_node(world, 1, 1, "user_id");
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    assert_int_equal(
        world_define(world, QUANYU__DEFINITION__KIND__STAGES, "stages", shorter, false, NULL), 0);
    assert_string_equal(world_profile(world, 1)->stage, "all");
}

static void wrong_rules_are_refused_with_a_pointer(void **state)
{
    struct world *world = *state;
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__SEGMENT, NULL,
                         "{\"all\":[{\"tag\":\"nobody's\"}]}", true, NULL),
        -QY_EINVAL);
    assert_string_equal(world->field, "/rule/all/0/tag");
    assert_int_equal(
        world_define(world, QUANYU__DEFINITION__KIND__SEGMENT, NULL, "{", true, NULL), -QY_EINVAL);
    assert_int_equal(
        world_define(world, QUANYU__DEFINITION__KIND__SEGMENT, NULL, "{\"stage\":\"asleep\"}", true, NULL),
        -QY_EINVAL);
    assert_int_equal(
        world_define(world, QUANYU__DEFINITION__KIND__SEGMENT, "s_9", "{\"everyone\":true}", false, NULL),
        -QY_ENOTFOUND);
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__STAGES, "stages",
                         "[{\"stage\":\"x\",\"rule\":{\"stage\":\"prospect\"}}]", false, NULL),
        -QY_EINVAL);
    char id[64];
    world_segment(world, "{\"everyone\":true}", id); /* all of it still works */
}

static void a_rolled_back_batch_leaves_no_trace(void **state)
{
    struct world *world = *state;
    char id[64];
    world_segment(world, "{\"metric\":\"orders\",\"gte\":1}", id);
    world_node(world, 1, 1, "user_id");
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    char *before = world_dump(world);
    buy(world, 1, 0);
    world_node(world, 2, 2, "user_id");
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__TAG, "t", NULL, true, NULL), 0);
    world_rollback(world);
    char *after = world_dump(world);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* The same records in batches of another size, and timers in batches of their own: the same state, the same output. */
static void batches_do_not_matter(void **state)
{
    static const struct {
        uint32_t timers_max;
        bool commits, restarts;
    } runs[] = {{0, false, false}, {0, true, false}, {1, false, false}, {1, true, true}, {3, false, true}};
    struct world *first = *state;
    char *dumps[COUNT_OF(runs)];
    uint64_t emitted[COUNT_OF(runs)];
    for (size_t run = 0; run < COUNT_OF(runs); run++) {
        struct world *world = run == 0 ? first : world_open();
        char id[64];
        world_now = world;
        world->batch.timers_max = runs[run].timers_max;
        world->restarts = runs[run].restarts;
        world_segment(world, "{\"event\":\"a\",\"within\":\"2d\",\"count\":{\"gte\":2}}", id);
        world_segment(world, "{\"stage\":[\"new\",\"active\"]}", id);
        srand(11);
        for (uint32_t i = 0; i < 500; i++) {
            uint32_t node = (uint32_t)(rand() % 40) + 1;
            if (!world->tagging.begun || people_node(&world->tagging.people, node)->person == 0)
                world_node(world, node, node, "user_id");
            world_event(
                world, (struct world_event){.node = node, .name = rand() % 3 ? "a" : "Order Completed"});
            world_time(world, world->batch.now_ms + rand() % 20000000);
            if (runs[run].commits && i % 7 == 0)
                world_commit(world);
        }
        dumps[run] = world_dump(world);
        emitted[run] = world_emitted_digest(world);
        if (run > 0)
            world_close(world);
    }
    world_now = first;
    for (size_t run = 1; run < COUNT_OF(runs); run++) {
        assert_string_equal(dumps[0], dumps[run]);
        assert_int_equal(emitted[0], emitted[run]);
        free(dumps[run]);
    }
    free(dumps[0]);
}

static void watches_report_who_is_in_and_who_comes(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    buy(world, 1, 0);
    Quanyu__WatchSet watch = QUANYU__WATCH_SET__INIT;
    watch.watch = (char *)"j_1:1:entry";
    watch.rule = world_bytes("{\"metric\":\"orders\",\"gte\":1}");
    world_record(world, 1, QUANYU__CAMPAIGN_RECORD__RECORD_WATCH, &watch.base);
    const Quanyu__MembershipChanged *change = world_change(world, 0);
    assert_true(change && change->initial && change->person == 1);
    assert_string_equal(change->set, "j_1:1:entry");
    const Quanyu__WatchReady *ready = world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_WATCH, 0);
    assert_string_equal(ready->error, "");
    world_node(world, 2, 2, "user_id");
    buy(world, 2, 0);
    change = world_change(world, 1);
    assert_true(change && !change->initial && change->person == 2);
    watch.watch = (char *)"j_1:1:other";
    watch.rule = world_bytes("{\"metric\":\"shoes\",\"gte\":1}");
    world_record(world, 1, QUANYU__CAMPAIGN_RECORD__RECORD_WATCH, &watch.base);
    ready = world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_WATCH, 1);
    assert_string_not_equal(ready->error, "");
    Quanyu__WatchDropped dropped = QUANYU__WATCH_DROPPED__INIT;
    dropped.watch = (char *)"j_1:1:entry";
    world_record(world, 1, QUANYU__CAMPAIGN_RECORD__RECORD_DROPPED, &dropped.base);
    world_node(world, 3, 3, "user_id");
    buy(world, 3, 0);
    assert_null(world_change(world, 2));
}

static void a_trigger_fires_for_each_matching_event_that_is_no_history(void **state)
{
    struct world *world = *state;
    Quanyu__WatchSet watch = QUANYU__WATCH_SET__INIT;
    watch.watch = (char *)"j_1:1:entry";
    watch.trigger = true;
    watch.rule = world_bytes("{\"all\":[{\"event\":\"a\",\"where\":[{\"property\":\"x\",\"gte\":2}]},{"
                             "\"trait\":\"city\",\"is\":\"上海\"}]}");
    world_record(world, 1, QUANYU__CAMPAIGN_RECORD__RECORD_WATCH, &watch.base);
    world_node(world, 1, 1, "user_id");
    world_event(world, (struct world_event){.node = 1, .traits = "{\"city\":\"上海\"}"});
    world_event(world, (struct world_event){.node = 1, .name = "a", .properties = "{\"x\":1}"});
    world_event(
        world, (struct world_event){.node = 1, .name = "a", .properties = "{\"x\":2}", .history = true});
    assert_null(world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_FIRED, 0));
    for (int i = 0; i < 2; i++)
        world_event(world, (struct world_event){.node = 1, .name = "a", .properties = "{\"x\":2}"});
    const Quanyu__WatchFired *fired = world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_FIRED, 1);
    assert_non_null(fired);
    assert_int_equal(fired->person, 1);
    assert_int_equal(fired->origin, world->origin - 1);
    assert_memory_equal(fired->properties.data, "{\"x\":2}", 7);
    assert_null(world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_FIRED, 2));
}

/* More people than are looked at in one batch. */
static void many_people_are_looked_at_step_by_step(void **state)
{
    struct world *world = *state;
    const uint32_t persons = 50010;
    char id[64];
    for (uint32_t node = 1; node <= persons; node++) {
        world_node(world, node, node, "user_id");
        world_event(world, (struct world_event){.node = node, .name = node % 2 ? "a" : "b"});
    }
    world_commit(world);
    world_segment(world, "{\"event\":\"a\"}", id);
    struct definition *segment = registry_find(world->tagging.registry, DEFINITION_SEGMENT, id);
    assert_int_equal(segment->count, 0);
    assert_int_not_equal(segment->build_next, 0);
    /* Somebody who has not been reached yet enters by an event, and is not counted twice. */
    world_event(world, (struct world_event){.node = persons, .name = "a"});
    assert_int_equal(segment->count, 1);
    assert_false(world_change(world, 0)->initial);
    world_commit(world);
    for (unsigned steps = 0; segment->build_next != 0; steps++) {
        assert_true(steps < 10);
        assert_int_equal(tagging_build_step(&world->tagging, &world->batch), 0);
        world_restart(world); /* whatever was not committed is done again */
        segment = registry_find(world->tagging.registry, DEFINITION_SEGMENT, id);
        assert_int_equal(tagging_build_step(&world->tagging, &world->batch), 0);
        world_commit(world);
    }
    assert_int_equal(segment->count, persons / 2 + 1);
    Quanyu__AudienceReply *reply = NULL;
    char rule[100];
    snprintf(rule, sizeof(rule), "{\"segment\":\"%s\"}", id);
    assert_int_equal(world_audience(world, rule, 0, false, &reply), 0);
    assert_int_equal(reply->count, persons / 2 + 1);
}

static void every_request_has_its_handler(void **state)
{
    (void)state;
    assert_null(rpc_service_check(&tagging_rpc));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(a_segment_follows_events_and_names_their_origin),
        TEST(stages_move_on_as_time_passes_and_back_with_an_order),
        TEST(a_window_lets_go_when_its_events_grow_old),
        TEST(imported_history_marks_what_it_causes_but_time_does_not),
        TEST(what_a_join_causes_waits_for_its_event),
        TEST(a_split_by_hand_is_settled_at_once),
        TEST(a_split_is_settled_when_time_goes_on),
        TEST(who_is_joined_into_another_leaves_what_he_was_in),
        TEST(definitions_that_refer_to_others_follow_them),
        TEST(a_new_definition_holds_for_everybody_at_once),
        TEST(a_stage_that_rules_name_cannot_be_taken_off_the_list),
        TEST(wrong_rules_are_refused_with_a_pointer),
        TEST(a_rolled_back_batch_leaves_no_trace),
        TEST(batches_do_not_matter),
        TEST(watches_report_who_is_in_and_who_comes),
        TEST(a_trigger_fires_for_each_matching_event_that_is_no_history),
        TEST(many_people_are_looked_at_step_by_step),
        cmocka_unit_test(every_request_has_its_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
