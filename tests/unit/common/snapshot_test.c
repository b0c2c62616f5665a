/* SPDX-License-Identifier: Apache-2.0 */
#include "common/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define THREADS 4
#define VERSIONS 2000u
#define NUMBERS 16

/* Whole when all numbers are the same. */
struct page {
    struct snapshot snapshot;
    uint64_t numbers[NUMBERS];
};

static atomic_uint freed;

static void free_page(struct snapshot *snapshot)
{
    struct page *page = (struct page *)snapshot;
    for (int i = 0; i < NUMBERS; i++)
        page->numbers[i] = UINT64_MAX;
    free(page);
    atomic_fetch_add(&freed, 1);
}

static struct snapshot *make(uint64_t number)
{
    struct page *page = malloc(sizeof(*page));
    if (!page)
        abort();
    snapshot_init(&page->snapshot, free_page);
    for (int i = 0; i < NUMBERS; i++)
        page->numbers[i] = number;
    return &page->snapshot;
}

static uint64_t number_of(const struct snapshot *snapshot)
{
    const struct page *page = (const struct page *)snapshot;
    for (int i = 1; i < NUMBERS; i++)
        if (page->numbers[i] != page->numbers[0])
            return UINT64_MAX;
    return page->numbers[0];
}

static void open_slot(struct snapshot_slot *slot, uint64_t number)
{
    snapshot_slot_open(slot);
    assert_null(snapshot_install(slot, make(number)));
    atomic_store(&freed, 0);
}

static void what_is_held_stays_while_another_one_is_in_force(void **state)
{
    (void)state;
    struct snapshot_slot slot;
    open_slot(&slot, 1);
    struct snapshot *mine = snapshot_take(&slot), *next = make(2);
    assert_true(next->version > mine->version);
    struct snapshot *before = snapshot_install(&slot, next);
    assert_ptr_equal(before, mine);
    snapshot_release(before);
    assert_int_equal(number_of(mine), 1);
    assert_int_equal(atomic_load(&freed), 0);
    mine = snapshot_update(&slot, mine);
    assert_int_equal(atomic_load(&freed), 1);
    assert_int_equal(number_of(mine), 2);
    assert_ptr_equal(snapshot_update(&slot, mine), mine);
    snapshot_slot_close(&slot);
    assert_int_equal(number_of(mine), 2);
    snapshot_release(mine);
    assert_int_equal(atomic_load(&freed), 2);
}

static void who_holds_nothing_is_given_the_one_in_force(void **state)
{
    (void)state;
    struct snapshot_slot slot;
    open_slot(&slot, 7);
    struct snapshot *mine = snapshot_update(&slot, NULL);
    assert_int_equal(number_of(mine), 7);
    snapshot_release(mine);
    snapshot_release(NULL);
    assert_int_equal(atomic_load(&freed), 0);
    snapshot_slot_close(&slot);
    assert_int_equal(atomic_load(&freed), 1);
}

static void a_slot_into_which_nothing_was_put_closes(void **state)
{
    (void)state;
    struct snapshot_slot slot;
    snapshot_slot_open(&slot);
    snapshot_slot_close(&slot);
    assert_null(slot.current);
}

/* One that keeps what it holds, or one that takes it anew each time. */
struct looking {
    struct snapshot_slot *slot;
    bool keeps;
    pthread_t thread;
};

/* NULL, or what was wrong. */
static void *look(void *self)
{
    const struct looking *looking = self;
    struct snapshot *mine = NULL;
    const char *wrong = NULL;
    for (uint64_t last = 0; !wrong && last < VERSIONS;) {
        if (looking->keeps)
            mine = snapshot_update(looking->slot, mine);
        else
            mine = snapshot_take(looking->slot);
        uint64_t number = number_of(mine);
        if (number > VERSIONS)
            wrong = "parts of two, or of one that was freed";
        else if (number < last)
            wrong = "one that had been replaced when another one was seen";
        last = number;
        if (!looking->keeps)
            snapshot_release(mine);
    }
    if (looking->keeps)
        snapshot_release(mine);
    return (void *)(uintptr_t)wrong;
}

static void threads_see_whole_ones_in_order_and_each_is_freed_once(void **state)
{
    (void)state;
    struct snapshot_slot slot;
    open_slot(&slot, 0);
    struct looking looking[THREADS];
    for (int i = 0; i < THREADS; i++) {
        looking[i] = (struct looking){.slot = &slot, .keeps = i % 2};
        assert_int_equal(pthread_create(&looking[i].thread, NULL, look, &looking[i]), 0);
    }
    for (uint64_t number = 1; number <= VERSIONS; number++)
        snapshot_release(snapshot_install(&slot, make(number)));
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(looking[i].thread, &wrong), 0);
        if (wrong)
            fail_msg("%s", (const char *)wrong);
    }
    assert_int_equal(atomic_load(&freed), VERSIONS);
    snapshot_slot_close(&slot);
    assert_int_equal(atomic_load(&freed), VERSIONS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_held_stays_while_another_one_is_in_force),
        cmocka_unit_test(who_holds_nothing_is_given_the_one_in_force),
        cmocka_unit_test(a_slot_into_which_nothing_was_put_closes),
        cmocka_unit_test(threads_see_whole_ones_in_order_and_each_is_freed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
