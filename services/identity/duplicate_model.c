/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_model.h"

#include "common/error.h"
#include "common/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 60
#define HELD 30.0 /* pairs that the defaults count as, so that a handful of pairs does not decide */
#define HELD_RANDOM 10.0
#define M_LEAST 0.002 /* anything is stated wrongly now and then */
#define U_LEAST 1e-7
#define PRIOR_LEAST 1e-12
#define PRIOR_MOST 0.01
#define BLOCK_PRIOR 0.1 /* where a block's pairs begin */

static const struct duplicate_model defaults = {
    .m = {[FIELD_NAME] = {0, 0.04, 0.03, 0.04, 0.14, 0.75},
        [FIELD_BIRTHDAY] = {0, 0.04, 0.08, 0.03, 0.85},
        [FIELD_GENDER] = {0, 0.03, 0.97},
        [FIELD_PLACE] = {0, 0.15, 0.15, 0.10, 0.20, 0.40},
        [FIELD_EMAIL] = {0, 0.45, 0.15, 0.40},
        [FIELD_PHONE] = {0, 0.70, 0.20, 0.10}},
    .u = {[FIELD_NAME] = {0, 0.9335, 0.06, 0.001, 0.005, 0.0005},
        [FIELD_BIRTHDAY] = {0, 0.9943, 0.0055, 0.0001, 0.0001},
        [FIELD_GENDER] = {0, 0.5, 0.5},
        [FIELD_PLACE] = {0, 0.9489, 0.04, 0.01, 0.001, 0.0001},
        [FIELD_EMAIL] = {0, 0.9979, 0.002, 0.0001},
        [FIELD_PHONE] = {0, 0.999989, 0.00001, 0.000001}},
    .prior = 1e-6,
};

void duplicate_model_reset(struct duplicate_model *model)
{
    *model = defaults;
}

double duplicate_weight(const struct duplicate_model *model, enum duplicate_field field, unsigned level)
{
    return level == LEVEL_MISSING ? 0 : log2(model->m[field][level] / model->u[field][level]);
}

double duplicate_score(const struct duplicate_model *model, const struct agreement *agreement)
{
    double score = 0;
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++)
        score += duplicate_weight(model, field, agreement->levels[field]);
    return score;
}

static double probability(double score, double prior)
{
    return 1 / (1 + exp2(-score) * (1 - prior) / prior);
}

double duplicate_probability(const struct duplicate_model *model, double score)
{
    return probability(score, model->prior);
}

/* -- counting -- */

/* An agreement is a number: its levels as digits, each with its field's own base. */
struct duplicate_counts {
    unsigned fixed[PASSES_MAX];
    size_t patterns;
    double *by_pass[PASSES_MAX];
    double *distinct;
};

static size_t pattern_of(const struct agreement *agreement)
{
    size_t pattern = 0;
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++)
        pattern = pattern * duplicate_levels(field) + agreement->levels[field];
    return pattern;
}

static struct agreement agreement_of(size_t pattern)
{
    struct agreement agreement;
    for (unsigned field = FIELD_COUNT; field-- > 0;) {
        unsigned levels = duplicate_levels((enum duplicate_field)field);
        agreement.levels[field] = (uint8_t)(pattern % levels);
        pattern /= levels;
    }
    return agreement;
}

int duplicate_counts_open(const unsigned fixed[PASSES_MAX], struct duplicate_counts **ret_counts)
{
    struct duplicate_counts *counts = calloc(1, sizeof(*counts));
    if (!counts)
        return -QY_ENOMEM;
    memcpy(counts->fixed, fixed, sizeof(counts->fixed));
    counts->patterns = 1;
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++)
        counts->patterns *= duplicate_levels(field);
    bool whole = (counts->distinct = calloc(counts->patterns, sizeof(double))) != NULL;
    for (unsigned pass = 0; pass < PASSES_MAX; pass++)
        whole &= (counts->by_pass[pass] = calloc(counts->patterns, sizeof(double))) != NULL;
    if (!whole)
        duplicate_counts_close(&counts);
    *ret_counts = counts;
    return whole ? 0 : -QY_ENOMEM;
}

void duplicate_counts_close(struct duplicate_counts **counts)
{
    if (!*counts)
        return;
    for (unsigned pass = 0; pass < PASSES_MAX; pass++)
        free((*counts)->by_pass[pass]);
    free((*counts)->distinct);
    free(*counts);
    *counts = NULL;
}

void duplicate_counts_add(struct duplicate_counts *counts, unsigned pass, const struct agreement *agreement)
{
    counts->by_pass[pass][pattern_of(agreement)]++;
}

void duplicate_counts_add_distinct(
    struct duplicate_counts *counts, const struct agreement *agreement, double part)
{
    counts->distinct[pattern_of(agreement)] += part;
}

/* -- expectation and maximisation -- */

struct sums {
    double m[FIELD_COUNT][LEVELS_MAX], u[FIELD_COUNT][LEVELS_MAX];
};

static double score_without(
    const struct duplicate_model *model, const struct agreement *agreement, unsigned fixed)
{
    double score = 0;
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++)
        if (!(fixed >> field & 1))
            score += duplicate_weight(model, field, agreement->levels[field]);
    return score;
}

static void add_expected(struct sums *sums, const struct agreement *agreement, unsigned fixed, bool random,
    double count, double matching)
{
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++) {
        if (fixed >> field & 1)
            continue;
        sums->m[field][agreement->levels[field]] += count * matching;
        if (random)
            sums->u[field][agreement->levels[field]] += count * (1 - matching);
    }
}

/* One pass's share of a round; its prior becomes what was expected. */
static void expect(const struct duplicate_model *model, const struct duplicate_counts *counts, unsigned pass,
    double *prior, struct sums *sums)
{
    double matching = 0, all = 0;
    for (size_t pattern = 0; pattern < counts->patterns; pattern++) {
        double count = counts->by_pass[pass][pattern];
        if (count == 0)
            continue;
        struct agreement agreement = agreement_of(pattern);
        double p = probability(score_without(model, &agreement, counts->fixed[pass]), *prior);
        add_expected(sums, &agreement, counts->fixed[pass], pass == PASS_RANDOM, count, p);
        matching += count * p;
        all += count;
    }
    if (all > 0)
        *prior = fmin(fmax(matching / all, PRIOR_LEAST), 0.999);
}

static void maximise(double sums[LEVELS_MAX], const double standard[LEVELS_MAX], unsigned levels, double held,
    double least, double ret[LEVELS_MAX])
{
    double all = held, whole = 0;
    for (unsigned level = LEVEL_DIFFERENT; level < levels; level++)
        all += sums[level];
    for (unsigned level = LEVEL_DIFFERENT; level < levels; level++) {
        ret[level] = fmax((sums[level] + held * standard[level]) / all, least);
        whole += ret[level];
    }
    for (unsigned level = LEVEL_DIFFERENT; level < levels; level++)
        ret[level] /= whole;
}

/* Pairs that share no block are two persons: how many of all pairs are one follows from those that do. */
static void fit_prior(struct duplicate_model *model, const struct duplicate_counts *counts, double all_pairs)
{
    for (unsigned round = 0; round < ROUNDS && all_pairs > 0; round++) {
        double matching = 0;
        for (size_t pattern = 0; pattern < counts->patterns; pattern++) {
            if (counts->distinct[pattern] == 0)
                continue;
            struct agreement agreement = agreement_of(pattern);
            matching +=
                counts->distinct[pattern] * probability(duplicate_score(model, &agreement), model->prior);
        }
        model->prior = fmin(fmax(matching / all_pairs, PRIOR_LEAST), PRIOR_MOST);
    }
}

void duplicate_model_fit(
    struct duplicate_model *model, const struct duplicate_counts *counts, double all_pairs)
{
    double priors[PASSES_MAX];
    for (unsigned pass = 0; pass < PASSES_MAX; pass++)
        priors[pass] = pass == PASS_RANDOM ? model->prior : BLOCK_PRIOR;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct sums sums = {0};
        for (unsigned pass = 0; pass < PASSES_MAX; pass++)
            expect(model, counts, pass, &priors[pass], &sums);
        for (enum duplicate_field field = 0; field < FIELD_COUNT; field++) {
            unsigned levels = duplicate_levels(field);
            maximise(sums.m[field], defaults.m[field], levels, HELD, M_LEAST, model->m[field]);
            maximise(sums.u[field], defaults.u[field], levels, HELD_RANDOM, U_LEAST, model->u[field]);
        }
    }
    double pairs = 0;
    for (size_t pattern = 0; pattern < counts->patterns; pattern++)
        pairs += counts->distinct[pattern];
    model->pairs = (uint64_t)pairs;
    model->prior = 1e-6;
    fit_prior(model, counts, all_pairs);
}
