/* SPDX-License-Identifier: Apache-2.0 */
#include "common/socket.h"

#include "common/deadline.h"
#include "common/error.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN                                                                               \
    93 /* zmq.h shows it to builds with the draft API only; the library has it in all */
#endif

#ifdef __SANITIZE_THREAD__
/* libzmq hands messages from thread to thread by atomics that ThreadSanitizer cannot see: what it reports of
 * memory that libzmq (with libsodium, which decrypts for it) wrote, or that protobuf-c reads from a message,
 * says nothing. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libzmq.so\ncalled_from_lib:libsodium.so\nrace:libzmq.so\nrace:libprotobuf-c.so\n";
}
#endif

#define MAX_SOCKETS 16384
#define HEARTBEAT_MS 5000
#define HEARTBEAT_TIMEOUT_MS 15000
#define HANDSHAKE_MS 3000
#define RECONNECT_MS 100
#define LAST_ANSWERS_MS 500 /* a server that closes gives its last answers so long to leave */

/* The context is the process's: a ZAP handler answers for the sockets of its own context only. */
static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static void *context;
static unsigned context_sockets;

static void release_context(void)
{
    pthread_mutex_lock(&context_lock);
    if (--context_sockets == 0)
        zmq_ctx_term(TAKE(context));
    pthread_mutex_unlock(&context_lock);
}

static void *acquire_context(void)
{
    pthread_mutex_lock(&context_lock);
    if (!context) {
        context = zmq_ctx_new();
        if (context)
            zmq_ctx_set(context, ZMQ_MAX_SOCKETS, MAX_SOCKETS);
    }
    void *acquired = context;
    if (acquired)
        context_sockets++;
    pthread_mutex_unlock(&context_lock);
    return acquired;
}

int socket_open(int type, void **ret_socket)
{
    void *acquired = acquire_context();
    if (!acquired)
        return -QY_ENOMEM;
    void *socket = zmq_socket(acquired, type);
    if (!socket) {
        int code = error_from_errno(errno);
        release_context();
        return code;
    }
    *ret_socket = socket;
    return 0;
}

void socket_close(void **socket)
{
    if (!*socket)
        return;
    zmq_close(TAKE(*socket));
    release_context();
}

static void set_number(void *socket, int option, int value)
{
    int failed = zmq_setsockopt(socket, option, &value, sizeof(value));
    assert(!failed);
    (void)failed;
}

static int set_key(void *socket, int option, const char key[KEYS_Z85])
{
    return zmq_setsockopt(socket, option, key, KEYS_Z85) < 0 ? -QY_ECORRUPT : 0;
}

static void set_common(void *socket, int queued)
{
    int64_t most = (int64_t)SOCKET_MAX_FRAME;
    int failed = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    assert(!failed);
    (void)failed;
    set_number(socket, ZMQ_SNDHWM, queued);
    set_number(socket, ZMQ_RCVHWM, queued);
    set_number(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_number(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    set_number(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS);
    set_number(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
}

/* Without the domain and its enforcement CURVE lets everybody in where no ZAP handler runs. */
static int secure_server(void *socket, const struct keys *own)
{
    set_number(socket, ZMQ_CURVE_SERVER, 1);
    set_number(socket, ZMQ_ZAP_ENFORCE_DOMAIN, 1);
    int failed = zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, SOCKET_DOMAIN, strlen(SOCKET_DOMAIN));
    assert(!failed);
    (void)failed;
    return set_key(socket, ZMQ_CURVE_SECRETKEY, own->secret_key);
}

static int secure_client(void *socket, const struct keys *own, const char server_public[KEYS_Z85])
{
    int code = set_key(socket, ZMQ_CURVE_SERVERKEY, server_public);
    if (code == 0)
        code = set_key(socket, ZMQ_CURVE_PUBLICKEY, own->public_key);
    if (code == 0)
        code = set_key(socket, ZMQ_CURVE_SECRETKEY, own->secret_key);
    return code;
}

static int address_error(int system_errno)
{
    switch (system_errno) {
    case EADDRINUSE:
        return -QY_ECONFLICT;
    case EINVAL:
    case EPROTONOSUPPORT:
    case EADDRNOTAVAIL:
    case ENODEV:
        return -QY_EINVAL;
    default:
        return error_from_errno(system_errno);
    }
}

static uint16_t bound_port(void *socket)
{
    char endpoint[256] = "";
    size_t size = sizeof(endpoint);
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    const char *colon = strrchr(endpoint, ':');
    return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

int socket_listen(
    const char *endpoint, const struct keys *own, int queued, void **ret_socket, uint16_t *ret_port)
{
    _cleanup_(socket_close) void *socket = NULL;
    int code = socket_open(ZMQ_ROUTER, &socket);
    if (code < 0)
        return code;
    set_common(socket, queued);
    set_number(socket, ZMQ_ROUTER_MANDATORY, 1);
    set_number(socket, ZMQ_LINGER, LAST_ANSWERS_MS);
    code = secure_server(socket, own);
    if (code < 0)
        return code;
    if (zmq_bind(socket, endpoint) < 0)
        return address_error(errno);
    *ret_port = bound_port(socket);
    *ret_socket = TAKE(socket);
    return 0;
}

int socket_connect(
    const char *endpoint, const struct keys *own, const char server_public[KEYS_Z85], void **ret_socket)
{
    _cleanup_(socket_close) void *socket = NULL;
    int code = socket_open(ZMQ_DEALER, &socket);
    if (code < 0)
        return code;
    set_common(socket, 1000);
    set_number(socket, ZMQ_LINGER, 0);
    set_number(socket, ZMQ_IMMEDIATE, 1);
    set_number(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    code = secure_client(socket, own, server_public);
    if (code < 0)
        return code;
    if (zmq_connect(socket, endpoint) < 0)
        return address_error(errno);
    *ret_socket = TAKE(socket);
    return 0;
}

int socket_events(void *socket)
{
    int events = 0;
    size_t size = sizeof(events);
    zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
    return events;
}

int socket_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof(fd);
    zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    return fd;
}

void socket_wait(void *socket, int64_t deadline_ms)
{
    struct pollfd poll_fd = {.fd = socket_fd(socket), .events = POLLIN};
    poll(&poll_fd, 1, deadline_left(deadline_ms));
}

/* A message arrives whole: only its first frame can be missing. */
bool frames_receive(void *socket, struct frames *frames)
{
    *frames = (struct frames){0};
    int more = 1;
    while (more) {
        zmq_msg_t surplus;
        zmq_msg_t *frame = frames->count < FRAMES_MAX ? &frames->frame[frames->count] : &surplus;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            frames_close(frames);
            return false;
        }
        more = zmq_msg_more(frame);
        if (frame == &surplus)
            zmq_msg_close(&surplus);
        frames->count++;
    }
    return true;
}

void frames_close(struct frames *frames)
{
    for (unsigned i = 0; i < frames->count && i < FRAMES_MAX; i++)
        zmq_msg_close(&frames->frame[i]);
    frames->count = 0;
}

struct bytes frame_bytes(struct frames *frames, unsigned index)
{
    if (index >= frames->count || index >= FRAMES_MAX)
        return (struct bytes){0};
    zmq_msg_t *frame = &frames->frame[index];
    return (struct bytes){zmq_msg_data(frame), zmq_msg_size(frame)};
}

int frames_send(void *socket, struct frames *frames)
{
    int code = 0;
    for (unsigned i = 0; i < frames->count && code == 0; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < frames->count ? ZMQ_SNDMORE : 0);
        if (zmq_msg_send(&frames->frame[i], socket, flags) < 0)
            code = -QY_EUNAVAILABLE;
    }
    frames_close(frames);
    return code;
}

uint8_t *frames_add(struct frames *frames, size_t size)
{
    assert(frames->count < FRAMES_MAX);
    zmq_msg_t *frame = &frames->frame[frames->count];
    if (zmq_msg_init_size(frame, size) < 0)
        return NULL;
    frames->count++;
    return zmq_msg_data(frame);
}

int frames_pack(struct frames *frames, const ProtobufCMessage *message)
{
    uint8_t *room = frames_add(frames, protobuf_c_message_get_packed_size(message));
    if (!room)
        return -QY_ENOMEM;
    protobuf_c_message_pack(message, room);
    return 0;
}
