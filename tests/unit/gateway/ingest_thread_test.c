/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_thread.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void key_is_known_while_the_state_is_the_same(void **state)
{
    (void)state;
    struct ingest_thread *thread = ingest_thread_here();
    struct write_key learnt = {.source = 7, .name = "web"}, found = {0};
    assert_false(ingest_thread_knows(thread, "Basic a2V5Og==", 3, &found));
    ingest_thread_learn(thread, "Basic a2V5Og==", 3, &learnt);
    assert_true(ingest_thread_knows(thread, "Basic a2V5Og==", 3, &found));
    assert_int_equal(found.source, 7);
    assert_false(ingest_thread_knows(thread, "Basic a2V5Og==", 4, &found));
    assert_false(ingest_thread_knows(thread, "Basic a2V5Og=", 3, &found));
    assert_false(ingest_thread_knows(thread, "Basic b2V5Og==", 3, &found));
    assert_false(ingest_thread_knows(thread, "", 3, &found));
}

static void many_keys_do_not_take_each_others_place_unseen(void **state)
{
    (void)state;
    struct ingest_thread *thread = ingest_thread_here();
    struct write_key found;
    char header[32];
    for (uint32_t i = 0; i < 1000; i++) {
        struct write_key learnt = {.source = i};
        snprintf(header, sizeof(header), "Basic %u", i);
        ingest_thread_learn(thread, header, 1, &learnt);
        assert_true(ingest_thread_knows(thread, header, 1, &found));
    }
    unsigned known = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(header, sizeof(header), "Basic %u", i);
        if (!ingest_thread_knows(thread, header, 1, &found))
            continue;
        known++;
        assert_int_equal(found.source, i);
    }
    assert_in_range(known, 1, 64);
}

static void header_that_is_too_long_is_not_kept(void **state)
{
    (void)state;
    struct ingest_thread *thread = ingest_thread_here();
    struct write_key key = {.source = 1};
    char header[400];
    memset(header, 'x', sizeof(header) - 1);
    header[sizeof(header) - 1] = 0;
    ingest_thread_learn(thread, header, 1, &key);
    assert_false(ingest_thread_knows(thread, header, 1, &key));
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
        cmocka_unit_test(key_is_known_while_the_state_is_the_same),
        cmocka_unit_test(many_keys_do_not_take_each_others_place_unseen),
        cmocka_unit_test(header_that_is_too_long_is_not_kept),
        cmocka_unit_test(each_thread_has_its_own_until_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
