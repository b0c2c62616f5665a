/* SPDX-License-Identifier: Apache-2.0 */
/* One send on its way: what the writer hands to the sender, and what the sender says came of it. */
#ifndef QY_CAMPAIGN_JOB_H
#define QY_CAMPAIGN_JOB_H

#include "common/template.h"
#include "services/campaign/outbox_store.h"

#define ADDRESS_BYTES 321

/* Personal values: only while the job lives, wiped with it. */
struct job_person {
    char one_id[64];
    char name[200];
    char phone[ADDRESS_BYTES];
    char email[ADDRESS_BYTES];
};

struct job {
    struct job *next; /* of whoever holds it */
    uint64_t number;  /* of the delivery */
    uint32_t attempt;
    uint32_t person;
    enum channel channel;
    char journey[JOURNEY_ID_BYTES];
    char step[STEP_ID_BYTES];
    char id[DELIVERY_ID_BYTES];
    struct step_message message; /* its texts lie in `texts` */
    struct job_person of_person;
    char texts[];
};

/* Copies what the delivery needs from the step. -QY_ENOMEM. */
int job_make(const struct delivery *delivery, uint32_t person, const struct step *step, struct job **ret_job);
void job_free(struct job **job);
/* Placeholders that only identity can fill, and the address of the channel. */
unsigned job_needs(const struct job *job);
/* For template_render(); borrowed from the job. */
void job_values(const struct job *job, const char *values[PLACEHOLDER_COUNT]);

enum outcome_kind {
    OUTCOME_DELIVERED,
    OUTCOME_FAILED,   /* the receiver said no, for good */
    OUTCOME_UNKNOWN,  /* bytes left and no answer came */
    OUTCOME_SKIPPED,  /* nothing was sent and nothing will be */
    OUTCOME_RETRY,    /* certainly nothing was accepted: once more, later */
    OUTCOME_DEFERRED, /* nothing was tried, a part of the suite is away: later, not counted as an attempt */
    OUTCOME_RETURNED, /* nothing was tried: as if it had never been taken */
};

struct outcome {
    enum outcome_kind kind;
    int64_t retry_after_ms;    /* what the receiver asks for, 0: nothing */
    char reason[REASON_BYTES]; /* no personal value, no blanks */
};

#endif
