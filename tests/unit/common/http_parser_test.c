/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static const struct http_limits limits = {.max_header_bytes = 4096, .max_body_bytes = 100000};

/* Feeds `text` in pieces of `piece` bytes, as they could arrive. */
static enum http_step feed(
    struct http_parser *parser, const char *text, size_t size, size_t piece, size_t *ret_used)
{
    enum http_step step = HTTP_STEP_MORE;
    *ret_used = 0;
    while (*ret_used < size && (step == HTTP_STEP_MORE || step == HTTP_STEP_CONTINUE)) {
        size_t part = size - *ret_used < piece ? size - *ret_used : piece, used;
        step = http_parser_feed(parser, (const uint8_t *)text + *ret_used, part, &used);
        assert_true(used == part || step != HTTP_STEP_MORE);
        *ret_used += used;
    }
    return step;
}

static const size_t pieces[] = {1, 2, 3, 7, 64, 100000};

static void assert_refused(const char *text, size_t size, int status)
{
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct http_parser parser;
        http_parser_open(&parser, &limits);
        size_t used;
        enum http_step step = feed(&parser, text, size, pieces[i], &used);
        if (step != HTTP_STEP_REFUSED || parser.status != status)
            fail_msg("step %d, status %d (%s) where %d was due for\n%s", step, parser.status,
                parser.fault ? parser.fault : "", status, text);
        assert_non_null(parser.fault);
        http_parser_close(&parser);
    }
}

static void requests_are_read_however_their_bytes_arrive(void **state)
{
    (void)state;
    static const char text[] =
        "POST /a%20b/c?x=1&y HTTP/1.1\r\nHost: shop.example:80\r\nX-Thing:  a \t b\t \r\n"
        "Empty:\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n";
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct http_parser parser;
        http_parser_open(&parser, &limits);
        size_t used, more;
        assert_int_equal(feed(&parser, text, sizeof(text) - 1, pieces[i], &used), HTTP_STEP_REQUEST);
        assert_string_equal(http_parser_method(&parser), "POST");
        assert_string_equal(http_parser_text(&parser, parser.path), "/a b/c");
        assert_string_equal(http_parser_text(&parser, parser.query), "x=1&y");
        assert_string_equal(http_parser_known(&parser, KNOWN_HOST), "shop.example:80");
        assert_string_equal(http_parser_field(&parser, "x-thing"), "a \t b");
        assert_string_equal(http_parser_field(&parser, "EMPTY"), "");
        assert_null(http_parser_field(&parser, "absent"));
        assert_int_equal(parser.body.size, 5);
        assert_string_equal((const char *)parser.body.data, "hello");
        assert_true(parser.keep_alive);
        assert_true(http_parser_has_begun(&parser));

        http_parser_reset(&parser);
        assert_false(http_parser_has_begun(&parser));
        assert_int_equal(
            feed(&parser, text + used, sizeof(text) - 1 - used, pieces[i], &more), HTTP_STEP_REQUEST);
        assert_int_equal(used + more, sizeof(text) - 1);
        assert_string_equal(http_parser_method(&parser), "GET");
        assert_null(http_parser_field(&parser, "x-thing"));
        assert_int_equal(parser.body.size, 0);
        assert_false(parser.keep_alive);
        http_parser_close(&parser);
    }
}

#define HOST "Host: a\r\n"
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

static void chunked_bodies_are_put_together(void **state)
{
    (void)state;
    static const char text[] =
        CHUNKED "3\r\nabc\r\n000A;name=value;q=\"x\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct http_parser parser;
        http_parser_open(&parser, &limits);
        size_t used;
        assert_int_equal(feed(&parser, text, sizeof(text) - 1, pieces[i], &used), HTTP_STEP_REQUEST);
        assert_int_equal(used, sizeof(text) - 1);
        assert_string_equal((const char *)parser.body.data, "abc0123456789");
        assert_null(http_parser_field(&parser, "Trailer"));
        http_parser_close(&parser);
    }
}

static void harmless_variants_are_taken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
        "GET http://Shop.example/p?q HTTP/1.1\r\nHost: shop.Example\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nhOsT:a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Accept: a\r\nAccept: b\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X: caf\xc3\xa9\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        "OPTIONS /x HTTP/1.1\r\n" HOST "\r\n",
        "PATCH /x HTTP/1.1\r\n" HOST "Content-Length: 1 \r\n\r\nx",
    };
    for (size_t t = 0; t < COUNT_OF(texts); t++)
        for (size_t i = 0; i < COUNT_OF(pieces); i++) {
            struct http_parser parser;
            http_parser_open(&parser, &limits);
            size_t used;
            if (feed(&parser, texts[t], strlen(texts[t]), pieces[i], &used) != HTTP_STEP_REQUEST)
                fail_msg("%s: %s", texts[t], parser.fault);
            assert_int_equal(used, strlen(texts[t]));
            http_parser_close(&parser);
        }
}

static const struct {
    int status;
    const char *text;
} refused[] = {
    /* line ends */
    {400, "GET / HTTP/1.1\n" HOST "\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"},
    {400, "\nGET / HTTP/1.1\r\n" HOST "\r\n"},
    {400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"},
    /* the request line */
    {400, "GET  / HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /  HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET / HTTP/1.1 \r\n" HOST "\r\n"},
    {400, "GET /a b HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /\t HTTP/1.1\r\n" HOST "\r\n"},
    {400, " GET / HTTP/1.1\r\n" HOST "\r\n"},
    {400, "get / HTTP/1.1\r\n" HOST "\r\n"},
    {400, "FOO / HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET / http/1.1\r\n" HOST "\r\n"},
    {400, "GET / RTSP/1.0\r\n" HOST "\r\n"},
    {400, "GET / HTTP/1.11\r\n" HOST "\r\n"},
    {400, "GET /\r\n"},
    {400, "GET /a/rather/long/path\r\n"},
    {400, "GET / HTTP/1.1\r\r\n" HOST "\r\n"},
    {400, "\x16\x03\x01\x02"},
    {505, "GET / HTTP/0.9\r\n\r\n"},
    {505, "GET / HTTP/1.2\r\n\r\n"},
    {505, "GET / HTTP/2.0\r\n\r\n"},
    {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {501, "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"},
    {501, "TRACE / HTTP/1.1\r\n" HOST "\r\n"},
    {501, "PROPFIND / HTTP/1.1\r\n" HOST "\r\n"},
    /* the target */
    {400, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET a HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET ftp://a/b HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET http://a HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /#a HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /a?b#c HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /%00 HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /%0a HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /%7f HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /a%2fb HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /a%2Fb HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /% HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /%4 HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /%zz HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET /a\x7f HTTP/1.1\r\n" HOST "\r\n"},
    /* header fields */
    {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "X:\r\n b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "X Y: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "X\x80: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n"},
    /* fields that must be there once */
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"},
    {400, "GET http://u@b/ HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET http:///a HTTP/1.1\r\n" HOST "\r\n"},
    {400, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" HOST "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n"},
    {417, "POST / HTTP/1.1\r\n" HOST "Expect: tea\r\nContent-Length: 3\r\n\r\nabc"},
    /* lengths */
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551619\r\n\r\nabc"},
    {413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\nabc"},
    {413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" HOST
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
          "chunked\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    /* chunks */
    {400, CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "+3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "-3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED " 3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3 \r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabc\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabcd\r\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabc0\r\n\r\n"},
    {400, CHUNKED "\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3;\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3;a\nb\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "fffffffffffffffff\r\nabc"},
    {400, CHUNKED "0\r\nContent-Length: 3\r\n\r\n"},
    {400, CHUNKED "0\r\n\rX"},
};

static void what_an_edge_must_not_take_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_refused(refused[i].text, strlen(refused[i].text), refused[i].status);
    static const char nul_in_line[] = "GET /\0 HTTP/1.1\r\n" HOST "\r\n";
    assert_refused(nul_in_line, sizeof(nul_in_line) - 1, 400);
    static const char nul_in_value[] = "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n";
    assert_refused(nul_in_value, sizeof(nul_in_value) - 1, 400);
}

static void assert_refused_with_filling(const char *before, const char *filling, size_t count, int status)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    buffer_text(&text, before);
    for (size_t i = 0; i < count; i++)
        buffer_text(&text, filling);
    assert_refused(buffer_c_str(&text), text.size, status);
}

static void every_part_of_a_request_has_a_limit(void **state)
{
    (void)state;
    assert_refused_with_filling("GET /", "a", 5000, 414);
    assert_refused_with_filling("GET / HTTP/1.1\r\n" HOST "X: ", "a", 5000, 431);
    assert_refused_with_filling("GET / HTTP/1.1\r\n" HOST "X:", " ", 5000, 431);
    assert_refused_with_filling("GET / HTTP/1.1\r\n" HOST, "X", 5000, 431);
    assert_refused_with_filling("GET / HTTP/1.1\r\n" HOST, "X: a\r\n", 101, 431);
    assert_refused_with_filling(CHUNKED, "20\r\n0123456789abcdef0123456789abcdef\r\n", 4000, 413);
    assert_refused_with_filling(CHUNKED, "0", 200000, 413);
    assert_refused_with_filling(CHUNKED "1;", "a", 200000, 413);
    assert_refused_with_filling(CHUNKED "0\r\n", "T: a\r\n", 40000, 413);
}

static void a_target_may_be_as_long_as_the_head(void **state)
{
    (void)state;
    static const struct http_limits wide = {.max_header_bytes = 16384, .max_body_bytes = 10};
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    buffer_text(&text, "GET /?");
    while (text.size < 16300)
        buffer_byte(&text, 'a');
    buffer_text(&text, " HTTP/1.1\r\n" HOST "\r\n");
    struct http_parser parser;
    http_parser_open(&parser, &wide);
    size_t used;
    assert_int_equal(http_parser_feed(&parser, text.data, text.size, &used), HTTP_STEP_REQUEST);
    assert_int_equal(strlen(http_parser_text(&parser, parser.query)), 16300 - 6);
    http_parser_close(&parser);
}

static void assert_refused_at(
    const char *text, size_t piece, int status, const char *method, const char *path)
{
    struct http_parser parser;
    http_parser_open(&parser, &limits);
    size_t used, size = strlen(text);
    enum http_step step = HTTP_STEP_MORE;
    for (size_t at = 0; at < size && step == HTTP_STEP_MORE; at += piece)
        step = http_parser_feed(
            &parser, (const uint8_t *)text + at, size - at < piece ? size - at : piece, &used);
    assert_int_equal(step, HTTP_STEP_REFUSED);
    assert_int_equal(parser.status, status);
    assert_string_equal(http_parser_method(&parser), method);
    assert_string_equal(parser.path ? http_parser_text(&parser, parser.path) : "", path);
    http_parser_close(&parser);
}

static void of_a_line_that_is_refused_the_path_is_known(void **state)
{
    (void)state;
    static char lengthy[9000];
    snprintf(lengthy, sizeof(lengthy), "GET /long?%08000d HTTP/1.1\r\n", 0);
    for (size_t piece = 1; piece < sizeof(lengthy); piece = piece * 7 + 1) {
        assert_refused_at(lengthy, piece, 414, "GET", "/long");
        assert_refused_at("HEAD /a%zz?b HTTP/1.1\r\n", piece, 400, "HEAD", "/a%zz");
        assert_refused_at("GET /a?b#c HTTP/1.1\r\n", piece, 400, "GET", "/a");
        assert_refused_at("GET /a b HTTP/1.1\r\n", piece, 400, "GET", "/a");
        assert_refused_at("GET /a\n", piece, 400, "GET", "/a");
        assert_refused_at("GET /a HTTP/2.0\r\n", piece, 505, "GET", "/a");
        assert_refused_at("GET  /a HTTP/1.1\r\n", piece, 400, "", "");
        assert_refused_at("GET a HTTP/1.1\r\n", piece, 400, "", "");
        assert_refused_at("\r\n\r\n", piece, 400, "", "");
    }
}

static void expectation_is_told_once_before_the_body(void **state)
{
    (void)state;
    static const char head[] = "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n";
    struct http_parser parser;
    http_parser_open(&parser, &limits);
    size_t used;
    assert_int_equal(
        http_parser_feed(&parser, (const uint8_t *)head, sizeof(head) - 1, &used), HTTP_STEP_CONTINUE);
    assert_int_equal(used, sizeof(head) - 1);
    assert_int_equal(http_parser_feed(&parser, (const uint8_t *)"ab", 2, &used), HTTP_STEP_MORE);
    assert_int_equal(http_parser_feed(&parser, (const uint8_t *)"c", 1, &used), HTTP_STEP_REQUEST);
    assert_string_equal((const char *)parser.body.data, "abc");
    http_parser_close(&parser);
}

static void rest_of_a_body_is_read_in_place(void **state)
{
    (void)state;
    static const char head[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 90000\r\n\r\nab";
    struct http_parser parser;
    http_parser_open(&parser, &limits);
    size_t used, size;
    assert_null(http_parser_room(&parser, 1, &size));
    assert_int_equal(
        http_parser_feed(&parser, (const uint8_t *)head, sizeof(head) - 1, &used), HTTP_STEP_MORE);
    enum http_step step = HTTP_STEP_MORE;
    while (step == HTTP_STEP_MORE) {
        uint8_t *room = http_parser_room(&parser, 1, &size);
        assert_non_null(room);
        assert_true(size >= 1 && size <= 89998);
        memset(room, 'x', size);
        step = http_parser_feed(&parser, room, size, &used);
        assert_int_equal(used, size);
    }
    assert_int_equal(step, HTTP_STEP_REQUEST);
    assert_int_equal(parser.body.size, 90000);
    assert_int_equal(parser.body.data[1], 'b');
    assert_int_equal(parser.body.data[89999], 'x');
    assert_null(http_parser_room(&parser, 1, &size));
    http_parser_close(&parser);
}

static void bodies_share_a_limit_and_give_back_what_they_held(void **state)
{
    (void)state;
    struct http_memory memory = {.most = 140000};
    const struct http_limits shared = {.max_header_bytes = 4096, .max_body_bytes = 90000, .memory = &memory};
    static const char head[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 90000\r\n\r\n";
    static uint8_t body[90000];
    struct http_parser first, second;
    http_parser_open(&first, &shared);
    http_parser_open(&second, &shared);
    size_t used;
    http_parser_feed(&first, (const uint8_t *)head, sizeof(head) - 1, &used);
    http_parser_feed(&second, (const uint8_t *)head, sizeof(head) - 1, &used);
    assert_int_equal(http_parser_feed(&first, body, 1, &used), HTTP_STEP_MORE);
    assert_true(memory.held < 90000); /* what is announced is not yet given */
    assert_int_equal(http_parser_feed(&first, body, 80000, &used), HTTP_STEP_MORE);
    assert_int_equal(http_parser_feed(&second, body, 70000, &used), HTTP_STEP_REFUSED);
    assert_int_equal(second.status, 503);
    http_parser_close(&second);
    assert_int_equal(http_parser_feed(&first, body, 9999, &used), HTTP_STEP_REQUEST);
    assert_int_equal(memory.held, 90001);
    http_parser_reset(&first);
    assert_int_equal(memory.held, 0);
    http_parser_close(&first);
}

/* Opens a parser and lets it read the head of a body of that size, and the first bytes of it. */
static enum http_step begin_body(
    struct http_parser *parser, const struct http_limits *shared, const char *size, size_t first)
{
    static uint8_t body[90000];
    _cleanup_(buffer_free) struct buffer head = BUFFER_INIT;
    buffer_printf(&head, "POST / HTTP/1.1\r\n" HOST "Content-Length: %s\r\n\r\n", size);
    http_parser_open(parser, shared);
    size_t used;
    assert_int_equal(http_parser_feed(parser, head.data, head.size, &used), HTTP_STEP_MORE);
    return http_parser_feed(parser, body, first, &used);
}

static void a_body_is_given_room_as_it_arrives(void **state)
{
    (void)state;
    struct http_memory memory = {.most = 1 << 20};
    const struct http_limits shared = {.max_header_bytes = 4096, .max_body_bytes = 90000, .memory = &memory};
    struct http_parser parser;
    assert_int_equal(begin_body(&parser, &shared, "90000", 1), HTTP_STEP_MORE);
    size_t size, used;
    assert_non_null(http_parser_room(&parser, 2048, &size));
    assert_int_equal(memory.held, 4096);
    while (parser.body.size < 80000) {
        uint8_t *room = http_parser_room(&parser, 2048, &size);
        assert_true(size >= 2048);
        memset(room, 'x', 2000);
        assert_int_equal(http_parser_feed(&parser, room, 2000, &used), HTTP_STEP_MORE);
        assert_true(memory.held <= 4 * (parser.body.size + 2048));
    }
    http_parser_close(&parser);
    assert_int_equal(memory.held, 0);
}

static void small_bodies_have_room_that_large_ones_leave(void **state)
{
    (void)state;
    struct http_memory memory = {.most = 140000};
    const struct http_limits shared = {.max_header_bytes = 4096, .max_body_bytes = 90000, .memory = &memory};
    struct http_parser first, large, small, second, single;
    assert_int_equal(begin_body(&first, &shared, "70000", 69999), HTTP_STEP_MORE);
    assert_int_equal(begin_body(&large, &shared, "65537", 65537), HTTP_STEP_REFUSED);
    assert_int_equal(large.status, 503);
    assert_int_equal(begin_body(&small, &shared, "65536", 65536), HTTP_STEP_REQUEST);
    assert_int_equal(begin_body(&second, &shared, "65536", 65536), HTTP_STEP_REFUSED);
    assert_int_equal(begin_body(&single, &shared, "4000", 4000), HTTP_STEP_REQUEST);
    http_parser_close(&single);
    memory.most = 0; /* for so little it makes no odds */
    assert_int_equal(begin_body(&single, &shared, "4000", 4000), HTTP_STEP_REQUEST);
    http_parser_close(&first);
    http_parser_close(&large);
    http_parser_close(&small);
    http_parser_close(&second);
    http_parser_close(&single);
    assert_int_equal(memory.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_however_their_bytes_arrive),
        cmocka_unit_test(chunked_bodies_are_put_together),
        cmocka_unit_test(harmless_variants_are_taken),
        cmocka_unit_test(what_an_edge_must_not_take_is_refused),
        cmocka_unit_test(every_part_of_a_request_has_a_limit),
        cmocka_unit_test(a_target_may_be_as_long_as_the_head),
        cmocka_unit_test(of_a_line_that_is_refused_the_path_is_known),
        cmocka_unit_test(expectation_is_told_once_before_the_body),
        cmocka_unit_test(rest_of_a_body_is_read_in_place),
        cmocka_unit_test(bodies_share_a_limit_and_give_back_what_they_held),
        cmocka_unit_test(a_body_is_given_room_as_it_arrives),
        cmocka_unit_test(small_bodies_have_room_that_large_ones_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
