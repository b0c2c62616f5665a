/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of sockets share: keys in a scratch directory, a gatekeeper, raw clients, waiting with a
 * deadline. */
#ifndef QY_TESTS_NETWORK_H
#define QY_TESTS_NETWORK_H

#include "common/deadline.h"
#include "common/error.h"
#include "common/keys.h"
#include "common/mem.h"
#include "common/socket.h"
#include "tests/unit/common/scratch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define PATIENCE_MS 10000

struct network {
    char keys[512];
    struct gatekeeper *gatekeeper;
};

static inline struct network network_open(void **state)
{
    static const char *const names[] = {"gateway", "identity", "tagging", "campaign", "audit", "cli", NULL};
    struct network network = {0};
    scratch_join(state, &network.keys, "keys");
    assert_int_equal(keys_make(network.keys), 0);
    assert_int_equal(gatekeeper_open(network.keys, names, &network.gatekeeper), 0);
    return network;
}

static inline void network_close(struct network *network)
{
    gatekeeper_close(&network->gatekeeper);
}

static inline struct keys network_keys(const struct network *network, const char *name)
{
    struct keys keys;
    assert_int_equal(keys_load(network->keys, name, &keys), 0);
    return keys;
}

/* On a loopback address of this process's own: a port that it leaves for a moment is not taken by another
 * test's. */
static inline const char *local_endpoint(char (*buffer)[64], uint16_t port)
{
    unsigned id = (unsigned)getpid();
    snprintf(*buffer, sizeof(*buffer), "tcp://127.%u.%u.%u:%u", 1 + (id >> 16 & 127), id >> 8 & 255, id & 255,
        port);
    return *buffer;
}

/* As socket_listen(). The port may be one that was closed just now: libzmq closes in the background. */
static inline void *network_listen(
    const struct network *network, const char *name, uint16_t port, uint16_t *ret_port)
{
    struct keys keys = network_keys(network, name);
    char endpoint[64];
    void *server = NULL;
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    int code;
    local_endpoint(&endpoint, port);
    while ((code = socket_listen(endpoint, &keys, 100, &server, ret_port)) == -QY_ECONFLICT && port > 0)
        assert_true(monotonic_ms() < deadline_ms);
    assert_int_equal(code, 0);
    return server;
}

/* A TCP socket bound to a port that nobody can listen on meanwhile; `listening`: it takes connections, and
 * says nothing. */
static inline int network_reserve(bool listening, char (*ret_endpoint)[64])
{
    unsigned a, b, c, port;
    local_endpoint(ret_endpoint, 0);
    assert_int_equal(sscanf(*ret_endpoint, "tcp://127.%u.%u.%u:%u", &a, &b, &c, &port), 4);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(127u << 24 | a << 16 | b << 8 | c)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_true(!listening || listen(fd, 10) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    local_endpoint(ret_endpoint, ntohs(address.sin_port));
    return fd;
}

/* A client of `own` for the server of `server`; fails the test when it does not get in. */
static inline void *network_client(
    const struct network *network, const char *own, const char *server, uint16_t port)
{
    char endpoint[64];
    struct keys keys = network_keys(network, own), server_keys = network_keys(network, server);
    void *client = NULL;
    assert_int_equal(
        socket_connect(local_endpoint(&endpoint, port), &keys, server_keys.public_key, &client), 0);
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while (!(socket_events(client) & ZMQ_POLLOUT)) {
        assert_true(monotonic_ms() < deadline_ms);
        socket_wait(client, deadline_ms);
    }
    return client;
}

/* The next message; fails the test when none comes. */
static inline struct frames network_receive(void *socket)
{
    struct frames frames;
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while (!frames_receive(socket, &frames)) {
        assert_true(monotonic_ms() < deadline_ms);
        if (!(socket_events(socket) & ZMQ_POLLIN))
            socket_wait(socket, deadline_ms);
    }
    return frames;
}

static inline void network_send(void *socket, size_t count, const struct bytes *parts)
{
    struct frames frames = {0};
    for (size_t i = 0; i < count; i++) {
        uint8_t *room = frames_add(&frames, parts[i].size);
        assert_non_null(room);
        if (parts[i].size > 0)
            memcpy(room, parts[i].data, parts[i].size);
    }
    assert_int_equal(frames_send(socket, &frames), 0);
}

#endif
