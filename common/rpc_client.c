/* SPDX-License-Identifier: Apache-2.0 */
#include "common/deadline.h"
#include "common/peers.h"
#include "common/rpc.h"
#include "common/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define STANDARD_TIMEOUT_MS 5000
#define HANDSHAKE_WAIT_MS 250
#define REQUEST_ID_BYTES 24

/* One DEALER a peer, opened at the first call. */
struct link {
    void *socket;
    int64_t opened_ms;
    bool was_connected;
};

struct rpc_client {
    struct peers *peers;
    uint64_t last_id; /* of the last call on any link: an answer with another one came too late */
    struct link links[PEERS_MAX];
};

int rpc_client_open(struct peers *peers, struct rpc_client **ret_client)
{
    struct rpc_client *client = calloc(1, sizeof(*client));
    if (!client)
        return -QY_ENOMEM;
    client->peers = peers;
    if (getrandom(&client->last_id, sizeof(client->last_id), 0) != sizeof(client->last_id))
        client->last_id = 0; /* ids need only differ from each other on one connection */
    *ret_client = client;
    return 0;
}

void rpc_client_close(struct rpc_client **client)
{
    if (!*client)
        return;
    for (size_t i = 0; i < PEERS_MAX; i++)
        socket_close(&(*client)->links[i].socket);
    free(*client);
    *client = NULL;
}

static int link_open(struct link *link, const struct peers *peers, const struct known_peer *peer)
{
    if (link->socket)
        return 0;
    *link = (struct link){.opened_ms = monotonic_ms()};
    return socket_connect(peer_endpoint(peer), peers_keys(peers), peer_public(peer), &link->socket);
}

/* A fresh socket is given time for its handshake. When that was not enough it is replaced at the next call:
 * libzmq gives a connection up for good where it took the other side for broken. */
static int link_ready(struct link *link, bool patient, int64_t deadline_ms)
{
    int64_t until = patient ? deadline_ms : link->opened_ms + HANDSHAKE_WAIT_MS;
    until = until < deadline_ms ? until : deadline_ms;
    while (!(socket_events(link->socket) & ZMQ_POLLOUT)) {
        if (monotonic_ms() >= until) {
            socket_close(&link->socket);
            return -QY_EUNAVAILABLE;
        }
        socket_wait(link->socket, until);
    }
    link->was_connected = true;
    return 0;
}

static int pack_request(struct frames *frames, uint64_t id, const struct rpc_call *call, int64_t timeout_ms,
    const ProtobufCMessage *request)
{
    char made[REQUEST_ID_BYTES];
    snprintf(made, sizeof(made), "%016llx", (unsigned long long)id);
    Quanyu__Header header = QUANYU__HEADER__INIT;
    header.id = id;
    header.request_id = (char *)(call->request_id ? call->request_id : made);
    header.deadline_ms = timeout_ms;
    header.actor = (Quanyu__Actor *)call->actor;
    if (protobuf_c_message_get_packed_size(request) > SOCKET_MAX_FRAME / 2)
        return -QY_ETOOLARGE;
    int code = frames_pack(frames, &header.base);
    return code < 0 ? code : frames_pack(frames, request);
}

/* True when the frames are the answer to call `id`. */
static bool is_answer(struct frames *frames, uint64_t id, struct arena *arena, Quanyu__Outcome **ret_outcome)
{
    if (frames->count != 2)
        return false;
    struct bytes first = frame_bytes(frames, 0);
    Quanyu__Outcome *outcome = quanyu__outcome__unpack(arena_allocator(arena), first.size, first.data);
    if (!outcome || outcome->id != id)
        return false;
    *ret_outcome = outcome;
    return true;
}

/* Late answers of earlier calls are dropped on the way. A connection that breaks ends the wait: the answer
 * cannot come. */
static int await(struct link *link, uint64_t id, int64_t deadline_ms, struct arena *arena,
    struct frames *ret_frames, Quanyu__Outcome **ret_outcome)
{
    for (;;) {
        struct frames frames;
        while (frames_receive(link->socket, &frames)) {
            if (is_answer(&frames, id, arena, ret_outcome)) {
                *ret_frames = frames;
                return 0;
            }
            frames_close(&frames);
        }
        int events = socket_events(link->socket);
        if (events & ZMQ_POLLIN)
            continue;
        if (!(events & ZMQ_POLLOUT) || monotonic_ms() >= deadline_ms)
            return -QY_ETIMEOUT;
        socket_wait(link->socket, deadline_ms);
    }
}

static int read_reply(struct frames *frames, const Quanyu__Outcome *outcome, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *reply_type, struct arena *arena, ProtobufCMessage **ret_reply,
    struct rpc_error *error)
{
    if (outcome->code != 0) {
        int code = outcome->code > 0 && outcome->code < QY_ERROR_COUNT ? -outcome->code : -QY_ECORRUPT;
        error->message = outcome->message[0] ? outcome->message : error_text(code);
        error->field = outcome->field[0] ? outcome->field : NULL;
        return code;
    }
    struct bytes body = frame_bytes(frames, 1);
    ProtobufCMessage *reply =
        protobuf_c_message_unpack(reply_type, arena_allocator(arena), body.size, body.data);
    if (!reply || rpc_case(reply) != rpc_case(request)) {
        error->message = "the answer is not one to this call";
        return -QY_ECORRUPT;
    }
    *ret_reply = reply;
    return 0;
}

struct exchange {
    const struct rpc_call *call;
    const ProtobufCMessage *request;
    const ProtobufCMessageDescriptor *reply_type;
    struct arena *arena;
};

static int call_link(struct link *link, uint64_t id, const struct exchange *exchange,
    ProtobufCMessage **ret_reply, struct rpc_error *error, enum peer_outcome *ret_outcome)
{
    int timeout_ms = exchange->call->timeout_ms > 0 ? exchange->call->timeout_ms : STANDARD_TIMEOUT_MS;
    int64_t deadline_ms = monotonic_ms() + timeout_ms;
    int code = link_ready(link, exchange->call->patient, deadline_ms);
    if (code < 0) {
        *ret_outcome = PEER_SILENT;
        return code;
    }
    _cleanup_(frames_close) struct frames frames = {0};
    code = pack_request(&frames, id, exchange->call, deadline_left(deadline_ms), exchange->request);
    if (code < 0)
        return code;
    code = frames_send(link->socket, &frames);
    if (code < 0)
        return code;
    Quanyu__Outcome *outcome = NULL;
    code = await(link, id, deadline_ms, exchange->arena, &frames, &outcome);
    *ret_outcome = code < 0 ? PEER_SILENT : PEER_ANSWERED;
    if (code < 0)
        return code;
    return read_reply(
        &frames, outcome, exchange->request, exchange->reply_type, exchange->arena, ret_reply, error);
}

/* A connection that was lost is made anew at once: the peer may be back, and each client finds out for itself. */
static void link_drop_broken(struct link *link)
{
    if (link->socket && link->was_connected && !(socket_events(link->socket) & ZMQ_POLLOUT))
        socket_close(&link->socket);
}

static int call_peer(struct rpc_client *client, size_t index, const struct exchange *exchange,
    ProtobufCMessage **ret_reply, struct rpc_error *error)
{
    struct known_peer *peer = peers_at(client->peers, index);
    int64_t entered_ms = monotonic_ms();
    enum peer_pass pass = peer_enter(peer);
    if (pass == PEER_REFUSED)
        return -QY_EUNAVAILABLE;
    struct link *link = &client->links[index];
    enum peer_outcome outcome = PEER_UNKNOWN;
    link_drop_broken(link);
    int code = link_open(link, client->peers, peer);
    if (code == 0)
        code = call_link(link, ++client->last_id, exchange, ret_reply, error, &outcome);
    peer_leave(peer, pass, entered_ms, outcome);
    return code;
}

int rpc_call(struct rpc_client *client, const char *peer, const struct rpc_call *call,
    const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply_type, struct arena *arena,
    ProtobufCMessage **ret_reply, struct rpc_error *ret_error)
{
    static const struct rpc_call standard;
    struct exchange exchange = {
        .call = call ? call : &standard, .request = request, .reply_type = reply_type, .arena = arena};
    struct rpc_error error = {0};
    size_t index = peers_index(client->peers, peer);
    int code = index < PEERS_MAX ? call_peer(client, index, &exchange, ret_reply, &error) : -QY_ENOTFOUND;
    if (code < 0 && !error.message)
        error.message = error_text(code);
    if (code < 0 && ret_error)
        *ret_error = error;
    return code;
}
