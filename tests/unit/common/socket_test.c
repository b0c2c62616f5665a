/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in, and who does not. */
#include "common/socket.h"

#include "tests/unit/common/network.h"

#include <pthread.h>

static void *listen_as(const struct network *network, const char *name, uint16_t *ret_port)
{
    void *server = network_listen(network, name, 0, ret_port);
    assert_true(*ret_port > 0);
    return server;
}

/* A client socket that is not connected yet, so that its events are seen from the beginning. */
struct stranger {
    void *socket;
    void *monitor;
};

static struct stranger stranger_open(void)
{
    static unsigned count;
    char name[64];
    struct stranger stranger = {0};
    snprintf(name, sizeof(name), "inproc://test-monitor-%u", count++);
    assert_int_equal(socket_open(ZMQ_DEALER, &stranger.socket), 0);
    assert_int_equal(socket_open(ZMQ_PAIR, &stranger.monitor), 0);
    zmq_setsockopt(stranger.socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(stranger.socket, ZMQ_IMMEDIATE, &(int){1}, sizeof(int));
    assert_int_equal(zmq_socket_monitor(stranger.socket, name, ZMQ_EVENT_ALL), 0);
    assert_int_equal(zmq_connect(stranger.monitor, name), 0);
    return stranger;
}

static void stranger_close(struct stranger *stranger)
{
    socket_close(&stranger->socket);
    socket_close(&stranger->monitor);
}

static void set_curve(void *socket, const char *server_public, const char *public_key, const char *secret_key)
{
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, KEYS_Z85), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, KEYS_Z85), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, KEYS_Z85), 0);
}

/* Waits until the attempt ends: true when the handshake succeeded, false when the connection was closed
 * before. */
static bool gets_in(struct stranger *stranger, uint16_t port)
{
    char endpoint[64];
    assert_int_equal(zmq_connect(stranger->socket, local_endpoint(&endpoint, port)), 0);
    for (;;) {
        struct frames event = network_receive(stranger->monitor);
        uint16_t kind;
        memcpy(&kind, frame_bytes(&event, 0).data, sizeof(kind));
        frames_close(&event);
        if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return true;
        if (kind == ZMQ_EVENT_DISCONNECTED)
            return false;
    }
}

static void assert_nothing_arrived(struct stranger *stranger, void *server)
{
    assert_int_equal(zmq_send(stranger->socket, "hello", 5, ZMQ_DONTWAIT), -1);
    struct frames frames;
    assert_false(frames_receive(server, &frames));
}

static void test_known_peers_get_in_by_name(void **state)
{
    struct network network = network_open(state);
    uint16_t port;
    void *server = listen_as(&network, "audit", &port);
    static const char *const names[] = {"gateway", "cli"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        void *client = network_client(&network, names[i], "audit", port);
        network_send(client, 1, &(struct bytes){(const uint8_t *)"hello", 5});
        struct frames frames = network_receive(server);
        assert_int_equal(frames.count, 2);
        assert_memory_equal(frame_bytes(&frames, 1).data, "hello", 5);
        assert_string_equal(zmq_msg_gets(&frames.frame[1], "User-Id"), names[i]);
        assert_int_equal(frames_send(server, &frames), 0);
        struct frames echo = network_receive(client);
        assert_int_equal(echo.count, 1);
        frames_close(&echo);
        socket_close(&client);
    }
    socket_close(&server);
    network_close(&network);
}

static void test_unknown_key_is_refused(void **state)
{
    struct network network = network_open(state);
    uint16_t port;
    void *server = listen_as(&network, "audit", &port);
    char public_key[KEYS_Z85], secret_key[KEYS_Z85];
    assert_int_equal(zmq_curve_keypair(public_key, secret_key), 0);
    struct stranger stranger = stranger_open();
    set_curve(stranger.socket, network_keys(&network, "audit").public_key, public_key, secret_key);
    assert_false(gets_in(&stranger, port));
    assert_nothing_arrived(&stranger, server);
    stranger_close(&stranger);
    socket_close(&server);
    network_close(&network);
}

static void test_client_without_curve_is_refused(void **state)
{
    struct network network = network_open(state);
    uint16_t port;
    void *server = listen_as(&network, "audit", &port);
    struct stranger stranger = stranger_open();
    assert_false(gets_in(&stranger, port));
    assert_nothing_arrived(&stranger, server);
    stranger_close(&stranger);
    socket_close(&server);
    network_close(&network);
}

static void test_plain_password_is_refused(void **state)
{
    struct network network = network_open(state);
    uint16_t port;
    void *server = listen_as(&network, "audit", &port);
    struct stranger stranger = stranger_open();
    zmq_setsockopt(stranger.socket, ZMQ_PLAIN_USERNAME, "gateway", 7);
    zmq_setsockopt(stranger.socket, ZMQ_PLAIN_PASSWORD, "gateway", 7);
    assert_false(gets_in(&stranger, port));
    assert_nothing_arrived(&stranger, server);
    stranger_close(&stranger);
    socket_close(&server);
    network_close(&network);
}

static void test_wrong_server_key_is_refused(void **state)
{
    struct network network = network_open(state);
    uint16_t port;
    void *server = listen_as(&network, "audit", &port);
    struct keys own = network_keys(&network, "gateway");
    struct stranger stranger = stranger_open();
    set_curve(stranger.socket, network_keys(&network, "identity").public_key, own.public_key, own.secret_key);
    assert_false(gets_in(&stranger, port));
    assert_nothing_arrived(&stranger, server);
    stranger_close(&stranger);
    socket_close(&server);
    network_close(&network);
}

/* CURVE alone lets everybody in where no ZAP handler runs: our sockets let nobody in then. */
static void test_without_a_gatekeeper_nobody_gets_in(void **state)
{
    struct network network = network_open(state);
    gatekeeper_close(&network.gatekeeper);
    uint16_t port;
    void *server = listen_as(&network, "audit", &port);
    struct keys own = network_keys(&network, "gateway");
    struct stranger stranger = stranger_open();
    set_curve(stranger.socket, network_keys(&network, "audit").public_key, own.public_key, own.secret_key);
    assert_false(gets_in(&stranger, port));
    assert_nothing_arrived(&stranger, server);
    stranger_close(&stranger);
    socket_close(&server);
}

static void test_gatekeeper_admits_its_own_domain_only(void **state)
{
    struct network network = network_open(state);
    struct keys server_keys = network_keys(&network, "audit"), own = network_keys(&network, "gateway");
    void *server = NULL;
    assert_int_equal(socket_open(ZMQ_ROUTER, &server), 0);
    zmq_setsockopt(server, ZMQ_CURVE_SERVER, &(int){1}, sizeof(int));
    zmq_setsockopt(server, ZMQ_CURVE_SECRETKEY, server_keys.secret_key, KEYS_Z85);
    zmq_setsockopt(server, ZMQ_ZAP_DOMAIN, "another", 7);
    char endpoint[256], any[64];
    assert_int_equal(zmq_bind(server, local_endpoint(&any, 0)), 0);
    size_t size = sizeof(endpoint);
    assert_int_equal(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    struct stranger stranger = stranger_open();
    set_curve(stranger.socket, server_keys.public_key, own.public_key, own.secret_key);
    assert_false(gets_in(&stranger, (uint16_t)strtoul(strrchr(endpoint, ':') + 1, NULL, 10)));
    stranger_close(&stranger);
    socket_close(&server);
    network_close(&network);
}

static void test_gatekeeper_refuses_a_bad_list(void **state)
{
    struct network network = network_open(state);
    struct gatekeeper *second = NULL;
    assert_int_equal(
        gatekeeper_open(network.keys, (const char *const[]){"gateway", NULL}, &second), -QY_EEXISTS);
    network_close(&network);
    assert_int_equal(
        gatekeeper_open(network.keys, (const char *const[]){"nobody", NULL}, &second), -QY_ENOTFOUND);
    char command[1200];
    snprintf(command, sizeof(command), "%s/copy.pub", network.keys);
    struct keys keys = network_keys(&network, "gateway");
    FILE *file = fopen(command, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", keys.public_key);
    fclose(file);
    assert_int_equal(
        gatekeeper_open(network.keys, (const char *const[]){"gateway", "copy", NULL}, &second), -QY_ECORRUPT);
    assert_null(second);
}

static void test_addresses_are_checked(void **state)
{
    struct network network = network_open(state);
    struct keys keys = network_keys(&network, "audit");
    uint16_t port, other_port;
    void *server = listen_as(&network, "audit", &port), *other = NULL;
    char endpoint[64];
    assert_int_equal(
        socket_listen(local_endpoint(&endpoint, port), &keys, 10, &other, &other_port), -QY_ECONFLICT);
    assert_int_equal(socket_listen("tcp://not an address:7110", &keys, 10, &other, &other_port), -QY_EINVAL);
    assert_int_equal(socket_listen("carrier://pigeon", &keys, 10, &other, &other_port), -QY_EINVAL);
    assert_int_equal(socket_connect("carrier://pigeon", &keys, keys.public_key, &other), -QY_EINVAL);
    assert_null(other);
    socket_close(&server);
    network_close(&network);
}

static void test_sending_to_nobody_fails_at_once(void **state)
{
    struct network network = network_open(state);
    struct keys own = network_keys(&network, "gateway"), peer = network_keys(&network, "audit");
    char endpoint[64];
    int reserved = network_reserve(false, &endpoint);
    void *client = NULL;
    assert_int_equal(socket_connect(endpoint, &own, peer.public_key, &client), 0);
    struct frames frames = {0};
    memset(frames_add(&frames, 5), 0, 5);
    assert_int_equal(frames_send(client, &frames), -QY_EUNAVAILABLE);
    socket_close(&client);
    close(reserved);
    network_close(&network);
}

static void test_surplus_frames_are_counted_and_dropped(void **state)
{
    struct network network = network_open(state);
    uint16_t port;
    void *server = listen_as(&network, "audit", &port);
    void *client = network_client(&network, "cli", "audit", port);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(zmq_send(client, "x", 1, i < 999 ? ZMQ_SNDMORE : 0), 1);
    struct frames frames = network_receive(server);
    assert_int_equal(frames.count, 1001);
    assert_int_equal(frame_bytes(&frames, FRAMES_MAX).size, 0);
    frames_close(&frames);
    socket_close(&client);
    socket_close(&server);
    network_close(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_known_peers_get_in_by_name),
        scratch_test(test_unknown_key_is_refused),
        scratch_test(test_client_without_curve_is_refused),
        scratch_test(test_plain_password_is_refused),
        scratch_test(test_wrong_server_key_is_refused),
        scratch_test(test_without_a_gatekeeper_nobody_gets_in),
        scratch_test(test_gatekeeper_admits_its_own_domain_only),
        scratch_test(test_gatekeeper_refuses_a_bad_list),
        scratch_test(test_addresses_are_checked),
        scratch_test(test_sending_to_nobody_fails_at_once),
        scratch_test(test_surplus_frames_are_counted_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
