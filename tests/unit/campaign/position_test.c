/* SPDX-License-Identifier: Apache-2.0 */
/* Persons in journeys, as tagging's records, time and commands move them. */
#include "tests/unit/campaign/fixture.h"

#define JOURNEY(more, steps) "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"}" more ",\"steps\":[" steps "]}"
#define HOOK(id)                                                                                             \
    "{\"id\":\"" id                                                                                          \
    "\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://127.0.0.1:9/\",\"secret\":\"k\","         \
    "\"content\":{\"p\":\"{{one_id}}\"}}"
#define WAIT(id, length) "{\"id\":\"" id "\",\"type\":\"wait\",\"for\":\"" length "\"}"
#define ENTRY "j_1:1" /* the watch of a journey without conditions */

static void a_member_who_enters_waits_and_gets_the_message(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, JOURNEY("", WAIT("w", "1h") "," HOOK("s")));
    fixture_member(f, ENTRY, 7, true, false);
    expect_line(
        f, "{\"position\":\"n:7\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"waiting\",\"step\":\"w\"}");
    assert_int_equal(campaign_fold.next_due(&f->campaign), f->now_ms + HOUR_MS);
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
    fixture_pass(f, HOUR_MS - 1);
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
    fixture_pass(f, 1);
    expect_line(f,
        "{\"position\":\"n:7\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"ended\",\"end\":\"completed\"}");
    assert_int_equal(campaign_fold.pending(&f->campaign), 1);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
    expect_line(f, "\"delivery\":\"n:7\",\"person\":\"p:7\",\"journey\":\"j_1\",\"step\":\"s\",\"entry\":1,"
                   "\"channel\":\"webhook\",\"state\":\"delivered\"");
    struct counts counts = fixture_counts(f, 1, "s");
    assert_int_equal(counts.value[COUNT_ENTERED], 1);
    assert_int_equal(counts.value[COUNT_DELIVERED], 1);
    counts = fixture_counts(f, 1, "");
    assert_int_equal(counts.value[COUNT_ENTERED], 1);
    assert_int_equal(counts.value[COUNT_WAITING], 0);
    assert_int_equal(counts.value[COUNT_LEFT], 1);
}

static void a_delivery_is_told_in_the_journal(void **state)
{
    struct fixture *f = *state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    fixture_journey(f, JOURNEY("", HOOK("s")));
    fixture_member(f, ENTRY, 7, true, false);
    fixture_send_all(f, OUTCOME_DELIVERED);
    assert_true(fixture_next(f, RECORD_DELIVERY, &out));
    Quanyu__Delivery *delivery = quanyu__delivery__unpack(NULL, out.size, out.data);
    assert_int_equal(delivery->person, 7);
    assert_int_equal(delivery->node, 7);
    assert_int_equal(delivery->state, QUANYU__DELIVERY__STATE__DELIVERED);
    assert_string_equal(delivery->journey, "j_1");
    assert_string_equal(delivery->step, "s");
    assert_int_equal(delivery->attempts, 1);
    assert_int_equal(strlen(delivery->delivery_id), 32);
    quanyu__delivery__free_unpacked(delivery, NULL);
}

static void history_and_initial_members_do_not_enter(void **state)
{
    struct fixture *f = *state;
    char id[16];
    const uint32_t initial[] = {3};
    fixture_define(f, "", JOURNEY("", WAIT("w", "1h")), id);
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE);
    fixture_tagging(f, initial, 1);
    fixture_member(f, ENTRY, 4, true, true);
    expect_no_line(f, "\"position\"");
    fixture_member(f, ENTRY, 4, true, false); /* said twice: a member already */
    expect_no_line(f, "\"position\"");
    fixture_member(f, ENTRY, 4, false, false);
    fixture_member(f, ENTRY, 4, true, false);
    expect_line(f, "\"position\":\"n:4\"");
}

static void include_current_lets_initial_members_enter(void **state)
{
    struct fixture *f = *state;
    char id[16];
    const uint32_t initial[] = {3, 5};
    fixture_define(f, "", JOURNEY(",\"include_current\":true", WAIT("w", "1h")), id);
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE);
    fixture_tagging(f, initial, 2);
    expect_line(f, "\"position\":\"n:3\"");
    expect_line(f, "\"position\":\"n:5\"");
}

static void an_event_lets_its_person_enter(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, "{\"name\":\"n\",\"entry\":{\"event\":{\"event\":\"Viewed\"}},\"reentry\":\"after_"
                       "exit\",\"steps\":[" WAIT("w", "1h") "]}");
    fixture_fired(f, ENTRY, 9);
    fixture_fired(f, ENTRY, 9);
    assert_int_equal(fixture_counts(f, 1, "").value[COUNT_ENTERED], 1);
    fixture_pass(f, HOUR_MS);
    fixture_fired(f, ENTRY, 9);
    assert_int_equal(fixture_counts(f, 1, "").value[COUNT_ENTERED], 2);
    expect_line(f, "\"position\":\"n:9\",\"journey\":\"j_1\",\"entry\":2,\"state\":\"waiting\"");
}

static void rejoin(struct fixture *f)
{
    fixture_member(f, ENTRY, 4, false, false);
    fixture_member(f, ENTRY, 4, true, false);
}

static void reentry_is_as_the_journey_says(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *more;
        unsigned at_once, after_a_day;
    } cases[] = {
        {"", 1, 1},
        {",\"reentry\":\"never\"", 1, 1},
        {",\"reentry\":\"after_exit\"", 2, 3},
        {",\"reentry\":\"1d\"", 1, 2},
    };
    for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
        char definition[512], id[16], entry[32];
        snprintf(
            definition, sizeof(definition), JOURNEY("%s", "{\"id\":\"x\",\"type\":\"exit\"}"), cases[i].more);
        fixture_define(f, "", definition, id);
        fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE);
        fixture_tagging(f, NULL, 0);
        snprintf(entry, sizeof(entry), "%s:%u", id, i + 1);
        fixture_member(f, entry, 4, true, false);
        fixture_member(f, entry, 4, false, false);
        fixture_member(f, entry, 4, true, false);
        assert_int_equal(fixture_counts(f, i + 1, "").value[COUNT_ENTERED], cases[i].at_once);
        fixture_pass(f, 24 * HOUR_MS);
        fixture_member(f, entry, 4, false, false);
        fixture_member(f, entry, 4, true, false);
        assert_int_equal(fixture_counts(f, i + 1, "").value[COUNT_ENTERED], cases[i].after_a_day);
    }
}

static void a_condition_asks_what_holds_at_that_moment(void **state)
{
    struct fixture *f = *state;
    fixture_journey(
        f, JOURNEY("", WAIT("w", "1h") ",{\"id\":\"c\",\"type\":\"condition\",\"rule\":{\"tag\":\"vip\"},"
                                       "\"then\":\"yes\",\"else\":\"no\"}," HOOK("yes") "," HOOK("no")));
    /* the condition is watched first, so it is j_1:1, and the entry j_1:2 */
    fixture_member(f, "j_1:2", 4, true, false);
    fixture_member(f, "j_1:2", 5, true, false);
    fixture_member(f, "j_1:2", 6, true, false);
    fixture_member(f, "j_1:1", 5, true, true);
    fixture_member(f, "j_1:1", 6, true, false);
    fixture_member(f, "j_1:1", 6, false, false);
    fixture_pass(f, HOUR_MS);
    assert_int_equal(fixture_counts(f, 1, "yes").value[COUNT_ENTERED], 1);
    assert_int_equal(fixture_counts(f, 1, "no").value[COUNT_ENTERED], 3);
    expect_line(f, "\"delivery\":\"n:5\",\"person\":\"p:5\",\"journey\":\"j_1\",\"step\":\"yes\"");
    expect_no_line(f, "\"delivery\":\"n:4\",\"person\":\"p:4\",\"journey\":\"j_1\",\"step\":\"yes\"");
}

static void whoever_fulfils_the_exit_leaves_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, JOURNEY(",\"exit_when\":{\"tag\":\"bought\"}", WAIT("w", "1h") "," HOOK("s")));
    fixture_member(f, "j_1:2", 4, true, false);
    fixture_member(f, "j_1:1", 4, true, true);
    expect_line(
        f, "\"position\":\"n:4\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"ended\",\"end\":\"exit_when\"");
    fixture_pass(f, HOUR_MS);
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
    fixture_member(f, "j_1:1", 5, true, false);
    fixture_member(f, "j_1:2", 5, true, false);
    expect_no_line(f, "\"position\":\"n:5\"");
    assert_int_equal(fixture_counts(f, 1, "w").value[COUNT_WAITING], 0);
    expect_line(f, "\"entered\":1,\"active\":0,\"completed\":0,\"exited\":1,\"merged\":0,\"removed\":0");
}

#define SPLIT                                                                                                \
    "{\"id\":\"ab\",\"type\":\"split\",\"branches\":[{\"share\":50,\"next\":\"a\"},{\"share\":50,\"next\":"  \
    "\"b\"}]},"                                                                                              \
    "{\"id\":\"a\",\"type\":\"wait\",\"for\":\"1h\",\"next\":\"x\"},{\"id\":\"b\",\"type\":\"wait\","        \
    "\"for\":\"1h\"},"                                                                                       \
    "{\"id\":\"x\",\"type\":\"exit\"}"

static char side_of(struct fixture *f, uint32_t node)
{
    struct store_txn *txn;
    struct position position;
    assert_int_equal(store_begin(f->store, STORE_READ, &txn), 0);
    assert_true(position_get(txn, node, 1, &position));
    store_abort(&txn);
    return position.step[0];
}

static void a_person_keeps_the_side_after_a_join(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, JOURNEY(",\"reentry\":\"after_exit\"", SPLIT));
    /* two nodes that fall on different sides, the higher one enters */
    uint32_t low = 1, high = 2;
    while (journey_bucket("j_1", "ab", low) / 50 == journey_bucket("j_1", "ab", high) / 50)
        high++;
    fixture_member(f, ENTRY, high, true, false);
    char side = side_of(f, high);
    fixture_moved(f, high, low, &high, 1);
    assert_int_equal(side_of(f, high), side);
    fixture_pass(f, HOUR_MS);
    fixture_member(f, ENTRY, low, true, false); /* the person enters again, now on the other node */
    assert_int_equal(side_of(f, low), side);
    assert_int_equal(fixture_counts(f, 1, "").value[COUNT_ENTERED], 2);
}

static void of_two_joined_the_one_that_entered_first_goes_on(void **state)
{
    struct fixture *f = *state;
    uint32_t moved[] = {3};
    fixture_journey(f, JOURNEY("", WAIT("w", "1h") "," HOOK("s")));
    fixture_member(f, ENTRY, 3, true, false);
    fixture_pass(f, HOUR_MS / 2);
    fixture_member(f, ENTRY, 2, true, false);
    fixture_moved(f, 3, 2, moved, 1);
    expect_line(
        f, "\"position\":\"n:2\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"ended\",\"end\":\"joined\"");
    expect_line(f, "\"position\":\"n:3\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"waiting\"");
    expect_line(f, "\"entered\":2,\"active\":1,\"completed\":0,\"exited\":0,\"merged\":1,\"removed\":0");
    fixture_pass(f, HOUR_MS);
    expect_line(f, "\"entered\":2,\"active\":0,\"completed\":1,\"exited\":0,\"merged\":1,\"removed\":0");
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
    expect_line(f, "\"delivery\":\"n:3\",\"person\":\"p:2\"");
    expect_no_line(f, "\"delivery\":\"n:2\"");
}

static void a_joined_person_gets_a_step_once(void **state)
{
    struct fixture *f = *state;
    uint32_t moved[] = {3};
    fixture_journey(f, JOURNEY(",\"reentry\":\"after_exit\"", WAIT("w", "1h") "," HOOK("s")));
    fixture_member(f, ENTRY, 2, true, false);
    fixture_member(f, ENTRY, 3, true, false);
    fixture_pass(f, HOUR_MS); /* both are in the outbox */
    assert_int_equal(campaign_fold.pending(&f->campaign), 2);
    fixture_moved(f, 3, 2, moved, 1);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
    expect_line(f, "\"delivery\":\"n:2\",\"person\":\"p:2\",\"journey\":\"j_1\",\"step\":\"s\",\"entry\":1,"
                   "\"channel\":\"webhook\",\"state\":\"delivered\"");
    expect_line(f, "\"delivery\":\"n:3\",\"person\":\"p:2\",\"journey\":\"j_1\",\"step\":\"s\",\"entry\":1,"
                   "\"channel\":\"webhook\",\"state\":\"skipped\"");
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
}

static void a_node_that_was_sent_to_counts_for_the_person(void **state)
{
    struct fixture *f = *state;
    uint32_t moved[] = {3};
    fixture_journey(f, JOURNEY("", WAIT("w", "1h") "," HOOK("s")));
    fixture_member(f, ENTRY, 3, true, false);
    fixture_pass(f, HOUR_MS);
    fixture_send_all(f, OUTCOME_UNKNOWN); /* it may have arrived */
    fixture_member(f, ENTRY, 2, true, false);
    fixture_moved(f, 3, 2, moved, 1);
    fixture_pass(f, HOUR_MS);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 0);
    expect_line(f, "\"delivery\":\"n:2\",\"person\":\"p:2\",\"journey\":\"j_1\",\"step\":\"s\",\"entry\":1,"
                   "\"channel\":\"webhook\",\"state\":\"skipped\"");
}

static void a_second_run_sends_again_where_it_is_allowed(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, JOURNEY(",\"reentry\":\"after_exit\"", HOOK("s")));
    fixture_member(f, ENTRY, 4, true, false);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
    rejoin(f);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
    expect_line(f, "\"entry\":2,\"channel\":\"webhook\",\"state\":\"delivered\"");
}

static void a_loop_sends_once_a_run(void **state)
{
    struct fixture *f = *state;
    fixture_journey(
        f, JOURNEY("", HOOK("s") ",{\"id\":\"w\",\"type\":\"wait\",\"for\":\"1h\",\"next\":\"s\"}"));
    fixture_member(f, ENTRY, 4, true, false);
    for (int i = 0; i < 3; i++)
        fixture_pass(f, HOUR_MS);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
    assert_int_equal(fixture_counts(f, 1, "s").value[COUNT_ENTERED], 4);
    assert_int_equal(fixture_counts(f, 1, "s").value[COUNT_SKIPPED], 3);
}

static void a_split_off_node_is_a_person_of_its_own(void **state)
{
    struct fixture *f = *state;
    uint32_t moved[] = {3};
    fixture_journey(f, JOURNEY("", WAIT("w", "1h") "," HOOK("s")));
    fixture_moved(f, 3, 2, moved, 1);
    fixture_member(f, ENTRY, 2, true, false);
    fixture_moved(f, 2, 3, moved, 1);
    fixture_member(f, ENTRY, 3, true, false);
    fixture_pass(f, HOUR_MS);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 2);
}

static void a_pause_stops_everything_and_resuming_goes_on(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, JOURNEY("", WAIT("w", "1h") "," HOOK("s") "," WAIT("v", "1h") "," HOOK("t")));
    fixture_member(f, ENTRY, 4, true, false);
    fixture_pass(f, HOUR_MS); /* s is in the outbox */
    assert_int_equal(fixture_set_state(f, "j_1", QUANYU__JOURNEY__STATE__PAUSED), 0);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 0);
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
    fixture_pass(f, 5 * HOUR_MS);
    fixture_member(f, ENTRY, 5, true, false);
    expect_no_line(f, "\"position\":\"n:5\"");
    assert_int_equal(fixture_counts(f, 1, "t").value[COUNT_ENTERED], 0);
    assert_int_equal(fixture_set_state(f, "j_1", QUANYU__JOURNEY__STATE__ACTIVE), 0);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 2);
    assert_int_equal(fixture_counts(f, 1, "t").value[COUNT_ENTERED], 1);
}

static void a_deleted_journey_ends_for_everybody(void **state)
{
    struct fixture *f = *state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    fixture_journey(f, JOURNEY("", HOOK("s") "," WAIT("w", "1h") "," HOOK("t")));
    fixture_member(f, ENTRY, 4, true, false);
    assert_int_equal(fixture_set_state(f, "j_1", QUANYU__JOURNEY__STATE__DELETED), 0);
    assert_true(fixture_next(f, RECORD_DROPPED, &out));
    expect_line(f, "\"end\":\"deleted\"");
    expect_line(f, "\"entered\":1,\"active\":0,\"completed\":0,\"exited\":0,\"merged\":0,\"removed\":1");
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 0);
    expect_line(f, "\"state\":\"skipped\"");
    fixture_pass(f, 2 * HOUR_MS);
    assert_int_equal(fixture_counts(f, 1, "t").value[COUNT_ENTERED], 0);
    fixture_member(f, ENTRY, 5, true, false);
    expect_no_line(f, "\"position\":\"n:5\"");
    assert_int_equal(fixture_set_state(f, "j_1", QUANYU__JOURNEY__STATE__ACTIVE), -QY_ENOTFOUND);
}

static void a_change_keeps_who_waits_where_the_step_still_is(void **state)
{
    struct fixture *f = *state;
    char id[16];
    fixture_journey(f, JOURNEY(",\"reentry\":\"after_exit\"",
                           "{\"id\":\"c\",\"type\":\"condition\",\"rule\":{\"tag\":\"t\"},"
                           "\"then\":\"v\",\"else\":\"w\"}," WAIT("v", "1h") "," WAIT("w", "1h")));
    fixture_member(f, "j_1:1", 5, true, false);
    fixture_member(f, "j_1:2", 4, true, false); /* at w */
    fixture_member(f, "j_1:2", 5, true, false); /* at v */
    fixture_define(f, "j_1", JOURNEY(",\"reentry\":\"after_exit\"", WAIT("w", "1h") "," HOOK("s")), id);
    expect_line(
        f, "\"position\":\"n:4\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"waiting\",\"step\":\"w\"");
    expect_line(
        f, "\"position\":\"n:5\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"ended\",\"end\":\"changed\"");
    fixture_pass(f, HOUR_MS);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
    fixture_member(f, "j_1:2", 6, true, false); /* the entry's watch is the same one */
    expect_line(f, "\"position\":\"n:6\"");
}

static void a_change_waits_for_tagging_while_the_old_version_runs(void **state)
{
    struct fixture *f = *state;
    char id[16];
    fixture_journey(f, JOURNEY("", WAIT("w", "1h")));
    fixture_define(
        f, "j_1", "{\"name\":\"m\",\"entry\":{\"segment\":\"s_2\"},\"steps\":[" WAIT("u", "1h") "]}", id);
    fixture_member(f, ENTRY, 4, true, false);
    expect_line(
        f, "\"position\":\"n:4\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"waiting\",\"step\":\"w\"");
    fixture_tagging(f, NULL, 0);
    expect_line(
        f, "\"position\":\"n:4\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"ended\",\"end\":\"changed\"");
    fixture_member(f, ENTRY, 5, true, false);
    expect_no_line(f, "\"position\":\"n:5\"");
    fixture_member(f, "j_1:2", 6, true, false);
    expect_line(
        f, "\"position\":\"n:6\",\"journey\":\"j_1\",\"entry\":1,\"state\":\"waiting\",\"step\":\"u\"");
}

static void a_rule_that_tagging_refuses_makes_a_draft_again(void **state)
{
    struct fixture *f = *state;
    char id[16];
    fixture_define(f, "", JOURNEY("", WAIT("w", "1h")), id);
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE);
    fixture_answer(f, ENTRY, "/segment: no such segment");
    expect_line(f, "\"state\":\"draft\"");
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE); /* once more, with a new watch */
    fixture_answer(f, "j_1:2", "");
    fixture_member(f, "j_1:2", 4, true, false);
    expect_line(f, "\"position\":\"n:4\"");
}

static void nobody_enters_before_all_rules_are_watched(void **state)
{
    struct fixture *f = *state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    char id[16];
    fixture_define(f, "", JOURNEY(",\"exit_when\":{\"tag\":\"x\"}", WAIT("w", "1h")), id);
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE);
    assert_true(fixture_next(f, RECORD_WATCH, &out));
    assert_false(fixture_next(f, RECORD_WATCH, &out)); /* the entry's comes after the answer */
    fixture_answer(f, "j_1:1", "");
    fixture_member(f, "j_1:2", 3, true, false);
    fixture_answer(f, "j_1:2", "");
    expect_no_line(f, "\"position\"");
}

static void an_erased_person_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t nodes[] = {2, 3}, moved[] = {3};
    fixture_journey(f, JOURNEY(",\"reentry\":\"after_exit\"", HOOK("s") "," WAIT("w", "1h") "," HOOK("t")));
    fixture_member(f, ENTRY, 3, true, false);
    fixture_moved(f, 3, 2, moved, 1);
    struct job *job = fixture_claim(f, 10);
    assert_non_null(job);
    fixture_erased(f, 2, nodes, 2);
    expect_no_line(f, "n:3");
    expect_no_line(f, "n:2");
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
    const struct outcome late = {.kind = OUTCOME_DELIVERED};
    fixture_settle(f, job, &late); /* nobody is there any more */
    job_free(&job);
    expect_no_line(f, "\"delivery\"");
    fixture_pass(f, 2 * HOUR_MS);
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
}

static void a_rolled_back_batch_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, JOURNEY("", WAIT("w", "1h") "," HOOK("s")));
    fixture_member(f, ENTRY, 4, true, false);
    _cleanup_(buffer_free) struct buffer before = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer after = BUFFER_INIT;
    fixture_dump(f, &before);
    fixture_begin(f);
    assert_int_equal(campaign_fold.advance(&f->campaign, &f->batch, f->now_ms + HOUR_MS), 0);
    fixture_abort(f);
    fixture_dump(f, &after);
    assert_string_equal(buffer_c_str(&before), buffer_c_str(&after));
    fixture_pass(f, HOUR_MS);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
}

static void a_restart_finds_everything_again(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, JOURNEY("", WAIT("w", "1h") "," HOOK("s")));
    fixture_member(f, ENTRY, 4, true, false);
    fixture_end(f);
    fixture_start(f);
    assert_int_equal(campaign_fold.next_due(&f->campaign), f->now_ms + HOUR_MS);
    fixture_pass(f, HOUR_MS);
    fixture_end(f);
    fixture_start(f);
    assert_int_equal(campaign_fold.pending(&f->campaign), 1);
    assert_int_equal(fixture_send_all(f, OUTCOME_DELIVERED), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_member_who_enters_waits_and_gets_the_message),
        TEST(a_delivery_is_told_in_the_journal),
        TEST(history_and_initial_members_do_not_enter),
        TEST(include_current_lets_initial_members_enter),
        TEST(an_event_lets_its_person_enter),
        TEST(reentry_is_as_the_journey_says),
        TEST(a_condition_asks_what_holds_at_that_moment),
        TEST(whoever_fulfils_the_exit_leaves_at_once),
        TEST(a_person_keeps_the_side_after_a_join),
        TEST(of_two_joined_the_one_that_entered_first_goes_on),
        TEST(a_joined_person_gets_a_step_once),
        TEST(a_node_that_was_sent_to_counts_for_the_person),
        TEST(a_second_run_sends_again_where_it_is_allowed),
        TEST(a_loop_sends_once_a_run),
        TEST(a_split_off_node_is_a_person_of_its_own),
        TEST(a_pause_stops_everything_and_resuming_goes_on),
        TEST(a_deleted_journey_ends_for_everybody),
        TEST(a_change_keeps_who_waits_where_the_step_still_is),
        TEST(a_change_waits_for_tagging_while_the_old_version_runs),
        TEST(a_rule_that_tagging_refuses_makes_a_draft_again),
        TEST(nobody_enters_before_all_rules_are_watched),
        TEST(an_erased_person_leaves_nothing),
        TEST(a_rolled_back_batch_leaves_no_trace),
        TEST(a_restart_finds_everything_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
