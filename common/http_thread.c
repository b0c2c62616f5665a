/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's loop: the mailbox of answers, deadlines, and the orderly end. */
#include "common/error.h"
#include "common/http_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS 2000

static _Thread_local struct http_thread *here;

/* Stands in the mailbox of a thread that has ended. */
static struct http_request mailbox_closed;

struct http_thread *http_thread_here(void)
{
    return here;
}

int64_t http_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void http_arm(struct event *event, int64_t ms)
{
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(event, &delay);
}

/* -- deadlines -- */

void http_deadline_clear(struct http_connection *connection)
{
    if (connection->deadline != DEADLINE_NONE)
        TAILQ_REMOVE(&connection->thread->deadlines[connection->deadline], connection, by_deadline);
    connection->deadline = DEADLINE_NONE;
}

void http_deadline_set(struct http_connection *connection, enum deadline_kind kind)
{
    struct http_thread *thread = connection->thread;
    const struct http_options *options = &thread->server->options;
    const int64_t durations[DEADLINE_COUNT] = {
        [DEADLINE_HANDSHAKE] = options->handshake_ms ? options->handshake_ms : options->request_ms,
        [DEADLINE_IDLE] = options->idle_ms,
        [DEADLINE_REQUEST] = options->request_ms,
        [DEADLINE_RESPONSE] = options->response_ms,
        [DEADLINE_LINGER] = LINGER_MS,
    };
    http_deadline_clear(connection);
    int64_t now = http_now_ms();
    connection->deadline = kind;
    connection->deadline_ms = now + durations[kind];
    TAILQ_INSERT_TAIL(&thread->deadlines[kind], connection, by_deadline);
    if (connection->deadline_ms < thread->timer_ms) {
        thread->timer_ms = connection->deadline_ms;
        http_arm(thread->timer, durations[kind]);
    }
}

static void on_timer(evutil_socket_t socket, short what, void *self)
{
    (void)socket;
    (void)what;
    struct http_thread *thread = self;
    int64_t now = http_now_ms(), next = INT64_MAX;
    thread->timer_ms = INT64_MAX;
    for (int kind = 0; kind < DEADLINE_COUNT; kind++) {
        struct http_connection *first;
        while ((first = TAILQ_FIRST(&thread->deadlines[kind])) && first->deadline_ms <= now)
            http_connection_late(first); /* leaves this queue, or ends */
    }
    for (int kind = 0; kind < DEADLINE_COUNT; kind++) {
        const struct http_connection *first = TAILQ_FIRST(&thread->deadlines[kind]);
        if (first && first->deadline_ms < next)
            next = first->deadline_ms;
    }
    if (next < thread->timer_ms) {
        thread->timer_ms = next;
        http_arm(thread->timer, next - now);
    }
}

/* -- the mailbox -- */

void http_thread_wake(struct http_thread *thread)
{
    uint64_t one = 1;
    while (write(thread->wake_descriptor, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void http_thread_post(struct http_request *request)
{
    struct http_connection *connection = connection_of(request);
    struct http_thread *thread = connection->thread;
    struct http_server *server = thread->server;
    struct http_request *first = atomic_load_explicit(&thread->mailbox, memory_order_acquire);
    bool holds = false;
    do {
        if (first == &mailbox_closed) {
            http_connection_free(connection);
            http_server_release(server);
            break;
        }
        /* Whoever puts the first one in wakes the thread for all. By then it may have found the answer and
         * ended. */
        if (!first && !holds) {
            atomic_fetch_add(&server->references, 1);
            holds = true;
        }
        request->next = first;
    } while (!atomic_compare_exchange_weak_explicit(
        &thread->mailbox, &first, request, memory_order_acq_rel, memory_order_acquire));
    if (!first)
        http_thread_wake(thread);
    if (holds)
        http_server_release(server);
}

/* Empties the mailbox, first answer first. */
static struct http_request *take_answers(struct http_thread *thread, struct http_request *leave)
{
    struct http_request *last = atomic_exchange_explicit(&thread->mailbox, leave, memory_order_acq_rel);
    struct http_request *first = NULL;
    while (last) {
        struct http_request *next = last->next;
        last->next = first;
        first = last;
        last = next;
    }
    return first;
}

static void begin_stop(struct http_thread *thread)
{
    thread->stopping = true;
    http_accept_close(thread);
    http_arm(thread->grace, thread->server->grace_ms);
    struct http_connection *connection = LIST_FIRST(&thread->connections);
    while (connection) {
        struct http_connection *next = LIST_NEXT(connection, all);
        http_connection_stop(connection);
        connection = next;
    }
    if (LIST_EMPTY(&thread->connections))
        event_base_loopbreak(thread->base);
}

static void on_wake(evutil_socket_t socket, short what, void *self)
{
    (void)what;
    struct http_thread *thread = self;
    uint64_t count;
    if (read(socket, &count, sizeof(count)) < 0)
        count = 0; /* it is read before the mailbox is emptied, so nothing is missed */
    struct http_request *request = take_answers(thread, NULL);
    while (request) {
        struct http_request *next = request->next;
        http_connection_answered(connection_of(request));
        request = next;
    }
    http_accept_resume(thread);
    if (atomic_load(&thread->server->stopping) && !thread->stopping)
        begin_stop(thread);
}

static void on_grace(evutil_socket_t socket, short what, void *self)
{
    (void)socket;
    (void)what;
    struct http_thread *thread = self;
    event_base_loopbreak(thread->base);
}

/* -- life -- */

static struct event_base *base_open(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK); /* only its own thread touches it */
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

int http_thread_open(struct http_thread *thread, struct http_server *server)
{
    thread->server = server;
    thread->timer_ms = INT64_MAX;
    LIST_INIT(&thread->connections);
    for (int kind = 0; kind < DEADLINE_COUNT; kind++)
        TAILQ_INIT(&thread->deadlines[kind]);
    thread->base = base_open();
    thread->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!thread->base || thread->wake_descriptor < 0 || http_inflater_open(&thread->inflater) != 0)
        return -QY_ENOMEM;
    thread->wake = event_new(thread->base, thread->wake_descriptor, EV_READ | EV_PERSIST, on_wake, thread);
    thread->timer = evtimer_new(thread->base, on_timer, thread);
    thread->grace = evtimer_new(thread->base, on_grace, thread);
    if (!thread->wake || !thread->timer || !thread->grace || event_add(thread->wake, NULL) != 0)
        return -QY_ENOMEM;
    return http_accept_open(thread);
}

/* What is still with a handler outlives the thread: http_thread_post() frees it when the answer comes. */
static void abandon(struct http_thread *thread)
{
    struct http_connection *connection;
    while ((connection = LIST_FIRST(&thread->connections))) {
        if (connection->state == CONNECTION_HANDLING) {
            atomic_fetch_add(&thread->server->references, 1);
            LIST_REMOVE(connection, all);
        }
        http_connection_end(connection);
    }
    struct http_request *request = take_answers(thread, &mailbox_closed);
    while (request) {
        struct http_request *next = request->next;
        http_connection_free(connection_of(request));
        http_server_release(thread->server);
        request = next;
    }
}

void *http_thread_run(void *self)
{
    struct http_thread *thread = self;
    here = thread;
    event_base_loop(thread->base, EVLOOP_NO_EXIT_ON_EMPTY);
    event_del(thread->wake);
    abandon(thread);
    return NULL;
}

static void event_close(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

void http_thread_close(struct http_thread *thread)
{
    http_accept_close(thread);
    event_close(&thread->wake);
    event_close(&thread->timer);
    event_close(&thread->grace);
    if (thread->base)
        event_base_free(thread->base);
    thread->base = NULL;
    http_inflater_close(&thread->inflater);
}
