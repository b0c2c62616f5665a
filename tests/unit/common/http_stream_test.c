/* SPDX-License-Identifier: Apache-2.0 */
/* What is TLS's own about a connection; all else is the same as on a plain one, see http_server_test.c. */
#include "common/error.h"
#include "tests/unit/common/http_fixture.h"

static SSL_CTX *client_context(int least, int most)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, least);
    SSL_CTX_set_max_proto_version(context, most);
    return context;
}

static void connect_raw(struct peer *peer, const struct fixture *fixture)
{
    peer_open(peer, http_server_tls_port(fixture->server));
}

static void both_ports_are_served_by_one_server(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer plain, secure;
    peer_open(&plain, http_server_port(fixture->server));
    connect_to(&secure, fixture);
    for (int i = 0; i < 3; i++) {
        peer_ask(&plain, GET("/"), 200);
        peer_ask(&secure, GET("/"), 200);
        assert_non_null(strstr(buffer_c_str(&secure.body), "|127.0.0.1|"));
    }
    assert_true(metric_value(fixture, "quanyu_http_connections") == 2);
}

static void a_server_may_have_tls_alone(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.address = NULL;
    start(fixture, &options);
    assert_int_equal(http_server_port(fixture->server), 0);
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_ask(&peer, GET("/"), 200);
}

static void an_old_version_is_refused_and_the_next_client_served(void **state)
{
    struct fixture *fixture = *state;
    SSL_CTX *old = client_context(TLS1_VERSION, TLS1_1_VERSION);
    _cleanup_(peer_close) struct peer refused, next;
    connect_raw(&refused, fixture);
    assert_false(peer_try_secure(&refused, old));
    SSL_CTX_free(old);
    connect_to(&next, fixture);
    peer_ask(&next, GET("/"), 200);
    assert_true(metric_value(fixture, "quanyu_tls_handshakes_failed_total") == 1);
}

static void plain_http_on_the_port_is_told_what_is_wrong(void **state)
{
    static const char *const requests[] = {
        GET("/"), POST("/echo", "3") "abc", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"};
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        _cleanup_(peer_close) struct peer peer;
        connect_raw(&peer, *state);
        peer_ask(&peer, requests[i], 400);
        assert_non_null(strstr(buffer_c_str(&peer.body), "this port speaks TLS: use https"));
        assert_string_equal(peer_header(&peer, "Connection"), "close");
        peer_sees_end(&peer);
    }
}

static void what_is_neither_is_sent_away(void **state)
{
    static const char *const beginnings[] = {"\x80\x2e\x01\x03\x01", "SSH-2.0-x\r\n", "\x16\x03\x01\xff\xff",
        "\x16\x03\x01\x01\x01\x02", "DELETE / HTTP/1.1\r\n"};
    static const char filling[512] = "x";
    for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
        _cleanup_(peer_close) struct peer peer;
        connect_raw(&peer, *state);
        peer_send(&peer, beginnings[i]);
        peer_try_send(&peer, filling, sizeof(filling));
        while (peer_fill(&peer))
            continue; /* an alert, and the end */
    }
}

/* A handshake's beginning, as OpenSSL writes it. */
static size_t client_hello(uint8_t *out, size_t size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *sent = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, sent);
    SSL_set_connect_state(ssl);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    ERR_clear_error();
    int length = BIO_read(sent, out, (int)size);
    assert_true(length > 100);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return (size_t)length;
}

static void a_handshake_that_drips_in_is_ended_by_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.handshake_ms = 200;
    start(fixture, &options);
    uint8_t hello[2048];
    size_t size = client_hello(hello, sizeof(hello));
    _cleanup_(peer_close) struct peer silent, slow;
    connect_raw(&silent, fixture);
    connect_raw(&slow, fixture);
    for (size_t i = 0; i + 1 < size && !has_input(&slow, 20); i++)
        peer_try_send(&slow, hello + i, 1);
    peer_sees_end(&slow);
    peer_sees_end(&silent);
}

static void a_client_that_vanishes_in_its_handshake_harms_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.max_connections = 1; /* so the place must become free each time */
    start(fixture, &options);
    uint8_t hello[2048];
    size_t size = client_hello(hello, sizeof(hello));
    for (size_t i = 0; i < 20; i++) {
        struct peer peer;
        struct linger reset = {.l_onoff = 1};
        connect_raw(&peer, fixture);
        peer_try_send(&peer, hello, i % 2 ? size : size * i / 20);
        if (i % 4 < 2)
            setsockopt(peer.socket, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        peer_close(&peer);
    }
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_ask(&peer, GET("/"), 200);
}

static void closing_ends_connections_that_are_shaking_hands(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer, served;
    connect_raw(&peer, fixture);
    connect_to(&served, fixture);
    peer_ask(&served, GET("/"), 200);
    http_server_close(&fixture->server, PEER_SECONDS * 1000);
    peer_sees_end(&peer);
    peer_sees_end(&served);
    assert_true(served.told_end);
}

static void the_end_is_told(void **state)
{
    _cleanup_(peer_close) struct peer closing, refused;
    connect_to(&closing, *state);
    peer_ask(&closing, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200);
    peer_sees_end(&closing);
    assert_true(closing.told_end);
    connect_to(&refused, *state);
    peer_ask(&refused, "nonsense\r\n\r\n", 400);
    peer_sees_end(&refused);
    assert_true(refused.told_end);
}

static void an_idle_connection_is_told_its_end(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.idle_ms = 100;
    start(fixture, &options);
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_sees_end(&peer);
    assert_true(peer.told_end);
}

static void a_client_that_has_told_its_end_gets_all_its_answers(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_send(&peer, GET("/later") GET("/big") GET("/?p=2"));
    assert_int_equal(SSL_shutdown(peer.ssl), 0); /* ours is sent, theirs has not come */
    http_respond(take_from(&fixture->desk), 200, NULL, "1", 1);
    peer_answer(&peer, 200);
    peer_answer(&peer, 200);
    assert_int_equal(peer.body.size, (size_t)32 << 20);
    peer_answer(&peer, 200);
    peer_sees_end(&peer);
}

static void requests_may_be_cut_into_records_anywhere(void **state)
{
    static const char text[] = POST("/echo", "5") "hello" GET("/?p=2") POST("/echo", "3") "abc";
    static const size_t pieces[] = {1, 2, 7, 50, 1000};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        _cleanup_(peer_close) struct peer peer;
        connect_to(&peer, *state);
        for (size_t at = 0; at < sizeof(text) - 1; at += pieces[i]) {
            size_t size = sizeof(text) - 1 - at < pieces[i] ? sizeof(text) - 1 - at : pieces[i];
            assert_true(peer_try_send(&peer, text + at, size));
        }
        peer_answer(&peer, 200);
        assert_string_equal(buffer_c_str(&peer.body), "hello");
        peer_answer(&peer, 200);
        peer_answer(&peer, 200);
        assert_string_equal(buffer_c_str(&peer.body), "abc");
    }
}

/* What SSL_write() and SSL_shutdown() made while it was held, each piece a record, in one send(). */
struct held {
    BIO *wire, *records;
};

static struct held hold(struct peer *peer)
{
    struct held held = {SSL_get_wbio(peer->ssl), BIO_new(BIO_s_mem())};
    BIO_up_ref(held.wire);
    BIO_up_ref(held.records);
    SSL_set0_wbio(peer->ssl, held.records);
    return held;
}

static void let_go(struct peer *peer, struct held held)
{
    char *data;
    size_t size = (size_t)BIO_get_mem_data(held.records, &data);
    assert_int_equal(send(peer->socket, data, size, MSG_NOSIGNAL), size);
    SSL_set0_wbio(peer->ssl, held.wire);
    BIO_free(held.records);
}

/* OpenSSL reads several records at once, and the socket tells of none that it holds. */
static void records_that_come_in_one_piece_are_all_taken(void **state)
{
    struct fixture *fixture = *state;
    enum { RECORDS = 30, SIZE = 1000 };
    static const uint8_t piece[SIZE];
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    for (int last = 0; last <= 1; last++) {
        struct held held = hold(&peer);
        peer_send(&peer, GET("/later"));
        peer_send(&peer, POST("/size", "30000"));
        for (int i = 0; i < RECORDS; i++)
            assert_true(peer_try_send(&peer, piece, SIZE));
        peer_send(&peer, GET("/?p=2"));
        if (last)
            SSL_shutdown(peer.ssl);
        let_go(&peer, held);
        http_respond(take_from(&fixture->desk), 200, NULL, "1", 1);
        for (int i = 0; i < 3; i++)
            peer_answer(&peer, 200);
    }
    peer_sees_end(&peer);
}

/* The limit of what is read ahead falls inside a record while a request is with the handler: the record's rest
 * stays with OpenSSL, and nothing comes from the socket to tell of it. */
static void a_record_at_the_limit_of_reading_ahead_is_not_forgotten(void **state)
{
    struct fixture *fixture = *state;
    enum { ROUNDS = 40, AFTER = 2000 };
    _cleanup_(peer_close) struct peer peer;
    _cleanup_(buffer_free) struct buffer many = BUFFER_INIT;
    connect_to(&peer, fixture);
    for (int i = 0; i < AFTER; i++)
        buffer_text(&many, GET("/size"));
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t ahead = 16384 + round * 907; /* in records of 16 KiB and a rest */
        assert_true(ahead < many.size);
        peer_send(&peer, GET("/later"));
        struct http_request *request = take_from(&fixture->desk);
        assert_true(peer_try_send(&peer, many.data, round % 2 ? ahead : many.size));
        http_respond(request, 200, NULL, "1", 1);
        if (round % 2)
            assert_true(peer_try_send(&peer, many.data + ahead, many.size - ahead));
        for (int i = 0; i <= AFTER; i++)
            peer_answer(&peer, 200);
    }
}

/* Nothing is taken while a request is with the handler, so the sockets fill up. */
static void a_client_cannot_send_ahead_without_bounds(void **state)
{
    struct fixture *fixture = *state;
    static const size_t most = (size_t)64 << 20;
    static uint8_t piece[16384];
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_send(&peer, GET("/later"));
    struct http_request *request = take_from(&fixture->desk);
    struct pollfd writable = {.fd = peer.socket, .events = POLLOUT};
    fcntl(peer.socket, F_SETFL, fcntl(peer.socket, F_GETFL) | O_NONBLOCK);
    size_t sent = 0;
    while (sent < most && poll(&writable, 1, 200) > 0)
        if (SSL_write(peer.ssl, piece, sizeof(piece)) > 0)
            sent += sizeof(piece);
    assert_true(sent < most);
    http_respond(request, 200, NULL, "1", 1);
}

static void a_session_is_resumed_by_its_ticket(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        SSL_CTX *context = client_context(versions[i], versions[i]);
        _cleanup_(peer_close) struct peer first, second;
        connect_raw(&first, *state);
        assert_true(peer_try_secure(&first, context));
        peer_ask(&first, GET("/"), 200); /* 1.3 sends tickets after the handshake */
        SSL_SESSION *session = SSL_get1_session(first.ssl);
        assert_true(SSL_SESSION_is_resumable(session));
        connect_raw(&second, *state);
        second.ssl = SSL_new(context);
        SSL_set_session(second.ssl, session);
        SSL_set_fd(second.ssl, second.socket);
        assert_int_equal(SSL_connect(second.ssl), 1);
        assert_true(SSL_session_reused(second.ssl));
        peer_ask(&second, GET("/"), 200);
        SSL_SESSION_free(session);
        SSL_CTX_free(context);
    }
}

static void nothing_is_negotiated_anew(void **state)
{
    SSL_CTX *context = client_context(TLS1_2_VERSION, TLS1_2_VERSION);
    _cleanup_(peer_close) struct peer peer;
    connect_raw(&peer, *state);
    assert_true(peer_try_secure(&peer, context));
    peer_ask(&peer, GET("/"), 200);
    assert_int_equal(SSL_renegotiate(peer.ssl), 1);
    assert_true(SSL_do_handshake(peer.ssl) != 1 || !peer_try_send(&peer, GET("/"), 1));
    ERR_clear_error();
    SSL_CTX_free(context);
}

static void keys_may_be_updated_in_between(void **state)
{
    SSL_CTX *context = client_context(TLS1_3_VERSION, TLS1_3_VERSION);
    _cleanup_(peer_close) struct peer peer;
    connect_raw(&peer, *state);
    assert_true(peer_try_secure(&peer, context));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        peer_ask(&peer, GET("/"), 200);
    }
    SSL_CTX_free(context);
}

static void a_client_over_tls_that_does_not_read_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct http_options options = standard_options(fixture);
    options.response_ms = 200;
    options.max_connections = 1;
    start(fixture, &options);
    _cleanup_(peer_close) struct peer deaf, next;
    connect_to(&deaf, fixture);
    peer_send(&deaf, GET("/big"));
    assert_true(has_input(&deaf, PEER_SECONDS * 1000));
    connect_to(&next, fixture);
    peer_ask(&next, GET("/"), 200);
    assert_false(peer_try_answer(&deaf, false));
    assert_false(deaf.told_end); /* a client must see that its answer is cut off */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(both_ports_are_served_by_one_server),
        TLS_TEST(a_server_may_have_tls_alone),
        TLS_TEST(an_old_version_is_refused_and_the_next_client_served),
        TLS_TEST(plain_http_on_the_port_is_told_what_is_wrong),
        TLS_TEST(what_is_neither_is_sent_away),
        TLS_TEST(a_handshake_that_drips_in_is_ended_by_its_deadline),
        TLS_TEST(a_client_that_vanishes_in_its_handshake_harms_nobody),
        TLS_TEST(closing_ends_connections_that_are_shaking_hands),
        TLS_TEST(the_end_is_told),
        TLS_TEST(an_idle_connection_is_told_its_end),
        TLS_TEST(a_client_that_has_told_its_end_gets_all_its_answers),
        TLS_TEST(requests_may_be_cut_into_records_anywhere),
        TLS_TEST(records_that_come_in_one_piece_are_all_taken),
        TLS_TEST(a_record_at_the_limit_of_reading_ahead_is_not_forgotten),
        TLS_TEST(a_client_cannot_send_ahead_without_bounds),
        TLS_TEST(a_session_is_resumed_by_its_ticket),
        TLS_TEST(nothing_is_negotiated_anew),
        TLS_TEST(keys_may_be_updated_in_between),
        TLS_TEST(a_client_over_tls_that_does_not_read_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
