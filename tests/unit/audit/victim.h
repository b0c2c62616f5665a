/* SPDX-License-Identifier: Apache-2.0 */
/* A child that works on the runtime's log until it is killed. The runtime is stopped meanwhile. */
#ifndef QY_TEST_AUDIT_VICTIM_H
#define QY_TEST_AUDIT_VICTIM_H

#include "tests/unit/audit/at_once.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct victim {
    pid_t child;
    int told; /* what it tells can be read here */
};

/* `work` does not return. */
static inline struct victim victim_begin(void (*work)(int told))
{
    int pipes[2];
    runtime_stop(running);
    assert_int_equal(pipe(pipes), 0);
    struct victim victim = {.child = fork(), .told = pipes[0]};
    assert_true(victim.child >= 0);
    if (victim.child == 0) {
        close(pipes[0]);
        runtime_start(running);
        work(pipes[1]);
    }
    close(pipes[1]);
    return victim;
}

/* At a moment within so many microseconds. What it told before can still be read. */
static inline void victim_kill(const struct victim *victim, unsigned within_us)
{
    usleep((useconds_t)random() % within_us);
    kill(victim->child, SIGKILL);
}

static inline void victim_end(const struct victim *victim)
{
    int status;
    assert_int_equal(waitpid(victim->child, &status, 0), victim->child);
    close(victim->told);
}

#endif
