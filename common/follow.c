/* SPDX-License-Identifier: Apache-2.0 */
#include "common/follow.h"

#include "common/deadline.h"
#include "common/socket.h"
#include "proto/common.pb-c.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STANDARD_CREDIT ((size_t)8 * 1024 * 1024)
#define STANDARD_AHEAD ((size_t)16 * 1024 * 1024)
#define STANDARD_ANSWER_MS 10000
#define CONNECT_MS 5000 /* libzmq gives a connection up for good where it took the other side for broken */
#define PAUSE_MS 1000   /* after an answer that is of no use */
/* A leader that commits every other millisecond would be asked as often: after a small answer the next one gathers a little. The
 * first after a silence comes at once. */
#define GATHER_MS 3
#define GATHER_BYTES ((size_t)64 * 1024)

/* Shared by the follower and its batches, which may outlive it. */
struct credit {
    atomic_uint references;
    atomic_size_t held; /* bytes in memory */
    int fd;             /* wakes the thread */
};

struct held_batch {
    struct follow_batch batch; /* first, for follow_batch_free() */
    zmq_msg_t chunks;
    size_t bytes; /* as it counts against the credit */
    struct credit *credit;
};

struct follow {
    struct follow_options options;
    struct keys keys;
    char *endpoint;
    struct credit *credit;
    atomic_uint_fast64_t confirmed;
    pthread_t thread;
    bool running;
    atomic_bool stopping;
    /* thread only */
    bool asked; /* on this socket, and not answered yet */
    bool ended;
    void *socket;
    int64_t opened_ms; /* the socket */
    int64_t asked_ms;
    int64_t ask_at_ms;                /* not before */
    struct journal_position position; /* behind what was handed over */
    struct arena *arena;              /* of one answer */
    /* any thread */
    pthread_mutex_t lock;
    struct follow_status status; /* silent_ms holds the time of the last answer */
};

/* -- credit -- */

static int credit_open(struct credit **ret_credit)
{
    struct credit *credit = calloc(1, sizeof(*credit));
    if (!credit)
        return -QY_ENOMEM;
    credit->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (credit->fd < 0) {
        free(credit);
        return error_from_errno(errno);
    }
    atomic_store(&credit->references, 1);
    *ret_credit = credit;
    return 0;
}

static void credit_drop(struct credit *credit)
{
    if (atomic_fetch_sub(&credit->references, 1) > 1)
        return;
    close(credit->fd);
    free(credit);
}

void follow_batch_free(struct follow_batch **batch)
{
    struct held_batch *held = (struct held_batch *)TAKE(*batch);
    if (!held)
        return;
    zmq_msg_close(&held->chunks);
    atomic_fetch_sub(&held->credit->held, held->bytes);
    eventfd_write(held->credit->fd, 1);
    credit_drop(held->credit);
    free(held);
}

/* Takes the frame of chunks over. */
static struct held_batch *hold(struct credit *credit, zmq_msg_t *chunks)
{
    struct held_batch *held = calloc(1, sizeof(*held));
    if (!held)
        return NULL;
    zmq_msg_init(&held->chunks);
    zmq_msg_move(&held->chunks, chunks);
    held->batch.left = (struct bytes){zmq_msg_data(&held->chunks), zmq_msg_size(&held->chunks)};
    held->bytes = sizeof(*held) + held->batch.left.size;
    held->credit = credit;
    atomic_fetch_add(&credit->references, 1);
    atomic_fetch_add(&credit->held, held->bytes);
    return held;
}

/* -- status -- */

static void say_error(struct follow *follow, const char *message)
{
    pthread_mutex_lock(&follow->lock);
    snprintf(follow->status.error, sizeof(follow->status.error), "%s", message);
    pthread_mutex_unlock(&follow->lock);
}

static void say_connected(struct follow *follow, bool connected)
{
    pthread_mutex_lock(&follow->lock);
    follow->status.connected = connected;
    pthread_mutex_unlock(&follow->lock);
}

/* Whether the answer tells anything that the one before did not. */
static bool say_answer(struct follow *follow, const Quanyu__FeedReply *reply)
{
    struct follow_status *status = &follow->status;
    pthread_mutex_lock(&follow->lock);
    bool news = reply->next != status->next || reply->end != status->leader_end ||
                reply->origin != status->leader_origin || reply->time_ms != status->leader_time_ms;
    status->connected = true;
    status->next = reply->next;
    status->leader_end = reply->end;
    status->leader_origin = reply->origin;
    status->leader_time_ms = reply->time_ms;
    status->silent_ms = monotonic_ms();
    status->error[0] = '\0';
    pthread_mutex_unlock(&follow->lock);
    return news;
}

void follow_status(struct follow *follow, struct follow_status *ret_status)
{
    pthread_mutex_lock(&follow->lock);
    *ret_status = follow->status;
    pthread_mutex_unlock(&follow->lock);
    ret_status->silent_ms = monotonic_ms() - ret_status->silent_ms;
}

bool follow_connected(struct follow *follow)
{
    pthread_mutex_lock(&follow->lock);
    bool connected = follow->status.connected;
    pthread_mutex_unlock(&follow->lock);
    return connected;
}

void follow_confirm(struct follow *follow, uint64_t next)
{
    atomic_store(&follow->confirmed, next);
}

/* -- the thread: asking -- */

/* A new socket has a new identity: what the leader may still answer to the old one does not arrive. */
static void start_anew(struct follow *follow, const char *why, int pause_ms)
{
    socket_close(&follow->socket);
    follow->asked = false;
    follow->ask_at_ms = monotonic_ms() + pause_ms;
    say_connected(follow, false);
    say_error(follow, why);
}

static void open_socket(struct follow *follow)
{
    follow->opened_ms = monotonic_ms();
    int code = socket_connect(follow->endpoint, &follow->keys, follow->options.leader_key, &follow->socket);
    if (code < 0)
        start_anew(follow, error_text(code), PAUSE_MS);
}

static void ask(struct follow *follow)
{
    Quanyu__FeedRequest request = QUANYU__FEED_REQUEST__INIT;
    struct follow_status status;
    follow_status(follow, &status);
    request.next = follow->position.next;
    request.chain =
        (ProtobufCBinaryData){.data = follow->position.chain, .len = sizeof(follow->position.chain)};
    request.max_bytes = (uint32_t)follow->options.credit_bytes;
    request.origin = status.leader_origin;
    request.classes = follow->options.classes;
    request.confirmed = atomic_load(&follow->confirmed);
    request.from_oldest = follow->options.from_oldest;
    _cleanup_(frames_close) struct frames frames = {0};
    if (frames_pack(&frames, &request.base) < 0 || frames_send(follow->socket, &frames) < 0) {
        start_anew(follow, "the request could not be sent", PAUSE_MS);
        return;
    }
    follow->asked = true;
    follow->asked_ms = monotonic_ms();
}

/* -- the thread: answers -- */

static bool is_final(int code)
{
    return code == -QY_ETRIMMED || code == -QY_EAHEAD || code == -QY_EDIVERGED;
}

static void refused(struct follow *follow, const Quanyu__FeedReply *reply)
{
    int code = reply->code > 0 && reply->code < QY_ERROR_COUNT ? -reply->code : -QY_ECORRUPT;
    const char *message = reply->message[0] ? reply->message : error_text(code);
    follow->asked = false;
    follow->ask_at_ms = monotonic_ms() + PAUSE_MS;
    say_error(follow, message);
    if (!is_final(code))
        return;
    follow->ended = true;
    follow->options.on_stopped(follow->options.self, code, message);
}

static bool is_sound(const struct follow *follow, const Quanyu__FeedReply *reply, size_t chunk_bytes)
{
    return reply->chain.len == JOURNAL_CHAIN_BYTES && reply->next >= follow->position.next &&
           (reply->next > follow->position.next) == (chunk_bytes > 0);
}

static void hand_over(struct follow *follow, const Quanyu__FeedReply *reply, zmq_msg_t *chunks)
{
    struct held_batch *held = hold(follow->credit, chunks);
    if (!held) {
        start_anew(follow, error_text(-QY_ENOMEM), PAUSE_MS);
        return;
    }
    follow->position.next = reply->next;
    memcpy(follow->position.chain, reply->chain.data, JOURNAL_CHAIN_BYTES);
    struct follow_batch *batch = &held->batch;
    if (batch->left.size > 0 && batch->left.size < GATHER_BYTES)
        follow->ask_at_ms = monotonic_ms() + GATHER_MS;
    batch->after = follow->position;
    batch->end = reply->end;
    batch->origin = reply->origin;
    batch->time_ms = reply->time_ms;
    batch->at_end = reply->at_end;
    if (say_answer(follow, reply))
        follow->options.on_batch(follow->options.self, batch);
    else
        follow_batch_free(&batch);
}

static void take_answer(struct follow *follow, struct frames *frames)
{
    arena_reset(follow->arena);
    struct bytes head = frame_bytes(frames, 0);
    Quanyu__FeedReply *reply =
        frames->count == 2 ? quanyu__feed_reply__unpack(arena_allocator(follow->arena), head.size, head.data)
                           : NULL;
    if (!reply || !follow->asked ||
        (reply->code == 0 && !is_sound(follow, reply, frame_bytes(frames, 1).size))) {
        start_anew(follow, "the leader's answer makes no sense", PAUSE_MS);
        return;
    }
    follow->asked = false;
    if (reply->code != 0)
        refused(follow, reply);
    else
        hand_over(follow, reply, &frames->frame[1]);
}

static void take_answers(struct follow *follow)
{
    struct frames frames;
    while (follow->socket && !follow->ended && frames_receive(follow->socket, &frames)) {
        take_answer(follow, &frames);
        frames_close(&frames);
    }
}

/* -- the thread: its loop -- */

static bool may_ask(const struct follow *follow)
{
    return !follow->asked && atomic_load(&follow->credit->held) < follow->options.ahead_bytes;
}

static void sleep_until(struct follow *follow, int64_t deadline_ms)
{
    struct pollfd fds[2] = {{.fd = follow->credit->fd, .events = POLLIN}};
    if (follow->socket)
        fds[1] = (struct pollfd){.fd = socket_fd(follow->socket), .events = POLLIN};
    poll(fds, follow->socket ? 2 : 1, deadline_left(deadline_ms));
    eventfd_t wakes;
    if (fds[0].revents & POLLIN)
        eventfd_read(follow->credit->fd, &wakes);
}

/* One look at the socket; the deadline until which there is nothing more to do, 0 to look again at once. */
static int64_t step(struct follow *follow)
{
    int64_t now = monotonic_ms();
    if (!follow->socket) {
        if (now < follow->ask_at_ms)
            return follow->ask_at_ms;
        open_socket(follow);
        return 0;
    }
    take_answers(follow);
    if (!follow->socket || follow->ended)
        return 0;
    int events = socket_events(follow->socket);
    if (events & ZMQ_POLLIN)
        return 0;
    bool connected = events & ZMQ_POLLOUT;
    if (follow->asked && !connected) {
        start_anew(follow, "the connection was lost", 0);
        return 0;
    }
    if (follow->asked && now >= follow->asked_ms + follow->options.answer_ms) {
        start_anew(follow, "the leader does not answer", 0);
        return 0;
    }
    if (!connected && now >= follow->opened_ms + CONNECT_MS) {
        start_anew(follow, "the leader cannot be reached", 0);
        return 0;
    }
    if (follow->asked)
        return follow->asked_ms + follow->options.answer_ms;
    if (!connected)
        return follow->opened_ms + CONNECT_MS;
    if (!may_ask(follow))
        return DEADLINE_NEVER;
    if (now < follow->ask_at_ms)
        return follow->ask_at_ms;
    ask(follow);
    return 0;
}

static void *run(void *data)
{
    struct follow *follow = data;
    while (!atomic_load(&follow->stopping)) {
        if (follow->ended) {
            socket_close(&follow->socket);
            say_connected(follow, false);
            sleep_until(follow, DEADLINE_NEVER);
            continue;
        }
        int64_t deadline_ms = step(follow);
        if (deadline_ms > 0)
            sleep_until(follow, deadline_ms);
    }
    return NULL;
}

/* -- opening and closing -- */

static void set_standards(struct follow_options *options)
{
    if (options->credit_bytes == 0)
        options->credit_bytes = STANDARD_CREDIT;
    if (options->credit_bytes > SOCKET_MAX_FRAME / 2)
        options->credit_bytes = SOCKET_MAX_FRAME / 2;
    if (options->ahead_bytes == 0)
        options->ahead_bytes = STANDARD_AHEAD;
    if (options->answer_ms == 0)
        options->answer_ms = STANDARD_ANSWER_MS;
}

static int open_parts(struct follow *follow)
{
    int code = arena_open(&follow->arena);
    if (code == 0)
        code = credit_open(&follow->credit);
    /* Here already, so that an endpoint that is none is told to who named it. */
    follow->opened_ms = monotonic_ms();
    if (code == 0)
        code = socket_connect(follow->endpoint, &follow->keys, follow->options.leader_key, &follow->socket);
    return code;
}

static int make(const struct follow_options *options, struct follow **ret_follow)
{
    _cleanup_(follow_close) struct follow *follow = calloc(1, sizeof(*follow));
    if (!follow)
        return -QY_ENOMEM;
    pthread_mutex_init(&follow->lock, NULL);
    follow->options = *options;
    follow->keys = *options->keys;
    follow->position = options->start;
    follow->status = (struct follow_status){.next = options->start.next, .silent_ms = monotonic_ms()};
    atomic_store(&follow->confirmed, options->start.next);
    set_standards(&follow->options);
    follow->endpoint = strdup(options->endpoint);
    int code = follow->endpoint ? open_parts(follow) : -QY_ENOMEM;
    if (code < 0)
        return code;
    *ret_follow = TAKE(follow);
    return 0;
}

int follow_open(const struct follow_options *options, struct follow **ret_follow)
{
    struct follow *follow = NULL;
    int code = make(options, &follow);
    if (code < 0)
        return code;
    *ret_follow = follow; /* before the first callback, which may want it */
    if (pthread_create(&follow->thread, NULL, run, follow) != 0) {
        follow_close(ret_follow);
        return -QY_ENOMEM;
    }
    follow->running = true;
    return 0;
}

void follow_stop(struct follow *follow)
{
    if (!follow || !follow->running)
        return;
    atomic_store(&follow->stopping, true);
    eventfd_write(follow->credit->fd, 1);
    pthread_join(follow->thread, NULL);
    follow->running = false;
}

void follow_close(struct follow **follow)
{
    struct follow *closing = TAKE(*follow);
    if (!closing)
        return;
    follow_stop(closing);
    socket_close(&closing->socket);
    if (closing->credit)
        credit_drop(closing->credit);
    arena_close(&closing->arena);
    explicit_bzero(&closing->keys, sizeof(closing->keys));
    pthread_mutex_destroy(&closing->lock);
    free(closing->endpoint);
    free(closing);
}
