/* SPDX-License-Identifier: Apache-2.0 */
/* Who the client is to the handler, where proxies stand in front of the server. */
#include "tests/unit/common/http_fixture.h"

static void tell_client(void *self, struct http_request *request)
{
    char text[128];
    (void)self;
    int size = snprintf(text, sizeof(text), "%s %s", http_scheme(request), http_peer(request));
    http_respond(request, 200, "text/plain", text, (size_t)size);
}

static struct http_options options_with(struct fixture *fixture, const char *trusted)
{
    struct http_options options = standard_options(fixture);
    options.handler = tell_client;
    assert_null(proxies_read(trusted, &options.trusted));
    return options;
}

static void start_with(struct fixture *fixture, const char *trusted)
{
    struct http_options options = options_with(fixture, trusted);
    start(fixture, &options);
}

static void assert_client(struct peer *peer, const char *fields, const char *client)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    buffer_printf(&text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    peer_ask(peer, buffer_c_str(&text), 200);
    assert_string_equal(buffer_c_str(&peer->body), client);
}

static void nobody_is_believed_unless_it_is_said(void **state)
{
    struct fixture *fixture = *state;
    static const char *const lists[] = {"", "10.0.0.0/8, ::1", "::/0"};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        _cleanup_(peer_close) struct peer peer;
        start_with(fixture, lists[i]);
        connect_to(&peer, fixture);
        const char *own = fixture->tls ? "https 127.0.0.1" : "http 127.0.0.1";
        assert_client(&peer, "", own);
        assert_client(&peer, "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n", own);
        assert_client(&peer, "X-Forwarded-Proto: http\r\n", own);
    }
}

static void a_trusted_one_is_believed_request_by_request(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer;
    start_with(fixture, "127.0.0.0/8,10.0.0.0/8");
    connect_to(&peer, fixture);
    assert_client(&peer, "X-Forwarded-For: 1.1.1.1, 198.51.100.7\r\nX-Forwarded-Proto: https\r\n",
        "https 198.51.100.7");
    assert_client(
        &peer, "x-forwarded-for: 2001:db8::7, 10.0.0.1\r\nX-Forwarded-Proto: http\r\n", "http 2001:db8::7");
    assert_client(&peer, "X-Forwarded-Proto: http\r\n", "http 127.0.0.1");
}

static void its_garbage_is_as_good_as_nothing(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer;
    start_with(fixture, "127.0.0.1");
    connect_to(&peer, fixture);
    const char *own = fixture->tls ? "https 127.0.0.1" : "http 127.0.0.1";
    assert_client(&peer, "X-Forwarded-For:\r\nX-Forwarded-Proto: gopher\r\n", own);
    assert_client(&peer, "X-Forwarded-For: 198.51.100.7, unknown\r\nX-Forwarded-Proto:\r\n", own);
    assert_client(&peer, "X-Forwarded-For: fe80::1%eth0\r\n", own);
}

static void several_fields_are_one_list(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer;
    start_with(fixture, "127.0.0.1, 10.0.0.0/8");
    connect_to(&peer, fixture);
    assert_client(&peer,
        "X-Forwarded-Proto: http\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 198.51.100.7\r\n"
        "X-Other: 2.2.2.2\r\nX-Forwarded-For: 10.0.0.2, 10.0.0.3\r\nX-Forwarded-Proto: https\r\n",
        "https 198.51.100.7");
    assert_client(&peer,
        "X-Forwarded-Proto: http\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: ?\r\n"
        "X-Forwarded-For: 10.0.0.2\r\n",
        "http 10.0.0.2");
    assert_client(&peer,
        "X-Forwarded-Proto: http\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n",
        "http 10.0.0.1");
}

static void what_comes_behind_the_body_is_not_believed(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer;
    start_with(fixture, "127.0.0.1");
    connect_to(&peer, fixture);
    peer_ask(&peer,
        "POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\nX-Forwarded-For: 198.51.100.7\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n\r\n",
        200);
    assert_string_equal(buffer_c_str(&peer.body), "http 198.51.100.7");
}

static void a_thousand_entries_are_taken_and_a_thousand_fields_refused(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_(peer_close) struct peer peer;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct http_options options = options_with(fixture, "127.0.0.1, 10.0.0.0/8");
    options.max_header_bytes = 65536;
    start(fixture, &options);
    connect_to(&peer, fixture);
    buffer_printf(&text, "X-Forwarded-Proto: http\r\nX-Forwarded-For: 198.51.100.7");
    for (int i = 0; i < 1000; i++)
        buffer_printf(&text, ", 10.0.0.1");
    buffer_printf(&text, "\r\n");
    assert_client(&peer, buffer_c_str(&text), "http 198.51.100.7");
    buffer_clear(&text);
    buffer_printf(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 1000; i++)
        buffer_printf(&text, "X-Forwarded-For: 10.0.0.1\r\n");
    buffer_printf(&text, "\r\n");
    peer_ask(&peer, buffer_c_str(&text), 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(nobody_is_believed_unless_it_is_said),
        BOTH(a_trusted_one_is_believed_request_by_request),
        BOTH(its_garbage_is_as_good_as_nothing),
        BOTH(several_fields_are_one_list),
        BOTH(what_comes_behind_the_body_is_not_believed),
        BOTH(a_thousand_entries_are_taken_and_a_thousand_fields_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
