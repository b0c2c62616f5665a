/* SPDX-License-Identifier: Apache-2.0 */
/* The ZAP handler (ZeroMQ RFC 27): libzmq asks it about each handshake; the list is in memory and fixed. */
#include "common/error.h"
#include "common/keys.h"
#include "common/socket.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define MAX_NAMES 32
#define CURVE_BYTES 32

struct admitted {
    char name[32];
    char text[KEYS_Z85];
    uint8_t key[CURVE_BYTES];
};

struct gatekeeper {
    void *socket;
    int stop_fd;
    bool running;
    pthread_t thread;
    size_t count;
    struct admitted admitted[MAX_NAMES];
};

/* The frames of a request. */
enum {
    ZAP_VERSION,
    ZAP_ID,
    ZAP_DOMAIN,
    ZAP_ADDRESS,
    ZAP_IDENTITY,
    ZAP_MECHANISM,
    ZAP_CREDENTIALS,
    ZAP_FRAMES
};

static bool frame_is(struct frames *question, unsigned index, const char *text)
{
    struct bytes frame = frame_bytes(question, index);
    return frame.size == strlen(text) && memcmp(frame.data, text, frame.size) == 0;
}

/* NULL: refused. Keys are public, so comparing them needs no constant time. */
static const char *name_of(const struct gatekeeper *gatekeeper, struct frames *question)
{
    struct bytes key = frame_bytes(question, ZAP_CREDENTIALS);
    if (question->count != ZAP_FRAMES || key.size != CURVE_BYTES || !frame_is(question, ZAP_VERSION, "1.0") ||
        !frame_is(question, ZAP_DOMAIN, SOCKET_DOMAIN) || !frame_is(question, ZAP_MECHANISM, "CURVE"))
        return NULL;
    for (size_t i = 0; i < gatekeeper->count; i++)
        if (memcmp(gatekeeper->admitted[i].key, key.data, CURVE_BYTES) == 0)
            return gatekeeper->admitted[i].name;
    return NULL;
}

static void answer(struct gatekeeper *gatekeeper, struct frames *question)
{
    const char *name = name_of(gatekeeper, question);
    struct bytes id = frame_bytes(question, ZAP_ID);
    zmq_send(gatekeeper->socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(gatekeeper->socket, id.data, id.size, ZMQ_SNDMORE);
    zmq_send(gatekeeper->socket, name ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(gatekeeper->socket, "", 0, ZMQ_SNDMORE); /* the status in words: nobody reads it */
    zmq_send(gatekeeper->socket, name ? name : "", name ? strlen(name) : 0, ZMQ_SNDMORE);
    zmq_send(gatekeeper->socket, "", 0, 0); /* no metadata */
}

static void *run(void *data)
{
    struct gatekeeper *gatekeeper = data;
    zmq_pollitem_t items[] = {{.socket = gatekeeper->socket, .events = ZMQ_POLLIN},
        {.fd = gatekeeper->stop_fd, .events = ZMQ_POLLIN}};
    while (!(items[1].revents & ZMQ_POLLIN)) {
        zmq_poll(items, COUNT_OF(items), -1);
        struct frames question;
        if ((items[0].revents & ZMQ_POLLIN) && frames_receive(gatekeeper->socket, &question)) {
            answer(gatekeeper, &question);
            frames_close(&question);
        }
    }
    return NULL;
}

static int admit(struct gatekeeper *gatekeeper, const char *directory, const char *name)
{
    struct admitted *admitted = &gatekeeper->admitted[gatekeeper->count];
    if (gatekeeper->count == MAX_NAMES || strlen(name) >= sizeof(admitted->name))
        return -QY_ETOOLARGE;
    int code = keys_load_public(directory, name, admitted->text);
    if (code < 0)
        return code;
    if (!zmq_z85_decode(admitted->key, admitted->text))
        return -QY_ECORRUPT;
    for (size_t i = 0; i < gatekeeper->count; i++)
        if (memcmp(gatekeeper->admitted[i].key, admitted->key, CURVE_BYTES) == 0)
            return -QY_ECORRUPT; /* one key, two names: access by name would mean nothing */
    memcpy(admitted->name, name, strlen(name) + 1);
    gatekeeper->count++;
    return 0;
}

static int start(struct gatekeeper *gatekeeper)
{
    gatekeeper->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (gatekeeper->stop_fd < 0)
        return error_from_errno(errno);
    int code = socket_open(ZMQ_REP, &gatekeeper->socket);
    if (code < 0)
        return code;
    if (zmq_bind(gatekeeper->socket, ZAP_ENDPOINT) < 0)
        return errno == EADDRINUSE ? -QY_EEXISTS : error_from_errno(errno);
    if (pthread_create(&gatekeeper->thread, NULL, run, gatekeeper) != 0)
        return -QY_ENOMEM;
    gatekeeper->running = true;
    return 0;
}

int gatekeeper_open(const char *directory, const char *const *names, struct gatekeeper **ret_gatekeeper)
{
    _cleanup_(gatekeeper_close) struct gatekeeper *gatekeeper = calloc(1, sizeof(*gatekeeper));
    if (!gatekeeper)
        return -QY_ENOMEM;
    gatekeeper->stop_fd = -1;
    int code = 0;
    for (; *names && code == 0; names++)
        code = admit(gatekeeper, directory, *names);
    if (code == 0)
        code = start(gatekeeper);
    if (code < 0)
        return code;
    *ret_gatekeeper = TAKE(gatekeeper);
    return 0;
}

void gatekeeper_close(struct gatekeeper **gatekeeper)
{
    struct gatekeeper *closing = TAKE(*gatekeeper);
    if (!closing)
        return;
    if (closing->running) {
        eventfd_write(closing->stop_fd, 1);
        pthread_join(closing->thread, NULL);
    }
    socket_close(&closing->socket);
    if (closing->stop_fd >= 0)
        close(closing->stop_fd);
    free(closing);
}
