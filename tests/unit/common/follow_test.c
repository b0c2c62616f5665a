/* SPDX-License-Identifier: Apache-2.0 */
/* The follower against a real leader, and against scripted ones. */
#include "common/follow.h"

#include "tests/unit/common/feed_fixture.h"

#include <pthread.h>

static const struct journal_position beginning;

/* What a service's writer is to a follower: takes batches, reads them, gives them back. */
struct receiver {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct follow_batch *first; /* oldest first */
    unsigned waiting;
    unsigned ahead;
    unsigned stopped;
    int code;
    char message[160];
    struct journal_position position; /* of what has been read */
    struct chunk_reader *reader;
    struct follow *follow;
};

static void on_batch(void *self, struct follow_batch *batch)
{
    struct receiver *receiver = self;
    pthread_mutex_lock(&receiver->lock);
    struct follow_batch **end = &receiver->first;
    while (*end)
        end = &(*end)->next;
    *end = batch;
    receiver->waiting++;
    pthread_cond_broadcast(&receiver->changed);
    pthread_mutex_unlock(&receiver->lock);
}

static void on_stopped(void *self, int code, const char *message)
{
    struct receiver *receiver = self;
    pthread_mutex_lock(&receiver->lock);
    receiver->stopped++;
    receiver->code = code;
    snprintf(receiver->message, sizeof(receiver->message), "%s", message);
    pthread_cond_broadcast(&receiver->changed);
    pthread_mutex_unlock(&receiver->lock);
}

static struct timespec patience(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    return until;
}

static void wait_for_batches(struct receiver *receiver, unsigned count)
{
    struct timespec until = patience();
    pthread_mutex_lock(&receiver->lock);
    while (receiver->waiting < count)
        assert_int_equal(pthread_cond_timedwait(&receiver->changed, &receiver->lock, &until), 0);
    pthread_mutex_unlock(&receiver->lock);
}

static void wait_until_stopped(struct receiver *receiver)
{
    struct timespec until = patience();
    pthread_mutex_lock(&receiver->lock);
    while (receiver->stopped == 0)
        assert_int_equal(pthread_cond_timedwait(&receiver->changed, &receiver->lock, &until), 0);
    pthread_mutex_unlock(&receiver->lock);
}

static void wait_for_error(struct receiver *receiver)
{
    struct follow_status status = {0};
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while (!status.error[0]) {
        assert_true(monotonic_ms() < deadline_ms);
        follow_status(receiver->follow, &status);
    }
}

static struct follow_batch *take_batch(struct receiver *receiver)
{
    wait_for_batches(receiver, 1);
    pthread_mutex_lock(&receiver->lock);
    struct follow_batch *batch = receiver->first;
    receiver->first = batch->next;
    receiver->waiting--;
    pthread_mutex_unlock(&receiver->lock);
    batch->next = NULL;
    return batch;
}

/* Reads the batch's records, which must go on where the last batch ended, and frees it. */
static void read_batch(struct receiver *receiver, struct follow_batch *batch)
{
    while (batch->left.size > 0) {
        uint64_t size, next = receiver->position.next;
        assert_true(bytes_varint(&batch->left, &size) && size <= batch->left.size);
        struct bytes chunk = {batch->left.data, size};
        assert_int_equal(chunk_read(receiver->reader, chunk, &receiver->position), 0);
        batch->left.data += size;
        batch->left.size -= size;
        struct journal_record record;
        while (chunk_next(receiver->reader, &record))
            assert_int_equal(get_be64(record.data.data), next++);
        assert_int_equal(next, receiver->position.next);
    }
    assert_memory_equal(&receiver->position, &batch->after, sizeof(batch->after));
    follow_batch_free(&batch);
}

static void read_until(struct receiver *receiver, uint64_t next)
{
    while (receiver->position.next < next)
        read_batch(receiver, take_batch(receiver));
    assert_int_equal(receiver->position.next, next);
}

static void receiver_open(struct receiver *receiver, const struct journal_position *start)
{
    *receiver = (struct receiver){.position = *start};
    pthread_mutex_init(&receiver->lock, NULL);
    pthread_cond_init(&receiver->changed, NULL);
    assert_int_equal(chunk_reader_open(&receiver->reader), 0);
}

static void receiver_follow(struct receiver *receiver, const struct network *network, uint16_t port,
    size_t credit_bytes, unsigned answer_ms)
{
    struct keys keys = network_keys(network, "tagging");
    char endpoint[64];
    struct follow_options options = {.leader = "identity",
        .endpoint = local_endpoint(&endpoint, port),
        .keys = &keys,
        .start = receiver->position,
        .credit_bytes = credit_bytes,
        .ahead = receiver->ahead,
        .answer_ms = answer_ms,
        .on_batch = on_batch,
        .on_stopped = on_stopped,
        .self = receiver};
    assert_int_equal(keys_load_public(network->keys, "identity", options.leader_key), 0);
    assert_int_equal(follow_open(&options, &receiver->follow), 0);
}

static void receiver_close(struct receiver *receiver)
{
    follow_close(&receiver->follow);
    while (receiver->first) { /* also after the follower has gone */
        struct follow_batch *batch = take_batch(receiver);
        follow_batch_free(&batch);
    }
    chunk_reader_close(&receiver->reader);
    pthread_cond_destroy(&receiver->changed);
    pthread_mutex_destroy(&receiver->lock);
}

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

/* -- scripted leaders -- */

static void *scripted_leader(const struct network *network, uint16_t *ret_port)
{
    return network_listen(network, "identity", 0, ret_port);
}

/* An answer to the follower of `request`: nothing new at `next`, with a watermark to know it by. */
static void answer_empty(void *server, struct frames *request, uint64_t next, uint64_t origin)
{
    uint8_t room[128];
    struct journal_position position = {.next = next};
    Quanyu__FeedReply reply = QUANYU__FEED_REPLY__INIT;
    reply.next = next;
    reply.end = next;
    reply.origin = origin;
    reply.chain = (ProtobufCBinaryData){.data = position.chain, .len = JOURNAL_CHAIN_BYTES};
    size_t size = quanyu__feed_reply__pack(&reply, room);
    network_send(server, 3, (struct bytes[]){frame_bytes(request, 0), {room, size}, {NULL, 0}});
}

static bool same_route(struct frames *a, struct frames *b)
{
    struct bytes left = frame_bytes(a, 0), right = frame_bytes(b, 0);
    return left.size == right.size && memcmp(left.data, right.data, left.size) == 0;
}

static void test_silent_leader_is_asked_again_on_a_new_connection(void **state)
{
    struct network network = network_open(state);
    struct receiver receiver;
    uint16_t port;
    void *server = scripted_leader(&network, &port);
    receiver_open(&receiver, &beginning);
    receiver_follow(&receiver, &network, port, 0, 100);
    struct frames first = network_receive(server);
    struct frames second = network_receive(server);
    assert_false(same_route(&first, &second));
    answer_empty(server, &second, 0, 7);
    struct follow_batch *batch = take_batch(&receiver);
    assert_int_equal(batch->origin, 7);
    follow_batch_free(&batch);
    frames_close(&first);
    frames_close(&second);
    receiver_close(&receiver);
    socket_close(&server);
    network_close(&network);
}

static void test_senseless_answers_are_not_taken(void **state)
{
    struct network network = network_open(state);
    struct receiver receiver;
    uint16_t port;
    void *server = scripted_leader(&network, &port);
    receiver_open(&receiver, &(struct journal_position){.next = 10});
    receiver_follow(&receiver, &network, port, 0, 0);
    struct frames request = network_receive(server);
    answer_empty(server, &request, 9, 1); /* backwards */
    frames_close(&request);
    request = network_receive(server);
    answer_empty(server, &request, 11, 1); /* forwards without chunks */
    frames_close(&request);
    request = network_receive(server);
    network_send(server, 2, (struct bytes[]){frame_bytes(&request, 0), {(const uint8_t *)"\xff\xff", 2}});
    frames_close(&request);
    request = network_receive(server);
    answer_empty(server, &request, 10, 2);
    frames_close(&request);
    struct follow_batch *batch = take_batch(&receiver);
    assert_int_equal(batch->origin, 2);
    follow_batch_free(&batch);
    assert_int_equal(receiver.stopped, 0);
    receiver_close(&receiver);
    socket_close(&server);
    network_close(&network);
}

static void test_answer_nobody_asked_for_is_not_taken(void **state)
{
    struct network network = network_open(state);
    struct receiver receiver;
    uint16_t port;
    void *server = scripted_leader(&network, &port);
    receiver_open(&receiver, &beginning);
    receiver.ahead = 1; /* it asks again only when the first batch has been freed */
    receiver_follow(&receiver, &network, port, 0, 0);
    struct frames request = network_receive(server);
    answer_empty(server, &request, 0, 1);
    answer_empty(server, &request, 0, 2);
    wait_for_error(&receiver);
    struct follow_batch *batch = take_batch(&receiver);
    assert_int_equal(batch->origin, 1);
    follow_batch_free(&batch);
    struct frames again = network_receive(server);
    assert_false(same_route(&request, &again));
    answer_empty(server, &again, 0, 3);
    batch = take_batch(&receiver);
    assert_int_equal(batch->origin, 3);
    follow_batch_free(&batch);
    frames_close(&request);
    frames_close(&again);
    receiver_close(&receiver);
    socket_close(&server);
    network_close(&network);
}

static void test_impostor_is_not_followed(void **state)
{
    struct network network = network_open(state);
    struct receiver receiver;
    uint16_t port;
    void *impostor = network_listen(&network, "audit", 0, &port);
    receiver_open(&receiver, &beginning);
    receiver_follow(&receiver, &network, port, 0, 50);
    /* A client that gets in after it proves that its own attempts have come to an end. */
    void *client = network_client(&network, "cli", "audit", port);
    network_send(client, 1, &(struct bytes){(const uint8_t *)"hello", 5});
    struct frames frames = network_receive(impostor);
    assert_string_equal(zmq_msg_gets(&frames.frame[1], "User-Id"), "cli");
    frames_close(&frames);
    assert_false(frames_receive(impostor, &frames));
    assert_false(follow_connected(receiver.follow));
    socket_close(&client);
    receiver_close(&receiver);
    socket_close(&impostor);
    network_close(&network);
}

static void test_bad_endpoint_is_refused(void **state)
{
    struct network network = network_open(state);
    struct keys keys = network_keys(&network, "tagging");
    struct follow *follow = NULL;
    struct follow_options options = {.leader = "identity", .endpoint = "carrier://pigeon", .keys = &keys};
    memcpy(options.leader_key, keys.public_key, KEYS_Z85);
    assert_int_equal(follow_open(&options, &follow), -QY_EINVAL);
    assert_null(follow);
    network_close(&network);
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
        1e3 * COMMITS * RECORDS / (double)(took ? took : 1));
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
        scratch_test(test_silent_leader_is_asked_again_on_a_new_connection),
        scratch_test(test_senseless_answers_are_not_taken),
        scratch_test(test_answer_nobody_asked_for_is_not_taken),
        scratch_test(test_impostor_is_not_followed),
        scratch_test(test_bad_endpoint_is_refused),
        scratch_test(test_throughput),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
