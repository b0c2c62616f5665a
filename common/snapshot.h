/* SPDX-License-Identifier: Apache-2.0 */
/* What one thread makes and many look into without a lock: snapshots that never change once they are in force, the next one instead of
 * the one before.
 *
 * Embed `struct snapshot` first in what it is a snapshot of. It lives until whoever holds it has let go: who looks sees one of
 * them whole, not parts of two. A slot has the one that is in force. Who keeps a snapshot from one look to the next pays one atomic
 * load for seeing that it still is. */
#ifndef QY_COMMON_SNAPSHOT_H
#define QY_COMMON_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct snapshot;
typedef void snapshot_free_fn(struct snapshot *snapshot);

struct snapshot {
    atomic_uint references;
    uint64_t version; /* from 1; of no other snapshot in the process, of whatever it is one */
    snapshot_free_fn *free;
};

/* Numbers it, held once by the caller. `free_it` frees the whole, on the thread that lets go of it last. */
void snapshot_init(struct snapshot *snapshot, snapshot_free_fn *free_it);
/* Of one that is held: once more. Any thread. */
void snapshot_hold(struct snapshot *snapshot);
void snapshot_release(struct snapshot *snapshot); /* safe on NULL */

struct snapshot_slot {
    pthread_mutex_t lock;     /* between taking what is in force and holding it */
    struct snapshot *current; /* the writer may look without the lock: nobody else changes it */
    _Atomic uint64_t version; /* of `current` */
};

void snapshot_slot_open(struct snapshot_slot *slot);
/* Lets go of what is in force; what is held elsewhere stays. */
void snapshot_slot_close(struct snapshot_slot *slot);
/* Writer: puts `next` in force and takes it over; yields the one before, NULL at first, which the caller lets go of. */
struct snapshot *snapshot_install(struct snapshot_slot *slot, struct snapshot *next);
/* The one in force, held for the caller. There must be one. Any thread. */
struct snapshot *snapshot_take(struct snapshot_slot *slot);
/* The same for who has `held` (may be NULL): that one where it is in force still, else it is let go of. */
struct snapshot *snapshot_update(struct snapshot_slot *slot, struct snapshot *held);

#endif
