/* SPDX-License-Identifier: Apache-2.0 */
/* An audience, person by person; as at an earlier time too. */
#include "services/tagging/audience.h"
#include "services/tagging/past.h"

#include <stdio.h>

struct scan {
    const struct audience *audience;
    struct people people;
    struct tagging_state state;
    const struct definition *stages;
    struct score_borders past_borders;
    struct audience_answer answer;
};

static void scan_end(struct scan *scan)
{
    person_set_close(&scan->answer.picked);
    person_set_close(&scan->answer.population);
    people_close(&scan->people);
    arena_close(&scan->people.arena);
}

/* -- what can be asked of the past -- */

static bool looks_at_scores(const struct rule *rule)
{
    return (rule_dependencies(rule)->metrics & SCORES_MASK) != 0;
}

static bool needs_borders(const struct audience *audience, const struct definition *stages)
{
    bool needs = looks_at_scores(audience->rule);
    for (size_t i = 0; rule_dependencies(audience->rule)->stage && stages && i < stages->stage_count; i++)
        needs |= looks_at_scores(stages->stages[i].rule);
    return needs;
}

int audience_check_past(
    const struct rule *rule, const struct registry *registry, struct rule_problem *problem)
{
    if (!rule_has_history(rule, problem))
        return -QY_EINVAL;
    const struct definition *stages = registry_find(registry, DEFINITION_STAGES, STAGES_ID);
    for (size_t i = 0; rule_dependencies(rule)->stage && stages && i < stages->stage_count; i++) {
        struct rule_problem inner;
        if (rule_has_history(stages->stages[i].rule, &inner))
            continue;
        problem->pointer[0] = 0;
        snprintf(problem->message, sizeof(problem->message),
            "the stage \"%.60s\" cannot be asked for as of an earlier time: %.100s", stages->stages[i].stage,
            inner.message);
        return -QY_EINVAL;
    }
    return 0;
}

int audience_late(const struct audience *audience)
{
    return audience->until != 0 && metrics_clock() > audience->until ? -QY_ETIMEOUT : 0;
}

/* -- one person -- */

static bool matches_now(struct scan *scan, const struct person *person)
{
    const struct audience *audience = scan->audience;
    struct subject subject;
    subject_init(&subject, &scan->people, person, audience->registry, &scan->state.borders, audience->now_ms);
    return rule_matches(audience->rule, &subject.rule);
}

static bool matched_then(struct scan *scan, const struct person *person)
{
    const struct audience *audience = scan->audience;
    if (!past_exists(&scan->people, person, audience->as_of_ms))
        return false;
    struct past past;
    past_init(&past, &scan->people, person, scan->stages, &scan->past_borders, audience->as_of_ms);
    bool matched = rule_matches(audience->rule, &past.rule);
    if (past.error && !scan->people.error)
        scan->people.error = past.error;
    return matched;
}

static bool in_scope(const struct audience *audience, const struct person *person)
{
    bool in = true;
    for (size_t i = 0; i < audience->scope_count; i++)
        in &= scope_holds(audience->txn, &audience->scopes[i], &person->binding);
    return in;
}

static void look_at(struct scan *scan, const struct person *person)
{
    bool past = scan->audience->as_of_ms != 0;
    if (person->node_count == 0 || !in_scope(scan->audience, person))
        return;
    if (scan->audience->whole && (!past || past_exists(&scan->people, person, scan->audience->as_of_ms)))
        person_set_add(&scan->answer.population, person->number);
    if (!(past ? matched_then : matches_now)(scan, person))
        return;
    scan->answer.count++;
    if (scan->audience->whole)
        person_set_add(&scan->answer.picked, person->number);
    if (person->number > scan->audience->after && scan->answer.listed < scan->audience->list)
        scan->answer.persons[scan->answer.listed++] = person->number;
}

static int scan_begin(struct scan *scan, const struct audience *audience)
{
    struct arena *arena;
    int error = arena_open(&arena);
    if (error)
        return error;
    scan->audience = audience;
    people_open(&scan->people, audience->txn, arena);
    tagging_read_state(audience->txn, &scan->state);
    size_t blocks = scan->state.highest / BLOCK_PERSONS + 1;
    if (audience->whole)
        error = person_set_open(blocks, &scan->answer.picked);
    if (!error && audience->whole)
        error = person_set_open(blocks, &scan->answer.population);
    if (error)
        return error;
    scan->stages = registry_find(audience->registry, DEFINITION_STAGES, STAGES_ID);
    if (audience->list > 0) {
        scan->answer.persons = arena_alloc(audience->arena, audience->list * sizeof(uint32_t));
        if (!scan->answer.persons)
            return -QY_ENOMEM;
    }
    if (audience->as_of_ms != 0 && needs_borders(audience, scan->stages))
        return score_borders_of_past(
            &scan->people, scan->state.highest, audience->as_of_ms, &scan->past_borders);
    return 0;
}

int audience_scan(const struct audience *audience, struct audience_answer *ret_answer)
{
    _cleanup_(scan_end) struct scan scan = {0};
    int error = scan_begin(&scan, audience);
    if (error)
        return error;
    for (uint32_t number = 1; number <= scan.state.highest; number++) {
        if (number % 1000 == 0 && (error = audience_late(audience)))
            return error;
        people_forget_when_large(&scan.people);
        const struct person *person = people_person(&scan.people, number);
        if (!person)
            return scan.people.error;
        look_at(&scan, person);
    }
    if (scan.people.error)
        return scan.people.error;
    scan.answer.asked = true;
    *ret_answer = scan.answer;
    scan.answer.picked = scan.answer.population = (struct person_set){0};
    return 0;
}
