/* SPDX-License-Identifier: Apache-2.0 */
/* One person as at an earlier time: from the events before it. */
#ifndef QY_TAGGING_PAST_H
#define QY_TAGGING_PAST_H

#include "services/tagging/subject.h"

struct past {
    struct rule_subject rule; /* hand this to rule_matches() */
    struct people *people;
    const struct person *person;
    const struct definition *stages;
    const struct score_borders *borders;
    /* Taken when they are first asked for. */
    struct totals totals;
    bool has_seen, has_orders;
    int error;
};

/* All that is given must outlive it. `stages` and `borders` may be NULL where no rule asks for them. */
void past_init(struct past *past, struct people *people, const struct person *person,
    const struct definition *stages, const struct score_borders *borders, int64_t as_of_ms);

/* Somebody of whom nothing had been heard before that time did not exist. */
bool past_exists(struct people *people, const struct person *person, int64_t as_of_ms);

/* The person's totals as at that time; borrowed. */
const struct totals *past_totals(struct past *past);

#endif
