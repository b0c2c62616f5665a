/* SPDX-License-Identifier: Apache-2.0 */
#include "common/peers.h"

#include "tests/unit/common/network.h"

static struct peers *two_peers(void **state)
{
    char keys[512];
    struct keys own;
    struct peers *peers = NULL;
    scratch_join(state, &keys, "keys");
    assert_int_equal(keys_make(keys), 0);
    assert_int_equal(keys_load(keys, "gateway", &own), 0);
    struct peer list[] = {{"identity", "tcp://127.0.0.1:1"}, {"audit", "tcp://127.0.0.1:2"}};
    assert_int_equal(peers_open(&own, keys, list, 2, &peers), 0);
    return peers;
}

/* Until a probe is let through; fails the test when none is within two seconds. */
static void wait_for_probe(struct known_peer *peer)
{
    int64_t deadline_ms = monotonic_ms() + 2000;
    while (peer_enter(peer) == PEER_REFUSED)
        assert_true(monotonic_ms() < deadline_ms);
}

static void test_peers_are_found_by_name(void **state)
{
    struct peers *peers = two_peers(state);
    assert_int_equal(peers_count(peers), 2);
    size_t index = peers_index(peers, "audit");
    assert_int_equal(index, 1);
    assert_string_equal(peer_endpoint(peers_at(peers, index)), "tcp://127.0.0.1:2");
    assert_int_equal(peers_index(peers, "campaign"), PEERS_MAX);
    assert_string_equal(peers_keys(peers)->name, "gateway");
    peers_close(&peers);
    assert_null(peers);
}

static void test_peer_without_a_key_is_refused(void **state)
{
    char keys[512];
    struct keys own;
    struct peers *peers = NULL;
    scratch_join(state, &keys, "keys");
    assert_int_equal(keys_make(keys), 0);
    assert_int_equal(keys_load(keys, "gateway", &own), 0);
    assert_int_equal(
        peers_open(&own, keys, &(struct peer){"nobody", "tcp://127.0.0.1:1"}, 1, &peers), -QY_ENOTFOUND);
    assert_null(peers);
}

static void test_silent_peer_is_probed_by_one_at_a_time(void **state)
{
    struct peers *peers = two_peers(state);
    struct known_peer *peer = peers_at(peers, 0);
    assert_int_equal(peer_enter(peer), PEER_FREE);
    peer_leave(peer, PEER_FREE, monotonic_ms(), PEER_SILENT);
    assert_int_equal(peer_enter(peer), PEER_REFUSED);
    assert_int_equal(peer_enter(peers_at(peers, 1)), PEER_FREE); /* the other one is not concerned */
    wait_for_probe(peer);
    assert_int_equal(peer_enter(peer), PEER_REFUSED); /* while the probe is under way */
    peer_leave(peer, PEER_PROBE, monotonic_ms(), PEER_SILENT);
    assert_int_equal(peer_enter(peer), PEER_REFUSED);
    wait_for_probe(peer);
    peer_leave(peer, PEER_PROBE, monotonic_ms(), PEER_ANSWERED);
    assert_int_equal(peer_enter(peer), PEER_FREE);
    peers_close(&peers);
}

static void test_one_slow_call_does_not_make_a_peer_suspect_that_answers_others(void **state)
{
    struct peers *peers = two_peers(state);
    struct known_peer *peer = peers_at(peers, 0);
    int64_t entered_ms = monotonic_ms() - 5000;
    peer_leave(peer, PEER_FREE, monotonic_ms(), PEER_ANSWERED);
    peer_leave(peer, PEER_FREE, entered_ms, PEER_SILENT);
    assert_int_equal(peer_enter(peer), PEER_FREE);
    peers_close(&peers);
}

static void test_calls_that_never_left_prove_nothing(void **state)
{
    struct peers *peers = two_peers(state);
    struct known_peer *peer = peers_at(peers, 0);
    peer_leave(peer, PEER_FREE, monotonic_ms(), PEER_UNKNOWN);
    assert_int_equal(peer_enter(peer), PEER_FREE);
    peers_close(&peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_peers_are_found_by_name),
        scratch_test(test_peer_without_a_key_is_refused),
        scratch_test(test_silent_peer_is_probed_by_one_at_a_time),
        scratch_test(test_one_slow_call_does_not_make_a_peer_suspect_that_answers_others),
        scratch_test(test_calls_that_never_left_prove_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
