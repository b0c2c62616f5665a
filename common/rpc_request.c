/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc_request.h"

#include "common/deadline.h"
#include "common/log.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER_BYTES ((size_t)16 * 1024)
#define MAX_REPLY_BYTES (SOCKET_MAX_FRAME / 2)
#define MAX_DEADLINE_MS (INT64_C(10) * 60 * 1000)
#define MAX_REQUEST_ID 64
#define LARGE_BYTES ((size_t)256 * 1024) /* arenas that held more than this are not kept */

int rpc_request_open(struct rpc_server *server, struct rpc_request **ret_request)
{
    struct rpc_request *request = calloc(1, sizeof(*request));
    if (!request)
        return -QY_ENOMEM;
    int code = arena_open(&request->arena);
    if (code < 0) {
        free(request);
        return code;
    }
    request->server = server;
    *ret_request = request;
    return 0;
}

void rpc_request_close(struct rpc_request **request)
{
    if (!*request)
        return;
    frames_close(&(*request)->answer);
    arena_close(&(*request)->arena);
    free(*request);
    *request = NULL;
}

void rpc_request_reset(struct rpc_request *request)
{
    struct rpc_server *server = request->server;
    struct arena *arena = request->arena;
    struct arena *smaller = NULL;
    if (request->bytes + request->reply_bytes > LARGE_BYTES && arena_open(&smaller) == 0) {
        arena_close(&arena);
        arena = smaller;
    }
    arena_reset(arena);
    frames_close(&request->answer);
    *request = (struct rpc_request){.server = server, .arena = arena};
}

/* The request id goes into logs: nothing there may look like something else. */
static bool is_request_id(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
            return false;
    return size <= MAX_REQUEST_ID;
}

static int read_header(struct rpc_request *request, struct bytes frame)
{
    struct rpc_context *context = &request->context;
    if (frame.size > MAX_HEADER_BYTES)
        return rpc_refuse(
            context, -QY_EINVAL, "header", "the header is larger than %zu bytes", MAX_HEADER_BYTES);
    Quanyu__Header *header = quanyu__header__unpack(arena_allocator(request->arena), frame.size, frame.data);
    if (!header)
        return rpc_refuse(context, -QY_EINVAL, "header", "the first frame is not a header");
    request->id = header->id;
    context->header = header;
    int64_t left = header->deadline_ms < MAX_DEADLINE_MS ? header->deadline_ms : MAX_DEADLINE_MS;
    request->deadline_ms = request->arrived_ms + (left > 0 ? left : 0);
    if (!is_request_id(header->request_id))
        return rpc_refuse(context, -QY_EINVAL, "header/request_id",
            "not at most %d characters of [A-Za-z0-9._-]", MAX_REQUEST_ID);
    return 0;
}

static ProtobufCMessage *unpack(
    struct rpc_request *request, const ProtobufCMessageDescriptor *type, struct bytes frame)
{
    return protobuf_c_message_unpack(type, arena_allocator(request->arena), frame.size, frame.data);
}

/* The runtime's cases are read again as its own types: a service's Request has them at the same numbers. */
static int read_call(
    struct rpc_request *request, const struct rpc_server_options *options, struct bytes frame)
{
    struct rpc_context *context = &request->context;
    if (frame.size > options->max_request_bytes)
        return rpc_refuse(
            context, -QY_ETOOLARGE, "request", "larger than %zu bytes", options->max_request_bytes);
    request->message = unpack(request, options->service->request, frame);
    if (!request->message)
        return rpc_refuse(context, -QY_EINVAL, "request", "not a request of this service");
    unsigned call = rpc_case(request->message);
    request->reply_type = options->service->reply;
    if (call >= 1 && call <= RPC_RUNTIME_CASES) {
        request->handler = &options->runtime[call - 1];
        request->check = NULL;
        request->reply_type = &quanyu__runtime_reply__descriptor;
        request->message = unpack(request, &quanyu__runtime_request__descriptor, frame);
        if (!request->message)
            return -QY_ENOMEM;
    } else if (call > 0 && call < options->service->handler_count) {
        request->handler = &options->service->handlers[call];
        request->check = options->service->check;
    }
    if (!request->handler || !request->handler->handle)
        return rpc_refuse(context, -QY_EUNSUPPORTED, "request", "this service has no such call");
    request->call = call;
    return 0;
}

static bool may_call(const struct rpc_handler *handler, const char *peer)
{
    if (!handler->peers)
        return true;
    for (const char *const *name = handler->peers; *name; name++)
        if (strcmp(*name, peer) == 0)
            return true;
    return false;
}

/* The name is the connection's; libzmq shows it with payload frames, not with the route. */
static int read_peer(struct rpc_request *request, struct frames *frames)
{
    const char *name = frames->count > 1 ? zmq_msg_gets(&frames->frame[1], "User-Id") : NULL;
    if (!name || !*name || strlen(name) >= sizeof(request->peer))
        return -QY_EDENIED;
    memcpy(request->peer, name, strlen(name) + 1);
    return 0;
}

int rpc_request_read(
    struct rpc_request *request, const struct rpc_server_options *options, struct frames *frames)
{
    struct bytes route = frame_bytes(frames, 0);
    if (route.size == 0 || route.size > sizeof(request->route))
        return -QY_ECORRUPT;
    memcpy(request->route, route.data, route.size);
    request->route_size = route.size;
    request->arrived_ms = monotonic_ms();
    request->arrived = metrics_clock();
    struct bytes body = frame_bytes(frames, 2);
    request->bytes = sizeof(*request) + body.size;
    request->context = (struct rpc_context){
        .service = options->context, .self = options->self, .peer = request->peer, .arena = request->arena};
    int code = read_peer(request, frames);
    if (code < 0)
        return code;
    if (frames->count != 3)
        return rpc_refuse(&request->context, -QY_EINVAL, "request", "a request is a header and a body");
    code = read_header(request, frame_bytes(frames, 1));
    if (code == 0)
        code = read_call(request, options, body);
    if (code == 0 && !may_call(request->handler, request->peer))
        code = rpc_refuse(&request->context, -QY_EDENIED, "request", "%s may not call %s", request->peer,
            request->handler->name);
    return code;
}

int rpc_request_run(struct rpc_request *request)
{
    if (monotonic_ms() >= request->deadline_ms)
        return rpc_refuse(&request->context, -QY_ETIMEOUT, NULL, "the deadline was over before work began");
    request->reply = arena_alloc(request->arena, request->reply_type->sizeof_message);
    if (!request->reply)
        return -QY_ENOMEM;
    request->reply_type->message_init(request->reply);
    log_set_request(request->context.header->request_id);
    int code = request->check ? request->check(&request->context) : 0;
    if (code == 0)
        code = request->handler->handle(&request->context, request->message, request->reply);
    log_set_request(NULL);
    assert(code <= 0 && code > -QY_ERROR_COUNT);
    return code;
}

static int pack_frames(struct rpc_request *request, const Quanyu__Outcome *outcome)
{
    frames_close(&request->answer);
    uint8_t *route = frames_add(&request->answer, request->route_size);
    if (!route)
        return -QY_ENOMEM;
    memcpy(route, request->route, request->route_size);
    int code = frames_pack(&request->answer, &outcome->base);
    if (code < 0)
        return code;
    if (outcome->code == 0)
        return frames_pack(&request->answer, request->reply);
    return frames_add(&request->answer, 0) ? 0 : -QY_ENOMEM;
}

void rpc_request_pack(struct rpc_request *request, int code)
{
    if (code == 0) {
        size_t size = protobuf_c_message_get_packed_size(request->reply);
        request->reply_bytes = size;
        if (size > MAX_REPLY_BYTES)
            code = rpc_refuse(&request->context, -QY_ETOOLARGE, NULL, "the answer has %zu bytes", size);
    }
    Quanyu__Outcome outcome = QUANYU__OUTCOME__INIT;
    outcome.id = request->id;
    outcome.code = -code;
    outcome.message =
        (char *)(code < 0 && request->context.error_message ? request->context.error_message : "");
    outcome.field = (char *)(code < 0 && request->context.error_field ? request->context.error_field : "");
    request->code = code;
    /* Out of memory: no answer is sent, the caller's deadline tells it. */
    if (pack_frames(request, &outcome) < 0)
        frames_close(&request->answer);
}
