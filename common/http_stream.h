/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from and to one client: a bufferevent, plain or over TLS, on the event base of one thread.
 *
 * What arrives is gathered in the input, up to a limit beyond which the socket is not read until the input is
 * taken. What is written goes out at once as far as a plain socket takes it; the rest follows by itself. */
#ifndef QY_COMMON_HTTP_STREAM_H
#define QY_COMMON_HTTP_STREAM_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http_stream {
    struct bufferevent *bufferevent; /* NULL: closed */
    evutil_socket_t socket;
    SSL *ssl;     /* the bufferevent's; NULL: plain */
    bool shaking; /* TLS is still being agreed on */
    bool broken;  /* TLS has failed: nothing more can be said */
    bool deaf;    /* too much is waiting to be taken: the socket is not read */
};

/* Takes socket and ssl (NULL: plain) over, whatever comes of it. -QY_ENOMEM: it is closed. Callbacks of a
 * plain stream come from the loop alone, those over TLS are deferred to it. */
int http_stream_open(struct http_stream *stream, struct event_base *base, evutil_socket_t socket, SSL *ssl);
/* Who is told: bytes have come, all is written, and what bufferevents call events. Reading begins. */
int http_stream_start(struct http_stream *stream, bufferevent_data_cb on_read, bufferevent_data_cb on_write,
    bufferevent_event_cb on_event, void *self);
/* Sends nothing more, not even what is kept; a client over TLS is told that it is the end. */
void http_stream_close(struct http_stream *stream);
static inline bool http_stream_is_open(const struct http_stream *stream)
{
    return stream->bufferevent != NULL;
}

/* -- reading -- */

static inline struct evbuffer *http_stream_input(const struct http_stream *stream)
{
    return bufferevent_get_input(stream->bufferevent);
}
/* After bytes have come or have been taken: reads the socket as long as not too much is waiting. */
void http_stream_pace(struct http_stream *stream);
/* Straight from a plain socket, beside the bufferevent, which must hold nothing; as recv(). Over TLS there is
 * never anything. */
ssize_t http_stream_receive(struct http_stream *stream, uint8_t *out, size_t size);

/* -- writing -- */

/* False when the connection is lost. */
bool http_stream_write(struct http_stream *stream, const void *data, size_t size);
/* True when the kernel has all that was written. */
static inline bool http_stream_is_written(const struct http_stream *stream)
{
    return evbuffer_get_length(bufferevent_get_output(stream->bufferevent)) == 0;
}
/* Ends our side, behind what was written. What the client still sends can be read. False when the connection
 * is lost. */
bool http_stream_shut(struct http_stream *stream);

/* -- events over TLS -- */

enum handshake {
    HANDSHAKE_DONE,
    HANDSHAKE_REFUSED, /* the client has been told why */
    HANDSHAKE_PLAIN,   /* this client speaks HTTP without TLS */
    HANDSHAKE_LOST,    /* it is gone */
};
/* What an event while it was shaking hands means. Where the handshake has failed the stream is plain from now
 * on, and has to be started again; lost where that fails. */
enum handshake http_stream_shaken(struct http_stream *stream, struct event_base *base, short what);
/* The client has ended its side: what is to be written still is. */
void http_stream_half_closed(struct http_stream *stream);

#endif
