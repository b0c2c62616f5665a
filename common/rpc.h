/* SPDX-License-Identifier: Apache-2.0 */
/* Requests between services over ZeroMQ, ROUTER on the server and DEALER on the client, all of it CURVE.
 *
 * A request is two frames, Header and the service's Request; a reply is two, Outcome and the service's Reply
 * (empty when the outcome is an error). Request and Reply are messages with one oneof each; the case picks
 * the handler in the service's table. One caller sends, so each request gets exactly one reply; an unknown
 * case gets -QY_EUNSUPPORTED. */
#ifndef QY_COMMON_RPC_H
#define QY_COMMON_RPC_H

#include "common/mem.h"
#include "common/store.h"
#include "proto/common.pb-c.h"

struct batch;
struct service;

enum rpc_mode {
    RPC_QUERY,   /* on a reader thread, in a snapshot: context.txn; context.batch is NULL */
    RPC_COMMAND, /* on the writer thread, in the batch; answered after its commit */
};

/* What a handler is given. `arena` lives until the reply is sent: what the reply points to is taken from
 * there. */
struct rpc_context {
    struct service *service;
    void *self;
    const Quanyu__Header *header; /* request id, deadline, actor */
    const char *peer;             /* the caller's name by its CURVE key */
    struct arena *arena;
    struct store_txn *txn;
    struct batch *batch;
    const char *error_message; /* set by rpc_refuse() */
    const char *error_field;
};

/* For `return rpc_refuse(context, -QY_EINVAL, "rule/all/0", "unknown metric \"%s\"", name);`. Returns `code`.
 */
int rpc_refuse(struct rpc_context *context, int code, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Fills `reply` (initialised, its oneof unset) or returns a negative code. Both are cast to the service's own
 * types; `request`'s oneof is set. A query may let the reply point into its snapshot too. In a command: check
 * everything first, then write. */
typedef int rpc_handler_fn(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply);

struct rpc_handler {
    const char *name;
    rpc_handler_fn *handle;
    enum rpc_mode mode;
    const char *const *peers; /* names allowed, NULL-terminated; NULL: every peer on the allow-list */
};

#define RPC_RUNTIME_CASES 2 /* status and dump: the runtime answers them for all services */

/* The field of a refusal (-QY_EOVERTAKEN) by who has not heard yet of what the asker's scope has lost, or of who is asked for: ask again. */
#define RPC_FIELD_SCOPE "scope"

struct rpc_service {
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *reply;
    const struct rpc_handler *handlers; /* indexed by the request's oneof case */
    size_t handler_count;
    /* Asked before each handler but the runtime's, with its transaction: 0, or a refusal. May be NULL. */
    int (*check)(struct rpc_context *context);
};

/* The number of the oneof member that is set, 0 for none. */
unsigned rpc_case(const ProtobufCMessage *message);
/* For the services' tests: the name of the first member of the request's oneof, from case 3 on (1 and 2 are
 * the runtime's), that has no handler or no member of the same number in the reply; NULL when all have. */
const char *rpc_service_check(const struct rpc_service *service);

/* -- client: one per thread, blocking -- */
struct peers; /* addresses and keys of the other services, from service_peers() or peers_open() (peers.h) */
struct rpc_client;
int rpc_client_open(struct peers *peers, struct rpc_client **ret_client);
void rpc_client_close(struct rpc_client **client);

struct rpc_call {
    const char *request_id;     /* passed on; NULL: made */
    const Quanyu__Actor *actor; /* on whose behalf; NULL: the service itself */
    int timeout_ms;             /* 0: 5,000 */
    bool patient; /* a first connection may take as long as the answer: for commands, which call once */
};

/* Sends and waits. `*ret_reply` is in `arena`. Errors: what the server answered (its message and field in
 * `arena` through ret_error, which may be NULL); -QY_EUNAVAILABLE at once when the peer is not connected, or
 * has just failed to answer; -QY_ETIMEOUT when the answer did not come: whether it happened is not known. */
struct rpc_error {
    const char *message;
    const char *field;
};
int rpc_call(struct rpc_client *client, const char *peer, const struct rpc_call *call,
    const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply_type, struct arena *arena,
    ProtobufCMessage **ret_reply, struct rpc_error *ret_error);

#endif
