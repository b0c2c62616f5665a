/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: reads requests, hands them over one at a time, writes the answers. */
#include "common/error.h"
#include "common/http_internal.h"
#include "common/tls.h"

#include <stdlib.h>
#include <string.h>

/* A body of which this much is still missing is read straight to where it belongs. */
#define DIRECT_LEAST ((size_t)2048)
/* How much of a body one connection may read before it is others' turn. */
#define READ_MOST ((size_t)1024 * 1024)
/* What is thrown away of a client that goes on sending after its refusal. */
#define LINGER_MOST ((size_t)16 * 1024 * 1024)

/* -- ends -- */

void http_connection_free(struct http_connection *connection)
{
    http_request_free(&connection->request, &connection->thread->server->memory);
    http_parser_close(&connection->parser);
    free(connection);
}

static bool is_open(const struct http_connection *connection)
{
    return http_stream_is_open(&connection->stream);
}

/* The client is gone or is sent away, with nothing left to be written. What was called from outside settles
 * the rest. */
static void drop(struct http_connection *connection)
{
    http_deadline_clear(connection);
    if (!is_open(connection))
        return;
    http_stream_close(&connection->stream);
    metric_add(connection->thread->server->connections_open, -1);
}

/* Ends what was dropped, unless the handler still has the request: then its answer will. The last thing that
 * is done with a connection in any call from outside. */
static void settle(struct http_connection *connection)
{
    struct http_thread *thread = connection->thread;
    uint64_t address_key = connection->address_key;
    if (is_open(connection) || connection->state == CONNECTION_HANDLING)
        return;
    LIST_REMOVE(connection, all);
    http_connection_free(connection);
    http_accept_ended(thread, address_key);
}

void http_connection_end(struct http_connection *connection)
{
    drop(connection);
    settle(connection);
}

/* Closing with unread bytes would send a reset that can overtake the answer. So: shut our side, and read on
 * for a while. */
static void linger(struct http_connection *connection)
{
    connection->state = CONNECTION_LINGERING;
    http_parser_reset(&connection->parser);
    if (!http_stream_shut(&connection->stream) || connection->peer_done) {
        drop(connection);
        return;
    }
    struct evbuffer *input = http_stream_input(&connection->stream);
    evbuffer_drain(input, evbuffer_get_length(input));
    http_stream_pace(&connection->stream);
    http_deadline_set(connection, DEADLINE_LINGER);
}

static void throw_away(struct http_connection *connection, struct evbuffer *input)
{
    size_t size = evbuffer_get_length(input);
    evbuffer_drain(input, size);
    connection->lingered += size;
    if (connection->lingered > LINGER_MOST)
        drop(connection);
}

/* -- answers -- */

static void count_answer(struct http_connection *connection)
{
    struct http_thread *thread = connection->thread;
    struct http_server *server = thread->server;
    struct http_request *request = &connection->request;
    if (!server->options.metrics)
        return;
    struct metric **metric = &thread->by_status[request->status - 100];
    if (!*metric) {
        char labels[32];
        snprintf(labels, sizeof(labels), "code=\"%d\"", request->status);
        *metric = metrics_series(server->options.metrics, METRIC_COUNTER, "quanyu_http_requests_total",
            labels, "HTTP requests answered.");
    }
    metric_add(*metric, 1);
    metric_add(server->request_bytes, (double)connection->parser.body.size);
    metric_add(server->answer_bytes, (double)request->answer.size);
    metric_observe(server->request_seconds, metrics_clock() - request->received);
}

/* All of the answer is with the kernel. */
static void after_answer(struct http_connection *connection)
{
    if (connection->request.close) {
        linger(connection);
        return;
    }
    http_request_clear(&connection->request);
    http_parser_reset(&connection->parser);
    connection->state = CONNECTION_READING;
    http_deadline_set(connection, DEADLINE_IDLE);
}

static void send_answer(struct http_connection *connection)
{
    struct http_request *request = &connection->request;
    count_answer(connection);
    connection->state = CONNECTION_WRITING;
    if (connection->thread->stopping)
        request->close = true;
    if (buffer_error(&request->answer) ||
        !http_stream_write(&connection->stream, request->answer.data, request->answer.size)) {
        drop(connection);
        return;
    }
    if (http_stream_is_written(&connection->stream))
        after_answer(connection);
    else
        http_deadline_set(connection, DEADLINE_RESPONSE);
}

/* -- requests -- */

/* The server's own answer, unless another is given in its place. */
static void answer_refused(
    struct http_connection *connection, int status, const char *field, const char *fault)
{
    const struct http_options *options = &connection->thread->server->options;
    struct http_request *request = &connection->request;
    if (options->refusing && connection->parser.path > 0)
        options->refusing(options->self, request, status);
    if (!request->answered)
        http_problem(request, status, NULL, field, "%s", fault);
}

/* The server's own answer, after which it cannot or will not go on with this client. */
static void refuse(struct http_connection *connection, int status, const char *fault)
{
    struct http_request *request = &connection->request;
    http_request_identify(request, http_parser_known(&connection->parser, KNOWN_REQUEST_ID));
    request->received = metrics_clock();
    request->close = true;
    connection->state = CONNECTION_HANDLING;
    connection->in_handler = true;
    if (status == 503)
        http_add_header(request, "Retry-After", "1");
    answer_refused(connection, status, NULL, fault);
    connection->in_handler = false;
    send_answer(connection);
}

/* Answers 400, 413, 415 or 503 itself and returns false when the body cannot be decoded. The connection can
 * go on. */
static bool decode(struct http_connection *connection)
{
    struct http_request *request = &connection->request;
    struct http_parser *parser = &connection->parser;
    struct http_server *server = connection->thread->server;
    enum http_coding coding = http_coding_of(http_parser_known(parser, KNOWN_CONTENT_ENCODING));
    if (coding == CODING_IDENTITY || parser->body.size == 0)
        return true;
    if (coding == CODING_UNKNOWN) {
        http_add_header(request, "Accept-Encoding", "gzip, deflate");
        answer_refused(
            connection, 415, "Content-Encoding", "the body may be compressed with gzip or deflate only");
        return false;
    }
    struct bytes body = {parser->body.data, parser->body.size};
    int result = http_inflate(connection->thread->inflater, coding, body, server->limits.max_body_bytes,
        &server->memory, &request->decoded);
    request->is_decoded = result == 0;
    if (result == -QY_ETOOLARGE)
        answer_refused(connection, 413, NULL, "the decompressed body is too large");
    else if (result == -QY_ENOMEM)
        answer_refused(connection, 503, NULL, "too many large bodies at once");
    else if (result)
        answer_refused(connection, 400, NULL, "the compressed body is damaged");
    return result == 0;
}

static void handle(struct http_connection *connection)
{
    struct http_request *request = &connection->request;
    struct http_options *options = &connection->thread->server->options;
    http_request_identify(request, http_parser_known(&connection->parser, KNOWN_REQUEST_ID));
    http_request_locate(request);
    request->received = metrics_clock();
    request->close = !connection->parser.keep_alive;
    connection->state = CONNECTION_HANDLING;
    connection->in_handler = true;
    if (decode(connection))
        options->handler(options->self, request);
    connection->in_handler = false;
    if (request->answered_here)
        send_answer(connection);
    else
        http_deadline_clear(connection); /* now it is the handler's time */
}

static void take_step(struct http_connection *connection, enum http_step step, bool drained)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (step == HTTP_STEP_REFUSED)
        refuse(connection, connection->parser.status, connection->parser.fault);
    else if (step == HTTP_STEP_REQUEST)
        handle(connection);
    else if (step == HTTP_STEP_CONTINUE && drained &&
             !http_stream_write(&connection->stream, go_on, sizeof(go_on) - 1))
        drop(connection);
}

/* Reads the rest of a large body where it belongs, without a copy in between. */
static void read_direct(struct http_connection *connection)
{
    size_t total = 0, size = 0, used;
    enum http_step step = HTTP_STEP_MORE;
    while (step == HTTP_STEP_MORE && total < READ_MOST) {
        uint8_t *room = http_parser_room(&connection->parser, DIRECT_LEAST, &size);
        ssize_t got = room ? http_stream_receive(&connection->stream, room, size) : -1;
        if (got <= 0)
            return; /* an end or an error shows again */
        total += (size_t)got;
        step = http_parser_feed(&connection->parser, room, (size_t)got, &used);
    }
    if (step != HTTP_STEP_MORE)
        take_step(connection, step, true);
}

static bool is_reading(const struct http_connection *connection)
{
    return is_open(connection) && connection->state == CONNECTION_READING;
}

/* Takes what can be taken now, and sees to what the connection waits for next. */
static void run(struct http_connection *connection)
{
    while (is_reading(connection)) {
        struct evbuffer *input = http_stream_input(&connection->stream);
        struct evbuffer_iovec piece;
        size_t used;
        if (evbuffer_peek(input, -1, NULL, &piece, 1) < 1 || piece.iov_len == 0)
            break;
        enum http_step step = http_parser_feed(&connection->parser, piece.iov_base, piece.iov_len, &used);
        evbuffer_drain(input, used);
        take_step(connection, step, evbuffer_get_length(input) == 0);
    }
    if (is_reading(connection) && !connection->peer_done)
        read_direct(connection);
    if (is_open(connection) && !connection->peer_done)
        http_stream_pace(&connection->stream);
    if (!is_reading(connection))
        return;
    bool begun = http_parser_has_begun(&connection->parser);
    if (connection->peer_done || (connection->thread->stopping && !begun))
        drop(connection);
    else if (begun && connection->deadline != DEADLINE_REQUEST)
        http_deadline_set(connection, DEADLINE_REQUEST);
}

/* -- what the stream tells -- */

static void on_read(void *self)
{
    struct http_connection *connection = self;
    if (connection->state == CONNECTION_LINGERING)
        throw_away(connection, http_stream_input(&connection->stream));
    run(connection);
    settle(connection);
}

static void on_written(void *self)
{
    struct http_connection *connection = self;
    if (connection->state == CONNECTION_WRITING)
        after_answer(connection);
    run(connection);
    settle(connection);
}

/* Goes on where TLS was not agreed on, to say why before the end. */
static void give_up_tls(struct http_connection *connection, enum handshake result)
{
    metric_add(connection->thread->server->handshakes_failed, 1);
    if (result == HANDSHAKE_LOST)
        drop(connection);
    else if (result == HANDSHAKE_PLAIN)
        refuse(connection, 400, "this port speaks TLS: use https");
    else
        linger(connection); /* so that the alert is not lost in a reset */
}

static void on_shaken(void *self, enum handshake result)
{
    struct http_connection *connection = self;
    connection->state = CONNECTION_READING;
    if (result == HANDSHAKE_DONE)
        http_deadline_set(connection, DEADLINE_IDLE);
    else
        give_up_tls(connection, result);
    run(connection);
    settle(connection);
}

static void on_end(void *self, bool broken)
{
    struct http_connection *connection = self;
    connection->peer_done = true;
    if (broken || connection->state == CONNECTION_LINGERING)
        drop(connection);
    run(connection);
    settle(connection);
}

static const struct http_stream_calls calls = {on_shaken, on_read, on_written, on_end};

void http_connection_answered(struct http_connection *connection)
{
    connection->state = CONNECTION_WRITING;
    if (is_open(connection))
        send_answer(connection);
    run(connection);
    settle(connection);
}

void http_connection_late(struct http_connection *connection)
{
    if (connection->deadline == DEADLINE_REQUEST)
        refuse(connection, 408, "the request did not arrive in time");
    else
        drop(connection);
    settle(connection);
}

void http_connection_stop(struct http_connection *connection)
{
    if (connection->state == CONNECTION_WRITING)
        connection->request.close = true;
    else if (connection->state == CONNECTION_SHAKING)
        drop(connection);
    run(connection);
    settle(connection);
}

/* -- the beginning -- */

static bool is_trusted(const struct http_server *server, const struct sockaddr *address)
{
    struct in6_addr bytes;
    return proxy_address_of(address, &bytes) && proxies_trust(&server->options.trusted, &bytes);
}

/* The address, and whether its word counts. */
static void name_peer(struct http_connection *connection, const struct sockaddr *address)
{
    snprintf(connection->peer, sizeof(connection->peer), "unknown");
    if (!proxy_address_of(address, &connection->address))
        return;
    proxy_address_write(&connection->address, connection->peer);
    connection->trusted = is_trusted(connection->thread->server, address);
}

static int open_stream(struct http_connection *connection, struct http_port *port, evutil_socket_t socket)
{
    SSL *ssl = port->tls ? tls_session(port->tls) : NULL;
    if (port->tls && !ssl) {
        evutil_closesocket(socket);
        return -QY_ENOMEM;
    }
    connection->state = ssl ? CONNECTION_SHAKING : CONNECTION_READING;
    return http_stream_open(&connection->stream, port->thread->base, socket, ssl, &calls, connection);
}

static void turn_away(struct http_thread *thread, evutil_socket_t socket, uint64_t address_key)
{
    evutil_closesocket(socket);
    metric_add(thread->server->connections_refused, 1);
    http_accept_ended(thread, address_key);
}

void http_connection_open(struct http_port *port, evutil_socket_t socket, const struct sockaddr *address)
{
    struct http_thread *thread = port->thread;
    uint64_t address_key = 0; /* of a trusted proxy: behind it are many */
    if (!is_trusted(thread->server, address) &&
        !http_places_admit(thread->server->places, address, &address_key)) {
        turn_away(thread, socket, 0);
        return;
    }
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        turn_away(thread, socket, address_key);
        return;
    }
    connection->thread = thread;
    connection->address_key = address_key;
    connection->deadline = DEADLINE_NONE;
    connection->secure = port->tls;
    name_peer(connection, address);
    http_parser_open(&connection->parser, &thread->server->limits);
    if (open_stream(connection, port, socket)) {
        http_connection_free(connection);
        http_accept_ended(thread, address_key);
        return;
    }
    LIST_INSERT_HEAD(&thread->connections, connection, all);
    metric_add(thread->server->connections_open, 1);
    metric_add(thread->server->connections_accepted, 1);
    http_deadline_set(connection, port->tls ? DEADLINE_HANDSHAKE : DEADLINE_IDLE);
}
