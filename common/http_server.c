/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the port for several threads, and closes it again. */
#include "common/error.h"
#include "common/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 4096
/* Bodies that are held at once, in all, unless the options say otherwise. */
#define BODIES_HELD 64
#define BODIES_HELD_LEAST (UINT64_C(64) << 20)

static void close_descriptor(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

static bool prepare(int descriptor, const struct addrinfo *address, bool shared)
{
    int on = 1, off = 0;
    if (address->ai_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        return false;
    if (shared && setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
        return false;
    return bind(descriptor, address->ai_addr, address->ai_addrlen) == 0 && listen(descriptor, BACKLOG) == 0;
}

/* A listening socket, or -1 with errno. Sharing the port is what lets each thread have its own. */
static int listen_on(const struct addrinfo *address, bool shared)
{
    int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor >= 0 && !prepare(descriptor, address, shared)) {
        int why = errno;
        close_descriptor(&descriptor);
        errno = why;
    }
    return descriptor;
}

static uint16_t port_of(int descriptor)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(descriptor, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static void set_port(struct addrinfo *address, uint16_t port)
{
    if (address->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address->ai_addr)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)address->ai_addr)->sin_port = htons(port);
}

static int refuse_address(const char *address, uint16_t port, char error[256], const char *why)
{
    snprintf(error, 256, "cannot listen on %s port %u: %s", address, port, why);
    return -QY_EUNAVAILABLE;
}

static void free_addresses(struct addrinfo **addresses)
{
    if (*addresses)
        freeaddrinfo(*addresses);
}

/* A socket for each thread on the port of that kind. */
static int open_sockets(struct http_server *server, int kind, uint16_t port, char error[256])
{
    _cleanup_(free_addresses) struct addrinfo *address = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    const char *host = server->addresses[kind];
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    int result = getaddrinfo(host, service, &hints, &address);
    if (result != 0)
        return refuse_address(host, port, error, gai_strerror(result));
    /* Another process of this user may share a port unasked: only a bind that does not share finds it out. */
    if (port != 0) {
        _cleanup_(close_descriptor) int probe = listen_on(address, false);
        if (probe < 0)
            return refuse_address(host, port, error, strerror(errno));
    }
    for (unsigned i = 0; i < server->thread_count; i++) {
        int *socket = &server->threads[i].ports[kind].socket;
        *socket = listen_on(address, true);
        if (*socket < 0)
            return refuse_address(host, port, error, strerror(errno));
        server->ports[kind] = port_of(*socket);
        set_port(address, server->ports[kind]);
    }
    return 0;
}

static int open_ports(struct http_server *server, char error[256])
{
    const struct http_options *options = &server->options;
    int result = 0;
    if (server->addresses[PORT_PLAIN][0])
        result = open_sockets(server, PORT_PLAIN, options->port, error);
    if (result == 0 && server->addresses[PORT_TLS][0])
        result = open_sockets(server, PORT_TLS, options->tls_port, error);
    return result;
}

/* All signals stay with the other threads; SIGPIPE would end the process. */
static int start_threads(struct http_server *server)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = 0;
    for (unsigned i = 0; i < server->thread_count && result == 0; i++) {
        struct http_thread *thread = &server->threads[i];
        result = pthread_create(&thread->thread, NULL, http_thread_run, thread);
        thread->started = result == 0;
        if (thread->started)
            pthread_setname_np(thread->thread, "http");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result == 0 ? 0 : -QY_ENOMEM;
}

static void register_metrics(struct http_server *server)
{
    struct metrics *metrics = server->options.metrics;
    if (!metrics)
        return;
    server->connections_open = metrics_series(
        metrics, METRIC_GAUGE, "quanyu_http_connections", NULL, "HTTP connections that are open.");
    server->connections_accepted = metrics_series(metrics, METRIC_COUNTER, "quanyu_http_connections_total",
        NULL, "HTTP connections accepted since the start.");
    server->connections_refused =
        metrics_series(metrics, METRIC_COUNTER, "quanyu_http_connections_refused_total", NULL,
            "HTTP connections closed at once: too many from one address, or no memory.");
    server->handshakes_failed = metrics_series(metrics, METRIC_COUNTER, "quanyu_tls_handshakes_failed_total",
        NULL, "TLS handshakes that came to nothing.");
    server->request_seconds = metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_http_request_seconds", NULL,
        "From an HTTP request's last byte to its answer.");
    server->request_bytes = metrics_series(metrics, METRIC_COUNTER, "quanyu_http_request_bytes_total", NULL,
        "Bytes of HTTP request bodies, as sent.");
    server->answer_bytes = metrics_series(metrics, METRIC_COUNTER, "quanyu_http_answer_bytes_total", NULL,
        "Bytes of HTTP answers with their heads.");
}

static void set_limits(struct http_server *server)
{
    const struct http_options *options = &server->options;
    server->limits = (struct http_limits){
        .max_header_bytes = options->max_header_bytes,
        .max_body_bytes = options->max_body_bytes,
        .memory = &server->memory,
    };
    server->memory.most =
        options->max_held_bytes ? options->max_held_bytes : BODIES_HELD * options->max_body_bytes;
    if (!options->max_held_bytes && server->memory.most < BODIES_HELD_LEAST)
        server->memory.most = BODIES_HELD_LEAST;
}

static struct http_server *server_make(const struct http_options *options)
{
    struct http_server *server = calloc(1, sizeof(*server) + options->threads * sizeof(server->threads[0]));
    if (!server)
        return NULL;
    server->options = *options;
    if (options->address)
        snprintf(server->addresses[PORT_PLAIN], sizeof(server->addresses[0]), "%s", options->address);
    if (options->tls)
        snprintf(server->addresses[PORT_TLS], sizeof(server->addresses[0]), "%s", options->tls_address);
    server->thread_count = options->threads;
    set_limits(server);
    server->places = http_places_open(options->max_connections, options->max_per_address);
    atomic_store(&server->references, 1);
    for (unsigned i = 0; i < server->thread_count; i++) {
        struct http_thread *thread = &server->threads[i];
        thread->wake_descriptor = -1;
        thread->ports[PORT_TLS].tls = options->tls;
        for (int kind = 0; kind < PORT_COUNT; kind++)
            thread->ports[kind].socket = thread->ports[kind].parked = -1;
    }
    return server;
}

int http_server_open(const struct http_options *options, struct http_server **ret_server, char error[256])
{
    struct http_server *server = server_make(options);
    snprintf(error, 256, "%s", error_text(-QY_ENOMEM));
    if (!server)
        return -QY_ENOMEM;
    register_metrics(server);
    int result = server->places ? open_ports(server, error) : -QY_ENOMEM;
    for (unsigned i = 0; i < server->thread_count && result == 0; i++)
        result = http_thread_open(&server->threads[i], server);
    if (result == 0)
        result = start_threads(server);
    if (result != 0) {
        http_server_close(&server, 0);
        return result;
    }
    *ret_server = server;
    return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->ports[PORT_PLAIN];
}

uint16_t http_server_tls_port(const struct http_server *server)
{
    return server->ports[PORT_TLS];
}

void http_server_release(struct http_server *server)
{
    if (atomic_fetch_sub(&server->references, 1) > 1)
        return;
    for (unsigned i = 0; i < server->thread_count; i++)
        close_descriptor(&server->threads[i].wake_descriptor);
    http_places_close(&server->places);
    free(server);
}

void http_server_close(struct http_server **server, unsigned grace_ms)
{
    struct http_server *closing = *server;
    if (!closing)
        return;
    *server = NULL;
    closing->grace_ms = grace_ms;
    atomic_store(&closing->stopping, true);
    for (unsigned i = 0; i < closing->thread_count; i++)
        if (closing->threads[i].started)
            http_thread_wake(&closing->threads[i]);
    for (unsigned i = 0; i < closing->thread_count; i++)
        if (closing->threads[i].started)
            pthread_join(closing->threads[i].thread, NULL);
    for (unsigned i = 0; i < closing->thread_count; i++)
        http_thread_close(&closing->threads[i]);
    http_server_release(closing);
}
