/* SPDX-License-Identifier: Apache-2.0 */
/* Whose people: home units, guides, and what an actor may see. */
#include "tests/unit/tagging/organised_world.h"

/* -- rules -- */

static void the_first_contact_binds_and_a_purchase_outranks_it(void **state)
{
    struct world *world = *state;
    person(world, 1);
    world_event(world, (struct world_event){.node = 1, .name = "Page"});
    check(world, 1, 0, 0);
    visit(world, 1, STORE_A, 0);
    check(world, 1, STORE_A, 0);
    after_days(world, 1);
    visit(world, 1, STORE_B, WANG);
    check(world, 1, STORE_A, WANG);
    after_days(world, 2);
    buy(world, 1, 0, CHEN);
    check(world, 1, STORE_C, CHEN);
    after_days(world, 3);
    buy(world, 1, STORE_A, LI);
    check(world, 1, STORE_C, CHEN);
    history(world, 1, "0:4/0 contact, 1:4/2 contact, 2:6/3 purchase");
    const Quanyu__BindingChanged *changed = world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_BINDING, 2);
    assert_int_equal(changed->unit_before, STORE_A);
    assert_int_equal(changed->guide_before, WANG);
    assert_int_equal(changed->guide, CHEN);
    assert_string_equal(changed->cause, "purchase");
}

static void a_purchase_elsewhere_does_what_the_rules_of_its_time_say(void **state)
{
    struct world *world = *state;
    Quanyu__BindingRules rules = QUANYU__BINDING_RULES__INIT;
    person(world, 1);
    buy(world, 1, STORE_A, LI);
    after_days(world, 1);
    rules.elsewhere = QUANYU__BINDING_RULES__ELSEWHERE__MOVE_UNIT;
    set_rules(world, rules);
    check(world, 1, STORE_A, LI);
    buy(world, 1, STORE_B, WANG);
    check(world, 1, STORE_B, LI);
    after_days(world, 2);
    rules.elsewhere = QUANYU__BINDING_RULES__ELSEWHERE__MOVE_BOTH;
    set_rules(world, rules);
    world_event(world, (struct world_event){.node = 1,
                           .name = ORDER,
                           .unit = STORE_C,
                           .staff = CHEN,
                           .event_ms = WORLD_START + DAY_MS + 1000});
    check(world, 1, STORE_C, LI); /* late: it happened while a purchase moved the unit alone */
    buy(world, 1, STORE_A, WANG);
    check(world, 1, STORE_A, WANG);
    buy(world, 1, STORE_B, 0);
    check(world, 1, STORE_B, 0);
    rules.unit_by_purchase = rules.guide_by_purchase = true;
    set_rules(world, rules);
    person(world, 2);
    visit(world, 2, STORE_A, LI);
    check(world, 2, 0, 0);
    buy(world, 2, STORE_A, LI);
    check(world, 2, STORE_A, LI);
}

static void a_guide_keeps_somebody_as_long_as_there_is_contact(void **state)
{
    struct world *world = *state;
    Quanyu__BindingRules rules = QUANYU__BINDING_RULES__INIT;
    person(world, 1);
    person(world, 2);
    visit(world, 1, STORE_A, LI);
    visit(world, 2, STORE_A, LI);
    after_days(world, 5);
    rules.guide_keeps_ms = 10 * DAY_MS;
    set_rules(world, rules);
    visit(world, 2, STORE_A, LI);
    after_days(world, 10);
    check(world, 1, STORE_A, 0);
    check(world, 2, STORE_A, LI);
    world_event(world,
        (struct world_event){
            .node = 1, .name = "Scan", .unit = STORE_A, .staff = LI, .event_ms = WORLD_START + 9 * DAY_MS});
    check(world, 1, STORE_A, LI); /* it came late, and had been in time */
    after_days(world, 15);
    check(world, 2, STORE_A, 0);
    rules.guide_keeps_ms = 2 * DAY_MS;
    set_rules(world, rules);
    check(world, 1, STORE_A, 0);
    history(world, 1, "0:4/1 contact, 15:4/0 expiry");
}

static void who_leaves_guides_nobody_and_is_asked_for_until_somebody_comes(void **state)
{
    struct world *world = *state;
    uint64_t found;
    for (uint32_t number = 1; number <= 3; number++) {
        person(world, number);
        visit(world, number, STORE_A, LI);
    }
    after_days(world, 1);
    world_staff(world, LI, STORE_A, true);
    check(world, 1, STORE_A, 0);
    assert_int_equal(people_of(world, 0, LI), 3);
    visit(world, 2, STORE_B, WANG);
    check(world, 2, STORE_A, WANG);
    visit(world, 3, STORE_A, LI);
    check(world, 3, STORE_A, 0);
    assert_int_equal(people_of(world, 0, LI), 2);
    Quanyu__TransferRequest asked = QUANYU__TRANSFER_REQUEST__INIT;
    asked.from_guide = LI;
    asked.guide = LI;
    assert_int_equal(transfer(world, asked, &found), -QY_ECONFLICT);
    asked.guide = WANG;
    asked.dry_run = true;
    assert_int_equal(transfer(world, asked, &found), 0);
    assert_int_equal(found, 2);
    check(world, 1, STORE_A, 0);
    asked.dry_run = false;
    assert_int_equal(transfer(world, asked, &found), 0);
    assert_int_equal(found, 2);
    check(world, 1, STORE_B, WANG);
    check(world, 3, STORE_B, WANG);
    assert_int_equal(people_of(world, 0, LI), 0);
    assert_int_equal(people_of(world, 0, WANG), 3);
    history(world, 1, "0:4/1 contact, 1:5/2 handover");
    const Quanyu__TaggingAct *act = world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_ACT, 1);
    assert_int_equal(act->person, 3);
    assert_string_equal(act->detail,
        "{\"before\":{\"home_unit\":\"u_4\",\"guide\":null},\"after\":{\"home_unit\":\"u_5\",\"guide\":"
        "\"st_2\"},\"cause\":\"handover\",\"reason\":\"a store closes\",\"transfer\":2}");
}

static void who_is_made_later_has_served_nobody_before(void **state)
{
    struct world *world = *state;
    person(world, 1);
    visit(world, 1, STORE_A, CHEN + 1);
    check(world, 1, STORE_A, 0);
    after_days(world, 1);
    world_staff(world, CHEN + 1, STORE_C, false);
    history(world, 1, "0:4/0 contact");
    person(world, 2);
    visit(world, 2, 0, CHEN + 2);
    check(world, 2, 0, 0);
    uint32_t node = 2;
    world_move(world, &node, 1, 2, 1);
    check(world, 1, STORE_A, 0);
    visit(world, 1, 0, CHEN + 1);
    check(world, 1, STORE_A, CHEN + 1);
}

static void what_never_held_is_not_history(void **state)
{
    struct world *world = *state;
    person(world, 1);
    visit(world, 1, STORE_A, LI);
    after_days(world, 1);
    assert_int_equal(bind(world, 1, STORE_B, WANG), 0);
    history(world, 1, "0:4/1 contact, 1:5/2 hand");
    assert_int_equal(bind(world, 1, STORE_A, LI), 0);
    history(world, 1, "0:4/1 contact");
    after_days(world, 2);
    assert_int_equal(bind(world, 1, STORE_B, LI), 0);
    history(world, 1, "0:4/1 contact, 2:5/1 hand");
}

/* -- the tree -- */

static void people_of_a_subtree_follow_its_units(void **state)
{
    struct world *world = *state;
    for (uint32_t number = 1; number <= 4; number++)
        person(world, number);
    visit(world, 1, STORE_A, 0);
    visit(world, 2, STORE_B, 0);
    visit(world, 3, STORE_C, 0);
    assert_int_equal(people_of(world, HQ, 0), 3);
    assert_int_equal(people_of(world, NORTH, 0), 2);
    world_unit(world, STORE_B, SOUTH, false);
    assert_int_equal(people_of(world, NORTH, 0), 1);
    assert_int_equal(people_of(world, SOUTH, 0), 2);
    world_unit(world, SOUTH, STORE_B, false); /* a cycle changes nothing */
    assert_int_equal(people_of(world, SOUTH, 0), 2);
    world_unit(world, SOUTH, NORTH, false);
    assert_int_equal(people_of(world, NORTH, 0), 3);
    assert_int_equal(people_of(world, HQ, 0), 3);
    after_days(world, 1);
    world_unit(world, STORE_B, SOUTH, true);
    check(world, 2, SOUTH, 0);
    visit(world, 4, STORE_B, 0);
    check(world, 4, SOUTH, 0);
    history(world, 2, "0:5/0 contact, 1:3/0 removal");
    assert_int_equal(people_of(world, SOUTH, 0), 3);
    world_restart(world);
    check(world, 4, SOUTH, 0);
}

/* -- joins and splits -- */

static void a_join_is_as_if_it_had_always_been_one_and_a_split_as_if_never(void **state)
{
    struct world *world = *state;
    person(world, 1);
    person(world, 2);
    visit(world, 2, STORE_B, WANG);
    after_days(world, 1);
    visit(world, 1, STORE_A, LI);
    assert_int_equal(bind(world, 2, 0, CHEN), 0);
    check(world, 2, STORE_C, CHEN);
    after_days(world, 2);
    world_move(world, (uint32_t[]){2}, 1, 2, 1);
    check(world, 1, STORE_C, CHEN);
    history(world, 1, "0:5/2 join, 1:6/3 join");
    assert_int_equal(bind(world, 2, STORE_A, 0), 0);
    check(world, 1, STORE_A, 0);
    world_move(world, (uint32_t[]){2}, 1, 1, 2);
    check(world, 1, STORE_A, LI);
    check(world, 2, STORE_A, 0);
    history(world, 1, "1:4/1 contact");
}

/* -- scope -- */

static uint64_t count_in(struct world *world, const char *rule)
{
    Quanyu__AudienceReply *by_index = NULL, *by_scan = NULL;
    assert_int_equal(world_audience(world, rule, 0, false, &by_index), 0);
    uint64_t count = by_index->count;
    assert_int_equal(world_audience(world, rule, 0, true, &by_scan), 0);
    assert_int_equal(by_scan->count, count);
    return count;
}

static void what_lies_beyond_the_scope_does_not_exist(void **state)
{
    struct world *world = *state;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__ProfileRequest question = QUANYU__PROFILE_REQUEST__INIT;
    Quanyu__CountsRequest counts = QUANYU__COUNTS_REQUEST__INIT;
    Quanyu__Scope scope = QUANYU__SCOPE__INIT;
    Quanyu__TaggingReply reply;
    for (uint32_t number = 1; number <= 4; number++)
        person(world, number);
    visit(world, 1, STORE_A, LI);
    visit(world, 2, STORE_B, LI);
    visit(world, 3, STORE_C, CHEN);
    world_profile(world, 1);
    world->scope = &scope;
    assert_int_equal(count_in(world, "{\"everyone\":true}"), 0);
    scope.unit = NORTH;
    assert_int_equal(count_in(world, "{\"everyone\":true}"), 2);
    assert_int_equal(count_in(world, "{\"not\":{\"everyone\":true}}"), 0);
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_PROFILE;
    request.profile = &question;
    question.person = 3;
    assert_int_equal(world_ask(world, &request, &reply), -QY_ENOTFOUND);
    question.person = 4;
    assert_int_equal(world_ask(world, &request, &reply), -QY_ENOTFOUND);
    question.person = 1;
    assert_int_equal(world_ask(world, &request, &reply), 0);
    assert_int_equal(bind(world, 3, STORE_A, 0), -QY_ENOTFOUND);
    assert_int_equal(bind(world, 1, STORE_C, 0), -QY_ENOTFOUND);
    assert_int_equal(bind(world, 1, 0, CHEN), -QY_ENOTFOUND);
    assert_int_equal(bind(world, 1, 0, WANG), 0);
    scope.unit = STORE_B;
    scope.staff = CHEN;
    assert_int_equal(count_in(world, "{\"everyone\":true}"), 3); /* two by the unit, one by the guide */
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_COUNTS;
    request.counts = &counts;
    assert_int_equal(world_ask(world, &request, &reply), 0);
    assert_int_equal(reply.counts->persons, 3);
    assert_true(reply.counts->scoped);
    assert_int_equal(reply.counts->events, 0);
}

static void counts_of_definitions_are_of_those_in_scope(void **state)
{
    struct world *world = *state;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__DefinitionsRequest question = QUANYU__DEFINITIONS_REQUEST__INIT;
    Quanyu__ChangesRequest changes = QUANYU__CHANGES_REQUEST__INIT;
    Quanyu__Scope scope = QUANYU__SCOPE__INIT;
    Quanyu__TaggingReply reply;
    char id[64];
    world_segment(world, "{\"event\":\"Scan\",\"count\":{\"gte\":1}}", id);
    for (uint32_t number = 1; number <= 3; number++) {
        person(world, number);
        visit(world, number, number == 1 ? STORE_A : STORE_C, 0);
    }
    scope.unit = SOUTH;
    world->scope = &scope;
    question.id = id;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_DEFINITIONS;
    request.definitions = &question;
    assert_int_equal(world_ask(world, &request, &reply), 0);
    assert_int_equal(reply.definitions->definitions[0]->count, 2);
    assert_int_equal(reply.definitions->definitions[0]->entered, 0);
    changes.segment = id;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_CHANGES;
    request.changes = &changes;
    assert_int_equal(world_ask(world, &request, &reply), 0);
    assert_int_equal(reply.changes->n_changes, 2);
    scope.unit = NORTH;
    assert_int_equal(world_ask(world, &request, &reply), 0);
    assert_int_equal(reply.changes->n_changes, 1);
    assert_int_equal(reply.changes->changes[0]->person, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_contact_binds_and_a_purchase_outranks_it),
        TEST(a_purchase_elsewhere_does_what_the_rules_of_its_time_say),
        TEST(a_guide_keeps_somebody_as_long_as_there_is_contact),
        TEST(who_leaves_guides_nobody_and_is_asked_for_until_somebody_comes),
        TEST(who_is_made_later_has_served_nobody_before),
        TEST(what_never_held_is_not_history),
        TEST(people_of_a_subtree_follow_its_units),
        TEST(a_join_is_as_if_it_had_always_been_one_and_a_split_as_if_never),
        TEST(what_lies_beyond_the_scope_does_not_exist),
        TEST(counts_of_definitions_are_of_those_in_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
