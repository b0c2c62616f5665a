/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_roll.h"

#include "services/gateway/ingest_place.h"
#include "tests/unit/gateway/write_key_fixture.h"

#include <stdio.h>

#define MANY 300u

static Quanyu__Staff member(uint32_t number, uint32_t unit, const char *code)
{
    Quanyu__Staff staff = QUANYU__STAFF__INIT;
    staff.number = number;
    staff.unit = unit;
    staff.code = (char *)(uintptr_t)code;
    staff.role = (char *)"guide";
    return staff;
}

static Quanyu__Staff gone(uint32_t number, uint32_t unit, const char *code)
{
    Quanyu__Staff staff = member(number, unit, code);
    staff.state = QUANYU__STAFF__STATE__LEFT;
    return staff;
}

static uint32_t find(struct staff_rolls *rolls, const char *code)
{
    struct staff_roll *roll = staff_rolls_hold(rolls);
    uint32_t staff = staff_roll_find(roll, code, strlen(code));
    staff_roll_release(&roll);
    return staff;
}

static void put(struct staff_rolls *rolls, Quanyu__Staff staff)
{
    assert_int_equal(staff_rolls_note(rolls, &staff), 0);
    staff_rolls_install(rolls);
}

static struct staff_rolls *open_rolls(void **state, struct store **ret_store)
{
    struct store_txn *txn;
    struct staff_rolls *rolls;
    const Quanyu__Staff first = member(1, 4, "E-1"), left = gone(2, 4, "E-2");
    *ret_store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    assert_int_equal(store_begin(*ret_store, STORE_WRITE, &txn), 0);
    staff_put(txn, &first, NULL);
    staff_put(txn, &left, NULL);
    assert_int_equal(staff_rolls_open(txn, &rolls), 0);
    assert_int_equal(store_commit(&txn), 0);
    return rolls;
}

static void codes_are_found_until_they_change_or_are_free(void **state)
{
    struct store *store;
    struct staff_rolls *rolls = open_rolls(state, &store);
    assert_int_equal(find(rolls, "E-1"), 1);
    assert_int_equal(find(rolls, "E-2"), 0);
    assert_int_equal(find(rolls, ""), 0);
    put(rolls, member(3, 5, "E-2"));
    assert_int_equal(find(rolls, "E-2"), 3);
    put(rolls, member(1, 4, "F-1"));
    assert_int_equal(find(rolls, "E-1"), 0);
    assert_int_equal(find(rolls, "F-1"), 1);
    put(rolls, gone(3, 5, "E-2"));
    assert_int_equal(find(rolls, "E-2"), 0);
    for (uint32_t number = 10; number < 10 + MANY; number++) {
        char code[16];
        snprintf(code, sizeof(code), "many-%u", number);
        put(rolls, member(number, 5, code));
    }
    for (uint32_t number = 10; number < 10 + MANY; number++) {
        char code[16];
        snprintf(code, sizeof(code), "many-%u", number);
        assert_int_equal(find(rolls, code), number);
    }
    staff_rolls_close(&rolls);
    store_close(&store);
}

static void a_roll_that_is_held_stays_and_what_is_discarded_never_comes(void **state)
{
    struct store *store;
    struct staff_rolls *rolls = open_rolls(state, &store);
    struct staff_roll *held = staff_rolls_hold(rolls), *updated = NULL;
    const Quanyu__Staff discarded = member(9, 5, "E-9");
    assert_int_equal(staff_rolls_note(rolls, &discarded), 0);
    staff_rolls_discard(rolls);
    put(rolls, gone(1, 4, ""));
    staff_rolls_update(rolls, &updated);
    assert_true(staff_roll_has(held, 1) && !staff_roll_has(updated, 1));
    assert_int_equal(staff_roll_unit(updated, 1), 4);
    assert_int_equal(staff_roll_unit(updated, 9), 0);
    assert_false(staff_roll_has(updated, 9) || staff_roll_has(updated, UINT32_MAX));
    staff_rolls_close(&rolls);
    staff_roll_release(&held);
    staff_roll_release(&updated);
    store_close(&store);
}

/* -- as events name them -- */

static uint32_t named(
    const struct staff_roll *roll, const char *name, enum ingest_call call, size_t *ret_unknown)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"context\":{\"staff\":\"%s\"}}", name);
    yyjson_doc *doc = yyjson_read(json, strlen(json), YYJSON_READ_NUMBER_AS_RAW);
    const struct ingest_origin origin = {.call = call, .staff = roll};
    struct event event = {.origin = &origin, .json = yyjson_doc_get_root(doc)};
    struct parsed parsed = {0};
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    assert_true(ingest_place(&event, &raw, &parsed));
    yyjson_doc_free(doc);
    *ret_unknown = parsed.unknown_staff;
    return raw.staff;
}

static void events_name_staff_by_id_or_code_and_who_has_left_in_history_alone(void **state)
{
    static const struct {
        const char *name;
        enum ingest_call call;
        uint32_t staff;
    } cases[] = {
        {"st_1", CALL_TRACK, 1},
        {"E-1", CALL_BATCH, 1},
        {"code:E-1", CALL_TRACK, 1},
        {"st_01", CALL_TRACK, 0},
        {"st_3", CALL_TRACK, 0},
        {"code:", CALL_TRACK, 0},
        {"", CALL_TRACK, 0},
        {"e-1", CALL_TRACK, 0},
        {"st_2", CALL_TRACK, 0},
        {"st_2", CALL_IMPORT, 2},
        {"E-2", CALL_IMPORT, 0},
        {"st_3", CALL_IMPORT, 0},
    };
    struct store *store;
    struct staff_rolls *rolls = open_rolls(state, &store);
    struct staff_roll *roll = staff_rolls_hold(rolls);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t unknown;
        uint32_t staff = named(roll, cases[i].name, cases[i].call, &unknown);
        if (staff != cases[i].staff || unknown != (staff == 0))
            fail_msg("%s: st_%u, %zu unknown", cases[i].name, staff, unknown);
    }
    staff_roll_release(&roll);
    staff_rolls_close(&rolls);
    store_close(&store);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(codes_are_found_until_they_change_or_are_free),
        IN_SCRATCH(a_roll_that_is_held_stays_and_what_is_discarded_never_comes),
        IN_SCRATCH(events_name_staff_by_id_or_code_and_who_has_left_in_history_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
