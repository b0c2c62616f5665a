/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 server: llhttp on libevent's bufferevents, several threads, strict.
 *
 * Each thread has an event base of its own and accepts on the shared port (SO_REUSEPORT). The handler is
 * called on the HTTP thread with the whole request, body included and, where it was gzip-encoded, decoded. It
 * answers at once or later, from any thread, exactly once. Requests of one connection are answered in order:
 * the next one is read after the answer. Refused by itself: what llhttp's strict mode refuses, duplicate or
 * conflicting Content-Length / Transfer-Encoding, obsolete line folding, headers or bodies over the limits
 * (431, 413), requests slower than the absolute deadline (408), decompressed sizes over the limit. Every
 * answer bears X-Request-Id: the client's, when it is 1 to 64 characters of [A-Za-z0-9._-], else a new one.
 */
#ifndef QY_COMMON_HTTP_H
#define QY_COMMON_HTTP_H

#include "common/metrics.h"

struct http_server;
struct http_request;

typedef void http_handler_fn(void *self, struct http_request *request);

struct http_options {
    const char *address;      /* "127.0.0.1", "0.0.0.0", "::" */
    uint16_t port;            /* 0: any free one, see http_server_port() */
    unsigned threads;         /* 1 or more */
    unsigned max_connections; /* in all; accepting pauses at the limit */
    size_t max_header_bytes;
    size_t max_body_bytes; /* on the wire and after decoding */
    size_t max_held_bytes; /* bodies of all connections together; beyond it 503. 0: 64 of the largest, 64 MiB
                              at least */
    unsigned request_ms;   /* absolute, from the first byte to the last */
    unsigned response_ms;  /* absolute, for writing an answer out */
    unsigned idle_ms;      /* between requests */
    http_handler_fn *handler;
    void *self;
    struct metrics *metrics; /* may be NULL */
};

/* On failure `error` says which address and why. */
int http_server_open(const struct http_options *options, struct http_server **ret_server, char error[256]);
uint16_t http_server_port(const struct http_server *server);
/* Stops accepting, lets open requests finish (up to `grace_ms`), then closes. */
void http_server_close(struct http_server **server, unsigned grace_ms);

/* Borrowed until the request is answered. */
const char *http_method(const struct http_request *request); /* "GET" */
const char *http_path(
    const struct http_request *request); /* percent-decoded, without query; starts with '/' */
const char *http_query(const struct http_request *request); /* raw, without '?'; "" when there is none */
/* Decoded query parameter into `value`; false when absent, malformed or too long for it. */
bool http_parameter(const struct http_request *request, const char *name, char *value, size_t size);
const char *http_header(
    const struct http_request *request, const char *name);  /* any case; NULL when absent */
struct bytes http_body(const struct http_request *request); /* a NUL follows that is not counted */
const char *http_peer(const struct http_request *request);  /* numeric address */
const char *http_request_id(const struct http_request *request);
double http_received(const struct http_request *request); /* metrics_clock() at its last byte */

/* Adds a header to the answer, before it is given. Values with control characters are dropped (programmer's
 * error). */
void http_add_header(struct http_request *request, const char *name, const char *value);
/* Answers and gives the request back: it must not be touched afterwards. Any thread. The body is copied. */
void http_respond(
    struct http_request *request, int status, const char *content_type, const void *body, size_t size);

/* An RFC 9457 problem document: type (about:blank or urn:quanyu:problem:<kind>), title (the status's text),
 * status, detail, request_id, and `field` where it is not NULL (a JSON pointer or parameter name). */
void http_problem(struct http_request *request, int status, const char *kind, const char *field,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The status that an error code means: -QY_EINVAL 400, -QY_EUNAUTHENTIC 401, -QY_EDENIED 403, -QY_ENOTFOUND
 * 404, -QY_ECONFLICT and -QY_EEXISTS 409, -QY_ETOOLARGE 413, -QY_EFULL, -QY_EUNAVAILABLE, -QY_ETIMEOUT and
 * -QY_ESTOPPED 503, others 500. */
int http_status_of(int code);

#endif
