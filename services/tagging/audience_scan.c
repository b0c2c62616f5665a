/* SPDX-License-Identifier: Apache-2.0 */
/* An audience, person by person. */
#include "services/tagging/audience.h"

static int open_people(const struct audience *audience, struct arena **ret_arena, struct people *people)
{
    int error = arena_open(ret_arena);
    if (!error)
        people_open(people, audience->txn, *ret_arena);
    return error;
}

int audience_scan(const struct audience *audience, struct audience_answer *ret_answer)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(people_close) struct people people = {0};
    struct tagging_state state;
    struct audience_answer answer = {0};
    int error = open_people(audience, &arena, &people);
    if (!error && audience->list > 0 &&
        !(answer.persons = arena_alloc(audience->arena, audience->list * sizeof(*answer.persons))))
        error = -QY_ENOMEM;
    tagging_read_state(audience->txn, &state);
    for (uint32_t number = 1; !error && number <= state.highest; number++) {
        people_forget_when_large(&people);
        const struct person *person = people_person(&people, number);
        if (!person)
            return people.error;
        if (person->node_count == 0)
            continue;
        struct subject subject;
        subject_init(&subject, &people, person, audience->registry, &state.borders, audience->now_ms);
        if (!rule_matches(audience->rule, &subject.rule))
            continue;
        answer.count++;
        if (number > audience->after && answer.listed < audience->list)
            answer.persons[answer.listed++] = number;
    }
    if (!error)
        error = people.error;
    if (!error)
        *ret_answer = answer;
    return error;
}
