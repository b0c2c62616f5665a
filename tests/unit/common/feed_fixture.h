/* SPDX-License-Identifier: Apache-2.0 */
/* A leader for the tests of feeds: a real journal, served on a free port. */
#ifndef QY_TESTS_FEED_FIXTURE_H
#define QY_TESTS_FEED_FIXTURE_H

#include "common/feed.h"
#include "proto/common.pb-c.h"
#include "tests/unit/common/network.h"

struct leader {
    struct network network;
    char path[512];
    struct journal *journal;
    struct journal_position end;
    struct feed *feed;
    uint16_t port;
};

static const char *const leader_followers[] = {"tagging", "audit", NULL};

/* Reopens at `leader->end`, on the same port once it has one. */
static inline void leader_start(struct leader *leader, unsigned keepalive_ms)
{
    struct journal_options options = {.path = leader->path, .segment_bytes = 1 << 20, .compression = 1};
    assert_int_equal(journal_open(&options, &leader->end, &leader->journal), 0);
    struct keys keys = network_keys(&leader->network, "identity");
    char endpoint[64];
    struct feed_options feed = {.endpoint = local_endpoint(&endpoint, leader->port),
        .keys = &keys,
        .journal = leader->journal,
        .followers = leader_followers,
        .keepalive_ms = keepalive_ms};
    int code;
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while ((code = feed_open(&feed, &leader->feed)) == -QY_ECONFLICT && leader->port > 0)
        assert_true(monotonic_ms() < deadline_ms); /* libzmq closes the one before in the background */
    assert_int_equal(code, 0);
    leader->port = feed_port(leader->feed);
}

static inline void leader_stop(struct leader *leader)
{
    feed_close(&leader->feed);
    journal_close(&leader->journal);
}

static inline void leader_open(struct leader *leader, void **state, unsigned keepalive_ms)
{
    *leader = (struct leader){.network = network_open(state)};
    scratch_join(state, &leader->path, "journal");
    leader_start(leader, keepalive_ms);
}

static inline void leader_close(struct leader *leader)
{
    leader_stop(leader);
    network_close(&leader->network);
}

/* Commits `count` records of `size` bytes, each beginning with its offset, and shows them. */
static inline void leader_write(
    struct leader *leader, uint64_t count, size_t size, uint64_t origin, int64_t time_ms)
{
    uint8_t record[2048];
    unsigned seed = (unsigned)journal_next(leader->journal) + 1;
    assert_true(size >= 8 && size <= sizeof(record));
    for (uint64_t i = 0; i < count; i++) {
        for (size_t j = 8; j < size; j++) /* not compressible, much */
            record[j] = (uint8_t)rand_r(&seed);
        put_be64(record, journal_next(leader->journal));
        journal_add(leader->journal, 2, time_ms, record, size);
    }
    assert_int_equal(journal_commit(leader->journal, &leader->end), 0);
    journal_publish(leader->journal, origin, time_ms);
    feed_wake(leader->feed);
}

#endif
