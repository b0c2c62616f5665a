/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ sockets as the suite uses them: ROUTER servers and DEALER clients over TCP, all CURVE, one context a
 * process.
 *
 * Server sockets refuse everybody whom the gatekeeper (keys.h) does not admit, also when there is no
 * gatekeeper. Clients queue nothing for a peer that is not connected: sending fails at once instead. Nothing
 * here blocks. */
#ifndef QY_COMMON_SOCKET_H
#define QY_COMMON_SOCKET_H

#include "common/keys.h"
#include "common/mem.h"
#include <zmq.h>

#define SOCKET_DOMAIN "quanyu" /* the ZAP domain of all server sockets */
#define SOCKET_MAX_FRAME ((size_t)64 * 1024 * 1024)

/* A socket of the process's context, which lives as long as one of its sockets does. */
int socket_open(int type, void **ret_socket);
void socket_close(void **socket); /* safe on NULL */

/* `queued`: the most messages that wait for one peer in either direction. Port 0 in `endpoint` binds any free
 * one. -QY_ECONFLICT: the address is in use. -QY_EINVAL: no such address. */
int socket_listen(
    const char *endpoint, const struct keys *own, int queued, void **ret_socket, uint16_t *ret_port);
/* Connects in the background, again and again. -QY_EINVAL: no such address. */
int socket_connect(
    const char *endpoint, const struct keys *own, const char server_public[KEYS_Z85], void **ret_socket);

/* ZMQ_POLLIN, ZMQ_POLLOUT; for a client POLLOUT means that the encrypted connection stands. */
int socket_events(void *socket);
/* Readable when the events may have changed. Edge-triggered: look at socket_events() before each wait. */
int socket_fd(void *socket);
/* Waits for it, until `deadline_ms` (deadline.h) at most. */
void socket_wait(void *socket, int64_t deadline_ms);

/* One message in frames. More than FRAMES_MAX are counted, their content is thrown away. */
#define FRAMES_MAX 8
struct frames {
    unsigned count;
    zmq_msg_t frame[FRAMES_MAX];
};
/* False when there is nothing to receive. frames_close() after use. */
bool frames_receive(void *socket, struct frames *frames);
void frames_close(struct frames *frames);                        /* safe on a closed or zeroed one */
struct bytes frame_bytes(struct frames *frames, unsigned index); /* empty when there is no such frame */
/* Sends and closes the frames either way. -QY_EUNAVAILABLE: the peer is not there, or does not take what it
 * has been sent. */
int frames_send(void *socket, struct frames *frames);
/* Adds a frame of `size` bytes to be written by the caller; NULL when memory is out. */
uint8_t *frames_add(struct frames *frames, size_t size);
/* As frames_add, packing a message. */
int frames_pack(struct frames *frames, const ProtobufCMessage *message);

#endif
