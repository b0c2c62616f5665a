/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc_server.h"

#include "tests/unit/common/rpc_fixture.h"

#define ANY_CODE (-1)

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* A raw client's request: any header, any body. */
static void send_raw(
    void *client, uint64_t id, int64_t deadline_ms, const char *request_id, struct bytes body)
{
    uint8_t room[512];
    Quanyu__Header header = QUANYU__HEADER__INIT;
    header.id = id;
    header.deadline_ms = deadline_ms;
    header.request_id = (char *)request_id;
    assert_true(quanyu__header__get_packed_size(&header) <= sizeof(room));
    size_t size = quanyu__header__pack(&header, room);
    network_send(client, 2, (struct bytes[]){{room, size}, body});
}

static void assert_answer(void *client, uint64_t id, int code)
{
    struct frames frames = network_receive(client);
    assert_int_equal(frames.count, 2);
    struct bytes first = frame_bytes(&frames, 0);
    Quanyu__Outcome *outcome = quanyu__outcome__unpack(NULL, first.size, first.data);
    assert_non_null(outcome);
    assert_int_equal(outcome->id, id);
    if (code != ANY_CODE)
        assert_int_equal(outcome->code, code);
    if (outcome->code != 0)
        assert_int_equal(frame_bytes(&frames, 1).size, 0);
    quanyu__outcome__free_unpacked(outcome, NULL);
    frames_close(&frames);
}

/* What a TreeRequest looks like on the wire: field 4, an empty message. */
static const uint8_t tree_body[] = {0x22, 0x00};
#define TREE_BODY ((struct bytes){tree_body, sizeof(tree_body)})

static void *client_of(struct service *service, const char *name)
{
    return network_client(&service->network, name, "audit", rpc_server_port(service->server));
}

static void test_queries_and_commands_are_answered(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    struct rpc_client *client = NULL;
    struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(rpc_client_open(service.peers, &client), 0);
    uint64_t size = 99;
    assert_int_equal(call_tree(client, NULL, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(call_append(client, NULL, 3, arena, &size, NULL), 0);
    assert_int_equal(size, 3);
    assert_int_equal(call_tree(client, NULL, &size), 0);
    assert_int_equal(size, 3);
    arena_close(&arena);
    rpc_client_close(&client);
    fixture_close(&service);
}

static void test_refusal_arrives_with_field_and_message(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    struct rpc_client *client = NULL;
    struct arena *arena = NULL;
    struct rpc_error error = {0};
    uint64_t size;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(rpc_client_open(service.peers, &client), 0);
    assert_int_equal(call_append(client, NULL, 0, arena, &size, &error), -QY_EINVAL);
    assert_string_equal(error.field, "records");
    assert_string_equal(error.message, "0 records are too few");
    fixture_hold(&service, &service.refuse_work, true);
    assert_int_equal(call_append(client, NULL, 1, arena, &size, &error), -QY_EFULL);
    assert_string_equal(error.message, error_text(-QY_EFULL));
    assert_null(error.field);
    arena_close(&arena);
    rpc_client_close(&client);
    fixture_close(&service);
}

static void test_what_the_services_check_refuses_is_not_begun(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    struct rpc_client *client = NULL;
    struct arena *arena = NULL;
    struct rpc_error error = {0};
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    const struct rpc_call call = {.actor = &actor};
    uint64_t size;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(rpc_client_open(service.peers, &client), 0);
    actor.id = (char *)"nobody";
    assert_int_equal(call_append(client, &call, 1, arena, &size, &error), -QY_EOVERTAKEN);
    assert_string_equal(error.field, RPC_FIELD_SCOPE);
    assert_int_equal(call_tree(client, &call, &size), -QY_EOVERTAKEN);
    actor.id = (char *)"7";
    assert_int_equal(call_tree(client, &call, &size), 0);
    assert_int_equal(size, 0);
    arena_close(&arena);
    rpc_client_close(&client);
    fixture_close(&service);
}

static void test_runtime_calls_are_answered_for_any_service(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    void *client = client_of(&service, "cli");
    static const uint8_t status_body[] = {0x0a, 0x00}, dump_body[] = {0x12, 0x00};
    send_raw(client, 1, 1000, "", (struct bytes){status_body, sizeof(status_body)});
    struct frames frames = network_receive(client);
    struct bytes body = frame_bytes(&frames, 1);
    Quanyu__AuditReply *reply = quanyu__audit_reply__unpack(NULL, body.size, body.data);
    assert_non_null(reply);
    assert_int_equal(reply->result_case, QUANYU__AUDIT_REPLY__RESULT_STATUS);
    assert_string_equal(reply->status->service, "audit");
    quanyu__audit_reply__free_unpacked(reply, NULL);
    frames_close(&frames);
    send_raw(client, 2, 1000, "", (struct bytes){dump_body, sizeof(dump_body)});
    assert_answer(client, 2, QY_EUNSUPPORTED); /* no handler is there */
    socket_close(&client);
    fixture_close(&service);
}

static void test_access_is_by_peer_name(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    static const uint8_t auditors_body[] = {0x32, 0x00};
    void *cli = client_of(&service, "cli"), *gateway = client_of(&service, "gateway");
    send_raw(gateway, 1, 1000, "", (struct bytes){auditors_body, sizeof(auditors_body)});
    assert_answer(gateway, 1, QY_EDENIED);
    send_raw(cli, 2, 1000, "r-1", (struct bytes){auditors_body, sizeof(auditors_body)});
    struct frames frames = network_receive(cli);
    struct bytes body = frame_bytes(&frames, 1);
    Quanyu__AuditReply *reply = quanyu__audit_reply__unpack(NULL, body.size, body.data);
    assert_non_null(reply);
    assert_int_equal(reply->result_case, QUANYU__AUDIT_REPLY__RESULT_AUDITORS);
    assert_string_equal(reply->auditors->token, "cli r-1");
    quanyu__audit_reply__free_unpacked(reply, NULL);
    frames_close(&frames);
    socket_close(&cli);
    socket_close(&gateway);
    fixture_close(&service);
}

static void test_hostile_frames_get_an_error_and_harm_nothing(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    void *client = client_of(&service, "gateway");
    static const uint8_t unknown[] = {0xfa, 0x01, 0x00}, garbage[] = {0x22, 0xff, 0xff, 0xff, 0xff, 0x0f};
    send_raw(client, 1, 1000, "", (struct bytes){unknown, sizeof(unknown)});
    assert_answer(client, 1, QY_EUNSUPPORTED);
    send_raw(client, 2, 1000, "", (struct bytes){0});
    assert_answer(client, 2, QY_EUNSUPPORTED);
    send_raw(client, 3, 1000, "", (struct bytes){garbage, sizeof(garbage)});
    assert_answer(client, 3, QY_EINVAL);
    send_raw(client, 4, 1000, "two\nlines", TREE_BODY);
    assert_answer(client, 4, QY_EINVAL);
    network_send(client, 2, (struct bytes[]){text_bytes("\xff\xff"), TREE_BODY});
    assert_answer(client, 0, QY_EINVAL);
    network_send(client, 1, (struct bytes[]){text_bytes("alone")});
    assert_answer(client, 0, QY_EINVAL);
    network_send(client, 4, (struct bytes[]){text_bytes(""), text_bytes(""), text_bytes(""), text_bytes("")});
    assert_answer(client, 0, QY_EINVAL);
    uint8_t *large = calloc(1, 200000);
    network_send(client, 2, (struct bytes[]){{large, 20000}, TREE_BODY});
    assert_answer(client, 0, QY_EINVAL);
    send_raw(client, 5, 1000, "", (struct bytes){large, 100001});
    assert_answer(client, 5, QY_ETOOLARGE);
    free(large);
    send_raw(client, 6, 1000, "", TREE_BODY);
    assert_answer(client, 6, 0);
    socket_close(&client);
    fixture_close(&service);
}

/* Deterministic noise: real requests with bytes changed, and bytes at random. */
static void test_random_frames_never_crash(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    void *client = client_of(&service, "gateway");
    uint64_t random = 88172645463325252u;
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t header[48] = {0x08, 0x07, 0x18, 0x64, 0x22, 0x04, 0x12, 0x02, 'x', 'y'};
        uint8_t body[64] = {0x1a, 0x06, 0x0a, 0x04, 0x1a, 0x02, 'h', 'i', 0x2a, 0x03, 0x0a, 0x01, 'a'};
        for (unsigned j = 0; j < 6; j++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            body[random % (i % 2 ? 16 : 64)] = (uint8_t)(random >> 32);
            header[(random >> 8) % (i % 3 ? 12 : 48)] = (uint8_t)(random >> 40);
        }
        network_send(client, 2, (struct bytes[]){{header, (random >> 16) % 48}, {body, (random >> 24) % 64}});
        struct frames frames = network_receive(client);
        assert_int_equal(frames.count, 2);
        frames_close(&frames);
    }
    send_raw(client, 1, 1000, "", TREE_BODY);
    assert_answer(client, 1, 0);
    socket_close(&client);
    fixture_close(&service);
}

static void test_expired_requests_do_no_work(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    void *client = client_of(&service, "gateway");
    static const uint8_t append_body[] = {0x1a, 0x05, 0x0a, 0x03, 0x1a, 0x01, 'a'};
    struct bytes append = {append_body, sizeof(append_body)};
    send_raw(client, 1, 0, "", TREE_BODY);
    assert_answer(client, 1, QY_ETIMEOUT);
    send_raw(client, 2, -5, "", append);
    assert_answer(client, 2, QY_ETIMEOUT);
    fixture_hold(&service, &service.writer_held, true);
    send_raw(client, 3, 5, "", append);
    int64_t over_ms = monotonic_ms() + 30;
    while (monotonic_ms() < over_ms) /* the request's time goes by while it waits for the writer */
        socket_wait(client, over_ms);
    fixture_hold(&service, &service.writer_held, false);
    assert_answer(client, 3, QY_ETIMEOUT);
    assert_int_equal(atomic_load(&service.applied), 0);
    assert_int_equal(atomic_load(&service.queried), 0);
    send_raw(client, 4, 5000, "", append);
    assert_answer(client, 4, 0);
    assert_int_equal(atomic_load(&service.applied), 1);
    socket_close(&client);
    fixture_close(&service);
}

static void test_beyond_its_limit_it_refuses_and_recovers(void **state)
{
    struct service service;
    fixture_open(&service, state, 10);
    void *client = client_of(&service, "gateway");
    fixture_hold(&service, &service.queries_held, true);
    for (uint64_t i = 1; i <= 15; i++)
        send_raw(client, i, 60000, "", TREE_BODY);
    for (uint64_t i = 11; i <= 15; i++)
        assert_answer(client, i, QY_EUNAVAILABLE);
    fixture_hold(&service, &service.queries_held, false);
    for (unsigned i = 0; i < 10; i++) {
        struct frames frames = network_receive(client); /* two readers: in any order */
        frames_close(&frames);
    }
    send_raw(client, 16, 60000, "", TREE_BODY);
    assert_answer(client, 16, 0);
    assert_int_equal(atomic_load(&service.queried), 11);
    socket_close(&client);
    fixture_close(&service);
}

static void *close_server(void *data)
{
    struct service *service = data;
    rpc_server_close(&service->server);
    return NULL;
}

static void test_closing_answers_what_is_in_hand_and_refuses_the_rest(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    void *client = client_of(&service, "gateway");
    fixture_hold(&service, &service.queries_held, true);
    send_raw(client, 1, 60000, "", TREE_BODY);
    static const uint8_t append_body[] = {0x1a, 0x05, 0x0a, 0x03, 0x1a, 0x01, 'a'};
    send_raw(client, 2, 60000, "", (struct bytes){append_body, sizeof(append_body)});
    assert_answer(client, 2, 0);
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_server, &service), 0);
    int code = 0;
    for (uint64_t id = 3; code == 0 && id < 100000; id++) {
        /* A command: queries are held. */
        send_raw(client, id, 60000, "", (struct bytes){append_body, sizeof(append_body)});
        struct frames frames = network_receive(client);
        struct bytes first = frame_bytes(&frames, 0);
        Quanyu__Outcome *outcome = quanyu__outcome__unpack(NULL, first.size, first.data);
        assert_non_null(outcome);
        code = outcome->code;
        quanyu__outcome__free_unpacked(outcome, NULL);
        frames_close(&frames);
    }
    assert_int_equal(code, QY_ESTOPPED);
    fixture_hold(&service, &service.queries_held, false);
    assert_answer(client, 1, 0);
    pthread_join(closer, NULL);
    socket_close(&client);
    fixture_close(&service);
}

static void test_caller_that_vanishes_harms_nobody(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    void *gone = client_of(&service, "gateway"), *client = client_of(&service, "cli");
    fixture_hold(&service, &service.queries_held, true);
    for (uint64_t i = 0; i < 100; i++)
        send_raw(gone, i, 60000, "", TREE_BODY);
    static const uint8_t append_body[] = {0x1a, 0x05, 0x0a, 0x03, 0x1a, 0x01, 'a'};
    send_raw(gone, 100, 60000, "", (struct bytes){append_body, sizeof(append_body)});
    assert_answer(gone, 100, 0); /* so all before it have arrived */
    socket_close(&gone);
    fixture_hold(&service, &service.queries_held, false);
    send_raw(client, 1, 60000, "", TREE_BODY);
    assert_answer(client, 1, 0);
    socket_close(&client);
    fixture_close(&service);
}

static void test_answers_are_counted_by_call_and_outcome(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    void *client = client_of(&service, "gateway");
    send_raw(client, 1, 1000, "", TREE_BODY);
    assert_answer(client, 1, 0);
    send_raw(client, 2, 1000, "", (struct bytes){0});
    assert_answer(client, 2, QY_EUNSUPPORTED);
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    metrics_write(service.metrics, NULL, NULL, &page);
    const char *text = buffer_c_str(&page);
    assert_non_null(strstr(text, "outcome=\"OK\"} 1\n"));
    assert_non_null(strstr(text, "outcome=\"UNSUPPORTED\"} 1\n"));
    assert_non_null(strstr(text, "call=\"tree\"} 1\n"));
    assert_non_null(strstr(text, "call=\"append\"} 0\n"));
    socket_close(&client);
    fixture_close(&service);
}

#define CLIENTS 50
#define CALLS 40

struct crowd {
    struct service *service;
    atomic_uint answered;
};

static void *call_often(void *data)
{
    struct crowd *crowd = data;
    struct rpc_client *client = NULL;
    struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(rpc_client_open(crowd->service->peers, &client), 0);
    /* Fifty handshakes at once may take longer than a fresh connection is waited for. */
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    uint64_t size = 0;
    while (call_tree(client, &(struct rpc_call){.timeout_ms = PATIENCE_MS}, &size) != 0)
        assert_true(monotonic_ms() < deadline_ms);
    for (unsigned i = 0; i < CALLS; i++) {
        int code =
            i % 2 ? call_append(client, &(struct rpc_call){.timeout_ms = PATIENCE_MS}, 1, arena, &size, NULL)
                  : call_tree(client, &(struct rpc_call){.timeout_ms = PATIENCE_MS}, &size);
        if (code == 0)
            atomic_fetch_add(&crowd->answered, 1);
        arena_reset(arena);
    }
    arena_close(&arena);
    rpc_client_close(&client);
    return NULL;
}

static void test_fifty_clients_at_once(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    struct crowd crowd = {.service = &service};
    pthread_t threads[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &crowd), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    /* Some may have been refused while others' handshakes made the peer suspect, before the first answer. */
    assert_true(atomic_load(&crowd.answered) >= CLIENTS * CALLS * 9 / 10);
    assert_true(atomic_load(&service.applied) <= CLIENTS * CALLS / 2);
    fixture_close(&service);
}

static void test_throughput(void **state)
{
    struct service service;
    fixture_open(&service, state, 0);
    void *client = client_of(&service, "gateway");
    enum { REQUESTS = 20000, WINDOW = 64 };
    int64_t begun = monotonic_ms();
    for (unsigned sent = 0, got = 0; got < REQUESTS;) {
        for (; sent < REQUESTS && sent - got < WINDOW; sent++)
            send_raw(client, sent, 60000, "", TREE_BODY);
        struct frames frames = network_receive(client);
        frames_close(&frames);
        got++;
    }
    int64_t took = monotonic_ms() - begun;
    print_message("pipelined queries: %.0f/s\n", 1e3 * (double)REQUESTS / (double)(took ? took : 1));
    struct rpc_client *caller = NULL;
    assert_int_equal(rpc_client_open(service.peers, &caller), 0);
    uint64_t size;
    enum { CALLS_ALONE = 3000 };
    begun = monotonic_ms();
    for (unsigned i = 0; i < CALLS_ALONE; i++)
        assert_int_equal(call_tree(caller, NULL, &size), 0);
    took = monotonic_ms() - begun;
    print_message(
        "one blocking client: %.0f calls/s\n", 1e3 * (double)CALLS_ALONE / (double)(took ? took : 1));
    rpc_client_close(&caller);
    socket_close(&client);
    fixture_close(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_queries_and_commands_are_answered),
        scratch_test(test_refusal_arrives_with_field_and_message),
        scratch_test(test_what_the_services_check_refuses_is_not_begun),
        scratch_test(test_runtime_calls_are_answered_for_any_service),
        scratch_test(test_access_is_by_peer_name),
        scratch_test(test_hostile_frames_get_an_error_and_harm_nothing),
        scratch_test(test_random_frames_never_crash),
        scratch_test(test_expired_requests_do_no_work),
        scratch_test(test_beyond_its_limit_it_refuses_and_recovers),
        scratch_test(test_closing_answers_what_is_in_hand_and_refuses_the_rest),
        scratch_test(test_caller_that_vanishes_harms_nobody),
        scratch_test(test_answers_are_counted_by_call_and_outcome),
        scratch_test(test_fifty_clients_at_once),
        scratch_test(test_throughput),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
