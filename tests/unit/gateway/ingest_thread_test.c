/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_thread.h"

#include "tests/unit/gateway/write_key_fixture.h"

#include <pthread.h>

struct registry {
    struct store *store;
    struct write_keys *keys;
};

/* Keys 1 to `count`, with the secrets wk_1, wk_2, … */
static void put_keys(struct store_txn *txn, uint32_t count)
{
    char secret[16];
    for (uint32_t i = 1; i <= count; i++) {
        snprintf(secret, sizeof(secret), "wk_%u", i);
        struct test_key text = test_key(i, secret);
        put_key(txn, &text);
    }
}

static struct registry open_registry(void **state, uint32_t count)
{
    const struct rate_limit none = {0};
    struct registry registry = {.store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION)};
    struct store_txn *txn;
    assert_int_equal(store_begin(registry.store, STORE_WRITE, &txn), 0);
    put_keys(txn, count);
    assert_int_equal(write_keys_open(txn, &none, &registry.keys), 0);
    assert_int_equal(store_commit(&txn), 0);
    return registry;
}

static void close_registry(struct registry *registry)
{
    write_keys_close(&registry->keys);
    store_close(&registry->store);
}

static void install_anew(struct registry *registry)
{
    struct store_txn *txn;
    struct write_key_snapshot *next = NULL;
    assert_int_equal(store_begin(registry->store, STORE_READ, &txn), 0);
    assert_int_equal(write_keys_prepare(registry->keys, txn, &next), 0);
    store_abort(&txn);
    write_keys_install(registry->keys, &next);
}

static void a_header_is_known_while_the_keys_are_the_same(void **state)
{
    struct registry registry = open_registry(state, 2);
    struct ingest_thread *thread = ingest_thread_here();
    ingest_thread_update(thread, registry.keys);
    assert_null(ingest_thread_known(thread, "Basic a2V5Og=="));
    const struct write_key_secret *secret = ingest_thread_find(thread, "wk_2", "Basic a2V5Og==");
    assert_int_equal(secret->key->row->source, 2);
    assert_ptr_equal(ingest_thread_known(thread, "Basic a2V5Og=="), secret);
    assert_null(ingest_thread_known(thread, "Basic a2V5Og="));
    assert_null(ingest_thread_known(thread, "Basic b2V5Og=="));
    assert_null(ingest_thread_known(thread, ""));
    install_anew(&registry);
    assert_ptr_equal(ingest_thread_known(thread, "Basic a2V5Og=="), secret);
    ingest_thread_update(thread, registry.keys);
    assert_null(ingest_thread_known(thread, "Basic a2V5Og=="));
    close_registry(&registry);
}

static void what_is_not_there_and_what_has_no_header_is_not_learnt(void **state)
{
    struct registry registry = open_registry(state, 1);
    struct ingest_thread *thread = ingest_thread_here();
    ingest_thread_update(thread, registry.keys);
    assert_null(ingest_thread_find(thread, "wk_9", "Basic d2tfOTo="));
    assert_null(ingest_thread_known(thread, "Basic d2tfOTo="));
    assert_non_null(ingest_thread_find(thread, "wk_1", NULL));
    close_registry(&registry);
}

static void many_keys_do_not_take_each_others_place_unseen(void **state)
{
    struct registry registry = open_registry(state, 500);
    struct ingest_thread *thread = ingest_thread_here();
    ingest_thread_update(thread, registry.keys);
    char header[32], secret[16];
    for (uint32_t i = 1; i <= 500; i++) {
        snprintf(header, sizeof(header), "Basic %u", i);
        snprintf(secret, sizeof(secret), "wk_%u", i);
        const struct write_key_secret *learnt = ingest_thread_find(thread, secret, header);
        assert_ptr_equal(ingest_thread_known(thread, header), learnt);
    }
    unsigned known = 0;
    for (uint32_t i = 1; i <= 500; i++) {
        snprintf(header, sizeof(header), "Basic %u", i);
        const struct write_key_secret *found = ingest_thread_known(thread, header);
        known += found != NULL;
        if (found)
            assert_int_equal(found->key->row->source, i);
    }
    assert_in_range(known, 1, 64);
    close_registry(&registry);
}

static void header_that_is_too_long_is_not_kept(void **state)
{
    struct registry registry = open_registry(state, 1);
    struct ingest_thread *thread = ingest_thread_here();
    ingest_thread_update(thread, registry.keys);
    char header[400];
    memset(header, 'x', sizeof(header) - 1);
    header[sizeof(header) - 1] = 0;
    assert_non_null(ingest_thread_find(thread, "wk_1", header));
    assert_null(ingest_thread_known(thread, header));
    close_registry(&registry);
}

static void *use(void *other)
{
    struct ingest_thread *thread = ingest_thread_here();
    assert_non_null(thread);
    assert_ptr_not_equal(thread, other);
    assert_ptr_equal(thread, ingest_thread_here());
    const yyjson_alc *memory = ingest_thread_memory(thread, 1000);
    memory->free(memory->ctx, memory->malloc(memory->ctx, 1000));
    assert_null(ingest_thread_memory(thread, (size_t)1 << 20));
    return NULL;
}

static void each_thread_has_its_own_until_it_ends(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, use, ingest_thread_here()), 0);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_header_is_known_while_the_keys_are_the_same),
        scratch_test(what_is_not_there_and_what_has_no_header_is_not_learnt),
        scratch_test(many_keys_do_not_take_each_others_place_unseen),
        scratch_test(header_that_is_too_long_is_not_kept),
        cmocka_unit_test(each_thread_has_its_own_until_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
