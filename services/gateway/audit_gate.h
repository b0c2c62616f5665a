/* SPDX-License-Identifier: Apache-2.0 */
/* Whether it is worth while to hand audit a record: a breaker.
 *
 * Who waits for audit waits a short time only, and once for all: when a record was not taken in time, the gate is shut and further
 * ones are refused at once, but for one probe at a time, at most each 250 ms. A record that was taken opens it again. Any thread. */
#ifndef QY_GATEWAY_AUDIT_GATE_H
#define QY_GATEWAY_AUDIT_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct audit_gate {
    pthread_mutex_t lock;
    bool shut, probing;
    int64_t next_probe_ms, opened_ms;
};

#define AUDIT_GATE_INIT {.lock = PTHREAD_MUTEX_INITIALIZER}

/* One passage, given back by audit_gate_leave() where it is not refused. Times are of monotonic_ms(). */
enum audit_pass { AUDIT_REFUSED, AUDIT_FREE, AUDIT_PROBE };
enum audit_pass audit_gate_enter(struct audit_gate *gate, int64_t now_ms);
/* `taken`: audit has made it durable, or has said what is wrong with it. One that took too long does not shut the gate where others were
 * taken since `entered_ms`. */
void audit_gate_leave(
    struct audit_gate *gate, enum audit_pass pass, int64_t entered_ms, int64_t now_ms, bool taken);

#endif
