/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_stream.h"

#include "common/error.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

/* Bytes that wait in user space while a request is being handled; the rest stays with the kernel, and then
 * with the client. One more read may go beyond it. */
#define READ_AHEAD ((size_t)32 * 1024)
#define READ_ONCE ((size_t)16 * 1024) /* and a record of TLS is not longer */

static void on_readable(evutil_socket_t socket, short what, void *self);
static void on_writable(evutil_socket_t socket, short what, void *self);

/* -- life -- */

static bool begin(struct http_stream *stream, struct event_base *base)
{
    stream->input = evbuffer_new();
    stream->output = evbuffer_new();
    event_assign(&stream->readable, base, stream->socket, EV_READ | EV_PERSIST, on_readable, stream);
    event_assign(&stream->writable, base, stream->socket, EV_WRITE, on_writable, stream);
    evtimer_assign(&stream->again, base, on_readable, stream);
    return stream->input && stream->output &&
           (!stream->ssl || SSL_set_fd(stream->ssl, stream->socket) == 1) &&
           event_add(&stream->readable, NULL) == 0;
}

static void end(struct http_stream *stream)
{
    event_del(&stream->readable);
    event_del(&stream->writable);
    event_del(&stream->again);
    if (stream->input)
        evbuffer_free(stream->input);
    if (stream->output)
        evbuffer_free(stream->output);
    SSL_free(stream->ssl);
    evutil_closesocket(stream->socket);
    stream->input = stream->output = NULL;
    stream->ssl = NULL;
}

int http_stream_open(struct http_stream *stream, struct event_base *base, evutil_socket_t socket, SSL *ssl,
    const struct http_stream_calls *calls, void *self)
{
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *stream = (struct http_stream){
        .socket = socket, .ssl = ssl, .shaking = ssl != NULL, .calls = calls, .self = self};
    if (begin(stream, base))
        return 0;
    end(stream);
    ERR_clear_error();
    return -QY_ENOMEM;
}

/* The error queue is the thread's: other streams' calls would find what is left in it. */
static void tell_end(struct http_stream *stream)
{
    if (!stream->ssl || stream->shaking || stream->broken)
        return;
    (void)SSL_shutdown(stream->ssl);
    ERR_clear_error();
}

void http_stream_close(struct http_stream *stream)
{
    if (!http_stream_is_open(stream))
        return;
    if (http_stream_is_written(stream)) /* else a client takes half an answer for a whole one */
        tell_end(stream);
    end(stream);
}

/* -- one call -- */

/* What kept OpenSSL from going on, as recv() and send() say it. */
static ssize_t secure_failure(struct http_stream *stream, int result)
{
    int why = SSL_get_error(stream->ssl, result);
    ERR_clear_error();
    if (why == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (why == SSL_ERROR_WANT_WRITE)
        event_add(&stream->writable, NULL);
    stream->broken = why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
    errno = stream->broken ? EPIPE : EAGAIN;
    return -1;
}

static int amount(size_t size)
{
    return size < INT_MAX ? (int)size : INT_MAX;
}

static bool refuse_broken(const struct http_stream *stream)
{
    errno = EPIPE;
    return stream->broken;
}

ssize_t http_stream_receive(struct http_stream *stream, uint8_t *out, size_t size)
{
    if (!stream->ssl)
        return recv(stream->socket, out, size, 0);
    if (refuse_broken(stream))
        return -1;
    int got = SSL_read(stream->ssl, out, amount(size));
    ssize_t result = got > 0 ? got : secure_failure(stream, got);
    stream->unread = got > 0 ? SSL_has_pending(stream->ssl) : stream->broken || !SSL_want_read(stream->ssl);
    return result;
}

static ssize_t put(struct http_stream *stream, const void *data, size_t size)
{
    if (!stream->ssl)
        return send(stream->socket, data, size, MSG_NOSIGNAL);
    if (refuse_broken(stream))
        return -1;
    int sent = SSL_write(stream->ssl, data, amount(size));
    return sent > 0 ? sent : secure_failure(stream, sent);
}

static bool may_go_on(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* -- reading -- */

void http_stream_pace(struct http_stream *stream)
{
    static const struct timeval at_once = {0};
    if (stream->ended)
        return;
    bool deaf = evbuffer_get_length(stream->input) >= READ_AHEAD;
    if (deaf && !stream->deaf)
        event_del(&stream->readable);
    else if (!deaf && stream->deaf)
        event_add(&stream->readable, NULL);
    stream->deaf = deaf;
    if (!deaf && stream->unread && !evtimer_pending(&stream->again, NULL))
        event_add(&stream->again, &at_once);
}

static void take_end(struct http_stream *stream, bool broken)
{
    stream->ended = true;
    event_del(&stream->readable);
    event_del(&stream->again);
    stream->calls->on_end(stream->self, broken);
}

static void read_some(struct http_stream *stream)
{
    uint8_t bytes[READ_ONCE];
    ssize_t got = http_stream_receive(stream, bytes, sizeof(bytes));
    if (got > 0 && evbuffer_add(stream->input, bytes, (size_t)got) == 0)
        stream->calls->on_read(stream->self);
    else if (got >= 0 || !may_go_on())
        take_end(stream, got != 0);
}

/* -- writing -- */

/* What does not fit the socket at once stays in the output, each piece where OpenSSL has seen it begin. False
 * when the connection is lost. */
static bool flush(struct http_stream *stream)
{
    struct evbuffer_iovec piece;
    while (evbuffer_peek(stream->output, -1, NULL, &piece, 1) > 0) {
        ssize_t sent = put(stream, piece.iov_base, piece.iov_len);
        if (sent <= 0)
            return sent < 0 && may_go_on() && event_add(&stream->writable, NULL) == 0;
        evbuffer_drain(stream->output, (size_t)sent);
    }
    return true;
}

bool http_stream_write(struct http_stream *stream, const void *data, size_t size)
{
    const uint8_t *rest = data;
    while (size > 0 && http_stream_is_written(stream)) {
        ssize_t sent = put(stream, rest, size);
        if (sent <= 0 && !(sent < 0 && may_go_on()))
            return false;
        if (sent < 0)
            break;
        rest += sent;
        size -= (size_t)sent;
    }
    return size == 0 ||
           (evbuffer_add(stream->output, rest, size) == 0 && event_add(&stream->writable, NULL) == 0);
}

bool http_stream_shut(struct http_stream *stream)
{
    tell_end(stream);
    return shutdown(stream->socket, SHUT_WR) == 0;
}

/* -- agreeing on TLS -- */

/* The same socket goes on without it: what failed here cannot be spoken any more. */
static enum handshake give_up(struct http_stream *stream)
{
    unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    SSL_free(stream->ssl);
    stream->ssl = NULL;
    if (error == 0)
        return HANDSHAKE_LOST;
    bool plain = ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
    return plain ? HANDSHAKE_PLAIN : HANDSHAKE_REFUSED;
}

static void shake(struct http_stream *stream)
{
    int done = SSL_do_handshake(stream->ssl);
    int why = SSL_get_error(stream->ssl, done);
    if (why == SSL_ERROR_WANT_READ)
        return;
    if (why == SSL_ERROR_WANT_WRITE) {
        event_add(&stream->writable, NULL);
        return;
    }
    stream->shaking = false;
    stream->unread = done == 1 && SSL_has_pending(stream->ssl);
    stream->calls->on_shaken(stream->self, done == 1 ? HANDSHAKE_DONE : give_up(stream));
}

/* -- what the loop tells -- */

static void on_readable(evutil_socket_t socket, short what, void *self)
{
    (void)socket;
    (void)what;
    struct http_stream *stream = self;
    if (stream->shaking)
        shake(stream);
    else if (!stream->deaf && !stream->ended)
        read_some(stream);
}

static void on_writable(evutil_socket_t socket, short what, void *self)
{
    (void)socket;
    (void)what;
    struct http_stream *stream = self;
    if (stream->shaking) {
        shake(stream);
        return;
    }
    http_stream_pace(stream); /* OpenSSL may have had to write before it can read on */
    bool waiting = !http_stream_is_written(stream);
    if (!flush(stream))
        take_end(stream, true);
    else if (waiting && http_stream_is_written(stream))
        stream->calls->on_written(stream->self);
}
