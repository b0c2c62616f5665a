/* SPDX-License-Identifier: Apache-2.0 */
/* A service's request endpoint: one ROUTER thread that receives and answers, and reader threads for queries.
 * Commands join the writer's batch.
 *
 * Each request gets exactly one reply. Frames that are not a request are answered with -QY_EINVAL, a call
 * that is not in the table with -QY_EUNSUPPORTED, one that the caller may not make with -QY_EDENIED; a
 * request whose deadline is over when its turn comes is answered with -QY_ETIMEOUT and nothing is done;
 * beyond the limits -QY_EUNAVAILABLE. */
#ifndef QY_COMMON_RPC_SERVER_H
#define QY_COMMON_RPC_SERVER_H

#include "common/keys.h"
#include "common/metrics.h"
#include "common/rpc.h"

struct work;
struct rpc_server;

struct rpc_server_options {
    const char *endpoint;    /* "tcp://127.0.0.1:7110"; port 0: any free one, see rpc_server_port() */
    const struct keys *keys; /* used while opening only */
    const struct rpc_service *service;
    const struct rpc_handler
        *runtime;            /* of cases 1 and 2, in this order; on RuntimeRequest and RuntimeReply */
    void *self;              /* rpc_context.self */
    struct service *context; /* rpc_context.service, and the first argument of the two below */
    unsigned reader_threads; /* at least 1 */
    int (*begin_read)(struct service *service, struct store_txn **ret_txn); /* reader thread */
    int (*submit)(struct service *service, struct work *work);              /* as service_submit() */
    unsigned max_requests;                                                  /* in hand at once; 0: 4,096 */
    size_t max_bytes;                                                       /* of them; 0: 256 MiB */
    size_t max_request_bytes;                                               /* of one; 0: 16 MiB */
    struct metrics *metrics;                                                /* may be NULL */
};

/* The gatekeeper must be there, else everybody is refused. -QY_ECONFLICT: the address is in use; -QY_EINVAL:
 * it is none. */
int rpc_server_open(const struct rpc_server_options *options, struct rpc_server **ret_server);
uint16_t rpc_server_port(const struct rpc_server *server);
/* Refuses what comes from now on with -QY_ESTOPPED and returns when all that was taken is answered: the
 * writer must still run. */
void rpc_server_close(struct rpc_server **server);

#endif
