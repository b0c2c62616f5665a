/* SPDX-License-Identifier: Apache-2.0 */
#include "common/queue.h"

#include "common/deadline.h"
#include "common/error.h"
#include "common/mem.h"
#include "tests/unit/common/scratch.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

struct number {
    struct queue_item item; /* first */
    unsigned producer;
    unsigned value;
};

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static void test_order_is_kept(void **state)
{
    (void)state;
    struct number numbers[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    _cleanup_(queue_close) struct queue *queue = NULL;
    assert_int_equal(queue_open(10, 100, false, &queue), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(queue_push(queue, &numbers[i].item), 0);
    assert_ptr_equal(queue_pop(queue, 0), &numbers[0]);
    assert_int_equal(queue_push(queue, &numbers[0].item), 0);
    struct queue_item *all = queue_take(queue);
    assert_ptr_equal(all, &numbers[1]);
    assert_ptr_equal(all->next, &numbers[2]);
    assert_ptr_equal(all->next->next, &numbers[0]);
    assert_null(all->next->next->next);
    assert_null(queue_take(queue));
    assert_null(queue_pop(queue, 0));
}

static void test_limits_hold_on_items_and_bytes(void **state)
{
    (void)state;
    struct number numbers[3] = {{.item.bytes = 60}, {.item.bytes = 60}, {.item.bytes = 40}};
    struct number large = {.item.bytes = 1000};
    _cleanup_(queue_close) struct queue *queue = NULL;
    assert_int_equal(queue_open(2, 100, false, &queue), 0);
    assert_int_equal(queue_push(queue, &numbers[0].item), 0);
    assert_int_equal(queue_push(queue, &numbers[1].item), -QY_EFULL);
    assert_int_equal(queue_push(queue, &numbers[2].item), 0);
    size_t items, bytes;
    queue_load(queue, &items, &bytes);
    assert_int_equal(items, 2);
    assert_int_equal(bytes, 100);
    assert_int_equal(queue_push(queue, &(struct number){0}.item), -QY_EFULL);
    queue_take(queue);
    assert_int_equal(queue_push(queue, &large.item), 0);
    assert_int_equal(queue_push(queue, &numbers[0].item), -QY_EFULL);
    assert_ptr_equal(queue_pop(queue, 0), &large);
}

static void test_eventfd_is_readable_exactly_while_filled(void **state)
{
    (void)state;
    struct number numbers[2] = {0};
    _cleanup_(queue_close) struct queue *queue = NULL;
    assert_int_equal(queue_open(10, 100, true, &queue), 0);
    int fd = queue_fd(queue);
    assert_false(is_readable(fd));
    queue_push(queue, &numbers[0].item);
    queue_push(queue, &numbers[1].item);
    assert_true(is_readable(fd));
    queue_pop(queue, 0);
    assert_true(is_readable(fd));
    queue_pop(queue, 0);
    assert_false(is_readable(fd));
    queue_push(queue, &numbers[0].item);
    queue_take(queue);
    assert_false(is_readable(fd));
    queue_stop(queue);
    assert_true(is_readable(fd));
}

static void test_stopped_queue_yields_what_is_left(void **state)
{
    (void)state;
    struct number numbers[2] = {0};
    _cleanup_(queue_close) struct queue *queue = NULL;
    assert_int_equal(queue_open(10, 100, false, &queue), 0);
    queue_push(queue, &numbers[0].item);
    queue_stop(queue);
    assert_int_equal(queue_push(queue, &numbers[1].item), -QY_ESTOPPED);
    assert_ptr_equal(queue_pop(queue, -1), &numbers[0]);
    assert_null(queue_pop(queue, -1));
}

static void test_wait_ends_at_its_time(void **state)
{
    (void)state;
    _cleanup_(queue_close) struct queue *queue = NULL;
    assert_int_equal(queue_open(10, 100, false, &queue), 0);
    int64_t begun = monotonic_ms();
    assert_null(queue_pop(queue, 30));
    assert_true(monotonic_ms() - begun >= 29);
}

#define PRODUCERS 4
#define CONSUMERS 3
#define EACH 5000

struct crowd {
    struct queue *queue;
    struct number *numbers;
    atomic_uint next_producer;
    atomic_ullong sum;
    atomic_uint taken;
};

static void *produce(void *data)
{
    struct crowd *crowd = data;
    unsigned me = atomic_fetch_add(&crowd->next_producer, 1);
    for (unsigned i = 0; i < EACH; i++) {
        struct number *number = &crowd->numbers[me * EACH + i];
        *number = (struct number){.item.bytes = 1, .producer = me, .value = i};
        while (queue_push(crowd->queue, &number->item) == -QY_EFULL)
            sched_yield();
    }
    return NULL;
}

static void *consume(void *data)
{
    struct crowd *crowd = data;
    unsigned seen[PRODUCERS] = {0};
    struct queue_item *item;
    while ((item = queue_pop(crowd->queue, -1))) {
        struct number *number = (struct number *)item;
        assert_true(seen[number->producer] <= number->value);
        seen[number->producer] = number->value;
        atomic_fetch_add(&crowd->sum, number->value);
        atomic_fetch_add(&crowd->taken, 1);
    }
    return NULL;
}

static void test_many_threads_lose_nothing(void **state)
{
    (void)state;
    struct crowd crowd = {.numbers = calloc((size_t)PRODUCERS * EACH, sizeof(struct number))};
    assert_non_null(crowd.numbers);
    assert_int_equal(queue_open(64, 1000, true, &crowd.queue), 0);
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    for (unsigned i = 0; i < CONSUMERS; i++)
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, &crowd), 0);
    for (unsigned i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &crowd), 0);
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    queue_stop(crowd.queue);
    for (unsigned i = 0; i < CONSUMERS; i++)
        pthread_join(consumers[i], NULL);
    assert_int_equal(atomic_load(&crowd.taken), PRODUCERS * EACH);
    assert_int_equal(atomic_load(&crowd.sum), (uint64_t)PRODUCERS * EACH * (EACH - 1) / 2);
    queue_close(&crowd.queue);
    free(crowd.numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_kept),
        cmocka_unit_test(test_limits_hold_on_items_and_bytes),
        cmocka_unit_test(test_eventfd_is_readable_exactly_while_filled),
        cmocka_unit_test(test_stopped_queue_yields_what_is_left),
        cmocka_unit_test(test_wait_ends_at_its_time),
        cmocka_unit_test(test_many_threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
