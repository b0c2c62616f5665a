/* SPDX-License-Identifier: Apache-2.0 */
#include "common/snapshot.h"

void snapshot_init(struct snapshot *snapshot, snapshot_free_fn *free_it)
{
    static _Atomic uint64_t versions;
    atomic_init(&snapshot->references, 1);
    snapshot->version = atomic_fetch_add_explicit(&versions, 1, memory_order_relaxed) + 1;
    snapshot->free = free_it;
}

void snapshot_hold(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
}

void snapshot_release(struct snapshot *snapshot)
{
    if (snapshot && atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) == 1)
        snapshot->free(snapshot);
}

void snapshot_slot_open(struct snapshot_slot *slot)
{
    pthread_mutex_init(&slot->lock, NULL);
    slot->current = NULL;
    atomic_init(&slot->version, 0);
}

void snapshot_slot_close(struct snapshot_slot *slot)
{
    snapshot_release(slot->current);
    slot->current = NULL;
    pthread_mutex_destroy(&slot->lock);
}

struct snapshot *snapshot_install(struct snapshot_slot *slot, struct snapshot *next)
{
    pthread_mutex_lock(&slot->lock);
    struct snapshot *before = slot->current;
    slot->current = next;
    atomic_store_explicit(&slot->version, next->version, memory_order_release);
    pthread_mutex_unlock(&slot->lock);
    return before;
}

struct snapshot *snapshot_take(struct snapshot_slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    struct snapshot *snapshot = slot->current;
    snapshot_hold(snapshot);
    pthread_mutex_unlock(&slot->lock);
    return snapshot;
}

struct snapshot *snapshot_update(struct snapshot_slot *slot, struct snapshot *held)
{
    if (held && held->version == atomic_load_explicit(&slot->version, memory_order_acquire))
        return held;
    snapshot_release(held);
    return snapshot_take(slot);
}
