/* SPDX-License-Identifier: Apache-2.0 */
/* The server's deadlines and limits, and how it begins and ends. */
#include "common/error.h"
#include "tests/unit/common/http_fixture.h"

static int64_t now_ms(void)
{
    return (int64_t)(metrics_clock() * 1000);
}

/* Sends a byte whenever nothing has come for a while, as a client does that wants to keep a server busy. */
static void drip_until_answered(struct peer *peer)
{
    while (!has_input(peer, 20))
        peer_try_send(peer, "x", 1);
}

static void request_that_drips_in_is_ended_by_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.request_ms = 200;
    start(fixture, &options);
    static const char *const beginnings[] = {"GET /", "GET / HTTP/1.1\r\nX: ", POST("/echo", "100000")};
    for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
        _cleanup_(peer_close) struct peer peer;
        connect_to(&peer, fixture);
        int64_t began = now_ms();
        peer_send(&peer, beginnings[i]);
        drip_until_answered(&peer);
        assert_true(now_ms() - began >= 199);
        peer_answer(&peer, 408);
        assert_string_equal(peer_header(&peer, "Connection"), "close");
        peer_sees_end(&peer);
    }
}

static void deadline_holds_for_each_request_of_a_connection_anew(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.request_ms = 700;
    start(fixture, &options);
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    int64_t began = now_ms();
    while (now_ms() - began < 1500) {
        peer_send(&peer, "GET / HTTP/1.1\r\n");
        assert_false(has_input(&peer, 20));
        peer_ask(&peer, "Host: a\r\n\r\n", 200);
    }
    assert_true(peer_try_send(&peer, "G", 1));
    peer_answer(&peer, 408);
}

static void idle_connection_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.idle_ms = 200;
    start(fixture, &options);
    _cleanup_(peer_close) struct peer used, unused;
    connect_to(&unused, fixture);
    peer_sees_end(&unused);
    connect_to(&used, fixture);
    peer_ask(&used, GET("/"), 200);
    int64_t began = now_ms();
    peer_sees_end(&used);
    assert_true(now_ms() - began >= 150);
}

static void handler_may_take_longer_than_any_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.idle_ms = options.request_ms = options.response_ms = 50;
    start(fixture, &options);
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_send(&peer, GET("/later"));
    struct http_request *request = take_from(&fixture->desk);
    assert_false(has_input(&peer, 200));
    http_respond(request, 200, NULL, "1", 1);
    peer_answer(&peer, 200);
}

static void client_that_does_not_read_its_answer_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.response_ms = 200;
    options.max_connections = 1;
    start(fixture, &options);
    _cleanup_(peer_close) struct peer deaf, next;
    connect_to(&deaf, fixture);
    peer_send(&deaf, GET("/big"));
    assert_true(has_input(&deaf, PEER_SECONDS * 1000)); /* so it has the only place */
    connect_to(&next, fixture);
    peer_ask(&next, GET("/"), 200); /* not before the other one's place is free */
    assert_false(peer_try_answer(&deaf, false));
}

static void connections_over_the_limit_wait_for_a_place(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.max_connections = 3;
    options.threads = 1;
    start(fixture, &options);
    struct peer peers[5];
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        connect_to(&peers[i], fixture);
        peer_send(&peers[i], GET("/") "G"); /* not idle: none of them makes place for another */
    }
    for (size_t i = 0; i < 3; i++)
        peer_answer(&peers[i], 200);
    assert_false(has_input(&peers[3], 50));
    assert_true(metric_value(fixture, "quanyu_http_connections") == 3);
    peer_close(&peers[0]);
    peer_answer(&peers[3], 200);
    assert_false(has_input(&peers[4], 50));
    for (size_t i = 1; i < 4; i++)
        peer_close(&peers[i]);
    peer_answer(&peers[4], 200);
    peer_close(&peers[4]);
}

static void the_connection_that_has_waited_longest_makes_place(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.max_connections = 3;
    options.threads = 1;
    start(fixture, &options);
    _cleanup_(peer_close) struct peer busy, oldest, younger, next;
    connect_to(&busy, fixture);
    peer_ask(&busy, GET("/") "G", 200);
    connect_to(&oldest, fixture);
    peer_ask(&oldest, GET("/"), 200);
    connect_to(&younger, fixture);
    peer_ask(&younger, GET("/"), 200);
    connect_to(&next, fixture);
    peer_ask(&next, GET("/"), 200);
    peer_sees_end(&oldest);
    peer_ask(&younger, GET("/"), 200);
    peer_ask(&busy, "ET / HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    assert_true(metric_value(fixture, "quanyu_http_connections") == 3);
}

/* Answers whoever has got a place, in whatever order: who is answered and does not go away keeps its place for a
 * while. */
static void take_answer_of_one(struct peer *peers, size_t count)
{
    struct pollfd waits[64];
    assert_true(count <= COUNT_OF(waits));
    for (size_t i = 0; i < count; i++)
        waits[i] = (struct pollfd){.fd = peers[i].socket, .events = POLLIN};
    assert_true(poll(waits, count, PEER_SECONDS * 1000) > 0);
    for (size_t i = 0; i < count; i++)
        if (waits[i].revents) {
            peer_answer(&peers[i], 200);
            peer_close(&peers[i]);
            return;
        }
}

static void connections_come_and_go_at_the_limit_on_several_threads(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.max_connections = 2;
    options.threads = 3;
    start(fixture, &options);
    struct peer peers[60];
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        connect_to(&peers[i], fixture);
        peer_send(&peers[i], "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    for (size_t i = 0; i < COUNT_OF(peers); i++)
        take_answer_of_one(peers, COUNT_OF(peers));
    assert_true(metric_value(fixture, "quanyu_http_connections_total") == 60);
}

static void bodies_over_the_common_limit_are_refused_for_now(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.max_held_bytes = BODY_MOST + BODY_MOST / 2;
    start(fixture, &options);
    _cleanup_(peer_close) struct peer first, second;
    static uint8_t body[BODY_MOST];
    connect_to(&first, fixture);
    connect_to(&second, fixture);
    peer_send(&first, POST("/later", "1048576"));
    assert_true(peer_try_send(&first, body, BODY_MOST));
    struct http_request *request = take_from(&fixture->desk);
    assert_int_equal(http_body(request).size, BODY_MOST);
    peer_send(&second, POST("/size", "1048576"));
    peer_try_send(&second, body, BODY_MOST);
    peer_answer(&second, 503);
    assert_string_equal(peer_header(&second, "Retry-After"), "1");
    http_respond(request, 200, NULL, "", 0);
    peer_answer(&first, 200);
    peer_send(&first, POST("/size", "1048576"));
    assert_true(peer_try_send(&first, body, BODY_MOST));
    peer_answer(&first, 200);
}

/* -- beginning and end -- */

static void taken_port_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.port = http_server_port(fixture->server);
    struct http_server *second = NULL;
    char error[256], wanted[256];
    assert_int_equal(http_server_open(&options, &second, error), -QY_EUNAVAILABLE);
    snprintf(
        wanted, sizeof(wanted), "cannot listen on 127.0.0.1 port %u: Address already in use", options.port);
    assert_string_equal(error, wanted);
    assert_null(second);
    start(fixture, &options); /* once the first is closed the port is free */
    assert_int_equal(http_server_port(fixture->server), options.port);
}

static void wrong_address_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    struct http_server *server = NULL;
    char error[256];
    options.address = "300.1.2.3";
    assert_int_equal(http_server_open(&options, &server, error), -QY_EUNAVAILABLE);
    assert_non_null(strstr(error, "cannot listen on 300.1.2.3 port 0: "));
    options.address = "192.0.2.1";
    assert_int_equal(http_server_open(&options, &server, error), -QY_EUNAVAILABLE);
    assert_string_equal(error, "cannot listen on 192.0.2.1 port 0: Cannot assign requested address");
}

static void any_address_of_both_families_takes_ipv4(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.address = "::";
    char error[256];
    http_server_close(&fixture->server, 0);
    if (http_server_open(&options, &fixture->server, error) != 0)
        skip(); /* no IPv6 here */
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_ask(&peer, GET("/"), 200);
    assert_non_null(strstr(buffer_c_str(&peer.body), "|127.0.0.1|"));
}

struct closing {
    struct fixture *fixture;
    unsigned grace_ms;
};

static void *close_server(void *self)
{
    struct closing *closing = self;
    http_server_close(&closing->fixture->server, closing->grace_ms);
    return NULL;
}

static void closing_lets_open_requests_finish(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer idle, handled, partial, late;
    uint16_t port = http_server_port(fixture->server);
    connect_to(&idle, fixture);
    peer_ask(&idle, GET("/"), 200);
    connect_to(&partial, fixture);
    peer_ask(&partial, GET("/") "GET / HTTP/1.1\r\n", 200);
    connect_to(&handled, fixture);
    peer_send(&handled, GET("/later"));
    struct http_request *request = take_from(&fixture->desk);
    struct closing closing = {fixture, PEER_SECONDS * 1000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, close_server, &closing), 0);
    peer_sees_end(&idle); /* so it is closing */
    peer_ask(&partial, "Host: a\r\n\r\n", 200);
    assert_string_equal(peer_header(&partial, "Connection"), "close");
    peer_sees_end(&partial);
    http_respond(request, 200, NULL, "1", 1);
    peer_answer(&handled, 200);
    assert_string_equal(peer_header(&handled, "Connection"), "close");
    peer_sees_end(&handled);
    peer_close(&handled);
    peer_close(&partial);
    pthread_join(thread, NULL);
    late = (struct peer){.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(late.socket, (struct sockaddr *)&address, sizeof(address)), -1);
}

static void closing_does_not_wait_longer_than_its_grace(void **state)
{
    struct fixture *fixture = *state;
    struct peer peers[8];
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        connect_to(&peers[i], fixture);
        peer_send(&peers[i], GET("/later"));
    }
    struct http_request *requests[COUNT_OF(peers)];
    for (size_t i = 0; i < COUNT_OF(peers); i++)
        requests[i] = take_from(&fixture->desk);
    peer_close(&peers[0]);
    int64_t began = now_ms();
    http_server_close(&fixture->server, 100);
    assert_true(now_ms() - began >= 99);
    for (size_t i = 1; i < COUNT_OF(peers); i++) {
        peer_sees_end(&peers[i]);
        peer_close(&peers[i]);
    }
    for (size_t i = 0; i < COUNT_OF(peers); i++) { /* the server is gone, its requests are not */
        assert_string_equal(http_path(requests[i]), "/later");
        http_respond(requests[i], 200, NULL, "1", 1);
    }
}

struct answering {
    struct http_request *requests[20];
};

static void *answer_all(void *self)
{
    struct answering *answering = self;
    for (size_t i = 0; i < COUNT_OF(answering->requests); i++)
        http_respond(answering->requests[i], 200, NULL, "1", 1);
    return NULL;
}

static void closing_while_answers_come_in_loses_no_memory(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    for (int round = 0; round < 20; round++) {
        struct peer peers[20];
        struct answering answering;
        pthread_t thread;
        start(fixture, &options);
        for (size_t i = 0; i < COUNT_OF(peers); i++) {
            connect_to(&peers[i], fixture);
            peer_send(&peers[i], GET("/later"));
        }
        for (size_t i = 0; i < COUNT_OF(peers); i++)
            answering.requests[i] = take_from(&fixture->desk);
        assert_int_equal(pthread_create(&thread, NULL, answer_all, &answering), 0);
        http_server_close(&fixture->server, round % 2 ? 0 : 100);
        pthread_join(thread, NULL);
        for (size_t i = 0; i < COUNT_OF(peers); i++)
            peer_close(&peers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_that_drips_in_is_ended_by_its_deadline),
        TEST(deadline_holds_for_each_request_of_a_connection_anew),
        TEST(idle_connection_is_closed),
        TEST(handler_may_take_longer_than_any_deadline),
        TEST(client_that_does_not_read_its_answer_is_dropped),
        TEST(connections_over_the_limit_wait_for_a_place),
        TEST(the_connection_that_has_waited_longest_makes_place),
        TEST(connections_come_and_go_at_the_limit_on_several_threads),
        TEST(bodies_over_the_common_limit_are_refused_for_now),
        TEST(taken_port_is_named),
        TEST(wrong_address_is_named),
        TEST(any_address_of_both_families_takes_ipv4),
        TEST(closing_lets_open_requests_finish),
        TEST(closing_does_not_wait_longer_than_its_grace),
        TEST(closing_while_answers_come_in_loses_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
