/* SPDX-License-Identifier: Apache-2.0 */
/* What is past its time goes and gives its room back, what is kept or held stays and is found and proven; all of it is on record before, and
 * verify accepts that and nothing else. */
#include "tests/unit/audit/lasting.h"
#include "tests/unit/audit/victim.h"

#include "proto/identity.pb-c.h"
#include "services/audit/audit_check.h"
#include "services/audit/audit_histogram.h"

#include <inttypes.h>
#include <sys/stat.h>

static uint64_t size_made; /* records: full segments, and some that stay in the store */

static int setup(void **state)
{
    size_made = SEGMENT_RECORDS + 6000;
    return lasting_fill(state, size_made);
}

static int setup_two(void **state)
{
    size_made = 2 * SEGMENT_RECORDS + 6000;
    return lasting_fill(state, size_made);
}

static uint64_t disk_bytes(void)
{
    char command[128];
    uint64_t bytes = 0;
    snprintf(command, sizeof(command), "du -sb %s/segments", running->service.directory);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%" SCNu64, &bytes), 1);
    pclose(pipe);
    return bytes;
}

static bool may_go(uint64_t index, enum record_kind kind, uint32_t days, int64_t now_ms)
{
    int64_t time_ms = INT64_C(1767225600000) + (int64_t)(index + 1) * RECORD_MS;
    return index < size_made - 6000 && kind_at(index) == kind && time_ms < (now_ms / DAY_MS - days) * DAY_MS;
}

static void assert_well(void)
{
    runtime_stop(running);
    struct verify_result result = look();
    if (result.problems)
        fail_msg("%s", said);
    runtime_start(running);
}

/* -- what is promised -- */

static void what_is_past_its_time_goes_and_the_rest_is_found_and_proven(void **state)
{
    (void)state;
    uint64_t before = disk_bytes(), expected = 0;
    int64_t now_ms = running->now_ms;
    prune_all();
    assert_int_equal(disk_bytes(), before); /* all is kept for ever at first */
    set_days(KIND_PERSON, 200);
    prune_all();
    assert_true(disk_bytes() < before);
    struct store_txn *txn = runtime_read(running);
    struct audit_check *check;
    struct bytes record;
    assert_int_equal(audit_check_open(txn, &check), 0);
    for (uint64_t i = 0; i < size_made; i++) {
        bool gone = may_go(i, KIND_PERSON, 200, now_ms);
        expected += gone;
        assert_int_equal(audit_store_is_pruned(txn, i), gone);
        assert_int_equal(audit_store_record(txn, i, &record), !gone);
        if (!gone && i % 97 == 0)
            assert_true(audit_check_is_intact(check, i, record));
    }
    audit_check_close(&check);
    struct audit_view view;
    struct audit_filter filter = {.from_ms = 0};
    uint64_t count;
    audit_view_open(&running->audit.tails, txn, &view);
    assert_null(audit_filter_add(&filter, running->arena, audit_filter_name("operation"), "person.show"));
    assert_int_equal(audit_filter_resolve(&filter, &view, running->arena), 0);
    assert_int_equal(audit_count(&view, &filter, &count), 0);
    assert_int_equal(count, size_made / 4 - expected);
    struct audit_filter all = {.from_ms = 0};
    assert_int_equal(audit_count(&view, &all, &count), 0);
    assert_int_equal(count, view.size - expected);
    audit_view_close(&view);
    store_abort(&txn);
    runtime_stop(running);
    struct verify_result result = look();
    if (result.problems)
        fail_msg("%s", said);
    assert_int_equal(result.pruned, expected);
    assert_int_equal(result.prunings, 2);
    assert_int_equal(result.unfinished, 0);
    runtime_start(running);
}

static void a_segment_of_which_nothing_is_left_is_a_few_kilobytes_and_time_is_still_found(void **state)
{
    (void)state;
    struct merkle_hash root;
    uint64_t generation, index;
    char path[160];
    struct stat status;
    for (unsigned i = 0; i < COUNT_OF(lasting_kinds); i++)
        set_days(lasting_kinds[i].kind, 290);
    prune_all();
    struct store_txn *txn = runtime_read(running);
    assert_true(audit_store_sealed_as(txn, 0, &root, &generation) && generation > size_made);
    assert_true(place_set_is_empty(audit_store_kept(txn, 0)));
    snprintf(path, sizeof(path), "%s/segments/0000000000.%" PRIu64 ".segment", running->service.directory,
        generation);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < 20000);
    snprintf(path, sizeof(path), "%s/segments/0000000000.segment", running->service.directory);
    assert_int_equal(stat(path, &status), -1);
    struct audit_view view;
    audit_view_open(&running->audit.tails, txn, &view);
    int64_t then_ms = INT64_C(1767225600000) + (int64_t)(SEGMENT_RECORDS + 40001) * RECORD_MS;
    assert_int_equal(view_index_at(&view, then_ms, &index), 0);
    assert_int_equal(index, SEGMENT_RECORDS + 40000);
    assert_int_equal(view_index_at(&view, 1, &index), 0);
    assert_int_equal(index, 0);
    audit_view_close(&view);
    store_abort(&txn);
    assert_well();
}

static void sets_go_with_the_last_record_that_names_them(void **state)
{
    (void)state;
    uint8_t hash[SET_HASH_BYTES];
    struct bytes set;
    for (unsigned late = 0; late < 2; late++) {
        _cleanup_(buffer_free) struct buffer bytes = BUFFER_INIT;
        set_of(late, hash, &bytes);
        struct store_txn *txn = runtime_read(running);
        assert_true(audit_store_set(txn, hash, &set));
        store_abort(&txn);
    }
    for (unsigned i = 0; i < COUNT_OF(lasting_kinds); i++) {
        _cleanup_(buffer_free) struct buffer bytes = BUFFER_INIT;
        set_days(lasting_kinds[i].kind, 290);
        prune_all();
        set_of(false, hash, &bytes);
        struct store_txn *txn = runtime_read(running);
        assert_int_equal(audit_store_set(txn, hash, &set), i + 1 < COUNT_OF(lasting_kinds));
        store_abort(&txn);
    }
    assert_well();
}

static void what_is_held_stays(void **state)
{
    (void)state;
    Quanyu__AuditHold hold = QUANYU__AUDIT_HOLD__INIT;
    Quanyu__AuditHold__Given given = QUANYU__AUDIT_HOLD__GIVEN__INIT, *list[] = {&given};
    int64_t now_ms = running->now_ms;
    hold.name = "case";
    hold.reason = "a complaint";
    hold.by = "Wang";
    given.name = "actor";
    given.value = "st_7";
    hold.given = list;
    hold.n_given = 1;
    runtime_begin(running);
    assert_int_equal(hold_put(running->batch.txn, 1, &hold), 0);
    runtime_commit(running);
    set_days(KIND_PERSON, 200);
    prune_all();
    struct store_txn *txn = runtime_read(running);
    for (uint64_t i = 0; i < size_made; i++)
        assert_int_equal(
            audit_store_is_pruned(txn, i), may_go(i, KIND_PERSON, 200, now_ms) && actor_at(i) != 7);
    store_abort(&txn);
    assert_well();
}

static void put_file(const char *name)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/segments/%s", running->service.directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static bool has_file(const char *name)
{
    char path[160];
    struct stat status;
    snprintf(path, sizeof(path), "%s/segments/%s", running->service.directory, name);
    return stat(path, &status) == 0;
}

static void a_start_removes_what_was_replaced_and_nothing_else(void **state)
{
    (void)state;
    struct audit_pruner *pruner;
    set_days(KIND_PERSON, 200);
    prune_all();
    assert_false(has_file("0000000000.segment"));
    static const char *const kept[] = {"0000000005.segment", "0000000000.99999999.segment", "notes"};
    static const char *const removed[] = {"0000000000.segment", "0000000000.7.segment", "0000000003.next"};
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        put_file(kept[i]);
        put_file(removed[i]);
    }
    assert_int_equal(audit_pruner_open(&running->audit, &running->service, &pruner), 0);
    audit_pruner_close(&pruner);
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        assert_true(has_file(kept[i]));
        assert_false(has_file(removed[i]));
    }
    assert_well();
}

static void nothing_goes_before_the_policy_is_in_force(void **state)
{
    (void)state;
    struct retention retention;
    set_days(KIND_PERSON, 200);
    runtime_begin(running);
    assert_int_equal(retention_read(running->batch.txn, &retention), 0);
    retention.in_force_ms = running->now_ms + 3 * DAY_MS;
    assert_int_equal(retention_put(running->batch.txn, &retention), 0);
    runtime_commit(running);
    prune_all();
    assert_int_equal(atomic_load(&running->audit.pruned), 0);
    append_until(atomic_load(&running->audit.size) + 3 * DAY_MS / RECORD_MS + 1);
    prune_all();
    assert_true(atomic_load(&running->audit.pruned) > 0);
    assert_well();
}

static uint64_t pruned_so_far(void)
{
    return atomic_load(&running->audit.pruned);
}

static void append_after(int64_t ms)
{
    running->now_ms += ms;
    append_until(atomic_load(&running->audit.size) + 1);
    sign();
}

static void nothing_goes_by_a_clock_that_has_jumped_until_the_log_went_on_from_there(void **state)
{
    (void)state;
    append_after(4000 * DAY_MS);
    set_days(KIND_PERSON, 1000);
    prune_all();
    assert_int_equal(pruned_so_far(), 0);
    append_after(3 * DAY_MS);
    prune_all();
    assert_int_equal(pruned_so_far(), 0);
    append_after(5 * DAY_MS);
    prune_all();
    assert_int_equal(pruned_so_far(), SEGMENT_RECORDS / 4);
    assert_well();
}

static void who_reads_the_former_file_is_not_disturbed(void **state)
{
    (void)state;
    struct audit_pruner *pruner;
    struct bytes record;
    struct stat status;
    char path[160];
    struct store_txn *reader = runtime_read(running);
    assert_true(audit_store_record(reader, 0, &record));
    uint8_t first = record.data[0];
    set_days(KIND_PERSON, 200);
    assert_int_equal(audit_pruner_open(&running->audit, &running->service, &pruner), 0);
    for (unsigned i = 0; i < 20; i++) {
        (void)prune_step(pruner);
        sign();
    }
    snprintf(path, sizeof(path), "%s/segments/0000000000.segment", running->service.directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(*(volatile const uint8_t *)record.data, first);
    assert_true(audit_store_record(reader, 0, &record));
    struct store_txn *later = runtime_read(running);
    assert_false(audit_store_record(later, 0, &record));
    store_abort(&later);
    store_abort(&reader);
    (void)prune_step(pruner);
    assert_int_equal(stat(path, &status), -1);
    audit_pruner_close(&pruner);
}

static void a_crash_between_any_two_steps_is_made_good(void **state)
{
    (void)state;
    set_days(KIND_PERSON, 200);
    set_days(KIND_LIST, 300);
    for (unsigned starts = 0; starts < 10; starts++) {
        struct audit_pruner *pruner;
        if (starts % 2)
            sign();
        assert_int_equal(audit_pruner_open(&running->audit, &running->service, &pruner), 0);
        (void)prune_step(pruner);
        (void)prune_step(pruner);
        audit_pruner_close(&pruner);
        assert_well(); /* stops and starts, too */
    }
    struct store_txn *txn = runtime_read(running);
    assert_true(
        audit_store_is_pruned(txn, 0) && audit_store_is_pruned(txn, 2) && !audit_store_is_pruned(txn, 1));
    store_abort(&txn);
}

/* Prunes and signs until it is killed; tells each step through the pipe. */
static void work_until_killed(int told)
{
    struct audit_pruner *pruner;
    sign();
    if (audit_pruner_open(&running->audit, &running->service, &pruner))
        _exit(1);
    for (unsigned steps = 0; steps < 10000; steps++) {
        bool more;
        if (audit_pruner_step(pruner, &more) || write(told, &more, sizeof(more)) != sizeof(more))
            _exit(1);
        sign();
    }
    _exit(0);
}

static void a_kill_at_any_moment_leaves_a_log_that_is_well(void **state)
{
    (void)state;
    set_days(KIND_PERSON, 200);
    set_days(KIND_LIST, 300);
    for (unsigned round = 0; round < 6; round++) {
        bool told;
        const struct victim victim = victim_begin(work_until_killed);
        for (unsigned steps = 0; steps < round && read(victim.told, &told, sizeof(told)) == sizeof(told);
            steps++)
            ;
        victim_kill(&victim, 150000);
        victim_end(&victim);
        struct verify_result result = look();
        if (result.problems)
            fail_msg("%s", said);
        runtime_start(running);
    }
    sign();
    prune_all();
    struct store_txn *txn = runtime_read(running);
    assert_true(audit_store_is_pruned(txn, 0) && audit_store_is_pruned(txn, 2));
    store_abort(&txn);
    assert_well();
}

/* An erasure is a record that names a number, and changes none of the others. */
static void an_erasure_is_a_record_like_others(void **state)
{
    (void)state;
    Quanyu__PersonErased erased = QUANYU__PERSON_ERASED__INIT;
    uint32_t nodes[] = {7, 8};
    erased.person = 7;
    erased.nodes = nodes;
    erased.n_nodes = COUNT_OF(nodes);
    uint64_t index = atomic_load(&running->audit.size);
    runtime_begin(running);
    assert_int_equal(
        runtime_fold(running, INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_ERASED, 1, &erased.base), 0);
    runtime_commit(running);
    sign();
    const Quanyu__AuditRecord *record = runtime_record(running, index);
    assert_string_equal(record->action, "person.erase");
    assert_int_equal(record->numbers[0], 7);
    assert_int_equal(record->n_persons, 0);
    assert_well();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_is_past_its_time_goes_and_the_rest_is_found_and_proven, setup_two, teardown),
        cmocka_unit_test_setup_teardown(
            a_segment_of_which_nothing_is_left_is_a_few_kilobytes_and_time_is_still_found, setup_two,
            teardown),
        cmocka_unit_test_setup_teardown(sets_go_with_the_last_record_that_names_them, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_held_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_removes_what_was_replaced_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_goes_before_the_policy_is_in_force, setup, teardown),
        cmocka_unit_test_setup_teardown(
            nothing_goes_by_a_clock_that_has_jumped_until_the_log_went_on_from_there, setup, teardown),
        cmocka_unit_test_setup_teardown(who_reads_the_former_file_is_not_disturbed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_between_any_two_steps_is_made_good, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kill_at_any_moment_leaves_a_log_that_is_well, setup, teardown),
        cmocka_unit_test_setup_teardown(an_erasure_is_a_record_like_others, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
