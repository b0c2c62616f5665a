/* SPDX-License-Identifier: Apache-2.0 */
/* A list of staff shows exactly whom its filter and its scope let through, in order of number, whoever else there is. */
#include "services/gateway/staff_roster.h"
#include "tests/unit/gateway/write_key_fixture.h"

#define STAFF 1000u
#define UNITS 15u  /* a binary tree: u is below u / 2 */
#define REMOVED 2u /* units that are no more, behind them */

struct world {
    struct store *store;
    struct store_txn *txn;
    struct arena *arena;
    struct unit_tree *tree;
};

static struct unit_tree *make_tree(void)
{
    Quanyu__Unit units[UNITS + REMOVED], *rows[UNITS + REMOVED];
    struct unit_tree *tree;
    enum unit_fault fault;
    size_t row;
    for (uint32_t i = 0; i < UNITS + REMOVED; i++) {
        quanyu__unit__init(&units[i]);
        units[i].removed_ms = i >= UNITS;
        units[i].number = i + 1;
        units[i].parent = (i + 1) / 2;
        rows[i] = &units[i];
    }
    assert_int_equal(unit_tree_make(NULL, rows, UNITS + REMOVED, &tree, &fault, &row), 0);
    return tree;
}

static struct world open_world(void **state)
{
    struct world world = {.store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION)};
    assert_int_equal(store_begin(world.store, STORE_WRITE, &world.txn), 0);
    assert_int_equal(arena_open(&world.arena), 0);
    world.tree = make_tree();
    return world;
}

static void close_world(struct world *world)
{
    unit_tree_release(&world->tree);
    store_abort(&world->txn);
    arena_close(&world->arena);
    store_close(&world->store);
}

static void put(
    struct world *world, uint32_t number, const char *role, uint32_t unit, Quanyu__Staff__State state)
{
    Quanyu__Staff *before = staff_get(world->txn, number, arena_allocator(world->arena));
    Quanyu__Staff staff = QUANYU__STAFF__INIT;
    staff.number = number;
    staff.role = (char *)(uintptr_t)role;
    staff.unit = unit;
    staff.state = state;
    staff_put(world->txn, &staff, before);
}

static uint32_t next(struct world *world, const struct staff_pick *pick, uint32_t after)
{
    Quanyu__Staff *staff = staff_pick_next(world->txn, pick, after, arena_allocator(world->arena));
    return staff ? staff->number : 0;
}

static struct staff_pick everybody(const struct world *world)
{
    return (struct staff_pick){
        .units = world->tree, .scope = UNIT_ROOT, .role = "", .state = STAFF_ANY_STATE};
}

static bool is_below(uint32_t unit, uint32_t above)
{
    while (unit > above)
        unit /= 2;
    return unit == above;
}

/* What is asked of every row of its own. */
static bool fits(const struct staff_pick *pick, const Quanyu__Staff *staff)
{
    return is_below(staff->unit, pick->scope) && (!pick->unit || is_below(staff->unit, pick->unit)) &&
           (!*pick->role || strcmp(pick->role, staff->role) == 0) &&
           (pick->state == STAFF_ANY_STATE || pick->state == (int)staff->state);
}

static void check_list(struct world *world, const struct staff_pick *pick)
{
    uint32_t at = 0;
    for (uint32_t number = 1; number <= STAFF; number++) {
        Quanyu__Staff *staff = staff_get(world->txn, number, arena_allocator(world->arena));
        if (!staff || !fits(pick, staff))
            continue;
        at = next(world, pick, at);
        assert_int_equal(at, number);
    }
    assert_int_equal(next(world, pick, at), 0);
}

static void every_filter_in_every_scope_shows_whom_it_should(void **state)
{
    static const char *const roles[] = {"", "guide", "store_manager", "nobody"};
    struct world world = open_world(state);
    for (uint32_t number = 1; number <= STAFF; number += 1 + number % 3)
        put(&world, number, roles[1 + number % 2], 1 + number * 7 % (UNITS + REMOVED), number % 5 % 3);
    for (uint32_t scope = 1; scope <= UNITS; scope += 2)
        for (uint32_t unit = 0; unit <= UNITS; unit += 3)
            for (size_t role = 0; role < COUNT_OF(roles); role++)
                for (int standing = STAFF_ANY_STATE; standing < 3; standing++) {
                    const struct staff_pick pick = {world.tree, scope, unit, roles[role], standing};
                    check_list(&world, &pick);
                    arena_reset(world.arena);
                }
    close_world(&world);
}

static void who_changes_is_found_as_what_they_are_now(void **state)
{
    struct world world = open_world(state);
    struct staff_pick pick = everybody(&world);
    put(&world, 1, "guide", 4, QUANYU__STAFF__STATE__INVITED);
    put(&world, 127, "guide", 4, QUANYU__STAFF__STATE__ACTIVE);
    put(&world, 128, "guide", 4, QUANYU__STAFF__STATE__ACTIVE);
    pick.unit = 4;
    assert_int_equal(next(&world, &pick, 1), 127);
    assert_int_equal(next(&world, &pick, 127), 128);
    put(&world, 127, "guide", 5, QUANYU__STAFF__STATE__ACTIVE);
    assert_int_equal(next(&world, &pick, 1), 128);
    pick.role = "finance";
    assert_int_equal(next(&world, &pick, 0), 0);
    put(&world, 128, "finance", 4, QUANYU__STAFF__STATE__LEFT);
    assert_int_equal(next(&world, &pick, 0), 128);
    pick.state = QUANYU__STAFF__STATE__ACTIVE;
    assert_int_equal(next(&world, &pick, 0), 0);
    close_world(&world);
}

static void a_number_behind_the_last_and_a_unit_that_never_was_show_nobody(void **state)
{
    struct world world = open_world(state);
    struct staff_pick pick = everybody(&world);
    assert_int_equal(next(&world, &pick, 0), 0);
    put(&world, 3, "guide", UNITS + REMOVED + 1, QUANYU__STAFF__STATE__ACTIVE);
    assert_int_equal(next(&world, &pick, 0), 0);
    pick.unit = UNIT_ROOT;
    assert_int_equal(next(&world, &pick, 0), 0);
    put(&world, 3, "guide", UNITS, QUANYU__STAFF__STATE__ACTIVE);
    assert_int_equal(next(&world, &pick, 0), 3);
    assert_int_equal(next(&world, &pick, 3), 0);
    assert_int_equal(next(&world, &pick, UINT32_MAX), 0);
    pick.scope = UNITS + 1;
    assert_int_equal(next(&world, &pick, 0), 0);
    close_world(&world);
}

/* These two share one: FNV-1a is no secret. */
static void roles_that_share_a_mark_are_told_apart(void **state)
{
    struct world world = open_world(state);
    struct staff_pick pick = everybody(&world);
    put(&world, 1, "role_blo", 1, QUANYU__STAFF__STATE__ACTIVE);
    put(&world, 2, "role_jec", 1, QUANYU__STAFF__STATE__ACTIVE);
    pick.role = "role_jec";
    assert_int_equal(next(&world, &pick, 0), 2);
    assert_int_equal(next(&world, &pick, 2), 0);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(every_filter_in_every_scope_shows_whom_it_should),
        scratch_test(who_changes_is_found_as_what_they_are_now),
        scratch_test(a_number_behind_the_last_and_a_unit_that_never_was_show_nobody),
        scratch_test(roles_that_share_a_mark_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
