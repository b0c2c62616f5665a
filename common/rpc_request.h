/* SPDX-License-Identifier: Apache-2.0 */
/* One request in hand of an rpc_server: from its frames to the frames of its reply. Internal to the server.
 *
 * It is owned by one thread at a time: the ROUTER thread reads it, a reader or the writer runs it and packs
 * the reply, the ROUTER thread sends that and takes the request back into its pool. */
#ifndef QY_COMMON_RPC_REQUEST_H
#define QY_COMMON_RPC_REQUEST_H

#include "common/queue.h"
#include "common/rpc_server.h"
#include "common/service.h"
#include "common/socket.h"

#define RPC_ROUTE_BYTES 256

struct rpc_request {
    struct work work;       /* in the writer's queue */
    struct queue_item item; /* in the readers' queue, then among the answered, then in the pool */
    struct rpc_server *server;
    uint8_t route[RPC_ROUTE_BYTES]; /* of the connection that it came from */
    size_t route_size;
    char peer[32];
    uint64_t id; /* the client's, 0 until the header has been read */
    int64_t arrived_ms;
    double arrived; /* metrics_clock() */
    int64_t deadline_ms;
    size_t bytes; /* of the request */
    size_t reply_bytes;
    unsigned call; /* the case, 0 when unknown */
    const struct rpc_handler *handler;
    int (*check)(struct rpc_context *context); /* before it; NULL: nothing is asked */
    const ProtobufCMessageDescriptor *reply_type;
    ProtobufCMessage *message;
    ProtobufCMessage *reply;
    struct rpc_context context;
    struct arena *arena;
    int code;             /* of the answer */
    struct frames answer; /* route, outcome, reply */
};

int rpc_request_open(struct rpc_server *server, struct rpc_request **ret_request);
void rpc_request_close(struct rpc_request **request);
/* Makes it ready for the next use. Keeps its memory, unless that has grown large. */
void rpc_request_reset(struct rpc_request *request);

/* Reads the frames (route, header, request; they stay the caller's) and finds the handler. A negative code is
 * the answer to give, with rpc_refuse()'s message. -QY_ECORRUPT: there is nobody to answer. */
int rpc_request_read(
    struct rpc_request *request, const struct rpc_server_options *options, struct frames *frames);
/* -QY_ETIMEOUT when its time is over, else what the handler says. The reply is in `request->reply`. */
int rpc_request_run(struct rpc_request *request);
/* Makes the answer's frames of `code` and the reply. A reply that cannot be packed becomes an error. */
void rpc_request_pack(struct rpc_request *request, int code);

#endif
