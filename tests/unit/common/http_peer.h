/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted HTTP client on a real socket, plain or over TLS. Whatever it waits for must come within PEER_SECONDS. */
#ifndef QY_TESTS_HTTP_PEER_H
#define QY_TESTS_HTTP_PEER_H

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PEER_SECONDS 20

struct peer {
    int socket;
    SSL *ssl;            /* NULL: plain */
    bool told_end;       /* TLS: the server has said that it is the end */
    int status;          /* of the last answer */
    struct buffer input; /* what has come and was not taken yet */
    struct buffer head;  /* its header, as a text */
    struct buffer body;
};

static inline void peer_open(struct peer *peer, uint16_t port)
{
    *peer = (struct peer){.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = PEER_SECONDS};
    int on = 1;
    setsockopt(peer->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(peer->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    setsockopt(peer->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    assert_int_equal(connect(peer->socket, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* Agrees on TLS, with any certificate. False when the server does not. */
static inline bool peer_try_secure(struct peer *peer, SSL_CTX *context)
{
    peer->ssl = SSL_new(context);
    assert_non_null(peer->ssl);
    assert_int_equal(SSL_set_fd(peer->ssl, peer->socket), 1);
    bool agreed = SSL_connect(peer->ssl) == 1;
    ERR_clear_error();
    return agreed;
}

static inline void peer_secure(struct peer *peer)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_true(peer_try_secure(peer, context));
    SSL_CTX_free(context);
}

static inline void peer_close(struct peer *peer)
{
    SSL_free(peer->ssl);
    peer->ssl = NULL;
    if (peer->socket >= 0)
        close(peer->socket);
    peer->socket = -1;
    buffer_free(&peer->input);
    buffer_free(&peer->head);
    buffer_free(&peer->body);
}

/* False when the server has closed the connection. */
static inline bool peer_try_send(struct peer *peer, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    while (size > 0) {
        ssize_t sent = peer->ssl ? SSL_write(peer->ssl, bytes, (int)size)
                                 : send(peer->socket, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static inline void peer_send(struct peer *peer, const char *text)
{
    assert_true(peer_try_send(peer, text, strlen(text)));
}

/* As recv(); an end without TLS's own is a reset, unless the client itself has shut its side like that. */
static inline ssize_t peer_read(struct peer *peer, uint8_t *room, size_t size)
{
    if (!peer->ssl)
        return recv(peer->socket, room, size, 0);
    ERR_clear_error();
    int got = SSL_read(peer->ssl, room, (int)size);
    if (got > 0)
        return got;
    int why = SSL_get_error(peer->ssl, got);
    peer->told_end = why == SSL_ERROR_ZERO_RETURN;
    if (why != SSL_ERROR_WANT_READ)
        errno = ECONNRESET;
    return peer->told_end ? 0 : -1;
}

/* Reads some more; false at the end or on a reset. Fails the test when nothing comes in time. */
static inline bool peer_fill(struct peer *peer)
{
    uint8_t *room = buffer_reserve(&peer->input, 65536);
    assert_non_null(room);
    ssize_t got = peer_read(peer, room, 65536);
    if (got < 0 && errno != ECONNRESET)
        fail_msg("nothing came in time: %s", strerror(errno));
    if (got <= 0)
        return false;
    peer->input.size += (size_t)got;
    return true;
}

/* True when there is something to be read of the connection, its end included. TLS's own messages are none. */
static inline bool peer_has_input(struct peer *peer, int ms)
{
    struct pollfd wait = {.fd = peer->socket, .events = POLLIN};
    if (!peer->ssl)
        return poll(&wait, 1, ms) > 0;
    if (SSL_pending(peer->ssl) > 0)
        return true;
    while (poll(&wait, 1, ms) > 0) {
        uint8_t byte;
        int flags = fcntl(peer->socket, F_GETFL);
        fcntl(peer->socket, F_SETFL, flags | O_NONBLOCK);
        int got = SSL_peek(peer->ssl, &byte, 1);
        bool none = got <= 0 && SSL_get_error(peer->ssl, got) == SSL_ERROR_WANT_READ;
        fcntl(peer->socket, F_SETFL, flags);
        if (!none)
            return true;
    }
    return false;
}

static inline void peer_take(struct peer *peer, size_t size, struct buffer *out)
{
    buffer_clear(out);
    buffer_append(out, peer->input.data, size);
    buffer_c_str(out);
    memmove(peer->input.data, peer->input.data + size, peer->input.size - size);
    peer->input.size -= size;
}

static inline const char *peer_header(struct peer *peer, const char *name)
{
    static char value[1024];
    const char *line = buffer_c_str(&peer->head);
    while ((line = strstr(line, "\r\n"))) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) != 0 || line[strlen(name)] != ':')
            continue;
        line += strlen(name) + 1;
        line += strspn(line, " ");
        size_t size = strcspn(line, "\r");
        assert_true(size < sizeof(value));
        memcpy(value, line, size);
        value[size] = 0;
        return value;
    }
    return NULL;
}

/* Reads the next answer, without a body where `bodiless` (the answer to HEAD). False when the connection ends
 * first. */
static inline bool peer_try_answer(struct peer *peer, bool bodiless)
{
    const char *end;
    while (!(end = peer->input.size ? strstr(buffer_c_str(&peer->input), "\r\n\r\n") : NULL))
        if (!peer_fill(peer))
            return false;
    peer_take(peer, (size_t)(end - (const char *)peer->input.data) + 4, &peer->head);
    assert_memory_equal(peer->head.data, "HTTP/1.1 ", 9);
    peer->status = (int)strtol((const char *)peer->head.data + 9, NULL, 10);
    const char *length = peer_header(peer, "Content-Length");
    size_t size = length && !bodiless ? strtoul(length, NULL, 10) : 0;
    while (peer->input.size < size)
        if (!peer_fill(peer))
            return false;
    peer_take(peer, size, &peer->body);
    return true;
}

static inline void peer_answer(struct peer *peer, int status)
{
    assert_true(peer_try_answer(peer, false));
    if (peer->status != status)
        fail_msg("answered %s%s", buffer_c_str(&peer->head), buffer_c_str(&peer->body));
}

static inline void peer_ask(struct peer *peer, const char *request, int status)
{
    peer_send(peer, request);
    peer_answer(peer, status);
}

/* The server has ended the connection, and sent nothing more. */
static inline void peer_sees_end(struct peer *peer)
{
    while (peer_fill(peer))
        continue;
    assert_int_equal(peer->input.size, 0);
}

#endif
