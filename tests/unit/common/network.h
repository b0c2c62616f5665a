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

static inline const char *local_endpoint(char (*buffer)[64], uint16_t port)
{
    snprintf(*buffer, sizeof(*buffer), "tcp://127.0.0.1:%u", port);
    return *buffer;
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
