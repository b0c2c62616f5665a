/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from and to one client, plain or over TLS, on the event base of one thread.
 *
 * What arrives is gathered in the input, up to a limit beyond which the socket is not read until the input is
 * taken. What is written goes out at once as far as the socket takes it; the rest follows by itself. It is the
 * loop alone that calls back, so a stream may be closed in any callback. */
#ifndef QY_COMMON_HTTP_STREAM_H
#define QY_COMMON_HTTP_STREAM_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How agreeing on TLS went. Where it failed the stream goes on without it. */
enum handshake {
    HANDSHAKE_DONE,
    HANDSHAKE_REFUSED, /* the client has been told why */
    HANDSHAKE_PLAIN,   /* this client speaks HTTP without TLS */
    HANDSHAKE_LOST,    /* it is gone */
};

/* Who is told. */
struct http_stream_calls {
    void (*on_shaken)(void *self, enum handshake result); /* before all others, over TLS */
    void (*on_read)(void *self);                          /* bytes have come */
    void (*on_written)(void *self);                       /* the kernel has all that was kept to be written */
    void (*on_end)(void *self, bool broken); /* the client has ended its side, or nothing goes any more */
};

struct http_stream {
    struct evbuffer *input, *output; /* NULL: closed */
    evutil_socket_t socket;
    SSL *ssl;                               /* NULL: plain */
    struct event readable, writable, again; /* again: what OpenSSL holds is to be taken in the next round */
    const struct http_stream_calls *calls;
    void *self;
    bool shaking; /* TLS is still being agreed on */
    bool broken;  /* TLS has failed: nothing more can be said */
    bool unread;  /* OpenSSL holds something that the socket does not tell of any more */
    bool deaf;    /* too much is waiting to be taken: the socket is not read */
    bool ended;   /* there is nothing more to be read */
};

/* Takes socket and ssl (NULL: plain) over, whatever comes of it, and begins to read; `calls` must outlive the
 * stream. -QY_ENOMEM: it is closed. */
int http_stream_open(struct http_stream *stream, struct event_base *base, evutil_socket_t socket, SSL *ssl,
    const struct http_stream_calls *calls, void *self);
/* Sends nothing more, not even what is kept; a client over TLS is told that it is the end. */
void http_stream_close(struct http_stream *stream);
static inline bool http_stream_is_open(const struct http_stream *stream)
{
    return stream->input != NULL;
}

/* -- reading -- */

static inline struct evbuffer *http_stream_input(const struct http_stream *stream)
{
    return stream->input;
}
/* To be called when what has come was taken, as far as it can be: sees to it that more comes, unless too much
 * is waiting. */
void http_stream_pace(struct http_stream *stream);
/* What comes next, past the input, which must be empty; as recv(). An end or an error shows again in
 * on_end(). */
ssize_t http_stream_receive(struct http_stream *stream, uint8_t *out, size_t size);

/* -- writing -- */

/* False when the connection is lost. */
bool http_stream_write(struct http_stream *stream, const void *data, size_t size);
/* True when the kernel has all that was written. */
static inline bool http_stream_is_written(const struct http_stream *stream)
{
    return evbuffer_get_length(stream->output) == 0;
}
/* Ends our side, behind what was written. What the client still sends can be read. False when the connection
 * is lost. */
bool http_stream_shut(struct http_stream *stream);

#endif
