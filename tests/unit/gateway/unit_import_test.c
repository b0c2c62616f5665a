/* SPDX-License-Identifier: Apache-2.0 */
/* What a CSV text of units says, and what is wrong with one that says it wrongly: by line and column, and nothing is made of it. */
#include "services/gateway/unit_import.h"

#include "common/buffer.h"
#include "tests/unit/gateway/write_key_fixture.h"

struct world {
    struct store *store;
    struct store_txn *txn;
    struct arena *arena;
    struct unit_tree *tree;
    struct unit_import import;
};

static Quanyu__Unit unit(uint32_t number, uint32_t parent, const char *code, const char *kind)
{
    Quanyu__Unit row = QUANYU__UNIT__INIT;
    row.number = number;
    row.parent = parent;
    row.version = 4;
    row.code = (char *)(uintptr_t)code;
    row.name = (char *)"Name";
    row.kind = (char *)(uintptr_t)kind;
    return row;
}

/* HQ, the region EAST, and the store S-1 in it. */
static void *open_world(void **state)
{
    Quanyu__Unit units[] = {unit(1, 0, "", "hq"), unit(2, 1, "EAST", "region"), unit(3, 2, "S-1", "store")};
    Quanyu__Unit *rows[] = {&units[0], &units[1], &units[2]};
    enum unit_fault fault;
    size_t row;
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    world->store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    assert_int_equal(store_begin(world->store, STORE_WRITE, &world->txn), 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        unit_put(world->txn, rows[i]);
    assert_int_equal(arena_open(&world->arena), 0);
    assert_int_equal(unit_tree_make(NULL, rows, COUNT_OF(rows), &world->tree, &fault, &row), 0);
    return world;
}

static void close_world(struct world *world)
{
    unit_tree_release(&world->tree);
    arena_close(&world->arena);
    store_abort(&world->txn);
    store_close(&world->store);
    free(world);
}

static int read_text(struct world *world, const char *text)
{
    struct bytes bytes = {(const uint8_t *)text, strlen(text)};
    return unit_import_read(bytes, world->tree, world->txn, world->arena, &world->import);
}

static void expect_counts(const struct world *world, size_t created, size_t changed, size_t unchanged)
{
    assert_int_equal(world->import.created, created);
    assert_int_equal(world->import.changed, changed);
    assert_int_equal(world->import.unchanged, unchanged);
    assert_int_equal(world->import.count, created + changed);
    assert_int_equal(world->import.errors_found, 0);
}

static void a_new_unit_stands_below_hq_unless_it_says_where(void **state)
{
    struct world *world = open_world(state);
    assert_int_equal(read_text(world, "code,name,kind,parent_code\nS-2,Two,store,EAST\nS-3,Three,,\n"),
        -QY_EINVAL); /* a kind is not taken away */
    assert_int_equal(read_text(world, "code,name,parent_code\nS-2,Two,EAST\nS-3,Three,\n"), 0);
    expect_counts(world, 2, 0, 0);
    const struct unit_edit *edits = world->import.edits;
    assert_int_equal(edits[0].unit.number, 0);
    assert_string_equal(edits[0].unit.code, "S-2");
    assert_string_equal(edits[0].unit.kind, "store");
    assert_int_equal(edits[0].unit.parent, 2);
    assert_null(edits[0].parent);
    assert_int_equal(edits[1].unit.parent, UNIT_ROOT);
    assert_int_equal(world->import.lines[1], 3);
    close_world(world);
}

static void one_that_is_there_changes_in_what_the_columns_say_and_in_nothing_else(void **state)
{
    struct world *world = open_world(state);
    assert_int_equal(read_text(world, "ownership,code\nfranchised,S-1\n,EAST\n"), 0);
    expect_counts(world, 0, 1, 1);
    const Quanyu__Unit *changed = &world->import.edits[0].unit;
    assert_int_equal(changed->number, 3);
    assert_int_equal(changed->version, 4);
    assert_int_equal(changed->parent, 2);
    assert_string_equal(changed->name, "Name");
    assert_int_equal(changed->ownership, QUANYU__UNIT__OWNERSHIP__FRANCHISED);
    close_world(world);
}

static void an_empty_cell_takes_away_and_an_empty_parent_is_hq(void **state)
{
    struct world *world = open_world(state);
    Quanyu__Unit before = unit(3, 2, "S-1", "store");
    before.opened_on = (char *)"2026-03-01";
    unit_put(world->txn, &before);
    assert_int_equal(read_text(world, "code,opened_on,parent_code\nS-1,,\n"), 0);
    expect_counts(world, 0, 1, 0);
    assert_string_equal(world->import.edits[0].unit.opened_on, "");
    assert_int_equal(world->import.edits[0].unit.parent, UNIT_ROOT);
    close_world(world);
}

static void a_parent_may_stand_anywhere_in_the_text(void **state)
{
    struct world *world = open_world(state);
    assert_int_equal(
        read_text(world, "code,name,kind,parent_code\n"
                         "EAST,Name,region,\n" /* is so already: no edit, and moves the others' places */
                         "S-2,Two,store,WEST\n"
                         "S-1,Name,store,WEST\n"
                         "WEST,West,region,\n"),
        0);
    expect_counts(world, 2, 1, 1);
    const struct unit_edit *edits = world->import.edits;
    assert_string_equal(edits[2].unit.code, "WEST");
    assert_ptr_equal(edits[0].parent, &edits[2]);
    assert_ptr_equal(edits[1].parent, &edits[2]);
    assert_int_equal(edits[1].unit.number, 3);
    assert_null(edits[2].parent);
    close_world(world);
}

static void a_parent_that_is_there_and_in_the_text_is_the_one_that_is_there(void **state)
{
    struct world *world = open_world(state);
    assert_int_equal(
        read_text(world, "code,name,kind,parent_code\nS-2,Two,store,EAST\nEAST,East,region,\n"), 0);
    expect_counts(world, 1, 1, 0);
    assert_int_equal(world->import.edits[0].unit.parent, 2);
    assert_null(world->import.edits[0].parent);
    close_world(world);
}

static void what_is_there_already_changes_nothing(void **state)
{
    struct world *world = open_world(state);
    assert_int_equal(read_text(world, "code,name,kind,parent_code\r\n\"S-1\",Name,store,EAST\r\n"), 0);
    expect_counts(world, 0, 0, 1);
    assert_int_equal(read_text(world, "code\n"), 0);
    expect_counts(world, 0, 0, 0);
    close_world(world);
}

static void what_is_wrong_is_named_by_line_and_column(void **state)
{
    static const struct {
        const char *text;
        uint64_t line;
        const char *column, *reason;
    } cases[] = {
        {"", 1, "", "the text is empty"},
        {"name,kind\n", 1, "code", "must be a column"},
        {"code,colour\n", 1, "colour", "is no column"},
        {"code,name,code\n", 1, "code", "stands twice"},
        {"code,name\nS-2\n", 2, "", "another number of columns"},
        {"code,name\nS-2,Two,3\n", 2, "", "another number of columns"},
        {"code,name\n,Two\n", 2, "code", "must not be empty"},
        {"code,name\nS-2,Two\nS-2,Three\n", 3, "code", "stands in a line above"},
        {"code,name\nS 2,Two\n", 2, "code", "must not hold spaces"},
        {"code,name\nS-2,\n", 2, "name", "must not be empty"},
        {"code\nS-2\n", 2, "name", "is required"},
        {"code,name,kind\nS-2,Two,hq\n", 2, "kind", "hq is the root's kind"},
        {"code,name,ownership\nS-2,Two,rented\n", 2, "ownership", "must be owned or franchised"},
        {"code,name,opened_on\nS-2,Two,2026-02-30\n", 2, "opened_on", "must be a date"},
        {"code,name,opened_on,closed_on\nS-2,Two,2026-03-02,2026-03-01\n", 2, "closed_on",
            "must not be before"},
        {"code,name,time_zone\nS-2,Two,Nowhere/At_All\n", 2, "time_zone", ""},
        {"code,name,parent_code\nS-2,Two,NORTH\n", 2, "parent_code", "no unit has this code"},
    };
    struct world *world = open_world(state);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(read_text(world, cases[i].text), -QY_EINVAL);
        assert_int_equal(world->import.errors_found, 1);
        assert_int_equal(world->import.errors[0].line, cases[i].line);
        assert_string_equal(world->import.errors[0].column, cases[i].column);
        assert_non_null(strstr(world->import.errors[0].reason, cases[i].reason));
        assert_int_equal(world->import.count, 0);
        arena_reset(world->arena);
    }
    close_world(world);
}

static void all_errors_are_counted_and_the_first_ones_shown(void **state)
{
    struct world *world = open_world(state);
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    buffer_text(&text, "code,name\n");
    for (unsigned i = 0; i < 2 * UNIT_IMPORT_ERRORS_MAX; i++)
        buffer_printf(&text, "S-%u,\n", 10 + i);
    assert_int_equal(read_text(world, buffer_c_str(&text)), -QY_EINVAL);
    assert_int_equal(world->import.errors_found, 2 * UNIT_IMPORT_ERRORS_MAX);
    assert_int_equal(world->import.error_count, UNIT_IMPORT_ERRORS_MAX);
    assert_int_equal(world->import.errors[UNIT_IMPORT_ERRORS_MAX - 1].line, 1 + UNIT_IMPORT_ERRORS_MAX);
    close_world(world);
}

static void no_more_than_fifty_thousand_are_read_at_a_time(void **state)
{
    struct world *world = open_world(state);
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    buffer_text(&text, "code,name\n");
    for (unsigned i = 0; i < UNIT_IMPORT_ROWS_MAX; i++)
        buffer_printf(&text, "N-%u,New\n", i);
    assert_int_equal(read_text(world, buffer_c_str(&text)), 0);
    expect_counts(world, UNIT_IMPORT_ROWS_MAX, 0, 0);
    buffer_text(&text, "N-MORE,New\nN-MORE-STILL,New\n");
    assert_int_equal(read_text(world, buffer_c_str(&text)), -QY_EINVAL);
    assert_int_equal(world->import.errors_found, 1);
    assert_int_equal(world->import.errors[0].line, UNIT_IMPORT_ROWS_MAX + 2);
    assert_string_equal(world->import.errors[0].reason, "is one too many: 50,000 units at a time");
    close_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_new_unit_stands_below_hq_unless_it_says_where),
        scratch_test(one_that_is_there_changes_in_what_the_columns_say_and_in_nothing_else),
        scratch_test(an_empty_cell_takes_away_and_an_empty_parent_is_hq),
        scratch_test(a_parent_may_stand_anywhere_in_the_text),
        scratch_test(a_parent_that_is_there_and_in_the_text_is_the_one_that_is_there),
        scratch_test(what_is_there_already_changes_nothing),
        scratch_test(what_is_wrong_is_named_by_line_and_column),
        scratch_test(all_errors_are_counted_and_the_first_ones_shown),
        scratch_test(no_more_than_fifty_thousand_are_read_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
