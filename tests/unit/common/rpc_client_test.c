/* SPDX-License-Identifier: Apache-2.0 */
/* The client against scripted servers: silent, late, gone, broken. */
#include "tests/unit/common/rpc_fixture.h"

#define AT_ONCE_MS 200 /* less than a handshake is waited for, more than a busy machine needs */
#define SOON_MS 1500   /* a handshake's wait, on a busy machine; less than any timeout below */

/* A client of "gateway" that believes audit to be at `endpoint`. */
static void client_open(
    struct network *network, const char *endpoint, struct peers **ret_peers, struct rpc_client **ret_client)
{
    struct keys keys = network_keys(network, "gateway");
    struct peer peer = {"audit", endpoint};
    assert_int_equal(peers_open(&keys, network->keys, &peer, 1, ret_peers), 0);
    assert_int_equal(rpc_client_open(*ret_peers, ret_client), 0);
}

/* A server that does nothing by itself. */
static void *scripted_server(const struct network *network, const char *name, char (*ret_endpoint)[64])
{
    uint16_t port;
    void *server = network_listen(network, name, 0, &port);
    local_endpoint(ret_endpoint, port);
    return server;
}

static int tree_within(struct rpc_client *client, int timeout_ms)
{
    uint64_t size;
    return call_tree(client, &(struct rpc_call){.timeout_ms = timeout_ms}, &size);
}

/* Runs one call on a thread of its own, so that the test can play the server. */
struct caller {
    struct rpc_client *client;
    int timeout_ms;
    int code;
    int64_t took_ms;
    pthread_t thread;
};

static void *make_call(void *data)
{
    struct caller *caller = data;
    int64_t begun = monotonic_ms();
    caller->code = tree_within(caller->client, caller->timeout_ms);
    caller->took_ms = monotonic_ms() - begun;
    return NULL;
}

static struct caller *caller_start(struct rpc_client *client, int timeout_ms)
{
    struct caller *caller = calloc(1, sizeof(*caller));
    assert_non_null(caller);
    *caller = (struct caller){.client = client, .timeout_ms = timeout_ms};
    assert_int_equal(pthread_create(&caller->thread, NULL, make_call, caller), 0);
    return caller;
}

static int caller_join(struct caller *caller, int64_t *ret_took_ms)
{
    pthread_join(caller->thread, NULL);
    int code = caller->code;
    if (ret_took_ms)
        *ret_took_ms = caller->took_ms;
    free(caller);
    return code;
}

/* The next request: its frames, and the id that its header has. */
static struct frames next_request(void *server, uint64_t *ret_id)
{
    struct frames frames = network_receive(server);
    assert_int_equal(frames.count, 3);
    struct bytes first = frame_bytes(&frames, 1);
    Quanyu__Header *header = quanyu__header__unpack(NULL, first.size, first.data);
    assert_non_null(header);
    assert_int_equal(strlen(header->request_id), 16);
    assert_true(header->deadline_ms > 0);
    *ret_id = header->id;
    quanyu__header__free_unpacked(header, NULL);
    return frames;
}

static void answer_request(void *server, struct frames *request, uint64_t id, int code, struct bytes body)
{
    uint8_t room[64];
    Quanyu__Outcome outcome = QUANYU__OUTCOME__INIT;
    outcome.id = id;
    outcome.code = code;
    size_t size = quanyu__outcome__pack(&outcome, room);
    network_send(server, 3, (struct bytes[]){frame_bytes(request, 0), {room, size}, body});
}

static const uint8_t tree_reply[] = {0x22, 0x02, 0x08, 0x05};
#define TREE_REPLY ((struct bytes){tree_reply, sizeof(tree_reply)})

static void test_nobody_there_is_told_soon_and_then_at_once(void **state)
{
    struct network network = network_open(state);
    char endpoint[64];
    int reserved = network_reserve(false, &endpoint);
    struct peers *peers = NULL;
    struct rpc_client *client = NULL, *other = NULL;
    client_open(&network, endpoint, &peers, &client);
    assert_int_equal(rpc_client_open(peers, &other), 0);
    int64_t begun = monotonic_ms();
    assert_int_equal(tree_within(client, 5000), -QY_EUNAVAILABLE);
    assert_true(monotonic_ms() - begun < SOON_MS);
    begun = monotonic_ms();
    assert_int_equal(tree_within(client, 5000), -QY_EUNAVAILABLE);
    assert_int_equal(tree_within(other, 5000), -QY_EUNAVAILABLE);
    assert_true(monotonic_ms() - begun < AT_ONCE_MS);
    rpc_client_close(&other);
    rpc_client_close(&client);
    peers_close(&peers);
    close(reserved);
    network_close(&network);
}

/* A connection is none before its handshake is over: nothing is sent into it. */
static void test_port_that_accepts_but_never_speaks_is_not_connected(void **state)
{
    struct network network = network_open(state);
    char endpoint[64];
    int listener = network_reserve(true, &endpoint);
    struct peers *peers = NULL;
    struct rpc_client *client = NULL;
    client_open(&network, endpoint, &peers, &client);
    int64_t begun = monotonic_ms();
    assert_int_equal(tree_within(client, 5000), -QY_EUNAVAILABLE);
    assert_true(monotonic_ms() - begun < SOON_MS);
    rpc_client_close(&client);
    peers_close(&peers);
    close(listener);
    network_close(&network);
}

static void test_impostor_gets_no_request(void **state)
{
    struct network network = network_open(state);
    char endpoint[64];
    void *impostor = scripted_server(&network, "campaign", &endpoint);
    struct peers *peers = NULL;
    struct rpc_client *client = NULL;
    client_open(&network, endpoint, &peers, &client);
    assert_int_equal(tree_within(client, 5000), -QY_EUNAVAILABLE);
    struct frames frames;
    assert_false(frames_receive(impostor, &frames));
    rpc_client_close(&client);
    peers_close(&peers);
    socket_close(&impostor);
    network_close(&network);
}

static void test_unknown_peer_is_told(void **state)
{
    struct network network = network_open(state);
    struct peers *peers = NULL;
    struct rpc_client *client = NULL;
    struct rpc_error error = {0};
    client_open(&network, "tcp://127.0.0.1:1", &peers, &client);
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(rpc_call(client, "campaign", NULL, &request.base, &quanyu__audit_reply__descriptor,
                         arena, &reply, &error),
        -QY_ENOTFOUND);
    assert_string_equal(error.message, error_text(-QY_ENOTFOUND));
    arena_close(&arena);
    rpc_client_close(&client);
    peers_close(&peers);
    network_close(&network);
}

/* Answers all requests on a thread of its own. */
struct responder {
    void *server;
    atomic_bool stopping;
    pthread_t thread;
};

static void *respond(void *data)
{
    struct responder *responder = data;
    while (!atomic_load(&responder->stopping)) {
        struct frames request;
        if (!frames_receive(responder->server, &request)) {
            if (!(socket_events(responder->server) & ZMQ_POLLIN))
                socket_wait(responder->server, monotonic_ms() + 10);
            continue;
        }
        struct bytes first = frame_bytes(&request, 1);
        Quanyu__Header *header = quanyu__header__unpack(NULL, first.size, first.data);
        assert_non_null(header);
        answer_request(responder->server, &request, header->id, 0, TREE_REPLY);
        quanyu__header__free_unpacked(header, NULL);
        frames_close(&request);
    }
    return NULL;
}

static void test_silent_peer_is_suspect_until_it_answers(void **state)
{
    struct network network = network_open(state);
    char endpoint[64];
    struct responder responder = {.server = scripted_server(&network, "audit", &endpoint)};
    struct peers *peers = NULL;
    struct rpc_client *client = NULL, *other = NULL;
    client_open(&network, endpoint, &peers, &client);
    assert_int_equal(rpc_client_open(peers, &other), 0);
    assert_int_equal(tree_within(client, 300), -QY_ETIMEOUT);
    int64_t begun = monotonic_ms();
    assert_int_equal(tree_within(other, 5000), -QY_EUNAVAILABLE);
    assert_true(monotonic_ms() - begun < AT_ONCE_MS);
    assert_int_equal(pthread_create(&responder.thread, NULL, respond, &responder), 0);
    while (tree_within(other, 5000) == -QY_EUNAVAILABLE)
        assert_true(monotonic_ms() - begun < PATIENCE_MS);
    /* What one has learnt holds for all; the late answer to the first call is not taken for one to this. */
    assert_int_equal(tree_within(client, 5000), 0);
    atomic_store(&responder.stopping, true);
    pthread_join(responder.thread, NULL);
    rpc_client_close(&other);
    rpc_client_close(&client);
    peers_close(&peers);
    socket_close(&responder.server);
    network_close(&network);
}

static void test_late_and_senseless_answers_are_dropped(void **state)
{
    struct network network = network_open(state);
    char endpoint[64];
    void *server = scripted_server(&network, "audit", &endpoint);
    struct peers *peers = NULL;
    struct rpc_client *client = NULL;
    client_open(&network, endpoint, &peers, &client);
    struct caller *caller = caller_start(client, 5000);
    uint64_t id;
    struct frames request = next_request(server, &id);
    answer_request(server, &request, id - 1, QY_EDENIED, (struct bytes){0}); /* of an earlier call */
    network_send(server, 2, (struct bytes[]){frame_bytes(&request, 0), {(const uint8_t *)"alone", 5}});
    network_send(server, 3,
        (struct bytes[]){
            frame_bytes(&request, 0), {(const uint8_t *)"\xff\xff\xff", 3}, {(const uint8_t *)"?", 1}});
    answer_request(server, &request, id, 0, TREE_REPLY);
    frames_close(&request);
    assert_int_equal(caller_join(caller, NULL), 0);
    rpc_client_close(&client);
    peers_close(&peers);
    socket_close(&server);
    network_close(&network);
}

static void test_answers_that_are_not_to_the_call_are_corrupt(void **state)
{
    struct network network = network_open(state);
    char endpoint[64];
    void *server = scripted_server(&network, "audit", &endpoint);
    struct peers *peers = NULL;
    struct rpc_client *client = NULL;
    client_open(&network, endpoint, &peers, &client);
    static const uint8_t other_case[] = {0x1a, 0x00}, cut[] = {0x22, 0x09, 0x08};
    static const struct {
        struct bytes body;
        int outcome;
        int code;
    } answers[] = {
        {{other_case, sizeof(other_case)}, 0, -QY_ECORRUPT},
        {{cut, sizeof(cut)}, 0, -QY_ECORRUPT},
        {{NULL, 0}, 0, -QY_ECORRUPT},
        {{NULL, 0}, -3, -QY_ECORRUPT},
        {{NULL, 0}, QY_ERROR_COUNT, -QY_ECORRUPT},
        {{NULL, 0}, QY_EDENIED, -QY_EDENIED},
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct caller *caller = caller_start(client, 5000);
        uint64_t id;
        struct frames request = next_request(server, &id);
        answer_request(server, &request, id, answers[i].outcome, answers[i].body);
        frames_close(&request);
        assert_int_equal(caller_join(caller, NULL), answers[i].code);
    }
    rpc_client_close(&client);
    peers_close(&peers);
    socket_close(&server);
    network_close(&network);
}

static void test_connection_lost_during_a_call_ends_it(void **state)
{
    struct network network = network_open(state);
    char endpoint[64];
    void *server = scripted_server(&network, "audit", &endpoint);
    struct peers *peers = NULL;
    struct rpc_client *client = NULL;
    client_open(&network, endpoint, &peers, &client);
    struct caller *caller = caller_start(client, 60000);
    uint64_t id;
    struct frames request = next_request(server, &id);
    frames_close(&request);
    socket_close(&server);
    int64_t took_ms;
    assert_int_equal(caller_join(caller, &took_ms), -QY_ETIMEOUT); /* it may have been done */
    assert_true(took_ms < PATIENCE_MS);
    rpc_client_close(&client);
    peers_close(&peers);
    network_close(&network);
}

static void test_client_works_again_after_the_server_came_back(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    struct rpc_client *client = NULL;
    assert_int_equal(rpc_client_open(service.peers, &client), 0);
    assert_int_equal(tree_within(client, 5000), 0);
    uint16_t port = rpc_server_port(service.server);
    rpc_server_close(&service.server);
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while (tree_within(client, 1000) != -QY_EUNAVAILABLE)
        assert_true(monotonic_ms() < deadline_ms);
    fixture_serve(&service, port, 0);
    while (tree_within(client, 1000) != 0)
        assert_true(monotonic_ms() < deadline_ms);
    rpc_client_close(&client);
    fixture_close(&service);
}

static void test_oversize_answers_become_errors(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    struct rpc_client *client = NULL;
    assert_int_equal(rpc_client_open(service.peers, &client), 0);
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    struct rpc_call call = {.actor = &actor, .timeout_ms = 20000};
    uint64_t size;
    actor.id = (char *)"1000000";
    assert_int_equal(call_tree(client, &call, &size), 0);
    actor.id = (char *)"40000000";
    assert_int_equal(call_tree(client, &call, &size), -QY_ETOOLARGE);
    actor.id = (char *)"0";
    assert_int_equal(call_tree(client, &call, &size), 0);
    rpc_client_close(&client);
    fixture_close(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_nobody_there_is_told_soon_and_then_at_once),
        scratch_test(test_port_that_accepts_but_never_speaks_is_not_connected),
        scratch_test(test_impostor_gets_no_request),
        scratch_test(test_unknown_peer_is_told),
        scratch_test(test_silent_peer_is_suspect_until_it_answers),
        scratch_test(test_late_and_senseless_answers_are_dropped),
        scratch_test(test_answers_that_are_not_to_the_call_are_corrupt),
        scratch_test(test_connection_lost_during_a_call_ends_it),
        scratch_test(test_client_works_again_after_the_server_came_back),
        scratch_test(test_oversize_answers_become_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
