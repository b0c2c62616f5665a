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

static int refuse_address(struct http_server *server, char error[256], const char *why)
{
    snprintf(error, 256, "cannot listen on %s port %u: %s", server->address, server->options.port, why);
    return -QY_EUNAVAILABLE;
}

static void free_addresses(struct addrinfo **addresses)
{
    if (*addresses)
        freeaddrinfo(*addresses);
}

static int open_sockets(struct http_server *server, char error[256])
{
    _cleanup_(free_addresses) struct addrinfo *address = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char service[8];
    snprintf(service, sizeof(service), "%u", server->options.port);
    int result = getaddrinfo(server->address, service, &hints, &address);
    if (result != 0)
        return refuse_address(server, error, gai_strerror(result));
    /* Another process of this user may share a port unasked: only a bind that does not share finds it out. */
    if (server->options.port != 0) {
        _cleanup_(close_descriptor) int probe = listen_on(address, false);
        if (probe < 0)
            return refuse_address(server, error, strerror(errno));
    }
    for (unsigned i = 0; i < server->thread_count; i++) {
        server->threads[i].socket = listen_on(address, true);
        if (server->threads[i].socket < 0)
            return refuse_address(server, error, strerror(errno));
        server->port = port_of(server->threads[i].socket);
        set_port(address, server->port);
    }
    return 0;
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
    server->request_seconds = metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_http_request_seconds", NULL,
        "From an HTTP request's last byte to its answer.");
    server->request_bytes = metrics_series(metrics, METRIC_COUNTER, "quanyu_http_request_bytes_total", NULL,
        "Bytes of HTTP request bodies, as sent.");
    server->answer_bytes = metrics_series(metrics, METRIC_COUNTER, "quanyu_http_answer_bytes_total", NULL,
        "Bytes of HTTP answers with their heads.");
}

static struct http_server *server_make(const struct http_options *options)
{
    struct http_server *server = calloc(1, sizeof(*server) + options->threads * sizeof(server->threads[0]));
    if (!server)
        return NULL;
    server->options = *options;
    server->options.address = server->address;
    snprintf(server->address, sizeof(server->address), "%s", options->address);
    server->thread_count = options->threads;
    server->limits = (struct http_limits){
        .max_header_bytes = options->max_header_bytes,
        .max_body_bytes = options->max_body_bytes,
        .memory = &server->memory,
    };
    server->memory.most =
        options->max_held_bytes ? options->max_held_bytes : BODIES_HELD * options->max_body_bytes;
    if (!options->max_held_bytes && server->memory.most < BODIES_HELD_LEAST)
        server->memory.most = BODIES_HELD_LEAST;
    atomic_store(&server->references, 1);
    for (unsigned i = 0; i < server->thread_count; i++)
        server->threads[i].socket = server->threads[i].parked = server->threads[i].wake_descriptor = -1;
    return server;
}

int http_server_open(const struct http_options *options, struct http_server **ret_server, char error[256])
{
    struct http_server *server = server_make(options);
    snprintf(error, 256, "%s", error_text(-QY_ENOMEM));
    if (!server)
        return -QY_ENOMEM;
    register_metrics(server);
    int result = open_sockets(server, error);
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
    return server->port;
}

void http_server_release(struct http_server *server)
{
    if (atomic_fetch_sub(&server->references, 1) > 1)
        return;
    for (unsigned i = 0; i < server->thread_count; i++)
        close_descriptor(&server->threads[i].wake_descriptor);
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
