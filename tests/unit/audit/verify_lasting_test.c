/* SPDX-License-Identifier: Apache-2.0 */
/* What is missing is accepted where a record of a pruning names it that the policy on record allowed, and nowhere else. */
#include "tests/unit/audit/lasting.h"

#include "services/audit/audit_pruning.h"

static int setup(void **state)
{
    return lasting_fill(state, SEGMENT_RECORDS + 1000);
}

static int setup_two(void **state)
{
    return lasting_fill(state, 2 * SEGMENT_RECORDS + 1000);
}

/* The first 40 looks at people, as a pruning that is in order says it. */
static struct pruning first_looks(void)
{
    struct pruning pruning = {.kind = KIND_PERSON, .days = 200, .policy_version = 2, .records = 40};
    for (unsigned i = 0; i < 40; i++)
        place_set_add(&pruning.places, 4 * i);
    pruning.first_ms = INT64_C(1767225600000) + RECORD_MS;
    pruning.last_ms = INT64_C(1767225600000) + (4 * 39 + 1) * RECORD_MS;
    return pruning;
}

static uint64_t put_on_record_by(
    const char *service, const char *action, const char *detail, const struct buffer *places)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint64_t index;
    actor.kind = QUANYU__ACTOR__KIND__SERVICE;
    actor.id = "audit";
    record.actor = &actor;
    record.action = (char *)(uintptr_t)action;
    record.outcome = "ok";
    record.service = (char *)(uintptr_t)service;
    record.detail = (char *)(uintptr_t)detail;
    if (places)
        record.places = (ProtobufCBinaryData){.data = places->data, .len = places->size};
    runtime_begin(running);
    running->batch.now_ms = running->now_ms;
    assert_int_equal(audit_take(&running->audit, &running->batch, &record, &index), 0);
    runtime_commit(running);
    return index;
}

static uint64_t put_on_record(const char *action, const char *detail, const struct buffer *places)
{
    return put_on_record_by("audit", action, detail, places);
}

static uint64_t announce_by(const char *service, const struct pruning *pruning)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT, places = BUFFER_INIT;
    struct json json = json_to(&detail);
    pruning_describe(pruning, 0, &json);
    pruning_write_places(&pruning->places, &places);
    return put_on_record_by(service, ACTION_PRUNE, buffer_c_str(&detail), &places);
}

static uint64_t announce(const struct pruning *pruning)
{
    return announce_by("audit", pruning);
}

/* What somebody does who has the files, whether it is announced or not. */
static void take_away(uint64_t segment, const struct place_set *places, uint64_t generation)
{
    struct store_txn *txn = runtime_read(running);
    struct prune *prune;
    uint64_t freed;
    assert_int_equal(prune_open(txn, segment, &prune), 0);
    assert_int_equal(prune_write(prune, places, generation, &freed), 0);
    prune_close(&prune);
    store_abort(&txn);
    runtime_begin(running);
    audit_store_take_over(running->batch.txn, segment, generation);
    runtime_commit(running);
}

static void assert_said(const char *what)
{
    runtime_stop(running);
    struct verify_result result = look();
    runtime_start(running);
    if (!what && result.problems)
        fail_msg("%s", said);
    if (what && !strstr(said, what))
        fail_msg("\"%s\" was not said, but %s", what, said);
    sign();
}

/* Announces it, takes it away, and sees what verify says. */
static void prune_as(const struct pruning *pruning, const char *what)
{
    uint64_t index = announce(pruning);
    sign();
    take_away(0, &pruning->places, index);
    assert_said(what);
}

/* -- what is promised -- */

static void what_is_in_order_is_accepted(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    prune_as(&pruning, NULL);
}

static void what_is_gone_without_a_record_is_missing(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    take_away(0, &pruning.places, SEGMENT_RECORDS + 1);
    assert_said("records 0 to 0 are missing, and no record says that they were pruned");
}

static void more_than_was_announced_is_missing(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    uint64_t index = announce(&pruning);
    sign();
    place_set_add(&pruning.places, 1000);
    take_away(0, &pruning.places, index);
    assert_said("records 1000 to 1000 are missing");
}

/* A copy has what the log says was pruned: there it is told whether it was what is said of it. */
static void what_a_copy_has_is_held_against_what_was_said_of_it(void **state)
{
    (void)state;
    struct pruning pruning = first_looks(), other = pruning, young = pruning;
    set_days(KIND_PERSON, 200);
    place_set_clear(&other.places);
    place_set_add(&other.places, 401); /* a delivery */
    other.records = 1;
    other.first_ms = other.last_ms = INT64_C(1767225600000) + 402 * RECORD_MS;
    announce(&other);
    sign();
    assert_said("record 401 was pruned as one of the kind person, and it is of the kind delivery");
    place_set_clear(&young.places);
    place_set_add(&young.places, 60000);
    young.records = 1;
    announce(&young);
    sign();
    assert_said("record 60000 was pruned, and of another time than it is");
    put_on_record(ACTION_HOLD,
        "{\"id\":\"hold_1\",\"name\":\"n\",\"reason\":\"r\",\"filter\":{\"actor\":[\"st_4\"]}}", NULL);
    announce(&pruning);
    sign();
    assert_said("record 28 was pruned, and hold_1 was on it");
}

/* Whoever hands records over, or writes a journal that is followed, chooses actions and actors. */
static void what_another_service_says_was_pruned_is_missing(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    uint64_t index = announce_by("gateway", &pruning);
    sign();
    take_away(0, &pruning.places, index);
    assert_said("records 0 to 0 are missing, and no record says that they were pruned");
}

static void a_hold_that_another_service_releases_stands(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    put_on_record(ACTION_HOLD, "{\"id\":\"hold_1\",\"name\":\"n\",\"reason\":\"r\",\"filter\":{}}", NULL);
    put_on_record_by(
        "gateway", ACTION_RELEASE, "{\"id\":\"hold_1\",\"name\":\"n\",\"reason\":\"closed\"}", NULL);
    prune_as(&pruning, "a legal hold was on them");
}

static void what_is_still_there_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks(), less = pruning;
    struct place_set one = {{0}};
    set_days(KIND_PERSON, 200);
    uint64_t index = announce(&pruning);
    sign();
    assert_said(NULL); /* it is about to be pruned */
    place_set_add(&one, 8);
    place_set_remove(&less.places, &one);
    take_away(0, &less.places, index);
    assert_said("record 8 is there");
}

static void what_no_policy_allowed_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    pruning.policy_version = 1;
    prune_as(&pruning, "records of that kind were kept for ever then");
}

static void another_policy_than_that_on_record_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 250);
    prune_as(&pruning, "the policy in force then was another one");
}

static void what_was_too_young_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 310);
    pruning.days = 310;
    prune_as(&pruning, "they were too young for the policy");
}

static void a_false_time_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    place_set_add(&pruning.places, 60000);
    pruning.records++;
    prune_as(&pruning, "records between them are younger than it says they were");
}

static void what_a_hold_was_on_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    put_on_record(ACTION_HOLD,
        "{\"id\":\"hold_1\",\"name\":\"n\",\"reason\":\"r\",\"filter\":{\"to\":\"2026-06-01T00:00:00Z\"}}",
        NULL);
    prune_as(&pruning, "a legal hold was on them");
}

/* It says that they were before and after the hold; those beside them say otherwise. */
static void what_a_hold_was_on_between_first_and_last_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    put_on_record(ACTION_HOLD,
        "{\"id\":\"hold_1\",\"name\":\"n\",\"reason\":\"r\","
        "\"filter\":{\"from\":\"2026-01-01T06:00:00Z\",\"to\":\"2026-01-01T12:00:00Z\"}}",
        NULL);
    prune_as(&pruning, "a legal hold was on them");
}

/* Of the segment nothing is left that could tell, but of the one before. */
static void a_false_time_of_a_whole_segment_is_said(void **state)
{
    (void)state;
    struct pruning pruning = {.segment = 1, .kind = KIND_PERSON, .days = 200, .policy_version = 2};
    set_days(KIND_PERSON, 200);
    place_set_range(&pruning.places, 0, SEGMENT_RECORDS);
    pruning.records = SEGMENT_RECORDS;
    pruning.first_ms = pruning.last_ms = INT64_C(1767225600000);
    uint64_t index = announce(&pruning);
    sign();
    take_away(1, &pruning.places, index);
    assert_said("records between them are younger than it says they were");
}

/* A record of the far future, by which all would be old enough. */
static void a_time_that_falls_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    int64_t now_ms = running->now_ms;
    set_days(KIND_PERSON, 20000);
    pruning.days = 20000;
    running->now_ms += 30000 * DAY_MS;
    uint64_t index = announce(&pruning);
    running->now_ms = now_ms;
    running->audit.last_ms = now_ms; /* what somebody does who has the service */
    put_on_record("clock.believe", "{}", NULL);
    sign();
    take_away(0, &pruning.places, index);
    assert_said("bears an earlier time than one before it");
}

static void what_a_hold_was_on_and_is_no_more_is_accepted(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    set_days(KIND_PERSON, 200);
    put_on_record(ACTION_HOLD, "{\"id\":\"hold_1\",\"name\":\"n\",\"reason\":\"r\",\"filter\":{}}", NULL);
    put_on_record(ACTION_RELEASE, "{\"id\":\"hold_1\",\"name\":\"n\",\"reason\":\"closed\"}", NULL);
    prune_as(&pruning, NULL);
}

static void what_went_before_the_policy_was_in_force_is_said(void **state)
{
    (void)state;
    struct pruning pruning = first_looks();
    put_on_record(ACTION_CHANGE,
        "{\"version\":2,\"in_force_at\":\"2030-01-01T00:00:00Z\",\"before\":{},\"after\":{\"person\":200}}",
        NULL);
    prune_as(&pruning, "the policy was not in force yet");
}

static void a_policy_that_is_not_allowed_is_said(void **state)
{
    (void)state;
    put_on_record(ACTION_CHANGE, "{\"version\":2,\"before\":{},\"after\":{\"person\":10}}", NULL);
    assert_said("to something that is not allowed");
}

static void a_policy_before_that_was_not_so_is_said(void **state)
{
    (void)state;
    put_on_record(ACTION_CHANGE, "{\"version\":2,\"before\":{\"list\":200},\"after\":{}}", NULL);
    assert_said("says of the retention before it something else than the log says");
}

/* As many prunings as are made in a month, of two segments, none of which is done in the copy that a service goes on with. */
static void what_a_copy_kept_is_finished_each_once(void **state)
{
    (void)state;
    enum { EACH = 2 * KIND_COUNT };
    set_days(KIND_PERSON, 200);
    for (unsigned i = 0; i < 2 * EACH; i++) {
        uint64_t segment = i / EACH, first = segment * SEGMENT_RECORDS + 4 * (i % EACH);
        struct pruning pruning = {
            .segment = segment, .kind = KIND_PERSON, .days = 200, .policy_version = 2, .records = 1};
        place_set_add(&pruning.places, (unsigned)(first % SEGMENT_RECORDS));
        pruning.first_ms = pruning.last_ms = INT64_C(1767225600000) + (int64_t)(first + 1) * RECORD_MS;
        uint64_t index = announce(&pruning);
        runtime_begin(running);
        audit_store_put_pruning(running->batch.txn, segment, index, false);
        runtime_commit(running);
    }
    sign();
    prune_all();
    struct store_txn *txn = runtime_read(running);
    assert_true(
        audit_store_is_pruned(txn, 0) && audit_store_is_pruned(txn, SEGMENT_RECORDS + 4 * (EACH - 1)));
    store_abort(&txn);
    runtime_stop(running);
    struct verify_result result = look();
    if (result.problems)
        fail_msg("%s", said);
    assert_int_equal(result.unfinished, 0);
    assert_int_equal(result.prunings, 2 * EACH + 2); /* and what else was due, of each segment */
    runtime_start(running);
}

#define promise(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define promise_of_two(test) cmocka_unit_test_setup_teardown(test, setup_two, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise(what_is_in_order_is_accepted),
        promise(what_is_gone_without_a_record_is_missing),
        promise(more_than_was_announced_is_missing),
        promise(what_a_copy_has_is_held_against_what_was_said_of_it),
        promise(what_another_service_says_was_pruned_is_missing),
        promise(a_hold_that_another_service_releases_stands),
        promise(what_is_still_there_is_said),
        promise(what_no_policy_allowed_is_said),
        promise(another_policy_than_that_on_record_is_said),
        promise(what_was_too_young_is_said),
        promise(a_false_time_is_said),
        promise(what_a_hold_was_on_is_said),
        promise(what_a_hold_was_on_between_first_and_last_is_said),
        promise_of_two(a_false_time_of_a_whole_segment_is_said),
        promise(a_time_that_falls_is_said),
        promise(what_a_hold_was_on_and_is_no_more_is_accepted),
        promise(what_went_before_the_policy_was_in_force_is_said),
        promise(a_policy_that_is_not_allowed_is_said),
        promise(a_policy_before_that_was_not_so_is_said),
        promise_of_two(what_a_copy_kept_is_finished_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
