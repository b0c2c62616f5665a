/* SPDX-License-Identifier: Apache-2.0 */
/* A set of persons as a whole, a bit a number: who was in an answer. */
#ifndef QY_TAGGING_PERSON_SET_H
#define QY_TAGGING_PERSON_SET_H

#include "services/tagging/index.h"

struct person_set {
    uint64_t *words;
    size_t blocks; /* of BLOCK_WORDS words */
    uint64_t count;
};

/* Empty, with room for so many blocks. */
int person_set_open(size_t blocks, struct person_set *ret_set);
void person_set_close(struct person_set *set); /* for _cleanup_; safe on one that is zeroed */
/* A block's members, once each block. */
void person_set_put(struct person_set *set, size_t block, const uint64_t words[BLOCK_WORDS]);
void person_set_add(struct person_set *set, uint32_t person);

/* Compressed; appended. */
void person_set_pack(const struct person_set *set, struct buffer *out);
/* -QY_ECORRUPT */
int person_set_unpack(struct bytes packed, struct person_set *ret_set);

/* A question's answer: those of a population that it picks. The others are as good as counted with them. */
struct picked {
    const struct person_set *persons, *population;
};
/* The least number of persons, but none at all, in which one of the two halves of `a` differs from one of `b`; `enough` where it
 * is that or more, 0 where all that are near are the same. */
uint64_t picked_difference(const struct picked *a, const struct picked *b, uint64_t enough);

/* One word of so many, as it is; appended. From samples alone it is seen that sets are far apart, which most are. */
#define PERSON_SAMPLE 64u
void person_set_sample(const struct person_set *set, struct buffer *out);
/* Whether the samples of `b` differ enough already, in each way. */
bool picked_far_by_samples(
    const struct picked *a, struct bytes b_persons, struct bytes b_population, uint64_t enough);

#endif
