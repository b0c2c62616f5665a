/* SPDX-License-Identifier: Apache-2.0 */
#include "common/feed.h"

#include "common/deadline.h"
#include "common/socket.h"
#include "proto/common.pb-c.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STANDARD_KEEPALIVE_MS 1000
#define STANDARD_CREDIT ((size_t)16 * 1024 * 1024)
#define MAX_REQUEST_BYTES 4096
#define MAX_PARKED 64
#define ROUTE_BYTES 256
#define QUEUED_MESSAGES 8 /* a follower has one request at a time */

/* A request that waits. */
struct parked {
    uint8_t route[ROUTE_BYTES];
    size_t route_size;
    struct journal_position from;
    uint64_t origin; /* what the follower knows */
    uint64_t classes;
    bool from_oldest;
    size_t credit;
    int64_t until_ms;
};

struct feed_metrics {
    struct metric *answers;
    struct metric *bytes;
    struct metric *refused;
};

struct feed {
    struct feed_options options;
    void *socket; /* the thread's, once it runs */
    uint16_t port;
    int wake_fd;
    atomic_bool stopping;
    bool running;
    pthread_t thread;
    struct feed_metrics metrics;
    /* thread only */
    struct arena *arena; /* of one request */
    struct buffer chunks;
    struct parked parked[MAX_PARKED];
    unsigned parked_count;
    /* any thread */
    pthread_mutex_t lock;
    struct feed_follower followers[FEED_MAX_FOLLOWERS]; /* age_ms holds the time of the last request */
    size_t follower_count;
};

/* -- who follows -- */

static struct feed_follower *find_follower(struct feed *feed, const char *name)
{
    for (size_t i = 0; i < feed->follower_count; i++)
        if (strcmp(feed->followers[i].name, name) == 0)
            return &feed->followers[i];
    return NULL;
}

static void remember(struct feed *feed, const char *name, const Quanyu__FeedRequest *request)
{
    pthread_mutex_lock(&feed->lock);
    struct feed_follower *follower = find_follower(feed, name);
    if (!follower && feed->follower_count < FEED_MAX_FOLLOWERS) {
        follower = &feed->followers[feed->follower_count++];
        snprintf(follower->name, sizeof(follower->name), "%s", name);
    }
    if (follower) {
        follower->asked = request->next;
        follower->confirmed = request->confirmed < request->next ? request->confirmed : request->next;
        follower->age_ms = monotonic_ms();
    }
    pthread_mutex_unlock(&feed->lock);
}

size_t feed_followers(struct feed *feed, struct feed_follower ret_followers[FEED_MAX_FOLLOWERS])
{
    pthread_mutex_lock(&feed->lock);
    size_t count = feed->follower_count;
    int64_t now = monotonic_ms();
    for (size_t i = 0; i < count; i++) {
        ret_followers[i] = feed->followers[i];
        ret_followers[i].age_ms = now - feed->followers[i].age_ms;
    }
    pthread_mutex_unlock(&feed->lock);
    return count;
}

uint64_t feed_follower_position(struct feed *feed, const char *name)
{
    pthread_mutex_lock(&feed->lock);
    const struct feed_follower *follower = find_follower(feed, name);
    uint64_t confirmed = follower ? follower->confirmed : 0;
    pthread_mutex_unlock(&feed->lock);
    return confirmed;
}

static bool may_follow(const struct feed *feed, const char *name)
{
    if (!name || !*name || strlen(name) >= sizeof(feed->followers[0].name))
        return false;
    if (!feed->options.followers)
        return true;
    for (const char *const *allowed = feed->options.followers; *allowed; allowed++)
        if (strcmp(*allowed, name) == 0)
            return true;
    return false;
}

/* -- answers -- */

static void count(struct metric *metric, double amount)
{
    if (metric)
        metric_add(metric, amount);
}

/* A follower that has gone, or that does not read its answers, does not get this one: it asks again. */
static void send_reply(
    struct feed *feed, const struct parked *request, const Quanyu__FeedReply *reply, struct bytes chunks)
{
    _cleanup_(frames_close) struct frames frames = {0};
    uint8_t *route = frames_add(&frames, request->route_size);
    if (!route)
        return;
    memcpy(route, request->route, request->route_size);
    if (frames_pack(&frames, &reply->base) < 0)
        return;
    uint8_t *room = frames_add(&frames, chunks.size);
    if (!room)
        return;
    if (chunks.size > 0)
        memcpy(room, chunks.data, chunks.size);
    if (frames_send(feed->socket, &frames) == 0) {
        count(feed->metrics.answers, 1);
        count(feed->metrics.bytes, (double)chunks.size);
    }
}

static void refuse(
    struct feed *feed, const struct parked *request, int code, const struct journal_state *state)
{
    char message[160];
    snprintf(message, sizeof(message), "asked from %llu, held are %llu to %llu: %s",
        (unsigned long long)request->from.next, (unsigned long long)state->first,
        (unsigned long long)state->end.next, error_text(code));
    Quanyu__FeedReply reply = QUANYU__FEED_REPLY__INIT;
    reply.code = -code;
    reply.message = message;
    reply.first = state->first;
    reply.end = state->end.next;
    count(feed->metrics.refused, 1);
    send_reply(feed, request, &reply, (struct bytes){0});
}

/* What the request asks for, into feed->chunks. */
static int read_chunks(struct feed *feed, const struct parked *request, const struct journal_state *state,
    struct journal_position *ret_after)
{
    struct journal *journal = feed->options.journal;
    struct journal_position from = request->from;
    int code = 0;
    buffer_clear(&feed->chunks);
    if (request->from_oldest && from.next == 0 && state->first > 0)
        code = journal_pass_trimmed(journal, &feed->chunks, &from);
    if (!code)
        code =
            journal_read_classes(journal, &from, request->classes, request->credit, &feed->chunks, ret_after);
    return code ? code : buffer_error(&feed->chunks);
}

/* False: there is nothing to say yet. The state is looked at before the journal is read, so that the
 * watermark never runs ahead of the chunks that carry it. */
static bool answer(struct feed *feed, const struct parked *request, bool keepalive)
{
    struct journal_state state;
    struct journal_position after = request->from;
    journal_state(feed->options.journal, &state);
    int code = read_chunks(feed, request, &state, &after);
    if (code < 0) {
        refuse(feed, request, code, &state);
        return true;
    }
    if (feed->chunks.size == 0 && state.origin <= request->origin && !keepalive)
        return false;
    Quanyu__FeedReply reply = QUANYU__FEED_REPLY__INIT;
    reply.end = state.end.next;
    reply.origin = state.origin;
    reply.time_ms = state.time_ms;
    reply.at_end = after.next >= state.end.next;
    reply.first = state.first;
    reply.next = after.next;
    reply.chain = (ProtobufCBinaryData){.data = after.chain, .len = sizeof(after.chain)};
    send_reply(feed, request, &reply, (struct bytes){feed->chunks.data, feed->chunks.size});
    return true;
}

/* -- requests that wait -- */

static bool same_route(const struct parked *a, const struct parked *b)
{
    return a->route_size == b->route_size && memcmp(a->route, b->route, a->route_size) == 0;
}

static void unpark(struct feed *feed, unsigned index)
{
    feed->parked[index] = feed->parked[--feed->parked_count];
}

/* The follower has thought better of it. */
static void forget_earlier(struct feed *feed, const struct parked *request)
{
    for (unsigned i = 0; i < feed->parked_count; i++)
        if (same_route(&feed->parked[i], request))
            unpark(feed, i--);
}

static void park(struct feed *feed, const struct parked *request)
{
    if (feed->parked_count < MAX_PARKED)
        feed->parked[feed->parked_count++] = *request;
    else
        answer(feed, request, true); /* it will ask again */
}

static void answer_parked(struct feed *feed)
{
    int64_t now = monotonic_ms();
    for (unsigned i = 0; i < feed->parked_count; i++)
        if (answer(feed, &feed->parked[i], now >= feed->parked[i].until_ms))
            unpark(feed, i--);
}

static int64_t next_deadline(const struct feed *feed)
{
    int64_t next = DEADLINE_NEVER;
    for (unsigned i = 0; i < feed->parked_count; i++)
        if (feed->parked[i].until_ms < next)
            next = feed->parked[i].until_ms;
    return next;
}

/* -- requests -- */

static bool read_position(const Quanyu__FeedRequest *request, struct journal_position *ret_from)
{
    if (request->chain.len != JOURNAL_CHAIN_BYTES)
        return false;
    ret_from->next = request->next;
    memcpy(ret_from->chain, request->chain.data, JOURNAL_CHAIN_BYTES);
    return true;
}

static bool read_request(struct feed *feed, struct bytes frame, struct parked *request, const char *name)
{
    arena_reset(feed->arena);
    Quanyu__FeedRequest *asked =
        frame.size > MAX_REQUEST_BYTES
            ? NULL
            : quanyu__feed_request__unpack(arena_allocator(feed->arena), frame.size, frame.data);
    if (!asked || !read_position(asked, &request->from))
        return false;
    request->origin = asked->origin;
    request->from_oldest = asked->from_oldest;
    request->classes = asked->classes ? asked->classes : UINT64_MAX;
    request->credit =
        asked->max_bytes < feed->options.max_credit ? asked->max_bytes : feed->options.max_credit;
    remember(feed, name, asked);
    return true;
}

static void take_request(struct feed *feed, struct frames *frames)
{
    struct bytes route = frame_bytes(frames, 0);
    struct parked request = {.route_size = route.size};
    if (route.size == 0 || route.size > sizeof(request.route))
        return;
    memcpy(request.route, route.data, route.size);
    request.until_ms = monotonic_ms() + feed->options.keepalive_ms;
    forget_earlier(feed, &request);
    struct journal_state state;
    journal_state(feed->options.journal, &state);
    const char *name = frames->count > 1 ? zmq_msg_gets(&frames->frame[1], "User-Id") : NULL;
    if (!may_follow(feed, name))
        refuse(feed, &request, -QY_EDENIED, &state);
    else if (frames->count != 2 || !read_request(feed, frame_bytes(frames, 1), &request, name))
        refuse(feed, &request, -QY_EINVAL, &state);
    else if (!answer(feed, &request, false))
        park(feed, &request);
}

static void take_requests(struct feed *feed)
{
    struct frames frames;
    for (unsigned i = 0; i < MAX_PARKED && frames_receive(feed->socket, &frames); i++) {
        take_request(feed, &frames);
        frames_close(&frames);
    }
}

static void *serve(void *data)
{
    struct feed *feed = data;
    zmq_pollitem_t items[] = {
        {.socket = feed->socket, .events = ZMQ_POLLIN},
        {.fd = feed->wake_fd, .events = ZMQ_POLLIN},
    };
    while (!atomic_load(&feed->stopping)) {
        zmq_poll(items, COUNT_OF(items), deadline_left(next_deadline(feed)));
        eventfd_t wakes;
        if (items[1].revents & ZMQ_POLLIN)
            eventfd_read(feed->wake_fd, &wakes);
        if ((items[1].revents & ZMQ_POLLIN) || monotonic_ms() >= next_deadline(feed))
            answer_parked(feed);
        if (items[0].revents & ZMQ_POLLIN)
            take_requests(feed);
    }
    return NULL;
}

/* -- opening and closing -- */

static void register_metrics(struct feed *feed, struct metrics *metrics)
{
    if (!metrics)
        return;
    feed->metrics = (struct feed_metrics){
        .answers = metrics_series(metrics, METRIC_COUNTER, "quanyu_feed_answers_total", NULL,
            "Answers given to followers of this journal."),
        .bytes = metrics_series(metrics, METRIC_COUNTER, "quanyu_feed_sent_bytes_total", NULL,
            "Bytes of chunks given to followers."),
        .refused = metrics_series(metrics, METRIC_COUNTER, "quanyu_feed_refused_total", NULL,
            "Requests of followers that were refused."),
    };
}

static int start(struct feed *feed)
{
    feed->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (feed->wake_fd < 0)
        return error_from_errno(errno);
    int code = arena_open(&feed->arena);
    if (code == 0)
        code = socket_listen(
            feed->options.endpoint, feed->options.keys, QUEUED_MESSAGES, &feed->socket, &feed->port);
    if (code < 0)
        return code;
    if (pthread_create(&feed->thread, NULL, serve, feed) != 0)
        return -QY_ENOMEM;
    feed->running = true;
    return 0;
}

int feed_open(const struct feed_options *options, struct feed **ret_feed)
{
    _cleanup_(feed_close) struct feed *feed = calloc(1, sizeof(*feed));
    if (!feed)
        return -QY_ENOMEM;
    feed->options = *options;
    feed->wake_fd = -1;
    pthread_mutex_init(&feed->lock, NULL);
    if (feed->options.keepalive_ms == 0)
        feed->options.keepalive_ms = STANDARD_KEEPALIVE_MS;
    if (feed->options.max_credit == 0)
        feed->options.max_credit = STANDARD_CREDIT;
    assert(feed->options.max_credit < SOCKET_MAX_FRAME / 2);
    register_metrics(feed, options->metrics);
    int code = start(feed);
    if (code < 0)
        return code;
    *ret_feed = TAKE(feed);
    return 0;
}

uint16_t feed_port(const struct feed *feed)
{
    return feed->port;
}

void feed_wake(struct feed *feed)
{
    eventfd_write(feed->wake_fd, 1);
}

void feed_close(struct feed **feed)
{
    struct feed *closing = TAKE(*feed);
    if (!closing)
        return;
    if (closing->running) {
        atomic_store(&closing->stopping, true);
        feed_wake(closing);
        pthread_join(closing->thread, NULL);
    }
    socket_close(&closing->socket);
    if (closing->wake_fd >= 0)
        close(closing->wake_fd);
    arena_close(&closing->arena);
    buffer_free(&closing->chunks);
    pthread_mutex_destroy(&closing->lock);
    free(closing);
}
