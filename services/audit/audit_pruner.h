/* SPDX-License-Identifier: Apache-2.0 */
/* Prunes sealed segments once a day, and when the policy or a hold has changed, on a thread of its own, one after the other.
 *
 * First what is to go is put on record, kind by kind; then, when that is under a checkpoint, the file without it is written and on disk; then the
 * writer makes it count, in one commit; then, when no snapshot reads the former file, that is removed. It can be killed at any moment: what was
 * announced is finished at the next start. Policy and holds are those at the moment of the record. */
#ifndef QY_AUDIT_PRUNER_H
#define QY_AUDIT_PRUNER_H

#include "services/audit/audit.h"
#include "services/audit/audit_prune.h"

struct audit_pruner;
/* Removes files that a crash has left, too: before segments are sealed. */
int audit_pruner_open(struct audit *audit, struct service *service, struct audit_pruner **ret_pruner);
/* Begins to work. */
int audit_pruner_start(struct audit_pruner *pruner);
/* Ends the thread, if there is one; while the writer still takes work. */
void audit_pruner_close(struct audit_pruner **pruner);

/* One step, of one segment at most: looks whether something is due, announces it, or finishes what was announced. Sets whether there may be more to do
 * at once. Not while the thread runs. -QY_ECORRUPT: records and tree say different things, which ends the pruning; others may be tried
 * again. */
int audit_pruner_step(struct audit_pruner *pruner, bool *ret_more);

struct prune_status {
    int64_t next_ms;    /* when it looks again, by the log's time; 0: as soon as there is a record */
    bool is_running;    /* it is looking through the segments, or something announced is not finished */
    const char *halted; /* NULL, or why it prunes no more */
};
/* Any thread. */
void audit_pruner_status(struct audit_pruner *pruner, struct prune_status *ret_status);

#endif
