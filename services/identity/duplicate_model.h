/* SPDX-License-Identifier: Apache-2.0 */
/* How much agreement weighs: the model of Fellegi and Sunter (1969).
 *
 * Of a field's level, m is the probability among pairs that are one person and u among pairs that are two; the weight is
 * log2(m/u), the weights of a pair's fields add up, and with the odds that any two persons are one they give the probability.
 * m and u come from the brand's own persons by expectation and maximisation (Winkler, 1988), begun at and held near defaults
 * while there is little to learn from: u mostly from pairs drawn at random, m mostly from pairs that share a block, where
 * what the block is made by says nothing. */
#ifndef QY_IDENTITY_DUPLICATE_MODEL_H
#define QY_IDENTITY_DUPLICATE_MODEL_H

#include "services/identity/duplicate_fields.h"

struct duplicate_model {
    double m[FIELD_COUNT][LEVELS_MAX], u[FIELD_COUNT][LEVELS_MAX]; /* level 0 has none */
    double prior;   /* the probability that any two persons are one */
    uint64_t pairs; /* that it was learnt from; 0: the defaults */
};
void duplicate_model_reset(struct duplicate_model *model);

/* In bits; 0 where it is missing. */
double duplicate_weight(const struct duplicate_model *model, enum duplicate_field field, unsigned level);
/* The sum of the weights. */
double duplicate_score(const struct duplicate_model *model, const struct agreement *agreement);
/* 0 to 1 */
double duplicate_probability(const struct duplicate_model *model, double score);

/* -- learning -- */

#define PASSES_MAX 10 /* ways of making blocks; and pairs drawn at random */
#define PASS_RANDOM 0

/* Pairs by how they agree; about 600 KiB. */
struct duplicate_counts;
/* `fixed`: by pass, the fields (bits) that the blocks are made by. */
int duplicate_counts_open(const unsigned fixed[PASSES_MAX], struct duplicate_counts **ret_counts);
void duplicate_counts_close(struct duplicate_counts **counts);
void duplicate_counts_add(struct duplicate_counts *counts, unsigned pass, const struct agreement *agreement);
/* Each pair that shares a block, once, or by parts that add up to one. */
void duplicate_counts_add_distinct(
    struct duplicate_counts *counts, const struct agreement *agreement, double part);

/* `all_pairs`: how many pairs of persons there are, of which the distinct ones are those that share a block. */
void duplicate_model_fit(
    struct duplicate_model *model, const struct duplicate_counts *counts, double all_pairs);

#endif
