/* SPDX-License-Identifier: Apache-2.0 */
/* The follower against scripted leaders, which keep no promise. */
#include "tests/unit/common/follow_fixture.h"

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
    receiver.ahead_bytes = 1; /* it asks again only when the first batch has been freed */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_silent_leader_is_asked_again_on_a_new_connection),
        scratch_test(test_senseless_answers_are_not_taken),
        scratch_test(test_answer_nobody_asked_for_is_not_taken),
        scratch_test(test_impostor_is_not_followed),
        scratch_test(test_bad_endpoint_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
