/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about home units and guides: segments follow whatever changes them, and whichever way a rule is asked, it is the people whose
 * bindings say so. */
#include "tests/unit/tagging/organised_world.h"

#include <stdlib.h>

/* -- one by one -- */

static const char *segment(struct world *world, const char *rule)
{
    static char ids[8][64];
    static unsigned next;
    char *id = ids[next++ % COUNT_OF(ids)];
    world_segment(world, rule, id);
    return id;
}

/* "3+event 1-organisation": who entered and left, and why, oldest first. */
static void changed(struct world *world, const char *id, const char *expected)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__ChangesRequest question = QUANYU__CHANGES_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    char text[600] = "";
    size_t used = 0;
    question.segment = (char *)(uintptr_t)id;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_CHANGES;
    request.changes = &question;
    assert_int_equal(world_ask(world, &request, &reply), 0);
    for (size_t i = reply.changes->n_changes; i > 0; i--) {
        const Quanyu__ChangesReply__Change *change = reply.changes->changes[i - 1];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u%c%s", used ? " " : "",
            change->person, change->entered ? '+' : '-', change->cause);
    }
    assert_string_equal(text, expected);
}

static void a_contact_brings_somebody_in_and_a_removal_takes_out(void **state)
{
    struct world *world = *state;
    const char *north = segment(world, "{\"unit\":\"u_2\"}"),
               *store = segment(world, "{\"unit\":[\"u_6\",\"u_4\"]}"),
               *none = segment(world, "{\"unit\":{\"exists\":false}}");
    person(world, 1);
    person(world, 2);
    visit(world, 1, STORE_A, 0);
    world_event(world, (struct world_event){.node = 2, .name = "Seen"});
    changed(world, north, "1+event");
    changed(world, store, "1+event");
    changed(world, none, "2+event");
    world_unit(world, STORE_A, NORTH, true);
    changed(world, north, "1+event");
    changed(world, store, "1+event 1-organisation");
    world_restart(world);
    assert_true(world_in_segment(world, 1, north));
    assert_false(world_in_segment(world, 1, store));
}

static void who_moves_with_a_unit_leaves_what_was_above_and_enters_what_is(void **state)
{
    struct world *world = *state;
    const char *north = segment(world, "{\"unit\":\"u_2\"}"), *south = segment(world, "{\"unit\":\"u_3\"}"),
               *brand = segment(world, "{\"unit\":\"u_1\"}");
    for (uint32_t number = 1; number <= 3; number++)
        person(world, number);
    visit(world, 1, STORE_A, LI);
    visit(world, 2, STORE_B, WANG);
    visit(world, 3, STORE_C, CHEN);
    world_unit(world, STORE_B, SOUTH, false);
    changed(world, north, "1+event 2+event 2-organisation");
    changed(world, south, "3+event 2+organisation");
    world_unit(world, SOUTH, NORTH, false);
    changed(world, north, "1+event 2+event 2-organisation 2+organisation 3+organisation");
    changed(world, south, "3+event 2+organisation");
    changed(world, brand, "1+event 2+event 3+event");
}

static void a_guide_who_leaves_or_is_not_seen_guides_nobody(void **state)
{
    struct world *world = *state;
    const char *li = segment(world, "{\"guide\":\"st_1\"}"),
               *some = segment(world, "{\"guide\":[\"st_2\",\"st_3\"]}"),
               *nobody = segment(world, "{\"guide\":{\"exists\":false}}");
    Quanyu__BindingRules rules = QUANYU__BINDING_RULES__INIT;
    rules.guide_keeps_ms = 10 * DAY_MS;
    set_rules(world, rules);
    person(world, 1);
    person(world, 2);
    visit(world, 1, STORE_A, LI);
    visit(world, 2, STORE_B, WANG);
    world_staff(world, LI, STORE_A, true);
    changed(world, li, "1+event 1-organisation");
    changed(world, nobody, "2+event 2-event 1+organisation");
    after_days(world, 11);
    changed(world, some, "2+event 2-time");
    changed(world, nobody, "2+event 2-event 1+organisation 2+time");
    assert_int_equal(bind(world, 1, 0, CHEN), 0);
    changed(world, some, "2+event 2-time 1+hand");
    changed(world, nobody, "2+event 2-event 1+organisation 2+time 1-hand");
}

static void a_join_and_a_split_take_the_binding_along(void **state)
{
    struct world *world = *state;
    const char *li = segment(world, "{\"all\":[{\"guide\":\"st_1\"},{\"unit\":\"u_2\"}]}");
    person(world, 1);
    person(world, 2);
    world_event(world, (struct world_event){.node = 1, .name = "Seen"});
    visit(world, 2, STORE_A, LI);
    changed(world, li, "2+event");
    world_move(world, (uint32_t[]){2}, 1, 2, 1);
    world_event(world, (struct world_event){.node = 1, .name = "Seen"});
    changed(world, li, "2+event 2-join 1+event");
    world_move(world, (uint32_t[]){2}, 1, 1, 2);
    world_event(world, (struct world_event){.node = 1, .name = "Seen"});
    changed(world, li, "2+event 2-join 1+event 1-event 2+event");
}

static void a_trigger_looks_at_whose_somebody_is(void **state)
{
    struct world *world = *state;
    Quanyu__WatchSet watch = QUANYU__WATCH_SET__INIT;
    watch.watch = (char *)"j_1:1";
    watch.trigger = true;
    watch.rule = world_bytes("{\"all\":[{\"event\":\"Scan\"},{\"unit\":\"u_2\"}]}");
    world_record(world, 1, QUANYU__CAMPAIGN_RECORD__RECORD_WATCH, &watch.base);
    person(world, 1);
    person(world, 2);
    visit(world, 2, STORE_C, 0);
    visit(world, 1, STORE_A, 0);
    const Quanyu__WatchFired *fired = world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_FIRED, 0);
    assert_int_equal(fired->person, 1);
    assert_null(world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_FIRED, 1));
}

static void there_is_no_asking_as_of_an_earlier_time(void **state)
{
    struct world *world = *state;
    Quanyu__AudienceReply *reply = NULL;
    after_days(world, 2);
    assert_int_equal(
        world_audience(world, "{\"not\":{\"unit\":\"u_2\"}}", WORLD_START, false, &reply), -QY_EINVAL);
    assert_string_equal(world->field, "/rule/not/unit");
    assert_int_equal(
        world_audience(world, "{\"guide\":{\"exists\":true}}", WORLD_START, false, &reply), -QY_EINVAL);
    assert_string_equal(world->field, "/rule/guide");
}

static void as_many_units_as_a_rule_may_name_are_asked_at_once(void **state)
{
    struct world *world = *state;
    _cleanup_(buffer_free) struct buffer rule = BUFFER_INIT;
    Quanyu__AudienceReply *reply = NULL;
    buffer_text(&rule, "{\"unit\":[\"u_4\"");
    for (unsigned unit = 7; unit < 7 + RULE_LIST_MAX - 1; unit++)
        buffer_printf(&rule, ",\"u_%u\"", unit);
    buffer_text(&rule, "]}");
    person(world, 1);
    person(world, 2);
    visit(world, 1, STORE_A, 0);
    visit(world, 2, STORE_B, 0);
    assert_int_equal(world_audience(world, buffer_c_str(&rule), 0, false, &reply), 0);
    assert_int_equal(reply->count, 1);
}

/* -- at random, against what the profiles say -- */

#define PEOPLE 24u
#define UNITS 12u
#define STAFF 5u

struct model {
    uint32_t parent[UNITS + 1];
    bool removed[UNITS + 1], left[STAFF + 1];
    uint32_t person[PEOPLE + 1]; /* whom a node belongs to */
};

struct bound {
    uint32_t unit, guide;
};

static bool within(const struct model *model, uint32_t unit, uint32_t above)
{
    while (unit && unit != above)
        unit = model->parent[unit];
    return unit != 0;
}

typedef bool holds_fn(const struct model *model, struct bound bound);
static bool is_north(const struct model *model, struct bound bound)
{
    return within(model, bound.unit, NORTH);
}
static bool is_of_two(const struct model *model, struct bound bound)
{
    return within(model, bound.unit, STORE_A) || within(model, bound.unit, SOUTH);
}
static bool has_unit(const struct model *model, struct bound bound)
{
    (void)model;
    return bound.unit != 0;
}
static bool is_lis(const struct model *model, struct bound bound)
{
    (void)model;
    return bound.guide == LI;
}
static bool has_no_guide(const struct model *model, struct bound bound)
{
    (void)model;
    return bound.guide == 0;
}
static bool is_mixed(const struct model *model, struct bound bound)
{
    return within(model, bound.unit, SOUTH) ? bound.guide != CHEN : bound.guide == WANG || bound.guide == LI;
}

static const struct {
    const char *rule;
    holds_fn *holds;
} cases[] = {
    {"{\"unit\":\"u_2\"}", is_north},
    {"{\"unit\":[\"u_4\",\"u_3\",\"u_999\"]}", is_of_two},
    {"{\"unit\":{\"exists\":true}}", has_unit},
    {"{\"guide\":\"st_1\"}", is_lis},
    {"{\"guide\":{\"exists\":false}}", has_no_guide},
    {"{\"any\":[{\"all\":[{\"unit\":\"u_3\"},{\"not\":{\"guide\":\"st_3\"}}]},"
     "{\"all\":[{\"not\":{\"unit\":\"u_3\"}},{\"guide\":[\"st_2\",\"st_1\"]}]}]}",
        is_mixed},
};

static void check_audience(
    struct world *world, size_t which, const bool expected[PEOPLE + 1], bool by_scan, const char *when)
{
    Quanyu__AudienceReply *reply = NULL;
    bool found[PEOPLE + 1] = {false};
    assert_int_equal(world_audience(world, cases[which].rule, 0, by_scan, &reply), 0);
    for (size_t i = 0; i < reply->n_persons; i++)
        found[reply->persons[i]] = true;
    for (uint32_t number = 1; number <= PEOPLE; number++)
        if (found[number] != expected[number])
            fail_msg("%s: %s by %s: person %u is%s meant", when, cases[which].rule,
                by_scan ? "scan" : "index", number, found[number] ? "" : " not");
}

static bool is_member(const Quanyu__ProfileReply *profile, const char *segment)
{
    for (size_t i = 0; i < profile->n_segments; i++)
        if (strcmp(profile->segments[i]->id, segment) == 0)
            return true;
    return false;
}

static void check_all(struct world *world, const struct model *model, char segments[][64], const char *when)
{
    bool expected[COUNT_OF(cases)][PEOPLE + 1] = {0};
    for (uint32_t number = 1; number <= PEOPLE; number++) {
        if (model->person[number] != number)
            continue;
        const Quanyu__ProfileReply *profile = world_profile(world, number);
        const struct bound bound = {profile->binding->unit, profile->binding->guide};
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            expected[i][number] = cases[i].holds(model, bound);
            if (is_member(profile, segments[i]) != expected[i][number])
                fail_msg("%s: %s: person %u of u_%u and st_%u", when, cases[i].rule, number, bound.unit,
                    bound.guide);
        }
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_audience(world, i, expected[i], false, when);
        check_audience(world, i, expected[i], true, when);
    }
}

static uint32_t pick(uint32_t most)
{
    return (uint32_t)(random() % (long)most) + 1;
}

static void join_or_part(struct world *world, struct model *model)
{
    uint32_t node = pick(PEOPLE), other = pick(PEOPLE), from = model->person[node];
    if (from != node) { /* it goes its own way again */
        world_move(world, &node, 1, from, node);
        model->person[node] = node;
        return;
    }
    for (uint32_t number = 1; number <= PEOPLE; number++)
        if (number != node && model->person[number] == node)
            return;
    if (model->person[other] == other && other < node) {
        world_move(world, &node, 1, node, other);
        model->person[node] = other;
    }
}

static void move_unit(struct world *world, struct model *model)
{
    uint32_t unit = pick(UNITS - 1) + 1, parent = pick(UNITS);
    if (model->removed[unit] || model->removed[parent] || within(model, parent, unit))
        return;
    world_unit(world, unit, parent, false);
    model->parent[unit] = parent;
}

static void remove_unit(struct world *world, struct model *model)
{
    uint32_t unit = pick(UNITS - 1) + 1;
    for (uint32_t below = 1; below <= UNITS; below++)
        if (model->parent[below] == unit && !model->removed[below])
            return;
    if (model->removed[unit] || unit <= STORE_C)
        return;
    world_unit(world, unit, model->parent[unit], true);
    model->removed[unit] = true;
}

static void step(struct world *world, struct model *model, int day, char text[64])
{
    uint32_t number = pick(PEOPLE), unit = pick(UNITS + 1) % (UNITS + 1),
             staff = pick(STAFF + 1) % (STAFF + 1);
    long action = random() % 12;
    snprintf(text, 64, "action %ld on day %d", action, day);
    if (action < 4) {
        visit(world, number, unit, staff);
    } else if (action < 6) {
        buy(world, number, unit, staff);
    } else if (action == 6 && model->person[number] == number) {
        (void)bind(world, number, unit, staff);
    } else if (action == 7) {
        move_unit(world, model);
    } else if (action == 8) {
        remove_unit(world, model);
    } else if (action == 9) {
        model->left[pick(STAFF)] = true;
        for (uint32_t i = 1; i <= STAFF; i++)
            if (model->left[i])
                world_staff(world, i, STORE_A, random() % 3 != 0);
    } else if (action == 10) {
        join_or_part(world, model);
    } else {
        world_restart(world);
    }
}

static void begin(struct world *world, struct model *model, char segments[][64])
{
    static const uint32_t parents[] = {
        [HQ] = 0, [NORTH] = HQ, [SOUTH] = HQ, [STORE_A] = NORTH, [STORE_B] = NORTH, [STORE_C] = SOUTH};
    *model = (struct model){0};
    for (uint32_t unit = HQ; unit <= UNITS; unit++) {
        model->parent[unit] = unit <= STORE_C ? parents[unit] : STORE_A + unit % 3;
        if (unit > STORE_C)
            world_unit(world, unit, model->parent[unit], false);
    }
    for (uint32_t staff = CHEN + 1; staff <= STAFF; staff++)
        world_staff(world, staff, STORE_A + staff, false);
    for (uint32_t number = 1; number <= PEOPLE; number++) {
        person(world, number);
        model->person[number] = number;
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        world_segment(world, cases[i].rule, segments[i]);
}

static void segments_and_audiences_say_what_bindings_do(void **state)
{
    struct world *world = *state;
    struct model model;
    char segments[COUNT_OF(cases)][64], text[64];
    Quanyu__BindingRules rules = QUANYU__BINDING_RULES__INIT;
    srandom(20261130);
    begin(world, &model, segments);
    rules.guide_keeps_ms = 7 * DAY_MS;
    rules.purchase_outranks = true;
    rules.elsewhere = QUANYU__BINDING_RULES__ELSEWHERE__MOVE_BOTH;
    set_rules(world, rules);
    index_limit_log(world->tagging.index, 60); /* rows are merged now and then */
    for (int day = 1; day <= 250; day++) {
        step(world, &model, day, text);
        if (random() % 3 == 0)
            after_days(world, day); /* else the same day goes on */
        world_event(world,
            (struct world_event){.node = pick(PEOPLE), .name = "Seen"}); /* whoever waits is looked at */
        check_all(world, &model, segments, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_contact_brings_somebody_in_and_a_removal_takes_out),
        TEST(who_moves_with_a_unit_leaves_what_was_above_and_enters_what_is),
        TEST(a_guide_who_leaves_or_is_not_seen_guides_nobody),
        TEST(a_join_and_a_split_take_the_binding_along),
        TEST(a_trigger_looks_at_whose_somebody_is),
        TEST(there_is_no_asking_as_of_an_earlier_time),
        TEST(as_many_units_as_a_rule_may_name_are_asked_at_once),
        TEST(segments_and_audiences_say_what_bindings_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
