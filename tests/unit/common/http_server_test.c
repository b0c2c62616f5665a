/* SPDX-License-Identifier: Apache-2.0 */
/* The server as its clients and handlers meet it. */
#include "common/error.h"
#include "tests/unit/common/http_fixture.h"

#define ZLIB_CONST
#include <zlib.h>

static void handler_sees_the_parts_of_a_request(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    peer_ask(&peer,
        "POST /a%20b?q=1&p=x%26+y HTTP/1.1\r\nHost: a\r\nX-Thing:  some thing \r\nX-Request-Id: r.1\r\n"
        "Content-Length: 4\r\n\r\nbody",
        200);
    assert_string_equal(
        buffer_c_str(&peer.body), "POST|/a b|q=1&p=x%26+y|x& y|some thing|127.0.0.1|r.1|body");
    assert_string_equal(peer_header(&peer, "X-Request-Id"), "r.1");
    assert_string_equal(peer_header(&peer, "Content-Type"), "text/plain");
    assert_non_null(peer_header(&peer, "Date"));
    assert_null(peer_header(&peer, "Connection"));
}

static void request_id_is_made_where_the_client_has_no_usable_one(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    static const char *const heads[] = {"", "X-Request-Id:\r\n", "X-Request-Id: a b\r\n",
        "X-Request-Id: a\"b\r\n",
        "X-Request-Id: 01234567890123456789012345678901234567890123456789012345678901234\r\n"};
    char last[65] = "";
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        char text[256];
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", heads[i]);
        peer_ask(&peer, text, 200);
        const char *id = peer_header(&peer, "X-Request-Id");
        assert_int_equal(strlen(id), 32);
        assert_int_equal(strspn(id, "0123456789abcdef"), 32);
        assert_string_not_equal(id, last);
        memcpy(last, id, 33);
    }
}

static void handler_adds_headers_but_nothing_can_be_smuggled_into_them(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    peer_ask(&peer, GET("/headers"), 204);
    assert_string_equal(peer_header(&peer, "Allow"), "GET, HEAD");
    assert_null(peer_header(&peer, "X-Split"));
    assert_null(peer_header(&peer, "X-Injected"));
    assert_null(peer_header(&peer, "Content-Length"));
    peer_ask(&peer, GET("/"), 200);
    assert_null(peer_header(&peer, "Allow"));
}

static void problems_are_documents(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    peer_ask(&peer, "GET /problem HTTP/1.1\r\nHost: a\r\nX-Request-Id: r\r\n\r\n", 409);
    assert_string_equal(peer_header(&peer, "Content-Type"), "application/problem+json");
    assert_string_equal(buffer_c_str(&peer.body),
        "{\"type\":\"urn:quanyu:problem:taken\",\"title\":\"Conflict\",\"status\":409,"
        "\"detail\":\"\\\"x\\\" is taken\",\"field\":\"/name\",\"request_id\":\"r\"}\n");
}

static void error_codes_have_their_status(void **state)
{
    (void)state;
    assert_int_equal(http_status_of(0), 200);
    assert_int_equal(http_status_of(-QY_EINVAL), 400);
    assert_int_equal(http_status_of(-QY_EUNAUTHENTIC), 401);
    assert_int_equal(http_status_of(-QY_EDENIED), 403);
    assert_int_equal(http_status_of(-QY_ENOTFOUND), 404);
    assert_int_equal(http_status_of(-QY_ECONFLICT), 409);
    assert_int_equal(http_status_of(-QY_EEXISTS), 409);
    assert_int_equal(http_status_of(-QY_ETOOLARGE), 413);
    assert_int_equal(http_status_of(-QY_EFULL), 503);
    assert_int_equal(http_status_of(-QY_EUNAVAILABLE), 503);
    assert_int_equal(http_status_of(-QY_ETIMEOUT), 503);
    assert_int_equal(http_status_of(-QY_ESTOPPED), 503);
    assert_int_equal(http_status_of(-QY_ECORRUPT), 500);
    assert_int_equal(http_status_of(-1000), 500);
}

static void pipelined_requests_are_handled_one_at_a_time_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_send(&peer, GET("/later?p=1") GET("/?p=2") GET("/later?p=3") GET("/later?p=4"));
    for (int i = 1; i <= 4; i++) {
        char wanted[2] = {(char)('0' + i)}, given[2];
        if (i != 2) { /* the second one is answered by the handler */
            struct http_request *request = take_from(&fixture->desk);
            assert_int_equal(http_parameter(request, "p", given, sizeof(given)), 0);
            assert_string_equal(given, wanted);
            assert_false(has_input(&peer, 20)); /* nothing overtakes it */
            assert_int_equal(waiting_at(&fixture->desk), 0);
            http_respond(request, 200, NULL, wanted, 1);
        }
        peer_answer(&peer, 200);
        assert_non_null(strstr(buffer_c_str(&peer.body), wanted));
    }
}

static void many_connections_are_answered_from_other_threads(void **state)
{
    struct fixture *fixture = *state;
    static struct peer peers[40];
    for (size_t i = 0; i < COUNT_OF(peers); i++)
        connect_to(&peers[i], fixture);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < COUNT_OF(peers); i++) {
            char text[96];
            snprintf(text, sizeof(text), GET("/later?p=%zu"), i);
            peer_send(&peers[i], text);
        }
        for (size_t i = 0; i < COUNT_OF(peers); i++) {
            struct http_request *request = take_from(&fixture->desk);
            char body[16];
            assert_int_equal(http_parameter(request, "p", body, sizeof(body)), 0);
            http_respond(request, 200, NULL, body, strlen(body));
        }
        for (size_t i = 0; i < COUNT_OF(peers); i++) {
            peer_answer(&peers[i], 200);
            assert_int_equal(strtoul(buffer_c_str(&peers[i].body), NULL, 10), i);
        }
    }
    for (size_t i = 0; i < COUNT_OF(peers); i++)
        peer_close(&peers[i]);
}

static void refusals_are_problems_and_end_the_connection(void **state)
{
    static const struct {
        int status;
        const char *text;
    } cases[] = {
        {400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"},
        {400, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        _cleanup_(peer_close) struct peer peer;
        connect_to(&peer, *state);
        peer_ask(&peer, cases[i].text, cases[i].status);
        assert_string_equal(peer_header(&peer, "Content-Type"), "application/problem+json");
        assert_string_equal(peer_header(&peer, "Connection"), "close");
        assert_non_null(peer_header(&peer, "X-Request-Id"));
        peer_sees_end(&peer);
    }
}

static void refusal_reaches_a_client_that_goes_on_sending(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    peer_send(&peer, POST("/", "8000000"));
    static uint8_t body[1000];
    for (int i = 0; i < 8000; i++)
        assert_true(peer_try_send(&peer, body, sizeof(body)));
    peer_answer(&peer, 413);
    peer_sees_end(&peer);
}

static void bodies_of_any_size_up_to_the_limit_arrive_whole(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    uint8_t *body = malloc(BODY_MOST);
    for (size_t i = 0; i < BODY_MOST; i++)
        body[i] = (uint8_t)(i * 7 + (i >> 8));
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 200000, BODY_MOST};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char head[128];
        snprintf(
            head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
        peer_send(&peer, head);
        assert_true(peer_try_send(&peer, body, sizes[i]));
        peer_answer(&peer, 200);
        assert_int_equal(peer.body.size, sizes[i]);
        assert_true(memcmp(peer.body.data, body, sizes[i]) == 0);
    }
    free(body);
    assert_true(metric_value(*state, "quanyu_http_request_bytes_total") > (double)BODY_MOST);
}

/* -- compressed bodies -- */

static void compress_into(struct buffer *out, const void *data, size_t size, int window)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uLong bound = deflateBound(&stream, size);
    stream.next_in = data;
    stream.avail_in = (uInt)size;
    stream.next_out = buffer_reserve(out, bound);
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->size += stream.total_out;
    deflateEnd(&stream);
}

static void post_encoded(
    struct peer *peer, const char *path, const char *coding, const struct buffer *body, int status)
{
    char head[256];
    snprintf(head, sizeof(head),
        "POST %s HTTP/1.1\r\nHost: a\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", path, coding,
        body->size);
    peer_send(peer, head);
    assert_true(peer_try_send(peer, body->data, body->size));
    peer_answer(peer, status);
}

static void compressed_bodies_are_decoded(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    _cleanup_(buffer_free) struct buffer gzip = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer zlib = BUFFER_INIT;
    compress_into(&gzip, "some text", 9, 15 + 16);
    compress_into(&zlib, "some text", 9, 15);
    post_encoded(&peer, "/echo", "gzip", &gzip, 200);
    assert_string_equal(buffer_c_str(&peer.body), "some text");
    post_encoded(&peer, "/echo", "Deflate", &zlib, 200);
    assert_string_equal(buffer_c_str(&peer.body), "some text");
    post_encoded(&peer, "/echo", "identity", &gzip, 200);
    assert_int_equal(peer.body.size, gzip.size);
    compress_into(&gzip, " and more", 9, 15 + 16); /* a second member */
    post_encoded(&peer, "/echo", "x-gzip", &gzip, 200);
    assert_string_equal(buffer_c_str(&peer.body), "some text and more");
    peer_ask(&peer, "GET / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n\r\n", 200);
}

static void compressed_bodies_cannot_grow_without_bounds(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    uint8_t *zeros = calloc(1, BODY_MOST + 1);
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    compress_into(&body, zeros, BODY_MOST + 1, 15 + 16); /* over the limit */
    post_encoded(&peer, "/size", "gzip", &body, 413);
    buffer_clear(&body);
    compress_into(&body, zeros, BODY_MOST - 1, 15 + 16); /* within, but no text is like that */
    post_encoded(&peer, "/size", "gzip", &body, 413);
    buffer_clear(&body);
    compress_into(&body, zeros, 200000, 15 + 16);
    post_encoded(&peer, "/size", "gzip", &body, 200);
    assert_string_equal(buffer_c_str(&peer.body), "200000");
    for (size_t i = 0; i < BODY_MOST; i++)
        zeros[i] = (uint8_t)(i * i >> 9);
    buffer_clear(&body);
    compress_into(&body, zeros, BODY_MOST, 15 + 16);
    post_encoded(&peer, "/size", "gzip", &body, 200);
    free(zeros);
}

static void damaged_and_unknown_codings_are_refused_and_the_connection_goes_on(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    compress_into(&body, "some text", 9, 15 + 16);
    post_encoded(&peer, "/echo", "br", &body, 415);
    assert_string_equal(peer_header(&peer, "Accept-Encoding"), "gzip, deflate");
    post_encoded(&peer, "/echo", "gzip, gzip", &body, 415);
    post_encoded(&peer, "/echo", "deflate", &body, 400);
    body.size -= 4; /* cut off */
    post_encoded(&peer, "/echo", "gzip", &body, 400);
    body.size += 4;
    buffer_text(&body, "rest");
    post_encoded(&peer, "/echo", "gzip", &body, 400);
    body.size -= 4;
    body.data[12] ^= 0x55;
    post_encoded(&peer, "/echo", "gzip", &body, 400);
    peer_ask(&peer, GET("/"), 200);
}

/* -- forms of asking -- */

static void expectation_is_met_before_the_body_comes(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    peer_ask(&peer, head, 100);
    peer_ask(&peer, "abc", 200);
    assert_string_equal(buffer_c_str(&peer.body), "abc");
    _cleanup_(buffer_free) struct buffer both = BUFFER_INIT;
    buffer_printf(&both, "%sxyz", head); /* a client that did not wait needs no leave */
    peer_ask(&peer, buffer_c_str(&both), 200);
    assert_string_equal(buffer_c_str(&peer.body), "xyz");
    peer_ask(
        &peer, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n", 413);
    peer_sees_end(&peer);
}

static void head_is_answered_without_a_body(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    peer_send(&peer, "HEAD /size HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(peer_try_answer(&peer, true));
    assert_string_equal(peer_header(&peer, "Content-Length"), "1");
    peer_ask(&peer, GET("/size"), 200);
    assert_int_equal(peer.body.size, 1);
}

static void connections_last_as_long_as_the_client_says(void **state)
{
    _cleanup_(peer_close) struct peer closing, old, kept;
    connect_to(&closing, *state);
    peer_ask(&closing, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/"), 200);
    assert_string_equal(peer_header(&closing, "Connection"), "close");
    peer_sees_end(&closing);
    connect_to(&old, *state);
    peer_ask(&old, "GET / HTTP/1.0\r\n\r\n", 200);
    assert_string_equal(peer_header(&old, "Connection"), "close");
    peer_sees_end(&old);
    connect_to(&kept, *state);
    for (int i = 0; i < 3; i++) {
        peer_ask(&kept, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200);
        assert_string_equal(peer_header(&kept, "Connection"), "keep-alive");
    }
}

static void client_that_has_shut_its_side_gets_all_its_answers(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_send(&peer, GET("/later") GET("/?p=2"));
    shutdown(peer.socket, SHUT_WR);
    http_respond(take_from(&fixture->desk), 200, NULL, "1", 1);
    peer_answer(&peer, 200);
    peer_answer(&peer, 200);
    peer_sees_end(&peer);
}

static void client_that_vanishes_harms_nobody(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 20; i++) {
        struct peer peer;
        connect_to(&peer, fixture);
        peer_send(&peer, GET("/later"));
        struct http_request *request = take_from(&fixture->desk);
        struct linger reset = {.l_onoff = 1};
        if (i % 2)
            setsockopt(peer.socket, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        peer_close(&peer);
        assert_string_equal(http_path(request), "/later"); /* the request outlives its client */
        http_respond(request, 200, NULL, "1", 1);
    }
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, fixture);
    peer_ask(&peer, GET("/"), 200);
}

static void slow_reader_gets_a_large_answer_whole(void **state)
{
    _cleanup_(peer_close) struct peer peer;
    connect_to(&peer, *state);
    peer_send(&peer, GET("/big") GET("/size"));
    peer_answer(&peer, 200);
    assert_int_equal(peer.body.size, (size_t)32 << 20);
    peer_answer(&peer, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(handler_sees_the_parts_of_a_request),
        BOTH(request_id_is_made_where_the_client_has_no_usable_one),
        BOTH(handler_adds_headers_but_nothing_can_be_smuggled_into_them),
        BOTH(problems_are_documents),
        cmocka_unit_test(error_codes_have_their_status),
        BOTH(pipelined_requests_are_handled_one_at_a_time_and_in_order),
        BOTH(many_connections_are_answered_from_other_threads),
        BOTH(refusals_are_problems_and_end_the_connection),
        BOTH(refusal_reaches_a_client_that_goes_on_sending),
        BOTH(bodies_of_any_size_up_to_the_limit_arrive_whole),
        BOTH(compressed_bodies_are_decoded),
        BOTH(compressed_bodies_cannot_grow_without_bounds),
        BOTH(damaged_and_unknown_codings_are_refused_and_the_connection_goes_on),
        BOTH(expectation_is_met_before_the_body_comes),
        BOTH(head_is_answered_without_a_body),
        BOTH(connections_last_as_long_as_the_client_says),
        BOTH(client_that_has_shut_its_side_gets_all_its_answers),
        BOTH(client_that_vanishes_harms_nobody),
        BOTH(slow_reader_gets_a_large_answer_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
