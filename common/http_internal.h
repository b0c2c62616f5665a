/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP server share. Nobody else includes it.
 *
 * A connection belongs to one thread, which alone touches it, except while a request is with the handler:
 * then the request, with all that it shows, belongs to whoever is to answer it, until http_respond() puts it
 * into the thread's mailbox. A connection has one request at a time. */
#ifndef QY_COMMON_HTTP_INTERNAL_H
#define QY_COMMON_HTTP_INTERNAL_H

#include "common/http.h"
#include "common/http_inflate.h"
#include "common/http_parser.h"
#include "common/http_places.h"
#include "common/http_stream.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/queue.h>

#define HTTP_ID_MAX 64

struct http_connection;
struct http_thread;

struct http_request {
    struct http_request *next; /* in the mailbox */
    struct buffer decoded;     /* the body, where it was compressed */
    struct buffer extra;       /* added header fields */
    struct buffer answer;      /* all of it, as it is sent */
    double received;
    int status;
    bool is_decoded;
    bool answered;      /* by whoever answers; asserts that it happens once */
    bool answered_here; /* by the handler, on the connection's own thread */
    bool close;         /* the connection ends with this answer */
    char id[HTTP_ID_MAX + 1];
    char client[INET6_ADDRSTRLEN]; /* as proxies state it; "": whose connection it is */
};

enum connection_state {
    CONNECTION_SHAKING,   /* TLS is being agreed on */
    CONNECTION_READING,   /* waiting for a request, or in one */
    CONNECTION_HANDLING,  /* the request is with the handler */
    CONNECTION_WRITING,   /* the answer did not fit the socket at once */
    CONNECTION_LINGERING, /* our side is shut; what still comes is thrown away, so that the answer is not lost
                             in a reset */
};

/* Deadlines of one kind have one duration, so a queue of each is in order. */
enum deadline_kind {
    DEADLINE_HANDSHAKE,
    DEADLINE_IDLE,
    DEADLINE_REQUEST,
    DEADLINE_RESPONSE,
    DEADLINE_LINGER,
    DEADLINE_COUNT,
    DEADLINE_NONE
};

struct http_connection {
    struct http_thread *thread;
    struct http_stream
        stream; /* closed once the client is gone; the connection ends when the handler is through, too */
    enum connection_state state;
    bool in_handler;      /* the handler is being called for it right now */
    bool peer_done;       /* the client has shut its side */
    size_t lingered;      /* bytes thrown away */
    uint64_t address_key; /* see http_places.h */
    enum deadline_kind deadline;
    int64_t deadline_ms;
    TAILQ_ENTRY(http_connection) by_deadline;
    LIST_ENTRY(http_connection) all;
    struct http_parser parser;
    struct http_request request;
    struct in6_addr address; /* of the other end; see proxy.h */
    bool trusted;            /* it is a proxy's whose word counts */
    bool secure;             /* over TLS */
    char peer[INET6_ADDRSTRLEN];
};
TAILQ_HEAD(connection_queue, http_connection);
LIST_HEAD(connection_list, http_connection);

enum { PORT_PLAIN, PORT_TLS, PORT_COUNT };

/* One thread's share of one port. */
struct http_port {
    struct http_thread *thread;
    struct tls *tls;                 /* NULL: plain */
    struct evconnlistener *listener; /* NULL where the port is not served */
    evutil_socket_t socket;          /* listening, until the listener has it */
    evutil_socket_t parked;          /* accepted, but all places are taken; -1 when there is none */
    struct sockaddr_storage parked_address;
};

struct http_thread {
    struct http_server *server;
    pthread_t thread;
    struct event_base *base;
    struct http_port ports[PORT_COUNT];
    struct event *retry; /* accepting again after the system was out of descriptors, or of places */
    struct event *wake;
    struct event *timer; /* of the earliest deadline */
    struct event *grace;
    int64_t timer_ms;
    _Atomic(struct http_request *) mailbox; /* answered requests, last one first */
    struct connection_queue deadlines[DEADLINE_COUNT];
    struct connection_list connections;
    struct http_inflater *inflater;
    struct metric *by_status[500]; /* cache, from status 100 on */
    int wake_descriptor;
    _Atomic bool paused; /* one is parked: wake this thread when a connection ends */
    bool started;
    bool stopping;
};

struct http_server {
    struct http_options options;
    char addresses[PORT_COUNT][64]; /* "": not served */
    uint16_t ports[PORT_COUNT];
    struct http_limits limits;
    struct http_memory memory;
    struct http_places *places;
    _Atomic bool stopping;
    unsigned grace_ms; /* set before stopping */
    _Atomic uint64_t
        references; /* the owner, requests that were unanswered when it closed, who wakes a thread */
    struct metric *connections_open, *connections_accepted, *connections_refused, *handshakes_failed;
    struct metric *request_seconds, *request_bytes, *answer_bytes;
    unsigned thread_count;
    struct http_thread threads[];
};

static inline struct http_connection *connection_of(const struct http_request *request)
{
    return (struct http_connection *)(void *)((char *)request - offsetof(struct http_connection, request));
}

/* -- http_thread.c: the loop of one thread -- */
int http_thread_open(struct http_thread *thread, struct http_server *server);
void *http_thread_run(void *self); /* for pthread_create() */
void http_thread_close(struct http_thread *thread);
/* Any thread. */
void http_thread_wake(struct http_thread *thread);
/* Any thread: gives an answered request back to its connection's thread. */
void http_thread_post(struct http_request *request);
/* The thread that runs here, NULL on others. */
struct http_thread *http_thread_here(void);
/* Puts the connection behind the others of that kind. */
void http_deadline_set(struct http_connection *connection, enum deadline_kind kind);
void http_deadline_clear(struct http_connection *connection);
int64_t http_now_ms(void);
void http_arm(struct event *event, int64_t ms);
void http_server_release(struct http_server *server);

/* -- http_accept.c -- */
/* Begins to accept on the thread's sockets. */
int http_accept_open(struct http_thread *thread);
/* Stops accepting; a connection that waited for a place is closed. */
void http_accept_close(struct http_thread *thread);
/* There may be a place by now. */
void http_accept_resume(struct http_thread *thread);
/* A connection has ended: accepting may go on, or the thread may end. */
void http_accept_ended(struct http_thread *thread, uint64_t address_key);

/* -- http_connection.c -- */
/* Takes the socket and its place over, whatever comes of it. */
void http_connection_open(struct http_port *port, evutil_socket_t socket, const struct sockaddr *address);
/* Its request was answered elsewhere. */
void http_connection_answered(struct http_connection *connection);
/* A deadline passed. */
void http_connection_late(struct http_connection *connection);
/* The server is closing: ends what is idle, lets the rest end with its answer. */
void http_connection_stop(struct http_connection *connection);
/* Closes it now. The connection itself stays until the handler has answered. */
void http_connection_end(struct http_connection *connection);
void http_connection_free(struct http_connection *connection);

/* -- http_respond.c, http_request.c -- */
/* The client's request id where it may be used, else a new one. */
void http_request_identify(struct http_request *request, const char *wanted);
/* Who the client is, by the word of a trusted proxy. The head must be whole. */
void http_request_locate(struct http_request *request);
void http_request_clear(struct http_request *request);
void http_request_free(struct http_request *request, struct http_memory *memory);

#endif
