/* SPDX-License-Identifier: Apache-2.0 */
/* An audience by the index. */
#include "services/tagging/audience.h"
#include "services/tagging/plan.h"

#include <stdlib.h>

struct run {
    struct planner planner;
    struct plan *plan;
    struct audience_answer answer;
};

static void run_end(struct run *run)
{
    plan_close(run->plan);
    people_close(&run->planner.people);
    arena_close(&run->planner.people.arena);
    arena_close(&run->planner.arena);
    free(run->planner.counts);
}

static int read_existing(struct planner *planner)
{
    const struct index_class class = {SORT_BITS, BITS_PERSON, ""};
    struct text_set terms = {.arena = planner->arena};
    struct index_log log = {0};
    planner->exist = arena_alloc(planner->arena, (planner->blocks + 1) * BLOCK_WORDS * sizeof(uint64_t));
    if (!planner->exist)
        return -QY_ENOMEM;
    int error = text_set_add(&terms, "", 0, &(uint32_t){0}, NULL);
    if (!error)
        error = index_log_read(planner->audience->txn, &class, planner->arena, &log);
    if (!error)
        error =
            index_read_bits(planner->audience->txn, &class, &log, &terms, planner->exist, planner->blocks);
    text_set_close(&terms);
    index_log_close(&log);
    return error;
}

static int run_begin(struct run *run, const struct audience *audience)
{
    struct planner *planner = &run->planner;
    struct arena *asked = NULL;
    planner->audience = audience;
    int error = arena_open(&planner->arena);
    if (!error)
        error = arena_open(&asked);
    if (error)
        return error;
    people_open(&planner->people, audience->txn, asked);
    tagging_read_state(audience->txn, &planner->state);
    planner->blocks = planner->state.highest / BLOCK_PERSONS + 1;
    planner->counts = malloc(BLOCK_PERSONS * sizeof(*planner->counts));
    if (audience->list > 0)
        run->answer.persons = arena_alloc(audience->arena, audience->list * sizeof(uint32_t));
    if (!planner->counts || (audience->list > 0 && !run->answer.persons))
        return -QY_ENOMEM;
    error = read_existing(planner);
    return error ? error : plan_make(planner, rule_root(audience->rule), &run->plan);
}

static void take(struct run *run, uint32_t block, const uint64_t *found)
{
    const struct audience *audience = run->planner.audience;
    for (size_t word = 0; word < BLOCK_WORDS; word++) {
        run->answer.count += (uint64_t)__builtin_popcountll(found[word]);
        for (uint64_t rest = found[word]; rest != 0 && run->answer.listed < audience->list;
            rest &= rest - 1) {
            uint32_t number = block * BLOCK_PERSONS + (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(rest);
            if (number > audience->after)
                run->answer.persons[run->answer.listed++] = number;
        }
    }
}

int audience_find(const struct audience *audience, struct audience_answer *ret_answer)
{
    _cleanup_(run_end) struct run run = {0};
    int error = run_begin(&run, audience);
    for (uint32_t block = 0; !error && block < run.planner.blocks; block++) {
        uint64_t found[BLOCK_WORDS];
        error = audience_late(audience);
        if (!error)
            error = plan_run(
                &run.planner, run.plan, block, run.planner.exist + (size_t)block * BLOCK_WORDS, found);
        if (!error)
            take(&run, block, found);
    }
    if (error)
        return error;
    run.answer.asked = run.planner.asked;
    *ret_answer = run.answer;
    return 0;
}
