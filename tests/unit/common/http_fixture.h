/* SPDX-License-Identifier: Apache-2.0 */
/* A server whose handler does what the path says, for the tests of the HTTP server. */
#ifndef QY_TESTS_HTTP_FIXTURE_H
#define QY_TESTS_HTTP_FIXTURE_H

#include "common/http.h"
#include "common/tls.h"
#include "tests/unit/common/http_peer.h"
#include "tests/unit/common/tls_pair.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define BODY_MOST ((size_t)1 << 20)
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"

/* Requests that the handler put aside, for the test to answer. */
struct desk {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_request *requests[64];
    unsigned count;
};

struct fixture {
    struct http_server *server;
    struct metrics *metrics;
    struct tls *tls; /* NULL: plain connections only */
    struct pair_files files;
    struct desk desk;
};

static inline void put_aside(struct desk *desk, struct http_request *request)
{
    pthread_mutex_lock(&desk->lock);
    assert(desk->count < COUNT_OF(desk->requests));
    desk->requests[desk->count++] = request;
    pthread_cond_signal(&desk->changed);
    pthread_mutex_unlock(&desk->lock);
}

static inline struct http_request *take_from(struct desk *desk)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PEER_SECONDS;
    pthread_mutex_lock(&desk->lock);
    while (desk->count == 0)
        assert_int_equal(pthread_cond_timedwait(&desk->changed, &desk->lock, &limit), 0);
    struct http_request *request = desk->requests[0];
    desk->count--;
    for (unsigned i = 0; i < desk->count; i++)
        desk->requests[i] = desk->requests[i + 1];
    pthread_mutex_unlock(&desk->lock);
    return request;
}

static inline unsigned waiting_at(struct desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    unsigned count = desk->count;
    pthread_mutex_unlock(&desk->lock);
    return count;
}

/* One line for each part of the request. */
static inline void describe(struct http_request *request)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    char parameter[16] = "";
    bool found = http_parameter(request, "p", parameter, sizeof(parameter)) == 0;
    const char *header = http_header(request, "x-THING");
    buffer_printf(&text, "%s|%s|%s|%s|%s|%s|%s|%.*s", http_method(request), http_path(request),
        http_query(request), found ? parameter : "-", header ? header : "-", http_peer(request),
        http_request_id(request), (int)http_body(request).size, (const char *)http_body(request).data);
    http_respond(request, 200, "text/plain", text.data, text.size);
}

static inline void handle(void *self, struct http_request *request)
{
    struct fixture *fixture = self;
    const char *path = http_path(request);
    if (strcmp(path, "/later") == 0) {
        put_aside(&fixture->desk, request);
    } else if (strcmp(path, "/echo") == 0) {
        http_respond(request, 200, "text/plain", http_body(request).data, http_body(request).size);
    } else if (strcmp(path, "/size") == 0) {
        char size[24];
        int length = snprintf(size, sizeof(size), "%zu", http_body(request).size);
        http_respond(request, 200, "text/plain", size, (size_t)length);
    } else if (strcmp(path, "/big") == 0) {
        size_t size = (size_t)32 << 20;
        char *body = calloc(1, size);
        http_respond(request, 200, "application/octet-stream", body, size);
        free(body);
    } else if (strcmp(path, "/headers") == 0) {
        http_add_header(request, "Allow", "GET, HEAD");
        http_add_header(request, "X-Split", "a\r\nX-Injected: b");
        http_respond(request, 204, NULL, NULL, 0);
    } else if (strcmp(path, "/problem") == 0) {
        http_problem(request, 409, "taken", "/name", "\"%s\" is taken", "x");
    } else {
        describe(request);
    }
}

static inline struct http_options standard_options(struct fixture *fixture)
{
    return (struct http_options){
        .address = "127.0.0.1",
        .tls_address = "127.0.0.1",
        .tls = fixture->tls,
        .threads = 2,
        .max_connections = 100,
        .max_header_bytes = 4096,
        .max_body_bytes = BODY_MOST,
        .request_ms = 60000,
        .response_ms = 60000,
        .idle_ms = 60000,
        .handler = handle,
        .self = fixture,
        .metrics = fixture->metrics,
    };
}

static inline void start(struct fixture *fixture, const struct http_options *options)
{
    char error[256];
    http_server_close(&fixture->server, 0);
    if (http_server_open(options, &fixture->server, error) != 0)
        fail_msg("%s", error);
}

static inline struct fixture *make_fixture(void)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    pthread_mutex_init(&fixture->desk.lock, NULL);
    pthread_cond_init(&fixture->desk.changed, NULL);
    metrics_open("test", &fixture->metrics);
    return fixture;
}

static inline int open_fixture(void **state)
{
    struct fixture *fixture = make_fixture();
    struct http_options options = standard_options(fixture);
    start(fixture, &options);
    *state = fixture;
    return 0;
}

/* Whose connections are over TLS; there is a plain port beside. */
static inline int open_tls_fixture(void **state)
{
    struct fixture *fixture = make_fixture();
    pair_files_make(&fixture->files);
    pair_write(&fixture->files, "test", 3600);
    const struct tls_options pair = {.certificate = fixture->files.certificate, .key = fixture->files.key};
    char error[TLS_ERROR_BYTES];
    if (tls_open(&pair, &fixture->tls, error) != 0)
        fail_msg("%s", error);
    struct http_options options = standard_options(fixture);
    start(fixture, &options);
    *state = fixture;
    return 0;
}

static inline int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    http_server_close(&fixture->server, 1000);
    assert_null(fixture->server);
    if (fixture->tls)
        pair_files_remove(&fixture->files);
    tls_close(&fixture->tls);
    metrics_close(&fixture->metrics);
    pthread_cond_destroy(&fixture->desk.changed);
    pthread_mutex_destroy(&fixture->desk.lock);
    free(fixture);
    return 0;
}

static inline void connect_to(struct peer *peer, const struct fixture *fixture)
{
    peer_open(peer, fixture->tls ? http_server_tls_port(fixture->server) : http_server_port(fixture->server));
    if (fixture->tls)
        peer_secure(peer);
}

static inline bool has_input(struct peer *peer, int ms)
{
    return peer_has_input(peer, ms);
}

static inline double metric_value(struct fixture *fixture, const char *series)
{
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    buffer_byte(&page, '\n');
    metrics_write(fixture->metrics, NULL, NULL, &page);
    _cleanup_(buffer_free) struct buffer line = BUFFER_INIT;
    buffer_printf(&line, "\n%s ", series);
    const char *found = strstr(buffer_c_str(&page), buffer_c_str(&line));
    return found ? strtod(found + line.size, NULL) : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
#define TLS_TEST(name) {#name " over TLS", name, open_tls_fixture, close_fixture, NULL}
/* What holds however the bytes come. */
#define BOTH(name) TEST(name), TLS_TEST(name)

#endif
