/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gateway/write_key_fixture.h"

#include <pthread.h>

static const struct rate_limit standard_rate = {.per_second = 100, .burst = 10};

struct registry {
    struct store *store;
    struct write_keys *keys;
};

static struct registry open_registry(void **state)
{
    struct registry registry = {.store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION)};
    struct store_txn *txn;
    assert_int_equal(store_begin(registry.store, STORE_READ, &txn), 0);
    assert_int_equal(write_keys_open(txn, &standard_rate, &registry.keys), 0);
    store_abort(&txn);
    return registry;
}

static void close_registry(struct registry *registry)
{
    write_keys_close(&registry->keys);
    store_close(&registry->store);
}

/* As a change does: prepared in the batch, in force after the commit. */
static void change(struct registry *registry, const struct test_key *text)
{
    struct store_txn *txn;
    struct write_key_snapshot *next = NULL;
    assert_int_equal(store_begin(registry->store, STORE_WRITE, &txn), 0);
    put_key(txn, text);
    assert_int_equal(write_keys_prepare(registry->keys, txn, &next), 0);
    assert_int_equal(store_commit(&txn), 0);
    write_keys_install(registry->keys, &next);
    assert_null(next);
}

static const struct write_key_secret *find(const struct write_key_snapshot *snapshot, const char *secret)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_hash(secret, strlen(secret), hash);
    return write_keys_find(snapshot, hash);
}

static enum write_key_state state_of(struct registry *registry, const char *secret, int64_t now_ms)
{
    struct write_key_snapshot *snapshot = write_keys_hold(registry->keys);
    enum write_key_state state = write_key_secret_state(find(snapshot, secret), now_ms);
    write_key_snapshot_release(&snapshot);
    return state;
}

static void a_key_is_found_by_its_secret_and_by_no_other(void **state)
{
    struct registry registry = open_registry(state);
    assert_int_equal(state_of(&registry, "wk_a", 0), KEY_UNKNOWN);
    struct test_key text = test_key(7, "wk_a");
    change(&registry, &text);
    assert_int_equal(state_of(&registry, "wk_a", 0), KEY_GOOD);
    assert_int_equal(state_of(&registry, "wk_", 0), KEY_UNKNOWN);
    struct write_key_snapshot *snapshot = write_keys_hold(registry.keys);
    assert_int_equal(find(snapshot, "wk_a")->key->row->source, 7);
    write_key_snapshot_release(&snapshot);
    close_registry(&registry);
}

static void hundreds_of_keys_are_all_found(void **state)
{
    struct registry registry = open_registry(state);
    struct store_txn *txn;
    struct write_key_snapshot *next = NULL;
    char secret[32];
    assert_int_equal(store_begin(registry.store, STORE_WRITE, &txn), 0);
    for (uint32_t i = 1; i <= 900; i++) {
        snprintf(secret, sizeof(secret), "wk_%u", i);
        struct test_key text = test_key(i, secret);
        put_key(txn, &text);
    }
    assert_int_equal(write_keys_prepare(registry.keys, txn, &next), 0);
    assert_int_equal(store_commit(&txn), 0);
    write_keys_install(registry.keys, &next);
    struct write_key_snapshot *snapshot = write_keys_hold(registry.keys);
    for (uint32_t i = 1; i <= 900; i++) {
        snprintf(secret, sizeof(secret), "wk_%u", i);
        assert_int_equal(find(snapshot, secret)->key->row->source, i);
    }
    assert_null(find(snapshot, "wk_901"));
    write_key_snapshot_release(&snapshot);
    close_registry(&registry);
}

/* The old secret goes on until its time; the source, and with it deduplication, is the same. */
static void a_rotated_key_has_two_secrets_for_a_while(void **state)
{
    struct registry registry = open_registry(state);
    struct test_key text = test_key(3, "wk_old");
    text.secrets[1] = "wk_new";
    text.expires_ms[0] = 1000;
    change(&registry, &text);
    assert_int_equal(state_of(&registry, "wk_old", 999), KEY_GOOD);
    assert_int_equal(state_of(&registry, "wk_old", 1000), KEY_EXPIRED);
    assert_int_equal(state_of(&registry, "wk_new", 1000), KEY_GOOD);
    struct write_key_snapshot *snapshot = write_keys_hold(registry.keys);
    assert_ptr_equal(find(snapshot, "wk_old")->key, find(snapshot, "wk_new")->key);
    write_key_snapshot_release(&snapshot);
    close_registry(&registry);
}

static void the_reason_is_told_apart(void **state)
{
    struct registry registry = open_registry(state);
    struct test_key revoked = test_key(1, "wk_revoked"), deleted = test_key(2, "wk_deleted");
    struct test_key paused = test_key(3, "wk_paused"), expired = test_key(4, "wk_expired");
    revoked.revoked_ms[0] = 5;
    deleted.more.removed_ms = 5;
    paused.more.paused = true;
    expired.more.expires_ms = 50;
    expired.expires_ms[0] = 90; /* the key's own end comes first */
    change(&registry, &revoked);
    change(&registry, &deleted);
    change(&registry, &paused);
    change(&registry, &expired);
    assert_int_equal(state_of(&registry, "wk_revoked", 10), KEY_REVOKED);
    assert_int_equal(state_of(&registry, "wk_deleted", 10), KEY_REVOKED);
    assert_int_equal(state_of(&registry, "wk_paused", 10), KEY_PAUSED);
    assert_int_equal(state_of(&registry, "wk_expired", 49), KEY_GOOD);
    assert_int_equal(state_of(&registry, "wk_expired", 50), KEY_EXPIRED);
    close_registry(&registry);
}

static void a_thread_sees_a_change_at_its_next_look_and_keeps_what_it_holds(void **state)
{
    struct registry registry = open_registry(state);
    struct test_key text = test_key(1, "wk_a");
    change(&registry, &text);
    struct write_key_snapshot *mine = NULL;
    uint64_t version = write_keys_update(registry.keys, &mine);
    const struct write_key_secret *held = find(mine, "wk_a");
    assert_int_equal(write_keys_update(registry.keys, &mine), version);
    text.revoked_ms[0] = 1;
    change(&registry, &text);
    assert_int_equal(write_key_secret_state(held, 0), KEY_GOOD); /* of the one it still holds */
    assert_true(write_keys_update(registry.keys, &mine) > version);
    assert_int_equal(write_key_secret_state(find(mine, "wk_a"), 0), KEY_REVOKED);
    write_keys_close(&registry.keys);
    assert_int_equal(write_key_secret_state(find(mine, "wk_a"), 0), KEY_REVOKED);
    write_key_snapshot_release(&mine);
    close_registry(&registry);
}

static struct write_key_proof proof_of(struct registry *registry, const char *secret)
{
    struct write_key_snapshot *snapshot = write_keys_hold(registry->keys);
    struct write_key_proof proof = write_key_proof_of(find(snapshot, secret));
    write_key_snapshot_release(&snapshot);
    return proof;
}

/* The change is prepared in the batch that the call joins too, and is not in force yet. */
static enum write_key_state state_behind(
    struct registry *registry, const struct write_key_proof *proof, const struct test_key *changed)
{
    struct store_txn *txn;
    struct write_key_snapshot *next = NULL;
    assert_int_equal(store_begin(registry->store, STORE_WRITE, &txn), 0);
    put_key(txn, changed);
    assert_int_equal(write_keys_look_again(registry->keys, txn, proof, 10), KEY_GOOD);
    assert_int_equal(write_keys_prepare(registry->keys, txn, &next), 0);
    enum write_key_state state = write_keys_look_again(registry->keys, txn, proof, 10);
    store_abort(&txn);
    write_key_snapshot_release(&next);
    return state;
}

static void a_call_behind_a_change_in_its_batch_is_not_taken_with_what_was_good_before(void **state)
{
    static const enum write_key_state expected[] = {
        KEY_GOOD, KEY_REVOKED, KEY_REVOKED, KEY_PAUSED, KEY_EXPIRED, KEY_UNKNOWN};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct registry registry = open_registry(state);
        struct test_key text = test_key(1, "wk_a");
        change(&registry, &text);
        struct write_key_proof proof = proof_of(&registry, "wk_a");
        struct test_key changed = test_key(1, expected[i] == KEY_UNKNOWN ? "wk_b" : "wk_a");
        changed.revoked_ms[0] = i == 1;
        changed.more.removed_ms = i == 2;
        changed.more.paused = i == 3;
        changed.expires_ms[0] = i == 4;
        assert_int_equal(state_behind(&registry, &proof, &changed), expected[i]);
        close_registry(&registry);
    }
}

static void a_call_behind_a_change_of_what_its_key_allows_is_to_be_looked_at_anew(void **state)
{
    static const enum write_key_state expected[] = {KEY_GOOD, KEY_CHANGED, KEY_PAUSED};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct registry registry = open_registry(state);
        struct test_key text = test_key(1, "wk_a");
        change(&registry, &text);
        struct write_key_proof proof = proof_of(&registry, "wk_a");
        /* Another key's change is none of its own. */
        struct test_key changed = expected[i] == KEY_GOOD ? test_key(2, "wk_b") : test_key(1, "wk_a");
        changed.more.version = 2;
        changed.more.paused = expected[i] == KEY_PAUSED;
        assert_int_equal(state_behind(&registry, &proof, &changed), expected[i]);
        close_registry(&registry);
    }
}

static void a_call_that_waits_beyond_its_keys_time_is_not_taken(void **state)
{
    struct registry registry = open_registry(state);
    struct test_key text = test_key(1, "wk_a");
    text.expires_ms[0] = 50;
    change(&registry, &text);
    struct write_key_proof proof = proof_of(&registry, "wk_a");
    assert_int_equal(write_keys_look_again(registry.keys, NULL, &proof, 49), KEY_GOOD);
    assert_int_equal(write_keys_look_again(registry.keys, NULL, &proof, 50), KEY_EXPIRED);
    close_registry(&registry);
}

/* A change of which the commit fails. */
static void prepare_in_vain(struct registry *registry, const struct test_key *text)
{
    struct store_txn *txn;
    struct write_key_snapshot *next = NULL;
    assert_int_equal(store_begin(registry->store, STORE_WRITE, &txn), 0);
    put_key(txn, text);
    assert_int_equal(write_keys_prepare(registry->keys, txn, &next), 0);
    store_abort(&txn);
    write_key_snapshot_release(&next);
}

static struct write_key key_in(struct registry *registry, const char *secret)
{
    struct write_key_snapshot *snapshot = write_keys_hold(registry->keys);
    struct write_key key = *find(snapshot, secret)->key;
    write_key_snapshot_release(&snapshot);
    return key;
}

static void what_a_key_has_used_lives_on_until_its_rate_is_another(void **state)
{
    struct registry registry = open_registry(state);
    struct test_key text = test_key(1, "wk_a");
    change(&registry, &text);
    struct write_key before = key_in(&registry, "wk_a");
    assert_int_equal(before.rate.per_second, standard_rate.per_second);
    assert_true(rate_take(&before.use->bucket, &before.rate, 10, 1).taken);
    text.more.paused = true;
    change(&registry, &text);
    struct write_key after = key_in(&registry, "wk_a");
    assert_ptr_equal(after.use, before.use);
    assert_false(rate_take(&after.use->bucket, &after.rate, 1, 1).taken);

    Quanyu__WriteKey__Rate rate = QUANYU__WRITE_KEY__RATE__INIT;
    rate.events_per_second = 5;
    rate.burst = 2;
    text.more.rate = &rate;
    prepare_in_vain(&registry, &text);
    assert_false(rate_take(&after.use->bucket, &after.rate, 1, 1).taken);
    change(&registry, &text);
    after = key_in(&registry, "wk_a");
    assert_int_equal(after.rate.burst, 2);
    assert_true(rate_take(&after.use->bucket, &after.rate, 2, 1).taken);
    close_registry(&registry);
}

static void a_number_is_never_given_again(void **state)
{
    struct store *store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION);
    struct store_txn *txn;
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    assert_int_equal(write_key_last(txn), 0);
    for (uint32_t i = 1; i <= WRITE_KEYS_REMOVED_MAX + 1; i++) {
        struct test_key text = test_key(i, "wk_same");
        text.more.removed_ms = 1;
        put_key(txn, &text);
    }
    write_key_prune(txn);
    assert_int_equal(write_key_last(txn), WRITE_KEYS_REMOVED_MAX + 1);
    assert_null(write_key_get(txn, 1, NULL));
    assert_true(write_key_has_room(txn));
    assert_int_equal(store_error(txn), 0);
    store_abort(&txn);
    store_close(&store);
}

/* -- threads -- */

/* Secret after secret is revoked; `revoked` is how many are, once that is in force. */
struct looking {
    struct write_keys *keys;
    atomic_uint revoked, wrong;
};
#define ROUNDS 200u

static const char *secret_of(uint32_t source, char room[16])
{
    snprintf(room, 16, "wk_%u", source);
    return room;
}

static void *look(void *data)
{
    struct looking *looking = data;
    struct write_key_snapshot *mine = NULL;
    char room[16];
    unsigned revoked = 0;
    while (revoked < ROUNDS) {
        revoked = atomic_load(&looking->revoked);
        write_keys_update(looking->keys, &mine);
        if (revoked > 0 && write_key_secret_state(find(mine, secret_of(revoked, room)), 0) != KEY_REVOKED)
            atomic_fetch_add(&looking->wrong, 1);
    }
    write_key_snapshot_release(&mine);
    return NULL;
}

static void nobody_finds_a_secret_good_that_was_revoked_before_it_looked(void **state)
{
    struct registry registry = open_registry(state);
    struct looking looking = {.keys = registry.keys};
    pthread_t threads[4];
    char room[16];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look, &looking), 0);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        struct test_key text = test_key(i, secret_of(i, room));
        change(&registry, &text);
        text.revoked_ms[0] = 1;
        change(&registry, &text);
        atomic_store(&looking.revoked, i);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&looking.wrong), 0);
    close_registry(&registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_key_is_found_by_its_secret_and_by_no_other),
        scratch_test(hundreds_of_keys_are_all_found),
        scratch_test(a_rotated_key_has_two_secrets_for_a_while),
        scratch_test(the_reason_is_told_apart),
        scratch_test(a_thread_sees_a_change_at_its_next_look_and_keeps_what_it_holds),
        scratch_test(a_call_behind_a_change_in_its_batch_is_not_taken_with_what_was_good_before),
        scratch_test(a_call_behind_a_change_of_what_its_key_allows_is_to_be_looked_at_anew),
        scratch_test(a_call_that_waits_beyond_its_keys_time_is_not_taken),
        scratch_test(what_a_key_has_used_lives_on_until_its_rate_is_another),
        scratch_test(a_number_is_never_given_again),
        scratch_test(nobody_finds_a_secret_good_that_was_revoked_before_it_looked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
