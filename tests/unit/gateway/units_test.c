/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/units.h"

#include "tests/unit/gateway/write_key_fixture.h"

#include <stdlib.h>

#define MANY 400u

static Quanyu__Unit row(uint32_t number, uint32_t parent, const char *code)
{
    Quanyu__Unit unit = QUANYU__UNIT__INIT;
    unit.number = number;
    unit.parent = parent;
    unit.code = (char *)(uintptr_t)code;
    return unit;
}

struct attempt {
    int error;
    enum unit_fault fault;
    size_t row;
};

static struct attempt add(struct unit_tree **tree, Quanyu__Unit *const *rows, size_t count)
{
    struct unit_tree *next = NULL;
    struct attempt attempt = {0};
    attempt.error = unit_tree_make(*tree, rows, count, &next, &attempt.fault, &attempt.row);
    if (!attempt.error) {
        unit_tree_release(tree);
        *tree = next;
    }
    return attempt;
}

static struct attempt put(struct unit_tree **tree, uint32_t number, uint32_t parent, const char *code)
{
    Quanyu__Unit unit = row(number, parent, code), *rows[] = {&unit};
    return add(tree, rows, 1);
}

static struct unit_tree *with_root(void)
{
    struct unit_tree *tree = NULL;
    assert_int_equal(put(&tree, UNIT_ROOT, 0, "").error, 0);
    return tree;
}

static void units_are_found_by_code_and_by_number(void **state)
{
    (void)state;
    struct unit_tree *tree = with_root();
    assert_int_equal(put(&tree, 2, 1, "EAST").error, 0);
    assert_int_equal(put(&tree, 3, 2, "S-1").error, 0);
    assert_int_equal(unit_tree_find(tree, "S-1", 3), 3);
    assert_int_equal(unit_tree_find(tree, "S-10", 3), 3);
    assert_int_equal(unit_tree_find(tree, "S-", 2), 0);
    assert_int_equal(unit_tree_find(tree, "", 0), 0);
    assert_int_equal(unit_tree_parent(tree, 3), 2);
    assert_int_equal(unit_tree_depth(tree, 3), 2);
    assert_false(unit_tree_has(tree, 0));
    assert_false(unit_tree_has(tree, 4));
    assert_false(unit_tree_within(tree, 4, 1));
    assert_int_equal(unit_tree_below(tree, 77), 0);
    unit_tree_release(&tree);
}

static int take_away(struct unit_tree **tree, uint32_t number, uint32_t parent)
{
    Quanyu__Unit unit = row(number, parent, ""), *rows[] = {&unit};
    unit.removed_ms = 1;
    return add(tree, rows, 1).error;
}

static void what_was_a_removed_units_is_the_one_aboves_wherever_that_goes(void **state)
{
    (void)state;
    struct unit_tree *tree = with_root();
    assert_int_equal(put(&tree, 2, 1, "EAST").error, 0);
    assert_int_equal(put(&tree, 3, 1, "WEST").error, 0);
    assert_int_equal(put(&tree, 4, 2, "CITY").error, 0);
    assert_int_equal(put(&tree, 5, 4, "S-1").error, 0);
    assert_int_equal(unit_tree_heir(tree, 5), 5);
    assert_int_equal(take_away(&tree, 5, 4), 0);
    assert_int_equal(unit_tree_heir(tree, 5), 4);
    assert_int_equal(put(&tree, 4, 3, "CITY").error, 0);
    assert_true(unit_tree_within(tree, unit_tree_heir(tree, 5), 3));
    assert_int_equal(take_away(&tree, 4, 3), 0);
    assert_int_equal(unit_tree_heir(tree, 5), 3);
    assert_int_equal(unit_tree_parent(tree, 5), 0);
    assert_false(unit_tree_has(tree, 5));
    assert_int_equal(unit_tree_heir(tree, 0), 0);
    assert_int_equal(unit_tree_heir(tree, 6), 0);
    unit_tree_release(&tree);
}

static void a_move_is_a_loss_to_what_was_above_and_is_no_more(void **state)
{
    (void)state;
    struct unit_tree *tree = with_root();
    assert_int_equal(put(&tree, 2, 1, "EAST").error, 0);
    assert_int_equal(put(&tree, 3, 1, "WEST").error, 0);
    assert_int_equal(put(&tree, 4, 2, "CITY").error, 0);
    assert_int_equal(put(&tree, 5, 4, "S-1").error, 0);
    assert_int_equal(put(&tree, 5, 4, "S-2").error, 0);
    assert_int_equal(unit_tree_moves(tree), 0);
    assert_int_equal(put(&tree, 5, 2, "S-1").error, 0); /* within the region */
    assert_int_equal(unit_tree_moves(tree), 1);
    assert_int_equal(unit_tree_lost(tree, 4), 1);
    assert_int_equal(unit_tree_lost(tree, 2), 0);
    assert_int_equal(put(&tree, 5, 3, "S-1").error, 0);
    assert_int_equal(unit_tree_lost(tree, 2), 2);
    assert_int_equal(unit_tree_lost(tree, 4), 1);
    assert_int_equal(unit_tree_lost(tree, 3), 0);
    assert_int_equal(unit_tree_lost(tree, 1), 0);
    assert_int_equal(take_away(&tree, 5, 3), 0); /* its people are the region's */
    assert_int_equal(unit_tree_moves(tree), 2);
    assert_int_equal(unit_tree_lost(tree, 3), 0);
    assert_int_equal(unit_tree_lost(tree, 77), 0);
    unit_tree_release(&tree);
}

static void a_tree_that_is_held_stays_as_it_was(void **state)
{
    (void)state;
    struct unit_tree *tree = with_root(), *next = NULL;
    Quanyu__Unit unit = row(2, 1, "A"), *rows[] = {&unit};
    struct attempt attempt;
    assert_int_equal(unit_tree_make(tree, rows, 1, &next, &attempt.fault, &attempt.row), 0);
    assert_false(unit_tree_has(tree, 2));
    assert_true(unit_tree_has(next, 2));
    unit_tree_release(&tree);
    unit_tree_release(&next);
}

static void what_cannot_be_is_refused_and_named(void **state)
{
    (void)state;
    struct unit_tree *tree = with_root();
    struct attempt attempt;
    assert_int_equal(put(&tree, 2, 1, "A").error, 0);
    assert_int_equal(put(&tree, 3, 2, "B").error, 0);
    attempt = put(&tree, 2, 3, "A");
    assert_int_equal(attempt.fault, UNIT_CYCLE);
    attempt = put(&tree, 2, 2, "A");
    assert_int_equal(attempt.fault, UNIT_CYCLE);
    attempt = put(&tree, 1, 3, "");
    assert_int_equal(attempt.fault, UNIT_CYCLE);
    attempt = put(&tree, 4, 9, "");
    assert_int_equal(attempt.fault, UNIT_NO_PARENT);
    attempt = put(&tree, 4, 1, "A");
    assert_int_equal(attempt.fault, UNIT_CODE_TAKEN);
    Quanyu__Unit gone = row(2, 1, "A"), *rows[] = {&gone};
    gone.removed_ms = 1;
    attempt = add(&tree, rows, 1);
    assert_int_equal(attempt.fault, UNIT_HAS_UNITS);
    assert_int_equal(unit_tree_count(tree), 3);
    attempt = put(&tree, UNITS_MAX + 1, 1, "");
    assert_int_equal(attempt.fault, UNIT_MANY);
    unit_tree_release(&tree);
}

static void a_tree_has_32_levels_at_most(void **state)
{
    (void)state;
    struct unit_tree *tree = with_root();
    for (uint32_t i = 2; i <= UNIT_DEPTH_MAX + 1; i++)
        assert_int_equal(put(&tree, i, i - 1, "").error, 0);
    assert_int_equal(put(&tree, 100, UNIT_DEPTH_MAX + 1, "").fault, UNIT_DEEP);
    assert_int_equal(put(&tree, 100, 1, "").error, 0);
    assert_int_equal(put(&tree, 2, 100, "").fault, UNIT_DEEP);
    unit_tree_release(&tree);
}

static void a_code_is_free_again_when_its_unit_is_gone(void **state)
{
    (void)state;
    struct unit_tree *tree = with_root();
    assert_int_equal(put(&tree, 2, 1, "A").error, 0);
    Quanyu__Unit gone = row(2, 1, "A"), fresh = row(3, 1, "A"), *rows[] = {&gone, &fresh};
    gone.removed_ms = 1;
    assert_int_equal(add(&tree, rows, 2).error, 0);
    assert_int_equal(unit_tree_find(tree, "A", 1), 3);
    assert_int_equal(unit_tree_last(tree), 3);
    unit_tree_release(&tree);
}

/* -- against a naive tree: parents alone -- */

struct naive {
    uint32_t parent[MANY + 1];
    bool there[MANY + 1];
};

static bool is_within(const struct naive *naive, uint32_t unit, uint32_t above)
{
    for (; unit; unit = naive->parent[unit])
        if (unit == above)
            return true;
    return false;
}

static unsigned depth_of(const struct naive *naive, uint32_t unit)
{
    unsigned depth = 0;
    for (; unit != UNIT_ROOT; unit = naive->parent[unit])
        depth++;
    return depth;
}

static void compare(const struct unit_tree *tree, const struct naive *naive)
{
    uint32_t count = 0;
    for (uint32_t unit = 1; unit <= MANY; unit++) {
        uint32_t below = 0;
        assert_int_equal(unit_tree_has(tree, unit), naive->there[unit]);
        if (!naive->there[unit])
            continue;
        count++;
        for (uint32_t other = 1; other <= MANY; other++) {
            if (!naive->there[other])
                continue;
            bool within = is_within(naive, other, unit);
            below += within && other != unit;
            assert_int_equal(unit_tree_within(tree, other, unit), within);
        }
        assert_int_equal(unit_tree_below(tree, unit), below);
        assert_int_equal(unit_tree_depth(tree, unit), depth_of(naive, unit));
        assert_int_equal(unit_tree_parent(tree, unit), naive->parent[unit]);
        assert_int_equal(unit_tree_at(tree, unit_tree_place(tree, unit)), unit);
    }
    assert_int_equal(unit_tree_count(tree), count);
}

static void try_move(struct unit_tree **tree, struct naive *naive, uint32_t unit, uint32_t parent)
{
    bool cycle = naive->there[unit] && is_within(naive, parent, unit);
    struct attempt attempt = put(tree, unit, parent, "");
    if (cycle)
        assert_int_equal(attempt.fault, UNIT_CYCLE);
    if (attempt.error == 0) {
        assert_false(cycle);
        naive->parent[unit] = parent;
        naive->there[unit] = true;
    } else {
        assert_true(cycle || attempt.fault == UNIT_DEEP);
    }
}

static void random_trees_are_what_a_naive_one_says(void **state)
{
    (void)state;
    struct unit_tree *tree = with_root();
    struct naive naive = {.there = {[UNIT_ROOT] = true}};
    srand(7);
    for (unsigned round = 0; round < 1500; round++) {
        uint32_t unit = 2 + (uint32_t)rand() % (MANY - 1), parent = 1 + (uint32_t)rand() % MANY;
        if (naive.there[parent])
            try_move(&tree, &naive, unit, parent);
        if (round % 100 == 0)
            compare(tree, &naive);
    }
    compare(tree, &naive);
    unit_tree_release(&tree);
}

/* -- with the store -- */

static void what_is_stored_is_in_force_after_opening(void **state)
{
    struct store *store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    struct store_txn *txn;
    struct units *units;
    Quanyu__Unit root = row(1, 0, ""), gone = row(2, 1, "B"), shop = row(3, 1, "A");
    gone.removed_ms = 5;
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    unit_put(txn, &root);
    unit_put(txn, &gone);
    unit_put(txn, &shop);
    assert_int_equal(units_open(txn, &units), 0);
    assert_int_equal(store_commit(&txn), 0);
    struct unit_tree *tree = units_hold(units), *same = NULL;
    assert_int_equal(unit_tree_find(tree, "A", 1), 3);
    assert_false(unit_tree_has(tree, 2));
    assert_int_equal(unit_tree_last(tree), 3);
    units_update(units, &same);
    assert_ptr_equal(tree, same);
    units_close(&units);
    assert_true(unit_tree_has(tree, 3));
    unit_tree_release(&tree);
    unit_tree_release(&same);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_found_by_code_and_by_number),
        cmocka_unit_test(what_was_a_removed_units_is_the_one_aboves_wherever_that_goes),
        cmocka_unit_test(a_move_is_a_loss_to_what_was_above_and_is_no_more),
        cmocka_unit_test(a_tree_that_is_held_stays_as_it_was),
        cmocka_unit_test(what_cannot_be_is_refused_and_named),
        cmocka_unit_test(a_tree_has_32_levels_at_most),
        cmocka_unit_test(a_code_is_free_again_when_its_unit_is_gone),
        cmocka_unit_test(random_trees_are_what_a_naive_one_says),
        cmocka_unit_test_setup_teardown(
            what_is_stored_is_in_force_after_opening, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
