/* SPDX-License-Identifier: Apache-2.0 */
/* Scores: their borders are taken over all people with an order, at each local midnight. */
#include "services/tagging/tagging.h"

#include <stdlib.h>
#include <string.h>

struct score_values {
    int64_t *values[SCORE_COUNT];
    size_t count, capacity;
};

static void free_values(struct score_values *values)
{
    for (size_t i = 0; i < SCORE_COUNT; i++)
        free(values->values[i]);
}

static int add_values(struct score_values *values, const struct totals *totals)
{
    if (values->count == values->capacity) {
        size_t capacity = values->capacity ? values->capacity * 2 : 1024;
        for (size_t i = 0; i < SCORE_COUNT; i++) {
            int64_t *grown = realloc(values->values[i], capacity * sizeof(*grown));
            if (!grown)
                return -QY_ENOMEM;
            values->values[i] = grown;
        }
        values->capacity = capacity;
    }
    for (unsigned i = 0; i < SCORE_COUNT; i++)
        values->values[i][values->count] = totals_score_value(totals, i);
    values->count++;
    return 0;
}

static void take_borders(struct score_values *values, struct score_borders *ret_borders)
{
    *ret_borders = (struct score_borders){.people = values->count};
    for (size_t i = 0; values->count > 0 && i < SCORE_COUNT; i++)
        score_borders_take(values->values[i], values->count, ret_borders->borders[i]);
}

int score_borders_of_past(
    struct people *people, uint32_t highest, int64_t as_of_ms, struct score_borders *ret_borders)
{
    _cleanup_(free_values) struct score_values values = {0};
    int error = 0;
    for (uint32_t number = 1; !error && number <= highest; number++) {
        people_forget_when_large(people);
        const struct person *person = people_person(people, number);
        if (!person)
            return people->error;
        struct totals totals = {0};
        if (person->totals.orders > 0)
            error = orders_sum(people, person, as_of_ms, &totals);
        if (!error && totals.orders > 0)
            error = add_values(&values, &totals);
    }
    if (!error)
        take_borders(&values, ret_borders);
    return error;
}

/* The columns that scores are taken from hold nobody without an order. */
static int borders_of_index(struct store_txn *txn, uint32_t highest, struct score_borders *ret_borders)
{
    static const unsigned columns[SCORE_COUNT] = {
        [SCORE_RECENCY] = METRIC_LAST_ORDER_AT,
        [SCORE_FREQUENCY] = METRIC_ORDERS,
        [SCORE_MONETARY] = METRIC_MONETARY_SCORE,
    };
    _cleanup_(free_values) struct score_values values = {0};
    _cleanup_(arena_close) struct arena *arena = NULL;
    int error = arena_open(&arena);
    for (size_t i = 0; !error && i < SCORE_COUNT; i++) {
        struct column_reader reader;
        error = column_open(txn, columns[i], highest / BLOCK_PERSONS + 1, arena, &reader);
        if (error)
            break;
        error = column_values(&reader, &values.values[i], &values.count);
        column_close(&reader);
    }
    if (!error)
        take_borders(&values, ret_borders);
    return error;
}

static const enum rule_metric score_metrics[SCORE_COUNT] = {
    [SCORE_RECENCY] = METRIC_RECENCY_SCORE,
    [SCORE_FREQUENCY] = METRIC_FREQUENCY_SCORE,
    [SCORE_MONETARY] = METRIC_MONETARY_SCORE,
};

/* Marks who looks at a score of this person that is another under the new borders. */
static bool mark_changed(const struct registry *registry, const struct totals *totals,
    const struct score_borders *old, const struct score_borders *new, uint64_t *mask)
{
    bool any = false;
    memset(mask, 0, registry->words * sizeof(*mask));
    for (size_t i = 0; i < SCORE_COUNT; i++) {
        int64_t before = 0, after = 0;
        (void)totals_metric(totals, old, score_metrics[i], &before);
        (void)totals_metric(totals, new, score_metrics[i], &after);
        for (size_t word = 0; before != after && word < registry->words; word++) {
            mask[word] |= registry->metrics[score_metrics[i]][word];
            any |= mask[word] != 0;
        }
    }
    return any;
}

static int look_at(struct tagging *tagging, struct batch *batch, uint32_t number)
{
    uint64_t mask[DEFINITION_WORDS];
    struct person *person = people_person(&tagging->people, number);
    if (!person)
        return tagging->people.error;
    int error = 0;
    if (mark_changed(
            tagging->registry, &person->totals, &tagging->state.former, &tagging->state.borders, mask))
        error = tagging_evaluate(tagging, batch, person, mask, &(struct cause){.kind = CAUSE_TIME});
    return error ? error : tagging_flush_when_large(tagging, batch);
}

/* Whether any rule asks for a score. */
static bool is_asked_for(const struct registry *registry)
{
    for (size_t i = 0; i < SCORE_COUNT; i++)
        for (size_t word = 0; word < registry->words; word++)
            if (registry->metrics[score_metrics[i]][word] != 0)
                return true;
    return false;
}

/* Other borders hold; who is to be looked at for that is still to come. */
static int begin_midnight(struct tagging *tagging, struct batch *batch)
{
    struct tagging_state *state = &tagging->state;
    int error = tagging_flush(tagging, batch);
    if (error || !state->borders_stale)
        return error;
    state->former = state->borders;
    error = borders_of_index(batch->txn, state->highest, &state->borders);
    if (error)
        return error;
    state->borders_ms = batch->now_ms;
    state->borders_stale = false;
    state->midnight_next = is_asked_for(tagging->registry) ? 1 : 0;
    return tagging_flush(tagging, batch);
}

int tagging_midnight(struct tagging *tagging, struct batch *batch)
{
    struct tagging_state *state = &tagging->state;
    int error = state->midnight_next ? 0 : begin_midnight(tagging, batch);
    while (!error && state->midnight_next && state->midnight_next <= state->highest) {
        if (batch_is_full(batch))
            return 0;
        batch->timers++;
        error = look_at(tagging, batch, state->midnight_next++);
    }
    if (error)
        return error;
    state->midnight_next = 0;
    state->next_midnight_ms = clock_next_midnight(batch->now_ms);
    return 0;
}
