/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's writer is to a follower, for the follower's tests. */
#ifndef QY_TESTS_FOLLOW_FIXTURE_H
#define QY_TESTS_FOLLOW_FIXTURE_H

#include "common/follow.h"

#include "tests/unit/common/feed_fixture.h"

#include <pthread.h>

static const struct journal_position beginning;

/* What a service's writer is to a follower: takes batches, reads them, gives them back. */
struct receiver {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct follow_batch *first; /* oldest first */
    unsigned waiting;
    size_t ahead_bytes;
    unsigned stopped;
    int code;
    char message[160];
    struct journal_position position; /* of what has been read */
    struct chunk_reader *reader;
    struct follow *follow;
};

static inline void on_batch(void *self, struct follow_batch *batch)
{
    struct receiver *receiver = self;
    pthread_mutex_lock(&receiver->lock);
    struct follow_batch **end = &receiver->first;
    while (*end)
        end = &(*end)->next;
    *end = batch;
    receiver->waiting++;
    pthread_cond_broadcast(&receiver->changed);
    pthread_mutex_unlock(&receiver->lock);
}

static inline void on_stopped(void *self, int code, const char *message)
{
    struct receiver *receiver = self;
    pthread_mutex_lock(&receiver->lock);
    receiver->stopped++;
    receiver->code = code;
    snprintf(receiver->message, sizeof(receiver->message), "%s", message);
    pthread_cond_broadcast(&receiver->changed);
    pthread_mutex_unlock(&receiver->lock);
}

static inline struct timespec patience(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    return until;
}

static inline void wait_for_batches(struct receiver *receiver, unsigned count)
{
    struct timespec until = patience();
    pthread_mutex_lock(&receiver->lock);
    while (receiver->waiting < count)
        assert_int_equal(pthread_cond_timedwait(&receiver->changed, &receiver->lock, &until), 0);
    pthread_mutex_unlock(&receiver->lock);
}

static inline void wait_until_stopped(struct receiver *receiver)
{
    struct timespec until = patience();
    pthread_mutex_lock(&receiver->lock);
    while (receiver->stopped == 0)
        assert_int_equal(pthread_cond_timedwait(&receiver->changed, &receiver->lock, &until), 0);
    pthread_mutex_unlock(&receiver->lock);
}

static inline void wait_for_error(struct receiver *receiver)
{
    struct follow_status status = {0};
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while (!status.error[0]) {
        assert_true(monotonic_ms() < deadline_ms);
        follow_status(receiver->follow, &status);
    }
}

static inline struct follow_batch *take_batch(struct receiver *receiver)
{
    wait_for_batches(receiver, 1);
    pthread_mutex_lock(&receiver->lock);
    struct follow_batch *batch = receiver->first;
    receiver->first = batch->next;
    receiver->waiting--;
    pthread_mutex_unlock(&receiver->lock);
    batch->next = NULL;
    return batch;
}

/* Reads the batch's records, which must go on where the last batch ended, and frees it. */
static inline void read_batch(struct receiver *receiver, struct follow_batch *batch)
{
    while (batch->left.size > 0) {
        uint64_t size, next = receiver->position.next;
        assert_true(bytes_varint(&batch->left, &size) && size <= batch->left.size);
        struct bytes chunk = {batch->left.data, size};
        assert_int_equal(chunk_read(receiver->reader, chunk, &receiver->position), 0);
        batch->left.data += size;
        batch->left.size -= size;
        struct journal_record record;
        while (chunk_next(receiver->reader, &record))
            assert_int_equal(get_be64(record.data.data), next++);
        assert_int_equal(next, receiver->position.next);
    }
    assert_memory_equal(&receiver->position, &batch->after, sizeof(batch->after));
    follow_batch_free(&batch);
}

static inline void read_until(struct receiver *receiver, uint64_t next)
{
    while (receiver->position.next < next)
        read_batch(receiver, take_batch(receiver));
    assert_int_equal(receiver->position.next, next);
}

static inline void receiver_open(struct receiver *receiver, const struct journal_position *start)
{
    *receiver = (struct receiver){.position = *start};
    pthread_mutex_init(&receiver->lock, NULL);
    pthread_cond_init(&receiver->changed, NULL);
    assert_int_equal(chunk_reader_open(&receiver->reader), 0);
}

static inline void receiver_follow(struct receiver *receiver, const struct network *network, uint16_t port,
    size_t credit_bytes, unsigned answer_ms)
{
    struct keys keys = network_keys(network, "tagging");
    char endpoint[64];
    struct follow_options options = {.leader = "identity",
        .endpoint = local_endpoint(&endpoint, port),
        .keys = &keys,
        .start = receiver->position,
        .credit_bytes = credit_bytes,
        .ahead_bytes = receiver->ahead_bytes,
        .answer_ms = answer_ms,
        .on_batch = on_batch,
        .on_stopped = on_stopped,
        .self = receiver};
    assert_int_equal(keys_load_public(network->keys, "identity", options.leader_key), 0);
    assert_int_equal(follow_open(&options, &receiver->follow), 0);
}

static inline void receiver_close(struct receiver *receiver)
{
    follow_close(&receiver->follow);
    while (receiver->first) { /* also after the follower has gone */
        struct follow_batch *batch = take_batch(receiver);
        follow_batch_free(&batch);
    }
    chunk_reader_close(&receiver->reader);
    pthread_cond_destroy(&receiver->changed);
    pthread_mutex_destroy(&receiver->lock);
}

#endif
