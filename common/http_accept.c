/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in: places in all and of each address, and what happens when all are taken. */
#include "common/error.h"
#include "common/http_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RETRY_MS 100
/* A connection that has waited for a request as long as this may have to make place for another. */
#define IDLE_SPARED_MS 1000

/* Ends the thread's connection that has waited longest for a request. False when there is none that has
 * waited for a while. */
static bool make_place(struct http_thread *thread)
{
    struct http_connection *idle = TAILQ_FIRST(&thread->deadlines[DEADLINE_IDLE]);
    int64_t spared = (int64_t)thread->server->options.idle_ms - IDLE_SPARED_MS;
    if (!idle || idle->deadline_ms - http_now_ms() > spared)
        return false;
    http_connection_end(idle);
    return true;
}

/* Soon; not later because it was said once more. */
static void look_again(struct http_thread *thread)
{
    if (!evtimer_pending(thread->retry, NULL))
        http_arm(thread->retry, RETRY_MS);
}

static bool has_parked(const struct http_thread *thread)
{
    for (int i = 0; i < PORT_COUNT; i++)
        if (thread->ports[i].parked >= 0)
            return true;
    return false;
}

/* Only a connection that was accepted shows that there is no place for it: it is put aside, and its thread
 * accepts no more on that port. */
void http_accept_resume(struct http_thread *thread)
{
    for (int i = 0; i < PORT_COUNT; i++) {
        struct http_port *port = &thread->ports[i];
        if (port->parked < 0 || !http_places_take(thread->server->places))
            continue;
        evutil_socket_t socket = port->parked;
        port->parked = -1;
        http_connection_open(port, socket, (const struct sockaddr *)&port->parked_address);
        if (port->listener)
            evconnlistener_enable(port->listener);
    }
    bool paused = has_parked(thread);
    atomic_store(&thread->paused, paused);
    if (paused)
        look_again(thread);
}

void http_accept_ended(struct http_thread *thread, uint64_t address_key)
{
    struct http_server *server = thread->server;
    http_places_dismiss(server->places, address_key);
    http_places_give(server->places);
    for (unsigned i = 0; i < server->thread_count; i++)
        if (atomic_load(&server->threads[i].paused))
            http_thread_wake(&server->threads[i]);
    if (thread->stopping && LIST_EMPTY(&thread->connections))
        event_base_loopbreak(thread->base);
}

static void on_accept(
    struct evconnlistener *listener, evutil_socket_t socket, struct sockaddr *address, int size, void *self)
{
    struct http_port *port = self;
    struct http_places *places = port->thread->server->places;
    if (http_places_take(places) || (make_place(port->thread) && http_places_take(places))) {
        http_connection_open(port, socket, address);
        return;
    }
    port->parked = socket;
    memcpy(&port->parked_address, address, (size_t)size);
    evconnlistener_disable(listener);
    atomic_store(&port->thread->paused, true);
    http_accept_resume(port->thread); /* a place may have become free before the others could see the pause */
}

static void on_accept_error(struct evconnlistener *listener, void *self)
{
    struct http_port *port = self;
    if (errno == ECONNABORTED || errno == EINTR || errno == EAGAIN)
        return;
    evconnlistener_disable(listener); /* out of descriptors or memory */
    look_again(port->thread);
}

/* A connection that ends wakes the threads that wait for a place, all alike; it is only the idle ones that have
 * to be looked for. */
static void on_retry(evutil_socket_t socket, short what, void *self)
{
    (void)socket;
    (void)what;
    struct http_thread *thread = self;
    if (has_parked(thread)) {
        (void)make_place(thread);
        look_again(thread);
    }
    for (int i = 0; i < PORT_COUNT; i++)
        if (thread->ports[i].listener && thread->ports[i].parked < 0)
            evconnlistener_enable(thread->ports[i].listener);
}

/* -- life -- */

static int open_port(struct http_thread *thread, struct http_port *port)
{
    port->thread = thread;
    if (port->socket < 0)
        return 0;
    port->listener = evconnlistener_new(
        thread->base, on_accept, port, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, port->socket);
    if (!port->listener)
        return -QY_ENOMEM;
    port->socket = -1;
    evconnlistener_set_error_cb(port->listener, on_accept_error);
    return 0;
}

int http_accept_open(struct http_thread *thread)
{
    thread->retry = evtimer_new(thread->base, on_retry, thread);
    if (!thread->retry)
        return -QY_ENOMEM;
    int result = 0;
    for (int i = 0; i < PORT_COUNT && result == 0; i++)
        result = open_port(thread, &thread->ports[i]);
    return result;
}

static void close_port(struct http_port *port)
{
    if (port->listener)
        evconnlistener_free(port->listener);
    port->listener = NULL;
    if (port->socket >= 0)
        close(port->socket);
    if (port->parked >= 0)
        evutil_closesocket(port->parked);
    port->socket = port->parked = -1;
}

void http_accept_close(struct http_thread *thread)
{
    for (int i = 0; i < PORT_COUNT; i++)
        close_port(&thread->ports[i]);
    if (thread->retry)
        event_free(thread->retry);
    thread->retry = NULL;
    atomic_store(&thread->paused, false);
}
