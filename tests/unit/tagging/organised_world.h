/* SPDX-License-Identifier: Apache-2.0 */
/* A world with an organisation, and what is asked of it about bindings. */
#ifndef QY_TESTS_TAGGING_ORGANISED_WORLD_H
#define QY_TESTS_TAGGING_ORGANISED_WORLD_H

#include "tests/unit/tagging/world.h"

#define ORDER "Order Completed"
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

enum { HQ = 1, NORTH, SOUTH, STORE_A, STORE_B, STORE_C };
enum { LI = 1, WANG, CHEN };

static inline int open_world(void **state)
{
    struct world *world = world_open();
    world_unit(world, HQ, 0, false);
    world_unit(world, NORTH, HQ, false);
    world_unit(world, SOUTH, HQ, false);
    world_unit(world, STORE_A, NORTH, false);
    world_unit(world, STORE_B, NORTH, false);
    world_unit(world, STORE_C, SOUTH, false);
    world_staff(world, LI, STORE_A, false);
    world_staff(world, WANG, STORE_B, false);
    world_staff(world, CHEN, STORE_C, false);
    *state = world;
    return 0;
}

static inline int close_world(void **state)
{
    world_close(*state);
    return 0;
}

/* -- asking -- */

static inline void person(struct world *world, uint32_t number)
{
    world_node(world, number, number, "user_id");
}

static inline void check(struct world *world, uint32_t number, uint32_t unit, uint32_t guide)
{
    const Quanyu__Binding *binding = world_profile(world, number)->binding;
    if (binding->unit != unit || binding->guide != guide)
        fail_msg("person %u is u_%u's and st_%u's, not u_%u's and st_%u's", number, binding->unit,
            binding->guide, unit, guide);
}

static inline void history(struct world *world, uint32_t number, const char *expected)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__BindingsRequest question = QUANYU__BINDINGS_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    char text[600] = "";
    size_t used = 0;
    question.person = number;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_BINDINGS;
    request.bindings = &question;
    assert_int_equal(world_ask(world, &request, &reply), 0);
    for (size_t i = reply.bindings->n_changes; i > 0; i--) {
        const Quanyu__BindingsReply__Change *change = reply.bindings->changes[i - 1];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%lld:%u/%u %s", used ? ", " : "",
            (long long)((change->from_ms - WORLD_START) / DAY_MS), change->unit, change->guide,
            change->cause);
        assert_true(i > 1 ? change->to_ms != 0 : change->to_ms == 0);
    }
    assert_string_equal(text, expected);
}

static inline int bind(struct world *world, uint32_t number, uint32_t unit, uint32_t guide)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__BindRequest change = QUANYU__BIND_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    change.person = number;
    change.unit = unit;
    change.guide = guide;
    change.reason = (char *)"asked for it";
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_BIND;
    request.bind = &change;
    return world_ask(world, &request, &reply);
}

static inline int transfer(struct world *world, Quanyu__TransferRequest asked, uint64_t *ret_found)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    asked.reason = (char *)"a store closes";
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_TRANSFER;
    request.transfer = &asked;
    int code = world_ask(world, &request, &reply);
    if (code == 0)
        *ret_found = reply.transfer->found;
    return code;
}

static inline void set_rules(struct world *world, Quanyu__BindingRules rules)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_SET_BINDING_RULES;
    request.set_binding_rules = &rules;
    assert_int_equal(world_ask(world, &request, &reply), 0);
}

static inline uint64_t people_of(struct world *world, uint32_t unit, uint32_t guide)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__PeopleRequest question = QUANYU__PEOPLE_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    question.unit = unit;
    question.guide = guide;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_PEOPLE;
    request.people = &question;
    int code = world_ask(world, &request, &reply);
    assert_true(code == 0 || code == -QY_ENOTFOUND); /* a unit that was removed has nobody */
    return code ? 0 : reply.people->count;
}

static inline void visit(struct world *world, uint32_t node, uint32_t unit, uint32_t staff)
{
    world_event(world, (struct world_event){.node = node, .name = "Scan", .unit = unit, .staff = staff});
}

static inline void buy(struct world *world, uint32_t node, uint32_t unit, uint32_t staff)
{
    world_event(world, (struct world_event){.node = node, .name = ORDER, .unit = unit, .staff = staff});
}

static inline void after_days(struct world *world, int days)
{
    world_time(world, WORLD_START + days * DAY_MS);
}

#endif
