/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 server: llhttp on libevent, with and without TLS, several threads, strict.
 *
 * Each thread has an event base of its own and accepts on the shared ports (SO_REUSEPORT). When all places are
 * taken, the connection that has waited longest for a request, and for a second at least, makes place for a
 * new one; where there is none, accepting pauses.
 *
 * The handler is called on the HTTP thread with the whole request, body included and, where it was compressed
 * (gzip, deflate), decoded. It answers at once or later, from any thread, exactly once, and takes what time it
 * wants: deadlines hold for the client only. Requests of one connection are handled one at a time, in order.
 *
 * The server itself answers, as problem documents and without asking the handler:
 * 400 what llhttp's strict mode refuses (bare LF, blanks before a colon, folded lines, control characters,
 * chunk sizes like 0x3), repeated or conflicting Content-Length, Transfer-Encoding, Host, Authorization,
 * Content-Type, Content-Encoding or Expect, a missing Host, a target with a broken escape, a control
 * character or an encoded slash, a damaged compressed body; 408 a request that is slower than its absolute
 * deadline; 413 bodies over the limit, as sent or decoded; 414, 431 targets and heads over theirs; 415 other
 * codings; 417; 501 methods but GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, Transfer-Encoding but
 * chunked; 503 when all bodies together hold too much memory; 505 HTTP/2 and others; 400 plain HTTP on the port
 * with TLS. Every answer bears X-Request-Id: the client's, when it is 1 to 64 characters of [A-Za-z0-9._-],
 * else a new one. */
#ifndef QY_COMMON_HTTP_H
#define QY_COMMON_HTTP_H

#include "common/metrics.h"
#include "common/proxy.h"

struct http_server;
struct http_request;
struct tls;

typedef void http_handler_fn(void *self, struct http_request *request);
typedef void http_refusing_fn(void *self, struct http_request *request, int status);

struct http_options {
    const char *address;      /* of the plain port: "127.0.0.1", "0.0.0.0", "::"; NULL: there is none */
    uint16_t port;            /* 0: any free one, see http_server_port() */
    const char *tls_address;  /* of the port with TLS */
    uint16_t tls_port;        /* 0: any free one, see http_server_tls_port() */
    struct tls *tls;          /* NULL: there is no such port; must outlive the server */
    unsigned threads;         /* 1 or more */
    unsigned max_connections; /* in all; see above */
    unsigned max_per_address; /* of them, see http_places.h; 0: all; more are closed at once */
    struct proxies trusted; /* whose X-Forwarded-For and X-Forwarded-Proto are believed, and whose connections
                                 count in all only; nobody else's are */
    size_t max_header_bytes; /* of one head, as sent */
    size_t max_body_bytes;   /* of one body, as sent and after decoding */
    size_t max_held_bytes;   /* of all bodies together; 0: 64 of the largest, at least 64 MiB */
    unsigned handshake_ms;   /* absolute, for agreeing on TLS; 0: as request_ms */
    unsigned request_ms;     /* absolute, from a request's first byte to its last */
    unsigned response_ms;    /* absolute, for writing an answer out */
    unsigned idle_ms;        /* between requests */
    http_handler_fn *handler;
    http_refusing_fn *
        refusing; /* before the server itself answers with `status`, where the target is known: may add headers to the
                     answer, or give another at once. Of the header fields it sees those that were read, and of a path
                     that is refused what is left of it, not decoded. May be NULL */
    void *self;
    struct metrics *metrics; /* may be NULL; must outlive the server */
};

/* On failure (-QY_EUNAVAILABLE, -QY_ENOMEM) `error` says which address and why. */
int http_server_open(const struct http_options *options, struct http_server **ret_server, char error[256]);
uint16_t http_server_port(const struct http_server *server);     /* 0: there is none */
uint16_t http_server_tls_port(const struct http_server *server); /* likewise */
/* Stops accepting, lets open requests finish (up to `grace_ms`), then closes. A request that is still
 * unanswered then stays valid until it is answered; the answer goes nowhere. */
void http_server_close(struct http_server **server, unsigned grace_ms);

/* -- the request: borrowed until it is answered -- */

const char *http_method(const struct http_request *request); /* "GET" */
/* Percent-decoded, without the query; starts with '/'. Segments "." and ".." are left as they are. */
const char *http_path(const struct http_request *request);
const char *http_query(const struct http_request *request); /* raw, without '?'; "" when there is none */
/* Decoded query parameter into `value`; the first one counts. -QY_ENOTFOUND when absent, -QY_EINVAL when malformed,
 * -QY_ETOOLARGE when too long for it. */
int http_parameter(const struct http_request *request, const char *name, char *value, size_t size);
/* Any case; the first one where it is repeated; NULL when absent. */
const char *http_header(const struct http_request *request, const char *name);
struct bytes http_body(const struct http_request *request); /* a NUL follows that is not counted */
/* The client's numeric address: the connection's or, where a trusted proxy has it, what proxies state. */
const char *http_peer(const struct http_request *request);
/* How the client asked: "https" or "http", by the connection or as a trusted proxy states it. Static. */
const char *http_scheme(const struct http_request *request);
const char *http_request_id(const struct http_request *request);
double http_received(const struct http_request *request); /* metrics_clock() at its last byte */

/* -- the answer: any thread -- */

/* Adds a header to the answer, before it is given. One with control characters is dropped (a programmer's
 * error). */
void http_add_header(struct http_request *request, const char *name, const char *value);
/* Answers and gives the request back: it must not be touched afterwards. The body is copied; it is left out
 * of answers to HEAD. `content_type` may be NULL. */
void http_respond(
    struct http_request *request, int status, const char *content_type, const void *body, size_t size);

/* An RFC 9457 problem document: type (about:blank where `kind` is NULL, else urn:quanyu:problem:<kind>),
 * title (the status's text), status, detail, request_id, and `field` where it is not NULL (a JSON pointer or
 * parameter name). */
void http_problem(struct http_request *request, int status, const char *kind, const char *field,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The status that an error code means: -QY_EINVAL 400, -QY_EUNAUTHENTIC 401, -QY_EDENIED 403, -QY_ENOTFOUND
 * 404, -QY_ECONFLICT and -QY_EEXISTS 409, -QY_EOVERTAKEN 412, -QY_ETOOLARGE 413, -QY_EFULL, -QY_EUNAVAILABLE,
 * -QY_ETIMEOUT, -QY_ESTOPPED and -QY_ENOMEM 503, others 500. */
int http_status_of(int code);

#endif
