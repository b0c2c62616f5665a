/* SPDX-License-Identifier: Apache-2.0 */
/* What other rules would make of everybody: computed on a thread of its own over snapshots, beside the service's work. One at a
 * time; what it found is kept until the next, and forgotten over a restart. */
#ifndef QY_IDENTITY_DRY_RUN_H
#define QY_IDENTITY_DRY_RUN_H

#include "proto/identity.pb-c.h"
#include "services/identity/identity.h"
#include "services/identity/rules.h"

struct dry_run;
/* A snapshot of the state; any thread. */
typedef int dry_run_read_fn(void *self, struct store_txn **ret_txn);
int dry_run_open(
    const struct identity *identity, dry_run_read_fn *read, void *self, struct dry_run **ret_run);
/* Waits for it to stop. */
void dry_run_close(struct dry_run **run);

/* Any thread. Takes the rules over; `kinds` are copied. -QY_ECONFLICT: one is running. */
int dry_run_begin(struct dry_run *run, const struct kinds *kinds, struct identity_rules *rules);
void dry_run_cancel(struct dry_run *run);
/* Until it is through, or was cancelled. */
void dry_run_wait(struct dry_run *run);
/* How far it is, in `arena`. */
int dry_run_view(struct dry_run *run, struct arena *arena, Quanyu__DryRunReply *reply);

#endif
