/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc_server.h"

#include "common/deadline.h"
#include "common/queue.h"
#include "common/rpc_request.h"
#include "common/socket.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STANDARD_REQUESTS 4096
#define STANDARD_BYTES ((size_t)256 * 1024 * 1024)
#define STANDARD_REQUEST_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_READERS 64
#define QUEUED_MESSAGES 1000
#define RECEIVE_AT_ONCE 64 /* before answers get their turn */
#define POOL_REQUESTS 64
/* A client whose connection is closed loses what it has received but not read yet: so long it may take. */
#define LAST_ANSWERS_MS 100

#define MAX_CALLS 64

struct rpc_metrics {
    struct metric *seconds[MAX_CALLS]; /* by case */
    struct metric *outcomes[QY_ERROR_COUNT];
};

struct rpc_server {
    struct rpc_server_options options;
    struct rpc_metrics metrics; /* all NULL without a registry */
    void *socket;               /* the ROUTER thread's, once it runs */
    uint16_t port;
    struct queue *queries;
    struct queue *answered;
    int stop_fd;
    /* ROUTER thread only */
    struct queue_item *pool;
    unsigned pooled;
    unsigned in_hand;
    size_t in_hand_bytes;
    int64_t stay_until_ms; /* when stopped */
    /* threads */
    bool running;
    pthread_t router;
    unsigned readers;
    pthread_t reader[MAX_READERS];
};

static struct rpc_request *of_item(struct queue_item *item)
{
    return (struct rpc_request *)((uint8_t *)item - offsetof(struct rpc_request, item));
}

static struct rpc_request *of_work(struct work *work)
{
    return (struct rpc_request *)((uint8_t *)work - offsetof(struct rpc_request, work));
}

/* Any thread: the reply is packed, the ROUTER thread sends it. */
static void give_back(struct rpc_request *request)
{
    int failed = queue_push(request->server->answered, &request->item);
    assert(!failed); /* it has room for all that can be in hand */
    (void)failed;
}

/* -- reader threads -- */

static void *read_queries(void *data)
{
    struct rpc_server *server = data;
    struct queue_item *item;
    while ((item = queue_pop(server->queries, -1))) {
        struct rpc_request *request = of_item(item);
        int code = server->options.begin_read(server->options.context, &request->context.txn);
        if (code == 0)
            code = rpc_request_run(request);
        rpc_request_pack(request, code); /* the reply may point into the snapshot until here */
        store_abort(&request->context.txn);
        give_back(request);
    }
    return NULL;
}

/* -- writer thread -- */

static int apply_command(struct work *work, struct batch *batch)
{
    struct rpc_request *request = of_work(work);
    request->context.batch = batch;
    request->context.txn = batch->txn;
    return rpc_request_run(request);
}

static void command_done(struct work *work, int result)
{
    struct rpc_request *request = of_work(work);
    rpc_request_pack(request, result);
    give_back(request);
}

/* -- ROUTER thread -- */

static struct rpc_request *take_from_pool(struct rpc_server *server)
{
    struct rpc_request *request = NULL;
    if (server->pool) {
        request = of_item(server->pool);
        server->pool = server->pool->next;
        server->pooled--;
        return request;
    }
    return rpc_request_open(server, &request) < 0 ? NULL : request;
}

static void put_into_pool(struct rpc_server *server, struct rpc_request *request)
{
    if (server->pooled >= POOL_REQUESTS) {
        rpc_request_close(&request);
        return;
    }
    rpc_request_reset(request);
    request->item.next = server->pool;
    server->pool = &request->item;
    server->pooled++;
}

static void count_answer(const struct rpc_server *server, const struct rpc_request *request)
{
    struct metric *outcome = server->metrics.outcomes[-request->code];
    struct metric *seconds = request->call < MAX_CALLS ? server->metrics.seconds[request->call] : NULL;
    if (outcome)
        metric_add(outcome, 1);
    if (seconds)
        metric_observe(seconds, metrics_clock() - request->arrived);
}

/* A caller that has gone, or that does not read its answers, does not get this one. */
static void send_answer(struct rpc_server *server, struct rpc_request *request)
{
    count_answer(server, request);
    if (request->answer.count > 0)
        frames_send(server->socket, &request->answer);
    put_into_pool(server, request);
}

static void refuse(struct rpc_server *server, struct rpc_request *request, int code)
{
    rpc_request_pack(request, code);
    send_answer(server, request);
}

static int admit(struct rpc_server *server, struct rpc_request *request)
{
    const struct rpc_server_options *options = &server->options;
    if (server->in_hand >= options->max_requests ||
        server->in_hand_bytes + request->bytes > options->max_bytes)
        return rpc_refuse(&request->context, -QY_EUNAVAILABLE, NULL, "too many requests at once");
    if (request->handler->mode == RPC_QUERY) {
        request->item.bytes = request->bytes;
        return queue_push(server->queries, &request->item);
    }
    request->work = (struct work){.bytes = request->bytes, .apply = apply_command, .done = command_done};
    return options->submit(options->context, &request->work);
}

static void take_request(struct rpc_server *server, struct frames *frames, bool stopping)
{
    struct rpc_request *request = take_from_pool(server);
    if (!request)
        return; /* out of memory: the caller's deadline tells it */
    int code = rpc_request_read(request, &server->options, frames);
    if (code == -QY_ECORRUPT) {
        put_into_pool(server, request);
        return;
    }
    if (code == 0 && stopping)
        code = rpc_refuse(&request->context, -QY_ESTOPPED, NULL, "the service is shutting down");
    /* Once it is admitted, other threads may already have changed it. */
    size_t bytes = request->bytes;
    if (code == 0)
        code = admit(server, request);
    if (code < 0) {
        refuse(server, request, code);
        return;
    }
    server->in_hand++;
    server->in_hand_bytes += bytes;
}

static void take_requests(struct rpc_server *server, bool stopping)
{
    struct frames frames;
    for (unsigned i = 0; i < RECEIVE_AT_ONCE && frames_receive(server->socket, &frames); i++) {
        take_request(server, &frames, stopping);
        frames_close(&frames);
    }
}

static void send_answers(struct rpc_server *server)
{
    struct queue_item *item = queue_take(server->answered);
    server->stay_until_ms = monotonic_ms() + LAST_ANSWERS_MS;
    while (item) {
        struct rpc_request *request = of_item(item);
        item = item->next;
        server->in_hand--;
        server->in_hand_bytes -= request->bytes;
        send_answer(server, request);
    }
}

static void *route(void *data)
{
    struct rpc_server *server = data;
    zmq_pollitem_t items[] = {
        {.socket = server->socket, .events = ZMQ_POLLIN},
        {.fd = queue_fd(server->answered), .events = ZMQ_POLLIN},
        {.fd = server->stop_fd, .events = ZMQ_POLLIN},
    };
    bool stopping = false;
    while (!stopping || server->in_hand > 0 || monotonic_ms() < server->stay_until_ms) {
        unsigned count = stopping ? 2 : 3; /* told once */
        bool leaving = stopping && server->in_hand == 0;
        zmq_poll(items, (int)count, deadline_left(leaving ? server->stay_until_ms : DEADLINE_NEVER));
        stopping |= count == 3 && (items[2].revents & ZMQ_POLLIN);
        if (items[1].revents & ZMQ_POLLIN)
            send_answers(server);
        if (items[0].revents & ZMQ_POLLIN)
            take_requests(server, stopping);
    }
    return NULL;
}

/* -- opening and closing -- */

static void register_call(struct rpc_server *server, size_t call, const struct rpc_handler *handler)
{
    char label[80];
    if (!handler->handle || call >= MAX_CALLS)
        return;
    snprintf(label, sizeof(label), "call=\"%s\"", handler->name);
    server->metrics.seconds[call] = metrics_series(server->options.metrics, METRIC_HISTOGRAM,
        "quanyu_rpc_seconds", label, "From a request's arrival to its answer, by call.");
}

static void register_metrics(struct rpc_server *server)
{
    const struct rpc_server_options *options = &server->options;
    if (!options->metrics)
        return;
    for (size_t i = 0; i < RPC_RUNTIME_CASES; i++)
        register_call(server, i + 1, &options->runtime[i]);
    for (size_t i = RPC_RUNTIME_CASES + 1; i < options->service->handler_count; i++)
        register_call(server, i, &options->service->handlers[i]);
    for (int i = 0; i < QY_ERROR_COUNT; i++) {
        char label[80];
        snprintf(label, sizeof(label), "outcome=\"%s\"", error_name(-i));
        server->metrics.outcomes[i] = metrics_series(options->metrics, METRIC_COUNTER,
            "quanyu_rpc_answers_total", label, "Answers to requests, by outcome.");
    }
}

static int open_parts(struct rpc_server *server)
{
    const struct rpc_server_options *options = &server->options;
    server->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (server->stop_fd < 0)
        return error_from_errno(errno);
    int code = queue_open(options->max_requests, SIZE_MAX, false, &server->queries);
    if (code == 0)
        code = queue_open(options->max_requests, SIZE_MAX, true, &server->answered);
    if (code == 0)
        code =
            socket_listen(options->endpoint, options->keys, QUEUED_MESSAGES, &server->socket, &server->port);
    return code;
}

static int start_threads(struct rpc_server *server)
{
    unsigned wanted =
        server->options.reader_threads < MAX_READERS ? server->options.reader_threads : MAX_READERS;
    for (; server->readers < wanted; server->readers++)
        if (pthread_create(&server->reader[server->readers], NULL, read_queries, server) != 0)
            return -QY_ENOMEM;
    if (pthread_create(&server->router, NULL, route, server) != 0)
        return -QY_ENOMEM;
    server->running = true;
    return 0;
}

int rpc_server_open(const struct rpc_server_options *options, struct rpc_server **ret_server)
{
    assert(options->reader_threads > 0);
    _cleanup_(rpc_server_close) struct rpc_server *server = calloc(1, sizeof(*server));
    if (!server)
        return -QY_ENOMEM;
    server->options = *options;
    server->stop_fd = -1;
    if (server->options.max_requests == 0)
        server->options.max_requests = STANDARD_REQUESTS;
    if (server->options.max_bytes == 0)
        server->options.max_bytes = STANDARD_BYTES;
    if (server->options.max_request_bytes == 0)
        server->options.max_request_bytes = STANDARD_REQUEST_BYTES;
    register_metrics(server);
    int code = open_parts(server);
    server->options.keys = NULL;
    server->options.endpoint = NULL;
    if (code == 0)
        code = start_threads(server);
    if (code < 0)
        return code;
    *ret_server = TAKE(server);
    return 0;
}

uint16_t rpc_server_port(const struct rpc_server *server)
{
    return server->port;
}

static void stop_threads(struct rpc_server *server)
{
    if (server->running) {
        eventfd_write(server->stop_fd, 1);
        pthread_join(server->router, NULL);
    }
    if (server->queries)
        queue_stop(server->queries);
    for (unsigned i = 0; i < server->readers; i++)
        pthread_join(server->reader[i], NULL);
}

void rpc_server_close(struct rpc_server **server)
{
    struct rpc_server *closing = TAKE(*server);
    if (!closing)
        return;
    stop_threads(closing);
    socket_close(&closing->socket);
    while (closing->pool) {
        struct rpc_request *request = of_item(closing->pool);
        closing->pool = closing->pool->next;
        rpc_request_close(&request);
    }
    queue_close(&closing->answered);
    queue_close(&closing->queries);
    if (closing->stop_fd >= 0)
        close(closing->stop_fd);
    free(closing);
}
