/* SPDX-License-Identifier: Apache-2.0 */
/* Ad-hoc questions: whom does a rule pick? Reader threads, in a snapshot. */
#ifndef QY_TAGGING_AUDIENCE_H
#define QY_TAGGING_AUDIENCE_H

#include "services/tagging/person_set.h"
#include "services/tagging/scope.h"
#include "services/tagging/subject.h"
#include "services/tagging/tagging.h"

struct audience {
    const struct rule *rule;
    struct store_txn *txn;
    const struct money_settings *money;
    const struct registry *registry;
    int64_t now_ms;
    int64_t as_of_ms;           /* 0: now */
    uint32_t list, after;       /* also the first `list` numbers above `after` */
    const struct scope *scopes; /* who is in all of them */
    size_t scope_count;
    bool whole;          /* who exactly is wanted, and of whom; the caller closes the sets */
    struct arena *arena; /* for the list */
    double until;        /* metrics_clock() at which nobody waits for the answer any more; 0: never */
};

#define AUDIENCE_SCOPES_MAX 2u

struct audience_answer {
    uint64_t count;
    uint32_t *persons;
    size_t listed;
    bool asked; /* persons were asked one by one */
    struct person_set picked, population;
};

/* -QY_EINVAL with the problem: the rule cannot be asked as of an earlier time. */
int audience_check_past(
    const struct rule *rule, const struct registry *registry, struct rule_problem *problem);

/* -QY_ETIMEOUT once it is too late. */
int audience_late(const struct audience *audience);

/* By the index; for now only. */
int audience_find(const struct audience *audience, struct audience_answer *ret_answer);
/* Person by person. */
int audience_scan(const struct audience *audience, struct audience_answer *ret_answer);

#endif
