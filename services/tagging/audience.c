/* SPDX-License-Identifier: Apache-2.0 */
/* An audience by the index. */
#include "services/tagging/audience.h"
#include "services/tagging/plan.h"

#include <stdlib.h>

struct run {
    struct planner planner;
    struct plan *plan;
    struct scope_reader scopes[AUDIENCE_SCOPES_MAX];
    struct audience_answer answer;
};

static void run_end(struct run *run)
{
    person_set_close(&run->answer.picked);
    person_set_close(&run->answer.population);
    plan_close(run->plan);
    bits_close(&run->planner.exist);
    for (size_t i = 0; i < COUNT_OF(run->scopes); i++)
        scope_close(&run->scopes[i]);
    people_close(&run->planner.people);
    arena_close(&run->planner.people.arena);
    arena_close(&run->planner.arena);
    free(run->planner.counts);
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
    if (audience->whole)
        error = person_set_open(planner->blocks, &run->answer.picked);
    if (!error && audience->whole)
        error = person_set_open(planner->blocks, &run->answer.population);
    if (!error)
        error = plan_open_term(planner, BITS_PERSON, "", &planner->exist);
    for (size_t i = 0; !error && i < audience->scope_count; i++)
        error =
            scope_open(audience->txn, &audience->scopes[i], planner->blocks, planner->arena, &run->scopes[i]);
    return error ? error : plan_make(planner, rule_root(audience->rule), &run->plan);
}

static void take(struct run *run, uint32_t block, const uint64_t *asked, const uint64_t *found)
{
    const struct audience *audience = run->planner.audience;
    if (audience->whole) {
        person_set_put(&run->answer.population, block, asked);
        person_set_put(&run->answer.picked, block, found);
    }
    run->answer.count += bits_count(found, BLOCK_WORDS);
    for (size_t word = 0; word < BLOCK_WORDS && run->answer.listed < audience->list; word++) {
        for (uint64_t rest = found[word]; rest != 0 && run->answer.listed < audience->list;
            rest &= rest - 1) {
            uint32_t number = block * BLOCK_PERSONS + (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(rest);
            if (number > audience->after)
                run->answer.persons[run->answer.listed++] = number;
        }
    }
}

/* Whom of a block the question is about at all. */
static int read_asked(struct run *run, uint32_t block, uint64_t *out)
{
    int error = bits_read(&run->planner.exist, block, out);
    for (size_t i = 0; !error && i < run->planner.audience->scope_count; i++)
        error = scope_read(&run->scopes[i], block, out);
    return error;
}

int audience_find(const struct audience *audience, struct audience_answer *ret_answer)
{
    _cleanup_(run_end) struct run run = {0};
    int error = run_begin(&run, audience);
    for (uint32_t block = 0; !error && block < run.planner.blocks; block++) {
        uint64_t exist[BLOCK_WORDS], found[BLOCK_WORDS];
        error = audience_late(audience);
        if (!error)
            error = read_asked(&run, block, exist);
        if (!error)
            error = plan_run(&run.planner, run.plan, block, exist, found);
        if (!error)
            take(&run, block, exist, found);
    }
    if (error)
        return error;
    run.answer.asked = run.planner.asked;
    *ret_answer = run.answer;
    run.answer.picked = run.answer.population = (struct person_set){0};
    return 0;
}
