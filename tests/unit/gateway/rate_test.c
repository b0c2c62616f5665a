/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/rate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define START (INT64_C(5000) * SECOND) /* of the clock, which the test moves */

static struct rate_answer take(
    struct rate_bucket *bucket, const struct rate_limit *limit, uint64_t events, int64_t now_ns)
{
    return rate_take(bucket, limit, events, now_ns);
}

static void unlimited_takes_everything(void **state)
{
    (void)state;
    struct rate_bucket bucket = {0};
    const struct rate_limit none = {.per_second = 0, .burst = 1};
    for (int i = 0; i < 1000; i++)
        assert_true(take(&bucket, &none, UINT32_MAX, START).taken);
}

static void a_full_bucket_gives_its_burst_and_then_the_rate(void **state)
{
    (void)state;
    struct rate_bucket bucket = {0};
    const struct rate_limit limit = {.per_second = 10, .burst = 5};
    for (uint32_t i = 0; i < 5; i++) {
        struct rate_answer answer = take(&bucket, &limit, 1, START);
        assert_true(answer.taken);
        assert_int_equal(answer.limit, 5);
        assert_int_equal(answer.remaining, 4 - i);
    }
    struct rate_answer answer = take(&bucket, &limit, 1, START);
    assert_false(answer.taken);
    assert_int_equal(answer.remaining, 0);
    assert_int_equal(answer.wait_ns, SECOND / 10);
    assert_false(take(&bucket, &limit, 1, START + SECOND / 10 - 1).taken);
    assert_true(take(&bucket, &limit, 1, START + SECOND / 10).taken);
    assert_false(take(&bucket, &limit, 1, START + SECOND / 10).taken);
}

static void what_is_refused_costs_nothing(void **state)
{
    (void)state;
    struct rate_bucket bucket = {0};
    const struct rate_limit limit = {.per_second = 10, .burst = 10};
    assert_true(take(&bucket, &limit, 8, START).taken);
    for (int i = 0; i < 100; i++)
        assert_false(take(&bucket, &limit, 3, START).taken);
    assert_true(take(&bucket, &limit, 2, START).taken);
}

static void what_is_given_back_can_be_taken_again_and_no_more(void **state)
{
    (void)state;
    struct rate_bucket bucket = {0};
    const struct rate_limit limit = {.per_second = 10, .burst = 10}, none = {0};
    assert_true(take(&bucket, &limit, 4, START).taken);
    assert_true(take(&bucket, &limit, 6, START).taken);
    rate_give_back(&bucket, &limit, 6);
    rate_give_back(&bucket, &none, 6);
    assert_false(take(&bucket, &limit, 7, START).taken);
    assert_true(take(&bucket, &limit, 6, START).taken);
    rate_reset(&bucket);
    rate_give_back(&bucket, &limit, 6);
    assert_false(take(&bucket, &limit, 10, START).remaining > 0);
}

/* What it says is true: at that moment it is taken, a nanosecond before it is not. */
static void the_wait_is_exact(void **state)
{
    (void)state;
    const struct rate_limit limits[] = {{1, 1}, {3, 7}, {1000, 1}, {700000, 5}, {1000000000, 1000000000}};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct rate_bucket bucket = {0};
        int64_t now = START;
        assert_true(take(&bucket, &limits[i], limits[i].burst, now).taken);
        struct rate_answer refused = take(&bucket, &limits[i], 1, now);
        assert_false(refused.taken);
        assert_true(refused.wait_ns > 0);
        assert_false(take(&bucket, &limits[i], 1, now + refused.wait_ns - 1).taken);
        assert_true(take(&bucket, &limits[i], 1, now + refused.wait_ns).taken);
    }
}

/* No batch waits for ever; it is paid for afterwards. */
static void a_batch_above_the_burst_passes_when_the_bucket_is_full(void **state)
{
    (void)state;
    struct rate_bucket bucket = {0};
    const struct rate_limit limit = {.per_second = 10, .burst = 5};
    assert_true(take(&bucket, &limit, 1, START).taken);
    struct rate_answer answer = take(&bucket, &limit, 100, START);
    assert_false(answer.taken);
    assert_int_equal(answer.wait_ns, SECOND / 10);
    int64_t now = START + answer.wait_ns;
    assert_true(take(&bucket, &limit, 100, now).taken);
    answer = take(&bucket, &limit, 1, now);
    assert_false(answer.taken);
    assert_int_equal(answer.remaining, 0);
    assert_int_equal(answer.wait_ns, 10 * SECOND - 5 * SECOND / 10 + SECOND / 10);
    assert_true(take(&bucket, &limit, 1, now + answer.wait_ns).taken);
}

static void a_burst_that_is_not_stated_is_ten_seconds_worth(void **state)
{
    (void)state;
    struct rate_bucket bucket = {0};
    const struct rate_limit limit = {.per_second = 7, .burst = 0};
    struct rate_answer answer = take(&bucket, &limit, 70, START);
    assert_true(answer.taken);
    assert_int_equal(answer.limit, 70);
    assert_false(take(&bucket, &limit, 1, START).taken);
}

static void time_that_stands_still_or_jumps_gives_no_more_than_the_burst(void **state)
{
    (void)state;
    struct rate_bucket bucket = {0};
    const struct rate_limit limit = {.per_second = 1, .burst = 3};
    assert_true(take(&bucket, &limit, 3, START).taken);
    assert_true(take(&bucket, &limit, 3, START + 1000000 * SECOND).taken);
    assert_false(take(&bucket, &limit, 1, START + 1000000 * SECOND).taken);
    assert_false(take(&bucket, &limit, 1, START).taken); /* a thread whose clock was read earlier */
    rate_reset(&bucket);
    assert_true(take(&bucket, &limit, 3, START + 1000000 * SECOND).taken);
}

struct crowd {
    struct rate_bucket bucket;
    atomic_uint taken;
};

static void *take_many(void *data)
{
    struct crowd *crowd = data;
    const struct rate_limit limit = {.per_second = 1000, .burst = 5000};
    for (int i = 0; i < 10000; i++)
        if (rate_take(&crowd->bucket, &limit, 1, START).taken)
            atomic_fetch_add(&crowd->taken, 1);
    return NULL;
}

static void threads_together_take_no_more_than_the_burst(void **state)
{
    (void)state;
    struct crowd crowd = {0};
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &crowd), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.taken), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unlimited_takes_everything),
        cmocka_unit_test(a_full_bucket_gives_its_burst_and_then_the_rate),
        cmocka_unit_test(what_is_refused_costs_nothing),
        cmocka_unit_test(what_is_given_back_can_be_taken_again_and_no_more),
        cmocka_unit_test(the_wait_is_exact),
        cmocka_unit_test(a_batch_above_the_burst_passes_when_the_bucket_is_full),
        cmocka_unit_test(a_burst_that_is_not_stated_is_ten_seconds_worth),
        cmocka_unit_test(time_that_stands_still_or_jumps_gives_no_more_than_the_burst),
        cmocka_unit_test(threads_together_take_no_more_than_the_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
