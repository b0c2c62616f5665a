/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that hold for tagging as a whole. */
#include "services/tagging/codec.h"
#include "services/tagging/tagging.h"

#include <stdio.h>
#include <stdlib.h>

#define ROW_VERSION 1
static const char *const row_state = "state";
static const char *const row_stages = "stages";
static const char *const row_unsettled = "unsettled";
static const char *const row_bindings = "bindings";

static void put_row(struct store_txn *txn, const char *name, const struct buffer *row)
{
    struct store_key key;
    key_meta(&key, name);
    if (buffer_error(row))
        store_fail(txn, buffer_error(row));
    else
        store_put(txn, TABLE_META, &key, row->data, row->size);
}

static bool get_row(struct store_txn *txn, const char *name, struct row_reader *ret_row)
{
    struct store_key key;
    *ret_row = (struct row_reader){0};
    key_meta(&key, name);
    return store_get(txn, TABLE_META, &key, &ret_row->rest) && read_unsigned(ret_row) == ROW_VERSION;
}

static void put_borders(struct buffer *row, const struct score_borders *borders)
{
    buffer_varint(row, borders->people);
    for (size_t i = 0; i < SCORE_COUNT; i++)
        for (size_t j = 0; j < SCORE_BORDERS; j++)
            put_signed(row, borders->borders[i][j]);
}

static void read_borders(struct row_reader *row, struct score_borders *ret_borders)
{
    ret_borders->people = read_unsigned(row);
    for (size_t i = 0; i < SCORE_COUNT; i++)
        for (size_t j = 0; j < SCORE_BORDERS; j++)
            ret_borders->borders[i][j] = read_signed(row);
}

static void save_state(const struct tagging_state *state, struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_byte(&row, ROW_VERSION);
    buffer_varint(&row, state->highest);
    buffer_varint(&row, state->persons);
    buffer_varint(&row, state->events);
    buffer_varint(&row, state->orders);
    buffer_varint(&row, state->next_definition);
    buffer_varint(&row, state->next_segment);
    buffer_varint(&row, state->ignored);
    put_borders(&row, &state->borders);
    put_signed(&row, state->borders_ms);
    buffer_varint(&row, state->borders_stale);
    put_signed(&row, state->next_midnight_ms);
    if (state->midnight_next) { /* at the end: most rows have none of it */
        buffer_varint(&row, state->midnight_next);
        put_borders(&row, &state->former);
    }
    put_row(txn, row_state, &row);
}

bool tagging_read_state(struct store_txn *txn, struct tagging_state *ret_state)
{
    struct row_reader row;
    *ret_state = (struct tagging_state){.next_definition = 1, .next_segment = 1};
    if (!get_row(txn, row_state, &row))
        return false;
    ret_state->highest = (uint32_t)read_unsigned(&row);
    ret_state->persons = read_unsigned(&row);
    ret_state->events = read_unsigned(&row);
    ret_state->orders = read_unsigned(&row);
    ret_state->next_definition = (uint32_t)read_unsigned(&row);
    ret_state->next_segment = (uint32_t)read_unsigned(&row);
    ret_state->ignored = read_unsigned(&row);
    read_borders(&row, &ret_state->borders);
    ret_state->borders_ms = read_signed(&row);
    ret_state->borders_stale = read_unsigned(&row) != 0;
    ret_state->next_midnight_ms = read_signed(&row);
    if (row.rest.size > 0) {
        ret_state->midnight_next = (uint32_t)read_unsigned(&row);
        read_borders(&row, &ret_state->former);
    }
    return !row.failed;
}

/* -- how many persons are in each stage -- */

int tagging_read_stages(
    struct store_txn *txn, struct arena *arena, struct stage_count **ret_stages, size_t *ret_count)
{
    struct row_reader row;
    *ret_stages = NULL;
    *ret_count = 0;
    if (!get_row(txn, row_stages, &row))
        return 0;
    size_t count = read_count(&row);
    struct stage_count *stages = arena_alloc(arena, (count + 1) * sizeof(*stages));
    if (!stages)
        return -QY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        snprintf(stages[i].stage, sizeof(stages[i].stage), "%s", read_text(&row));
        stages[i].persons = read_unsigned(&row);
    }
    if (row.failed)
        return -QY_ECORRUPT;
    *ret_stages = stages;
    *ret_count = count;
    return 0;
}

static int load_stages(struct tagging *tagging, struct store_txn *txn)
{
    struct stage_count *stages;
    size_t count;
    int error = tagging_read_stages(txn, tagging->arena, &stages, &count);
    tagging->stage_count = 0;
    for (size_t i = 0; !error && i < count; i++)
        tagging_count_stage(tagging, stages[i].stage, (int64_t)stages[i].persons);
    return error;
}

static void save_stages(struct tagging *tagging, struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_byte(&row, ROW_VERSION);
    buffer_varint(&row, tagging->stage_count);
    for (size_t i = 0; i < tagging->stage_count; i++) {
        put_text(&row, tagging->stages[i].stage);
        buffer_varint(&row, tagging->stages[i].persons);
    }
    put_row(txn, row_stages, &row);
}

void tagging_count_stage(struct tagging *tagging, const char *stage, int64_t change)
{
    size_t i = 0;
    while (i < tagging->stage_count && strcmp(tagging->stages[i].stage, stage) != 0)
        i++;
    if (i == tagging->stage_capacity) {
        size_t capacity = tagging->stage_capacity ? tagging->stage_capacity * 2 : 8;
        struct stage_count *stages = realloc(tagging->stages, capacity * sizeof(*stages));
        if (!stages) {
            tagging->people.error = -QY_ENOMEM;
            return;
        }
        tagging->stages = stages;
        tagging->stage_capacity = capacity;
    }
    struct stage_count *count = &tagging->stages[i];
    if (i == tagging->stage_count) {
        *count = (struct stage_count){0};
        snprintf(count->stage, sizeof(count->stage), "%s", stage);
        tagging->stage_count++;
    }
    count->persons += (uint64_t)change;
    if (count->persons == 0)
        *count = tagging->stages[--tagging->stage_count];
}

/* -- persons whose event is still to come -- */

static int load_unsettled(struct tagging *tagging, struct store_txn *txn)
{
    struct row_reader row;
    tagging->unsettled.count = 0;
    if (!get_row(txn, row_unsettled, &row))
        return 0;
    tagging->unsettled_ms = read_signed(&row);
    size_t count = read_count(&row);
    if (count > tagging->unsettled.capacity) {
        uint32_t *numbers = realloc(tagging->unsettled.numbers, count * sizeof(*numbers));
        if (!numbers)
            return -QY_ENOMEM;
        tagging->unsettled.numbers = numbers;
        tagging->unsettled.capacity = count;
    }
    for (size_t i = 0; i < count; i++)
        tagging->unsettled.numbers[tagging->unsettled.count++] = (uint32_t)read_unsigned(&row);
    return row.failed ? -QY_ECORRUPT : 0;
}

static void save_unsettled(struct tagging *tagging, struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_byte(&row, ROW_VERSION);
    put_signed(&row, tagging->unsettled_ms);
    buffer_varint(&row, tagging->unsettled.count);
    for (size_t i = 0; i < tagging->unsettled.count; i++)
        buffer_varint(&row, tagging->unsettled.numbers[i]);
    put_row(txn, row_unsettled, &row);
}

/* -- what bindings count -- */

static int load_bindings(struct tagging *tagging, struct store_txn *txn)
{
    struct row_reader row;
    tagging->binding_state = (struct binding_state){.next_step = 1, .next_transfer = 1};
    if (get_row(txn, row_bindings, &row)) {
        tagging->binding_state.last_origin = read_unsigned(&row);
        tagging->binding_state.next_step = read_unsigned(&row);
        tagging->binding_state.next_transfer = (uint32_t)read_unsigned(&row);
    }
    if (row.failed)
        return -QY_ECORRUPT;
    arena_reset(tagging->rules_arena);
    int error = rule_book_read(txn, tagging->rules_arena, &tagging->rules);
    return error ? error : tagging_load_transfers(tagging, txn);
}

static void save_bindings(const struct binding_state *state, struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_byte(&row, ROW_VERSION);
    buffer_varint(&row, state->last_origin);
    buffer_varint(&row, state->next_step);
    buffer_varint(&row, state->next_transfer);
    put_row(txn, row_bindings, &row);
}

/* -- all of it -- */

int tagging_load(struct tagging *tagging, struct store_txn *txn)
{
    tagging_read_state(txn, &tagging->state);
    int error = load_stages(tagging, txn);
    if (!error)
        error = load_unsettled(tagging, txn);
    if (!error)
        error = load_bindings(tagging, txn);
    if (!error)
        error = registry_load(tagging->registry, txn, true);
    timers_open(&tagging->timers, txn, TABLE_TIMERS);
    return error ? error : store_error(txn);
}

int tagging_save(struct tagging *tagging, struct store_txn *txn)
{
    save_state(&tagging->state, txn);
    save_stages(tagging, txn);
    save_unsettled(tagging, txn);
    save_bindings(&tagging->binding_state, txn);
    for (size_t i = 0; i < tagging->registry->count; i++)
        if (tagging->registry->slots[i]->counts_dirty)
            definition_save_counts(txn, tagging->registry->slots[i]);
    return store_error(txn);
}
