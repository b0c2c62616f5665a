/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/audit_gate.h"

#include "common/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* An audit that takes a record once it is told to. */
struct log {
    struct audit_gate gate;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool back;
    unsigned probes;
    uint64_t refused; /* as the last probe said */
};

static bool probe(void *self, int64_t shut_ms, uint64_t refused)
{
    struct log *log = self;
    assert_true(shut_ms >= 0);
    pthread_mutex_lock(&log->lock);
    bool taken = log->back;
    log->probes++;
    log->refused = refused;
    pthread_cond_broadcast(&log->change);
    pthread_mutex_unlock(&log->lock);
    return taken;
}

static int setup(void **state)
{
    struct log *log = calloc(1, sizeof(*log));
    assert_non_null(log);
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->change, NULL);
    assert_int_equal(audit_gate_start(&log->gate, probe, log), 0);
    *state = log;
    return 0;
}

static int teardown(void **state)
{
    struct log *log = *state;
    audit_gate_stop(&log->gate);
    pthread_cond_destroy(&log->change);
    pthread_mutex_destroy(&log->lock);
    free(log);
    return 0;
}

static void wait_for_probes(struct log *log, unsigned more)
{
    pthread_mutex_lock(&log->lock);
    for (unsigned until = log->probes + more; log->probes < until;)
        pthread_cond_wait(&log->change, &log->lock);
    pthread_mutex_unlock(&log->lock);
}

static void fail_one(struct log *log)
{
    assert_true(audit_gate_enter(&log->gate));
    audit_gate_leave(&log->gate, monotonic_ms(), false);
}

static void who_comes_after_a_failure_is_refused_at_once(void **state)
{
    struct log *log = *state;
    assert_true(audit_gate_enter(&log->gate));
    audit_gate_leave(&log->gate, monotonic_ms(), true);
    while (monotonic_ms() <= log->gate.taken_at_ms) /* the clock has milliseconds */
        continue;
    fail_one(log);
    for (int i = 0; i < 10; i++)
        assert_false(audit_gate_enter(&log->gate));
}

static void it_opens_by_itself_and_says_how_many_were_refused(void **state)
{
    struct log *log = *state;
    fail_one(log);
    for (int i = 0; i < 4; i++)
        assert_false(audit_gate_enter(&log->gate));
    wait_for_probes(log, 2);
    assert_false(audit_gate_enter(&log->gate));
    pthread_mutex_lock(&log->lock);
    log->back = true;
    pthread_mutex_unlock(&log->lock);
    wait_for_probes(log, 1);
    while (!audit_gate_enter(&log->gate))
        continue;
    assert_true(log->refused >= 6);
}

static void a_slow_one_among_many_that_are_taken_shuts_nothing(void **state)
{
    struct log *log = *state;
    int64_t entered_ms = monotonic_ms();
    assert_true(audit_gate_enter(&log->gate));
    while (monotonic_ms() == entered_ms)
        continue;
    assert_true(audit_gate_enter(&log->gate));
    audit_gate_leave(&log->gate, monotonic_ms(), true);
    audit_gate_leave(&log->gate, entered_ms, false);
    assert_true(audit_gate_enter(&log->gate));
}

static void it_can_be_stopped_while_it_is_shut(void **state)
{
    struct log *log = *state;
    fail_one(log);
    wait_for_probes(log, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_comes_after_a_failure_is_refused_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(it_opens_by_itself_and_says_how_many_were_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_one_among_many_that_are_taken_shuts_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(it_can_be_stopped_while_it_is_shut, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
