/* SPDX-License-Identifier: Apache-2.0 */
/* Counts that were told to people who may not see single persons, with who was in them: from two counts of sets that are nearly the
 * same, or of one and nearly all others, what a few people are would follow. */
#ifndef QY_TAGGING_QUESTIONS_H
#define QY_TAGGING_QUESTIONS_H

#include "services/tagging/person_set.h"

/* The oldest go. 0: no limit. */
struct question_limits {
    uint64_t count, bytes;
    int64_t age_ms;
};

struct asked_question {
    uint64_t key; /* of what was asked */
    int64_t asked_ms;
    struct person_set persons, population;
};
void asked_question_close(struct asked_question *question); /* for _cleanup_; safe on one that is zeroed */

/* The number that the next one will bear. */
uint64_t questions_next(struct store_txn *txn);
/* The newest of the same key; `ret_question` is zeroed where there is none. The caller closes it. */
int questions_latest(struct store_txn *txn, uint64_t key, struct asked_question *ret_question);
/* Whether one from `first` on differs by fewer than `least` persons without being the same, by who is picked or by who is left. */
int questions_near(
    struct store_txn *txn, const struct picked *picked, uint64_t first, uint64_t least, bool *ret_near);
/* Puts one among them, and lets go of those that are too old or too many. Writer. */
int questions_add(
    struct store_txn *txn, const struct question_limits *limits, const struct asked_question *question);

#endif
