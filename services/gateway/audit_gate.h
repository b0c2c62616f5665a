/* SPDX-License-Identifier: Apache-2.0 */
/* Whether it is worth while to hand audit a record: a breaker.
 *
 * Who waits for audit waits a short time only, and once for all: when a record was not taken in time the gate is shut, and further
 * ones are refused at once. A thread of its own tries meanwhile, each quarter of a second; what it hands over says how long the gate was
 * shut and how many were refused, and when that is taken the gate is open again. Any thread. */
#ifndef QY_GATEWAY_AUDIT_GATE_H
#define QY_GATEWAY_AUDIT_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* On the gate's thread: whether audit has taken it. `shut_ms`: for how long it has been shut. */
typedef bool audit_probe_fn(void *self, int64_t shut_ms, uint64_t refused);

struct audit_gate {
    audit_probe_fn *probe;
    void *self;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool running, stopping;
    bool shut;
    int64_t shut_at_ms, taken_at_ms; /* of monotonic_ms() */
    uint64_t refused;                /* since it is shut */
};

int audit_gate_start(struct audit_gate *gate, audit_probe_fn *probe, void *self);
/* Waits for a probe that is under way. Safe on one that was never started. */
void audit_gate_stop(struct audit_gate *gate);

/* False: refused, and counted as that. */
bool audit_gate_enter(struct audit_gate *gate);
/* `taken`: audit has made it durable, or has said what is wrong with it. One that took too long does not shut the gate where others were
 * taken since `entered_ms`. */
void audit_gate_leave(struct audit_gate *gate, int64_t entered_ms, bool taken);

#endif
