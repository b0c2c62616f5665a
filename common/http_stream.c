/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_stream.h"

#include "common/error.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

/* Bytes that wait in user space while a request is being handled; the rest stays with the kernel, and then
 * with the client. TLS adds a record of 16 KiB at most. */
#define READ_AHEAD ((size_t)32 * 1024)

/* Over TLS there is no watermark: where it is reached inside a record, libevent leaves the record's rest with
 * OpenSSL and waits for a socket on which nothing may come any more; and draining the input would call back
 * while it is being drained. So reading is paced by http_stream_pace(), and callbacks are deferred. */
static struct bufferevent *transport(struct event_base *base, evutil_socket_t socket, SSL *ssl)
{
    if (ssl)
        return bufferevent_openssl_socket_new(
            base, socket, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    struct bufferevent *plain = bufferevent_socket_new(base, socket, BEV_OPT_CLOSE_ON_FREE);
    if (plain)
        bufferevent_setwatermark(plain, EV_READ, 0, READ_AHEAD);
    return plain;
}

int http_stream_open(struct http_stream *stream, struct event_base *base, evutil_socket_t socket, SSL *ssl)
{
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *stream = (struct http_stream){
        .bufferevent = transport(base, socket, ssl), .socket = socket, .ssl = ssl, .shaking = ssl != NULL};
    ERR_clear_error();
    if (stream->bufferevent)
        return 0;
    evutil_closesocket(socket);
    return -QY_ENOMEM;
}

int http_stream_start(struct http_stream *stream, bufferevent_data_cb on_read, bufferevent_data_cb on_write,
    bufferevent_event_cb on_event, void *self)
{
    bufferevent_setcb(stream->bufferevent, on_read, on_write, on_event, self);
    return bufferevent_enable(stream->bufferevent, EV_READ | EV_WRITE) == 0 ? 0 : -QY_ENOMEM;
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
    if (!stream->bufferevent)
        return;
    if (http_stream_is_written(stream)) /* else a client takes half an answer for a whole one */
        tell_end(stream);
    bufferevent_free(stream->bufferevent); /* closes the socket */
    stream->bufferevent = NULL;
    stream->ssl = NULL;
}

/* -- reading -- */

void http_stream_pace(struct http_stream *stream)
{
    if (!stream->ssl)
        return;
    bool deaf = evbuffer_get_length(http_stream_input(stream)) >= READ_AHEAD;
    if (deaf == stream->deaf)
        return;
    stream->deaf = deaf;
    if (deaf)
        bufferevent_disable(stream->bufferevent, EV_READ);
    else
        bufferevent_enable(stream->bufferevent, EV_READ);
}

ssize_t http_stream_receive(struct http_stream *stream, uint8_t *out, size_t size)
{
    if (!stream->ssl)
        return recv(stream->socket, out, size, 0);
    errno = EAGAIN;
    return -1;
}

/* -- writing -- */

bool http_stream_write(struct http_stream *stream, const void *data, size_t size)
{
    const uint8_t *rest = data;
    if (!stream->ssl && http_stream_is_written(stream)) {
        ssize_t sent = send(stream->socket, rest, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (sent > 0) {
            rest += sent;
            size -= (size_t)sent;
        }
    }
    return size == 0 || bufferevent_write(stream->bufferevent, rest, size) == 0;
}

bool http_stream_shut(struct http_stream *stream)
{
    tell_end(stream);
    return shutdown(stream->socket, SHUT_WR) == 0;
}

/* -- events over TLS -- */

/* The same socket without TLS. The bufferevent closes its descriptor when it is through with it, and that is
 * not now: the stream goes on with another. */
static bool become_plain(struct http_stream *stream, struct event_base *base)
{
    int socket = fcntl(stream->socket, F_DUPFD_CLOEXEC, 0);
    bufferevent_free(stream->bufferevent);
    *stream = (struct http_stream){0};
    return socket >= 0 && http_stream_open(stream, base, socket, NULL) == 0;
}

enum handshake http_stream_shaken(struct http_stream *stream, struct event_base *base, short what)
{
    stream->shaking = false;
    if (what & BEV_EVENT_CONNECTED)
        return HANDSHAKE_DONE;
    unsigned long error = bufferevent_get_openssl_error(stream->bufferevent);
    stream->broken = true;
    if (error == 0 || !become_plain(stream, base))
        return HANDSHAKE_LOST;
    bool plain = ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
    return plain ? HANDSHAKE_PLAIN : HANDSHAKE_REFUSED;
}

/* libevent stops writing, too. */
void http_stream_half_closed(struct http_stream *stream)
{
    if (stream->ssl && !http_stream_is_written(stream))
        bufferevent_enable(stream->bufferevent, EV_WRITE);
}
