/* SPDX-License-Identifier: Apache-2.0 */
/* The follower against a real leader. */
#include "tests/unit/common/follow_fixture.h"

static void test_everything_arrives_once_and_in_order(void **state)
{
    struct leader leader;
    struct receiver receiver;
    leader_open(&leader, state, 1000);
    leader_write(&leader, 2000, 1000, 1, 1);
    receiver_open(&receiver, &beginning);
    receiver_follow(&receiver, &leader.network, leader.port, 200000, 0);
    read_until(&receiver, 2000);
    for (uint64_t i = 1; i <= 200; i++) {
        leader_write(&leader, 1 + i % 7, 100, i, (int64_t)i);
        read_until(&receiver, leader.end.next);
    }
    struct follow_status status;
    follow_status(receiver.follow, &status);
    assert_true(status.connected);
    assert_int_equal(status.next, leader.end.next);
    assert_int_equal(status.leader_end, leader.end.next);
    assert_string_equal(status.error, "");
    receiver_close(&receiver);
    leader_close(&leader);
}

static void test_memory_is_bounded_by_credit(void **state)
{
    struct leader leader;
    struct receiver receiver;
    leader_open(&leader, state, 20);
    leader_write(&leader, 3000, 1000, 1, 1);
    receiver_open(&receiver, &beginning);
    receiver.ahead_bytes = 300000; /* one batch leaves room for another, two do not */
    receiver_follow(&receiver, &leader.network, leader.port, 200000, 0);
    wait_for_batches(&receiver, 2);
    struct feed_follower rows[FEED_MAX_FOLLOWERS];
    assert_int_equal(feed_followers(leader.feed, rows), 1);
    uint64_t asked = rows[0].asked;
    assert_true(asked > 0 && asked < 3000);
    /* Nothing more is asked for, though the leader has it: the third request comes with a freed batch only.
     */
    leader_write(&leader, 1, 100, 2, 2);
    feed_followers(leader.feed, rows);
    assert_int_equal(rows[0].asked, asked);
    assert_int_equal(receiver.waiting, 2);
    read_batch(&receiver, take_batch(&receiver));
    wait_for_batches(&receiver, 2);
    feed_followers(leader.feed, rows);
    assert_true(rows[0].asked > asked);
    read_until(&receiver, 3001);
    receiver_close(&receiver);
    leader_close(&leader);
}

static void test_watermark_and_time_arrive_without_records(void **state)
{
    struct leader leader;
    struct receiver receiver;
    leader_open(&leader, state, 20);
    leader_write(&leader, 3, 100, 3, 30);
    receiver_open(&receiver, &leader.end);
    receiver_follow(&receiver, &leader.network, leader.port, 0, 0);
    struct follow_batch *batch = take_batch(&receiver);
    assert_int_equal(batch->left.size, 0);
    assert_int_equal(batch->origin, 3);
    assert_int_equal(batch->time_ms, 30);
    assert_int_equal(batch->end, 3);
    assert_true(batch->at_end);
    follow_batch_free(&batch);
    leader_write(&leader, 0, 100, 9, 31);
    batch = take_batch(&receiver); /* the next one: what is empty and tells nothing new is not handed over */
    assert_int_equal(batch->origin, 9);
    assert_int_equal(batch->time_ms, 31);
    follow_batch_free(&batch);
    receiver_close(&receiver);
    leader_close(&leader);
}

static void test_leader_learns_what_is_durable(void **state)
{
    struct leader leader;
    struct receiver receiver;
    leader_open(&leader, state, 20);
    leader_write(&leader, 10, 100, 1, 1);
    receiver_open(&receiver, &beginning);
    receiver_follow(&receiver, &leader.network, leader.port, 0, 0);
    read_until(&receiver, 10);
    assert_int_equal(feed_follower_position(leader.feed, "tagging"), 0); /* read, but not yet durable */
    follow_confirm(receiver.follow, 10);
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while (feed_follower_position(leader.feed, "tagging") != 10)
        assert_true(monotonic_ms() < deadline_ms);
    receiver_close(&receiver);
    leader_close(&leader);
}

static void test_follower_survives_restarts_of_its_leader(void **state)
{
    struct leader leader;
    struct receiver receiver;
    leader_open(&leader, state, 1000);
    leader_write(&leader, 500, 500, 1, 1);
    receiver_open(&receiver, &beginning);
    receiver_follow(&receiver, &leader.network, leader.port, 50000, 0);
    for (unsigned i = 0; i < 3; i++) {
        read_batch(&receiver, take_batch(&receiver));
        leader_stop(&leader);
        leader_start(&leader, 1000);
        leader_write(&leader, 100, 500, 2, 2);
    }
    read_until(&receiver, 800);
    receiver_close(&receiver);
    leader_close(&leader);
}

static void test_follower_may_start_before_its_leader(void **state)
{
    struct leader leader;
    struct receiver receiver;
    leader_open(&leader, state, 1000);
    leader_write(&leader, 5, 100, 1, 1);
    leader_stop(&leader);
    receiver_open(&receiver, &beginning);
    receiver_follow(&receiver, &leader.network, leader.port, 0, 0);
    assert_false(follow_connected(receiver.follow));
    leader_start(&leader, 1000);
    leader_write(&leader, 5, 100, 1, 1);
    read_until(&receiver, 10);
    assert_true(follow_connected(receiver.follow));
    receiver_close(&receiver);
    leader_close(&leader);
}

static void assert_ends_with(struct leader *leader, const struct journal_position *start, int code)
{
    struct receiver receiver;
    receiver_open(&receiver, start);
    receiver_follow(&receiver, &leader->network, leader->port, 0, 0);
    wait_until_stopped(&receiver);
    assert_int_equal(receiver.code, code);
    assert_non_null(strstr(receiver.message, error_text(code)));
    assert_false(follow_connected(receiver.follow));
    follow_stop(receiver.follow);
    assert_int_equal(receiver.stopped, 1);
    assert_int_equal(receiver.waiting, 0);
    struct follow_status status;
    follow_status(receiver.follow, &status);
    assert_string_equal(status.error, receiver.message);
    receiver_close(&receiver);
}

static void test_other_histories_end_it_with_a_reason(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 1000);
    leader_write(&leader, 10, 100, 1, 1);
    struct journal_position other = leader.end;
    other.chain[0] ^= 1;
    assert_ends_with(&leader, &other, -QY_EDIVERGED);
    other.next = 1000;
    assert_ends_with(&leader, &other, -QY_EAHEAD);
    for (unsigned i = 0; i < 40; i++)
        leader_write(&leader, 100, 1000, 1, 1);
    assert_int_equal(journal_trim(leader.journal, leader.end.next, 1000), 0);
    struct journal_state journal;
    journal_state(leader.journal, &journal);
    assert_true(journal.first > 10);
    assert_ends_with(&leader, &beginning, -QY_ETRIMMED);
    leader_close(&leader);
}

static void test_refused_follower_says_why_and_goes_on_asking(void **state)
{
    struct leader leader;
    struct receiver receiver;
    leader_open(&leader, state, 1000);
    receiver_open(&receiver, &beginning);
    struct keys keys = network_keys(&leader.network, "campaign"); /* not among the leader's followers */
    char endpoint[64];
    struct follow_options options = {.leader = "identity",
        .endpoint = local_endpoint(&endpoint, leader.port),
        .keys = &keys,
        .on_batch = on_batch,
        .on_stopped = on_stopped,
        .self = &receiver};
    assert_int_equal(keys_load_public(leader.network.keys, "identity", options.leader_key), 0);
    assert_int_equal(follow_open(&options, &receiver.follow), 0);
    wait_for_error(&receiver);
    struct follow_status status;
    follow_status(receiver.follow, &status);
    assert_non_null(strstr(status.error, error_text(-QY_EDENIED)));
    assert_int_equal(receiver.stopped, 0);
    receiver_close(&receiver);
    leader_close(&leader);
}

static void test_throughput(void **state)
{
    struct leader leader;
    struct receiver receiver;
    leader_open(&leader, state, 1000);
    enum { COMMITS = 50, RECORDS = 2000, BYTES = 600 };
    for (unsigned i = 0; i < COMMITS; i++)
        leader_write(&leader, RECORDS, BYTES, 1, 1);
    receiver_open(&receiver, &beginning);
    int64_t begun = monotonic_ms();
    receiver_follow(&receiver, &leader.network, leader.port, 4 << 20, 0);
    size_t bytes = 0;
    while (receiver.position.next < (uint64_t)COMMITS * RECORDS) {
        struct follow_batch *batch = take_batch(&receiver);
        bytes += batch->left.size;
        receiver.position = batch->after;
        follow_batch_free(&batch);
    }
    int64_t took = monotonic_ms() - begun;
    print_message("followed: %.0f MB/s, %.0f records/s\n", (double)bytes / 1e3 / (double)(took ? took : 1),
        1e3 * (double)(COMMITS * RECORDS) / (double)(took ? took : 1));
    receiver_close(&receiver);
    leader_close(&leader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_everything_arrives_once_and_in_order),
        scratch_test(test_memory_is_bounded_by_credit),
        scratch_test(test_watermark_and_time_arrive_without_records),
        scratch_test(test_leader_learns_what_is_durable),
        scratch_test(test_follower_survives_restarts_of_its_leader),
        scratch_test(test_follower_may_start_before_its_leader),
        scratch_test(test_other_histories_end_it_with_a_reason),
        scratch_test(test_refused_follower_says_why_and_goes_on_asking),
        scratch_test(test_throughput),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
