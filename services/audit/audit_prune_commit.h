/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer does for the pruner, one thing at a time: puts on record what is to go, and makes the file without it count. */
#ifndef QY_AUDIT_PRUNE_COMMIT_H
#define QY_AUDIT_PRUNE_COMMIT_H

#include "common/waiting_work.h"
#include "services/audit/audit.h"
#include "services/audit/audit_pruning.h"

#define PRUNE_SETS_MAX 4096u /* that one segment's records named; more stay */

enum prune_act { PRUNE_ANNOUNCE, PRUNE_TAKE_OVER };
struct prune_commit {
    struct waiting_work waiting; /* the first member */
    struct audit *audit;
    enum prune_act act;
    uint64_t segment;
    uint64_t former; /* generation */
    /* to be announced */
    struct retention retention; /* of which its revision still must hold */
    struct prune_group groups[KIND_COUNT];
    /* announced */
    uint64_t generation; /* index of the last of the records */
    uint64_t records[KIND_COUNT];
    struct pruning announced[KIND_COUNT];
    size_t announced_count;
    struct place_set places; /* of all of them */
    uint64_t freed;          /* bytes */
    uint8_t sets[PRUNE_SETS_MAX]
                [SET_HASH_BYTES]; /* that no record names that is left, of the first `seen` ones */
    size_t set_count;
    uint64_t seen;
};

void prune_commit_begin(
    struct prune_commit *commit, struct audit *audit, enum prune_act act, uint64_t segment);
bool prune_commit_has_groups(const struct prune_commit *commit);
/* What was announced of the segment and is not finished, the first KIND_COUNT of it. -QY_ECORRUPT. */
int prune_commit_announced(struct prune_commit *commit, struct store_txn *txn, struct arena *arena);
/* Which sets go with the records. */
int prune_commit_find_sets(
    struct prune_commit *commit, const struct prune *prune, struct audit *audit, struct store_txn *txn);
/* Hands it to the writer, and waits. -QY_EOVERTAKEN: policy, hold or segment is another one by now. Else as service_submit(), and errors of
 * the commit. */
int prune_commit_submit(struct prune_commit *commit, struct service *service);

#endif
