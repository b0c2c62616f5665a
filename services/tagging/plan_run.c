/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a plan over one block of persons. */
#include "services/tagging/plan.h"

#include <string.h>

/* So few are asked one by one rather than counting all events of the block. */
#define ASKED_RATHER 16u

static bool is_empty(const uint64_t *words)
{
    uint64_t any = 0;
    for (size_t i = 0; i < BLOCK_WORDS; i++)
        any |= words[i];
    return any == 0;
}

/* -- one by one -- */

static bool ask(struct planner *planner, const struct rule_node *node, uint32_t number)
{
    planner->asked = true;
    people_forget_when_large(&planner->people);
    const struct person *person = people_person(&planner->people, number);
    if (!person)
        return false;
    const struct audience *audience = planner->audience;
    struct subject subject;
    subject_init(
        &subject, &planner->people, person, audience->registry, &planner->state.borders, audience->now_ms);
    return rule_node_matches(node, &subject.rule);
}

/* Adds those of `candidates` for whom it holds. */
static int ask_all(struct planner *planner, const struct rule_node *node, uint32_t block,
    const uint64_t *candidates, uint64_t *out)
{
    for (size_t word = 0; word < BLOCK_WORDS; word++)
        for (uint64_t rest = candidates[word]; rest != 0; rest &= rest - 1) {
            uint32_t place = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(rest);
            if (ask(planner, node, block * BLOCK_PERSONS + place))
                bit_put(out, place, true);
        }
    return planner->people.error;
}

static int run_person(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    memset(out, 0, BLOCK_WORDS * sizeof(*out));
    return ask_all(planner, plan->node, block, candidates, out);
}

/* -- leaves -- */

static int run_bits(struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    uint64_t present[BLOCK_WORDS];
    int error = bits_read(&plan->bits, block, out);
    if (!error && plan->present.txn)
        error = bits_read(&plan->present, block, present);
    for (size_t i = 0; !error && i < BLOCK_WORDS; i++) {
        uint64_t within = plan->present.txn ? out[i] & present[i] : out[i];
        out[i] = candidates[i] & (plan->inverted ? ~within : within);
    }
    return error;
}

/* Whom to look at one by one goes to `asked`; `out` gets the others for whom it holds. */
static int run_values(
    struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *asked, uint64_t *out)
{
    uint64_t present[BLOCK_WORDS];
    int error = bits_read(&plan->bits, block, out);
    if (!error)
        error = bits_read(&plan->present, block, present);
    if (!error)
        error = bits_read(plan->wide ? &plan->present : &plan->complex, block, asked);
    for (size_t i = 0; !error && i < BLOCK_WORDS; i++) {
        asked[i] &= candidates[i];
        uint64_t with = plan->inverted ? present[i] & ~out[i] : out[i];
        out[i] = (with | (plan->missing ? ~present[i] : 0)) & candidates[i] & ~asked[i];
    }
    return error;
}

static int run_trait(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    uint64_t asked[BLOCK_WORDS];
    int error = run_values(plan, block, candidates, asked, out);
    return error || is_empty(asked) ? error : ask_all(planner, plan->node, block, asked, out);
}

static int run_metric(struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    uint64_t present[BLOCK_WORDS];
    int error = column_read(&plan->column, block, plan->ranges, plan->range_count, candidates, out,
        plan->missing ? present : NULL);
    for (size_t i = 0; !error && plan->missing && i < BLOCK_WORDS; i++)
        out[i] |= candidates[i] & ~present[i];
    return error;
}

static inline uint64_t pack_flags(const uint8_t flags[64])
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t eight;
        memcpy(&eight, flags + (size_t)i * 8, sizeof(eight));
        word |= (eight * UINT64_C(0x0102040810204080) >> 56)
                << (i * 8); /* eight flags of 0 or 1 to eight bits */
    }
    return word;
}

/* Adds who has a count from `low` to `low + span`. */
VECTOR_CODE static void match_counts(
    const uint32_t *counts, uint32_t low, uint32_t span, const uint64_t *candidates, uint64_t *out)
{
    for (size_t word = 0; word < BLOCK_WORDS; word++) {
        uint8_t flags[64];
        if (candidates[word] == 0)
            continue;
        for (size_t i = 0; i < 64; i++)
            flags[i] = counts[word * 64 + i] - low <= span;
        out[word] |= pack_flags(flags) & candidates[word];
    }
}

static int run_count(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    if (bits_count(candidates, BLOCK_WORDS) <= ASKED_RATHER)
        return run_person(planner, plan, block, candidates, out);
    memset(planner->counts, 0, BLOCK_PERSONS * sizeof(*planner->counts));
    memset(out, 0, BLOCK_WORDS * sizeof(*out));
    int error = times_count(&plan->times, block, plan->from_ms, plan->to_ms, planner->counts);
    for (size_t i = 0; !error && i < plan->range_count; i++) {
        int64_t low = plan->ranges[i].low > 0 ? plan->ranges[i].low : 0;
        int64_t high = plan->ranges[i].high < UINT32_MAX ? plan->ranges[i].high : UINT32_MAX;
        if (low <= high)
            match_counts(planner->counts, (uint32_t)low, (uint32_t)(high - low), candidates, out);
    }
    return error;
}

static int run_event(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    uint64_t with[BLOCK_WORDS] = {0};
    memset(planner->counts, 0, BLOCK_PERSONS * sizeof(*planner->counts));
    int error = times_count(&plan->times, block, plan->from_ms, plan->to_ms, planner->counts);
    if (error)
        return error;
    for (uint32_t i = 0; i < BLOCK_PERSONS; i++)
        with[i / 64] |= (uint64_t)(planner->counts[i] != 0) << i % 64;
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        with[i] &= candidates[i];
        out[i] = plan->missing ? candidates[i] & ~with[i] : 0;
    }
    return ask_all(planner, plan->node, block, with, out);
}

/* -- the tree -- */

static int run_all(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    uint64_t left[BLOCK_WORDS];
    memcpy(out, candidates, sizeof(left));
    for (size_t i = 0; i < plan->child_count && !is_empty(out); i++) {
        memcpy(left, out, sizeof(left));
        int error = plan_run(planner, plan->children[i], block, left, out);
        if (error)
            return error;
    }
    return 0;
}

static int run_any(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    uint64_t left[BLOCK_WORDS], found[BLOCK_WORDS];
    memcpy(left, candidates, sizeof(left));
    memset(out, 0, sizeof(left));
    for (size_t i = 0; i < plan->child_count && !is_empty(left); i++) {
        int error = plan_run(planner, plan->children[i], block, left, found);
        if (error)
            return error;
        for (size_t word = 0; word < BLOCK_WORDS; word++) {
            out[word] |= found[word];
            left[word] &= ~found[word];
        }
    }
    return 0;
}

static int run_not(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    int error = plan_run(planner, plan->children[0], block, candidates, out);
    for (size_t word = 0; !error && word < BLOCK_WORDS; word++)
        out[word] = candidates[word] & ~out[word];
    return error;
}

int plan_run(
    struct planner *planner, struct plan *plan, uint32_t block, const uint64_t *candidates, uint64_t *out)
{
    switch (plan->kind) {
    case PLAN_NOBODY:
        memset(out, 0, BLOCK_WORDS * sizeof(*out));
        return 0;
    case PLAN_EVERYONE:
        memcpy(out, candidates, BLOCK_WORDS * sizeof(*out));
        return 0;
    case PLAN_BITS:
        return run_bits(plan, block, candidates, out);
    case PLAN_TRAIT:
        return run_trait(planner, plan, block, candidates, out);
    case PLAN_METRIC:
        return run_metric(plan, block, candidates, out);
    case PLAN_COUNT:
        return run_count(planner, plan, block, candidates, out);
    case PLAN_EVENT:
        return run_event(planner, plan, block, candidates, out);
    case PLAN_ALL:
        return run_all(planner, plan, block, candidates, out);
    case PLAN_ANY:
        return run_any(planner, plan, block, candidates, out);
    case PLAN_NOT:
        return run_not(planner, plan, block, candidates, out);
    default:
        return run_person(planner, plan, block, candidates, out);
    }
}
