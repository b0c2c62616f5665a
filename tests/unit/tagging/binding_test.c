/* SPDX-License-Identifier: Apache-2.0 */
/* Random contacts, joins, splits, rules, transfers and changes of the organisation: bindings that are kept as facts come. */
#include "tests/unit/tagging/organised_world.h"

#define NODES 12u

/* What is kept is what all facts make, and the index says the same. */
static void check_all(struct world *world)
{
    uint64_t by_unit[STORE_C + 1] = {0}, by_guide[CHEN + 1] = {0};
    struct people *people = &world->tagging.people;
    assert_int_equal(tagging_begin(&world->tagging, &world->batch), 0);
    for (uint32_t number = 1; number <= NODES; number++) {
        const struct person *person = people_person(people, number);
        struct binding made;
        if (person->node_count == 0)
            continue;
        assert_int_equal(
            people_fold_binding(people, person, &world->tagging.rules, world->batch.now_ms, NULL, &made), 0);
        const struct binding *kept = &person->binding;
        if (kept->unit != made.unit || kept->guide != made.guide || kept->vacant != made.vacant)
            fail_msg("person %u has %u/%u%s, facts make %u/%u%s", number, kept->unit, kept->guide,
                kept->vacant ? " vacant" : "", made.unit, made.guide, made.vacant ? " vacant" : "");
        by_guide[kept->guide]++;
        for (uint32_t unit = HQ; unit <= STORE_C; unit++)
            by_unit[unit] += organisation_is_below(world->batch.txn, kept->unit, unit);
    }
    for (uint32_t unit = HQ; unit <= STORE_C; unit++)
        assert_int_equal(people_of(world, unit, 0), by_unit[unit]);
    for (uint32_t guide = LI; guide <= CHEN; guide++)
        assert_int_equal(people_of(world, 0, guide), by_guide[guide]);
}

static uint32_t some(uint32_t below)
{
    return (uint32_t)rand() % below;
}

static void random_event(struct world *world)
{
    world_event(world, (struct world_event){
                           .node = 1 + some(NODES),
                           .name = some(3) ? "Scan" : ORDER,
                           .unit = some(3) ? STORE_A + some(3) : 0,
                           .staff = some(2) ? LI + some(3) : 0,
                           .event_ms = world->batch.now_ms - (some(4) ? 0 : (int64_t)some(10) * DAY_MS),
                           .history = some(8) == 0,
                       });
}

static void random_move(struct world *world)
{
    uint32_t node = 1 + some(NODES), to = 1 + some(NODES);
    struct people *people = &world->tagging.people;
    assert_int_equal(tagging_begin(&world->tagging, &world->batch), 0);
    uint32_t from = people_node(people, node)->person;
    bool exists = people_person(people, to)->node_count > 0 || to == node;
    if (from != to && exists && (to == node || from != node))
        world_move(world, &node, 1, from, to);
}

/* Several units at once; what would stand below itself stays. One by one, or whole blocks of people. */
static void random_tree(struct world *world)
{
    static const uint32_t parents[] = {HQ, NORTH, SOUTH};
    Quanyu__OrganisationChanged changed = QUANYU__ORGANISATION_CHANGED__INIT;
    Quanyu__OrganisationChanged__Place places[8], *list[8];
    changed.n_places = 1 + some(8);
    changed.places = list;
    for (size_t i = 0; i < changed.n_places; i++) {
        list[i] = &places[i];
        quanyu__organisation_changed__place__init(list[i]);
        list[i]->unit = NORTH + some(some(2) ? 2 : 5);
        list[i]->parent = parents[some(COUNT_OF(parents))];
    }
    world->tagging.few_people = some(2) ? 1000 : some(4);
    world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_ORGANISATION, &changed.base);
}

static void random_step(struct world *world)
{
    static const uint32_t parents[][3] = {{HQ, NORTH, SOUTH}, {NORTH, SOUTH, HQ}};
    Quanyu__BindingRules rules = QUANYU__BINDING_RULES__INIT;
    switch (some(28)) {
    case 0:
        rules.unit_by_purchase = some(4) == 0;
        rules.guide_by_purchase = some(4) == 0;
        rules.purchase_outranks = some(2) != 0;
        rules.elsewhere = (Quanyu__BindingRules__Elsewhere)some(3);
        rules.guide_keeps_ms = some(3) ? (int64_t)(1 + some(9)) * DAY_MS : 0;
        set_rules(world, rules);
        break;
    case 1:
        world_staff(world, LI + some(3), STORE_A + some(3), some(2));
        break;
    case 2:
        world_unit(world, STORE_A + some(3), parents[some(2)][some(3)], false);
        break;
    case 3:
        if (some(10) == 0)
            world_unit(world, STORE_A + some(2), NORTH, true);
        break;
    case 4:
        (void)bind(world, 1 + some(NODES), some(2) ? STORE_A + some(3) : 0, some(2) ? LI + some(3) : 0);
        break;
    case 5:
    case 6:
        random_move(world);
        break;
    case 9:
    case 10:
    case 11:
    case 12:
        random_tree(world);
        break;
    case 7:
        world_time(world, world->batch.now_ms + (int64_t)some(3) * DAY_MS);
        break;
    case 8: {
        Quanyu__TransferRequest asked = QUANYU__TRANSFER_REQUEST__INIT;
        uint64_t found;
        asked.from_guide = LI + some(3);
        asked.guide = LI + some(3);
        (void)transfer(world, asked, &found);
        break;
    }
    default:
        random_event(world);
    }
}

static void what_is_kept_is_what_all_facts_make(void **state)
{
    struct world *world = *state;
    const char *fixed = getenv("QUANYU_SEED");
    unsigned seed = fixed ? (unsigned)strtoul(fixed, NULL, 10) : (unsigned)getpid();
    print_message("QUANYU_SEED=%u\n", seed);
    srand(seed);
    for (uint32_t number = 1; number <= NODES; number++)
        person(world, number);
    for (unsigned i = 0; i < 2000; i++) {
        random_step(world);
        check_all(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_is_what_all_facts_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
