/* SPDX-License-Identifier: Apache-2.0 */
/* A rule asked of everybody at once: the same tree, over the index, block by block of persons. Within `all`
 * the cheap conditions go first and leave less for the others; what the index cannot tell is asked person by
 * person, of those who are left. */
#ifndef QY_TAGGING_PLAN_H
#define QY_TAGGING_PLAN_H

#include "services/tagging/audience.h"

/* In the order of what they cost. */
enum plan_kind {
    PLAN_NOBODY,
    PLAN_EVERYONE,
    PLAN_BITS,   /* a bitmap says it all */
    PLAN_TRAIT,  /* bitmaps; complex values are asked person by person */
    PLAN_METRIC, /* a column */
    PLAN_COUNT,  /* counts of events */
    PLAN_EVENT,  /* persons with such an event are asked one by one */
    PLAN_PERSON, /* all are */
    PLAN_ALL,
    PLAN_ANY,
    PLAN_NOT,
};

#define PLAN_RANGES_MAX 64u

struct plan {
    enum plan_kind kind;
    unsigned cost;
    const struct rule_node *node;
    struct plan **children; /* the cheapest first */
    size_t child_count;
    struct bits_reader
        bits; /* who matches; traits: who has a value that matches, or (inverted) one that does not */
    struct bits_reader present; /* traits: who has any value, where that is needed; guides: who has one */
    struct bits_reader complex; /* traits: who has a value that must be looked at */
    bool inverted;              /* bitmaps: those who are not in it */
    bool wide;                  /* traits: all values must be looked at */
    bool missing;               /* what somebody without a value, or without an event, answers */
    struct value_range ranges[PLAN_RANGES_MAX];
    size_t range_count;
    struct column_reader column;
    struct times_reader times;
    int64_t from_ms, to_ms;
};

struct planner {
    const struct audience *audience;
    struct tagging_state state;
    struct arena *arena;  /* of the plan */
    struct people people; /* for those who are asked one by one; with an arena of its own */
    size_t blocks;
    struct bits_reader exist;
    uint32_t *counts; /* of a block */
    bool asked;       /* somebody was asked one by one */
};

int plan_open_term(
    struct planner *planner, enum bits_kind kind, const char *term, struct bits_reader *ret_reader);
int plan_make(struct planner *planner, const struct rule_node *node, struct plan **ret_plan);
void plan_close(struct plan *plan); /* what is open in it; NULL is safe */
/* `out` gets those of `candidates` (one block) for whom it holds. Blocks must be asked for upwards. */
int plan_run(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out);

/* -- ranges.c -- */
/* The values for which all tests hold, as ranges; false where that cannot be said so. */
bool ranges_of_tests(const struct rule_test *tests, size_t count, int64_t now_ms,
    struct value_range *ret_ranges, size_t *ret_count);
/* The same for a score, in terms of what it is taken from. */
void ranges_of_score(const struct rule_test *tests, size_t count, int64_t now_ms,
    const int64_t borders[SCORE_BORDERS], struct value_range *ret_ranges, size_t *ret_count);

#endif
