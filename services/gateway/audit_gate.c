/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/audit_gate.h"

#include "common/deadline.h"
#include "common/error.h"

#include <time.h>

#define PROBE_NS 250000000L

/* Under the lock. */
static void pause_probing(struct audit_gate *gate)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PROBE_NS;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (!gate->stopping)
        pthread_cond_timedwait(&gate->change, &gate->lock, &until);
}

/* Under the lock, which it lets go of meanwhile. */
static void probe(struct audit_gate *gate)
{
    int64_t shut_ms = monotonic_ms() - gate->shut_at_ms;
    uint64_t refused = gate->refused;
    pthread_mutex_unlock(&gate->lock);
    bool taken = gate->probe(gate->self, shut_ms, refused);
    pthread_mutex_lock(&gate->lock);
    if (taken) {
        gate->shut = false;
        gate->taken_at_ms = monotonic_ms();
        gate->refused -= refused;
    }
}

/* Who was refused while audit was taking the last one is told of by another one. */
static bool has_to_tell(const struct audit_gate *gate)
{
    return gate->shut || gate->refused > 0;
}

static void *gate_main(void *data)
{
    struct audit_gate *gate = data;
    pthread_mutex_lock(&gate->lock);
    while (!gate->stopping) {
        if (!has_to_tell(gate)) {
            pthread_cond_wait(&gate->change, &gate->lock);
            continue;
        }
        if (gate->shut)
            pause_probing(gate);
        if (has_to_tell(gate) && !gate->stopping)
            probe(gate);
        if (!gate->shut && gate->refused > 0)
            pause_probing(gate);
    }
    pthread_mutex_unlock(&gate->lock);
    return NULL;
}

int audit_gate_start(struct audit_gate *gate, audit_probe_fn *probe_function, void *self)
{
    *gate = (struct audit_gate){.probe = probe_function, .self = self};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->change, NULL);
    gate->running = pthread_create(&gate->thread, NULL, gate_main, gate) == 0;
    return gate->running ? 0 : -QY_ENOMEM;
}

void audit_gate_stop(struct audit_gate *gate)
{
    if (!gate->running)
        return;
    pthread_mutex_lock(&gate->lock);
    gate->stopping = true;
    pthread_cond_broadcast(&gate->change);
    pthread_mutex_unlock(&gate->lock);
    pthread_join(gate->thread, NULL);
    pthread_cond_destroy(&gate->change);
    pthread_mutex_destroy(&gate->lock);
    gate->running = false;
}

bool audit_gate_enter(struct audit_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool open = !gate->shut;
    gate->refused += !open;
    pthread_mutex_unlock(&gate->lock);
    return open;
}

void audit_gate_leave(struct audit_gate *gate, int64_t entered_ms, bool taken)
{
    pthread_mutex_lock(&gate->lock);
    if (taken) {
        gate->taken_at_ms = monotonic_ms();
    } else if (!gate->shut && gate->taken_at_ms <= entered_ms) {
        gate->shut = true;
        gate->shut_at_ms = entered_ms;
        pthread_cond_broadcast(&gate->change);
    }
    gate->refused += !taken && gate->shut;
    pthread_mutex_unlock(&gate->lock);
}
