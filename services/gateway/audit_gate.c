/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/audit_gate.h"

#define PROBE_MS 250

enum audit_pass audit_gate_enter(struct audit_gate *gate, int64_t now_ms)
{
    enum audit_pass pass = AUDIT_FREE;
    pthread_mutex_lock(&gate->lock);
    if (gate->shut) {
        bool probe = !gate->probing && now_ms >= gate->next_probe_ms;
        pass = probe ? AUDIT_PROBE : AUDIT_REFUSED;
        gate->probing |= probe;
    }
    pthread_mutex_unlock(&gate->lock);
    return pass;
}

void audit_gate_leave(
    struct audit_gate *gate, enum audit_pass pass, int64_t entered_ms, int64_t now_ms, bool taken)
{
    pthread_mutex_lock(&gate->lock);
    if (pass == AUDIT_PROBE) {
        gate->probing = false;
        gate->next_probe_ms = now_ms + PROBE_MS;
    }
    if (taken) {
        gate->shut = false;
        gate->opened_ms = now_ms;
    } else if (!gate->shut && gate->opened_ms <= entered_ms) {
        gate->shut = true;
        gate->next_probe_ms = now_ms + PROBE_MS;
    }
    pthread_mutex_unlock(&gate->lock);
}
