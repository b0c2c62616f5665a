/* SPDX-License-Identifier: Apache-2.0 */
/* What a log that was put back has to say and to know when it goes on: that it was put back, which is its first record from then on, and which of the
 * journals' records it holds already. A row of the state says it. */
#ifndef QY_AUDIT_RESUME_H
#define QY_AUDIT_RESUME_H

#include "common/service.h"
#include "services/audit/audit_store.h"

#define RESUME_INPUTS_MAX 8

/* Files in <data>/audit of which one keeps the service from starting there. */
#define RESTORE_MARK "restore.unfinished" /* not all was put back */
#define MIRROR_MARK "mirror.json"         /* a warm copy: what it took on would be forked from the log */

struct audit_resume {
    bool restored;
    bool owed; /* the record of it is not taken yet */
    bool
        anew; /* the journals are to be followed from their oldest records on: where they were followed to is not known */
    bool begun;                       /* they are */
    uint64_t next[RESUME_INPUTS_MAX]; /* by input: records of its journal below this offset are on record */
    char detail[600];                 /* of the record: JSON */
};

/* All zero where the log was never put back. -QY_ECORRUPT. */
int audit_resume_read(struct store_txn *txn, struct audit_resume *ret_resume);
void audit_resume_write(struct store_txn *txn, const struct audit_resume *resume);

/* In fold.open: refuses the start on what is not to be gone on with. */
int audit_resume_check(const struct batch *batch);
/* In fold.open: follows the journals anew, where that is wanted. */
int audit_resume_begin(struct audit_resume *resume, struct batch *batch, unsigned inputs);
/* Whether this record of a journal is on record already. */
bool audit_resume_has(const struct audit_resume *resume, unsigned input, uint64_t offset);

#endif
