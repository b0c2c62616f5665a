/* SPDX-License-Identifier: Apache-2.0 */
/* Many people at once: handed over by hand, or looked at again since a guide has left, a unit stands elsewhere or is removed, or the
 * rules are others. Step by step, while what happens meanwhile is folded in between: who is not looked at yet is up to date as soon as
 * a fact about the person comes. */
#include "common/exact_set.h"
#include "services/tagging/audience.h"
#include "services/tagging/binding_acts.h"

#include <stdlib.h>
#include <string.h>

#define PERSONS_A_STEP 20000u
#define TRANSFERS_KEPT 1000u

static bool is_by_hand(const Quanyu__Transfer *transfer)
{
    return transfer->kind == QUANYU__TRANSFER__KIND__PEOPLE;
}

/* -- rows -- */

static int put_row(struct store_txn *txn, const Quanyu__Transfer *transfer)
{
    struct store_key key;
    size_t size = quanyu__transfer__get_packed_size(transfer);
    uint8_t *packed = malloc(size + 1);
    if (!packed)
        return -QY_ENOMEM;
    quanyu__transfer__pack(transfer, packed);
    key_transfer(&key, transfer->number);
    store_put(txn, TABLE_TRANSFERS, &key, packed, size);
    free(packed);
    return store_error(txn);
}

int tagging_load_transfers(struct tagging *tagging, struct store_txn *txn)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct store_key all;
    struct bytes key, row;
    key_reset(&all);
    tagging->transfers.count = 0;
    int error = scan_open(txn, TABLE_TRANSFERS, &all, NULL, &scan);
    while (!error && scan_next(scan, &key, &row)) {
        Quanyu__Transfer *transfer = quanyu__transfer__unpack(NULL, row.size, row.data);
        if (!transfer)
            return -QY_ECORRUPT;
        if (transfer->ended_ms == 0)
            error = number_list_add(&tagging->transfers, transfer->number);
        quanyu__transfer__free_unpacked(transfer, NULL);
    }
    return error ? error : store_error(txn);
}

static bool is_running(const struct tagging *tagging, uint32_t number)
{
    for (size_t i = 0; i < tagging->transfers.count; i++)
        if (tagging->transfers.numbers[i] == number)
            return true;
    return false;
}

/* Those by hand are shown for a while; nobody asks for the others. */
static void end_transfer(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer)
{
    struct store_key key;
    transfer->ended_ms = batch->now_ms;
    if (!is_by_hand(transfer)) {
        key_transfer(&key, transfer->number);
        store_delete(batch->txn, TABLE_TRANSFERS, &key);
    }
    if (transfer->number > TRANSFERS_KEPT && !is_running(tagging, transfer->number - TRANSFERS_KEPT)) {
        key_transfer(&key, transfer->number - TRANSFERS_KEPT);
        store_delete(batch->txn, TABLE_TRANSFERS, &key);
    }
    struct number_list *list = &tagging->transfers;
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->numbers[i] != transfer->number)
            list->numbers[kept++] = list->numbers[i];
    list->count = kept;
}

/* -- whom -- */

struct question {
    struct arena *arena;
    struct rule *rule;
    struct scope scopes[2];
    struct audience audience;
};

static void question_close(struct question *question)
{
    rule_free(&question->rule);
    arena_close(&question->arena);
}

static int ask(struct tagging *tagging, struct batch *batch, const Quanyu__Transfer *transfer, uint32_t list,
    struct question *question, struct audience_answer *ret_answer)
{
    static const char everyone[] = "{\"everyone\":true}";
    struct rule_problem problem;
    struct rule_names names = registry_names(tagging->registry);
    bool by_rule = transfer->rule.len > 0;
    int error = arena_open(&question->arena);
    if (!error)
        error = rule_parse_text(by_rule ? (const char *)transfer->rule.data : everyone,
            by_rule ? transfer->rule.len : sizeof(everyone) - 1, &names, &question->rule, &problem);
    if (error)
        return error;
    question->scopes[0] = (struct scope){!by_rule, transfer->from_unit, transfer->from_guide};
    question->scopes[1] = scope_of(transfer->actor);
    question->audience = (struct audience){
        .rule = question->rule,
        .txn = batch->txn,
        .money = &tagging->money,
        .registry = tagging->registry,
        .now_ms = batch->now_ms,
        .scopes = question->scopes,
        .scope_count = COUNT_OF(question->scopes),
        .list = list,
        .after = transfer->next,
        .arena = question->arena,
    };
    return audience_find(&question->audience, ret_answer);
}

int tagging_count_transfer(
    struct tagging *tagging, struct batch *batch, const Quanyu__Transfer *transfer, uint64_t *ret_count)
{
    _cleanup_(question_close) struct question question = {0};
    struct audience_answer answer;
    int error = tagging_flush(tagging, batch);
    if (!error)
        error = ask(tagging, batch, transfer, 0, &question, &answer);
    if (!error)
        *ret_count = answer.count;
    return error;
}

int tagging_list_transfer(
    struct tagging *tagging, struct batch *batch, const Quanyu__Transfer *transfer, struct buffer *out)
{
    uint64_t count;
    int error = tagging_count_transfer(tagging, batch, transfer, &count);
    if (error)
        return error;
    _cleanup_(question_close) struct question question = {0};
    struct audience_answer answer;
    error = ask(tagging, batch, transfer, (uint32_t)count, &question, &answer);
    return error ? error : exact_set_write(answer.persons, answer.listed, out);
}

/* -- one of them -- */

static int hand_over(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer,
    uint32_t number, struct person *person)
{
    const struct binding before = person->binding;
    enum binding_cause cause = transfer->handover ? BINDING_HANDOVER : BINDING_TRANSFER;
    const struct binding_fact fact = {.unit = transfer->unit, .guide = transfer->guide, .cause = cause};
    int error = tagging_bind_by_hand(tagging, batch, number, person, &fact);
    if (error || (before.unit == transfer->unit && binding_guide(&before) == transfer->guide))
        return error;
    const struct binding_act act = {
        transfer->actor, cause, transfer->reason, transfer->request_id, transfer->number};
    transfer->moved++;
    error = binding_act_emit(batch, &act, person, &before);
    return error ? error : tagging_evaluate_all(tagging, batch, person, &(struct cause){.kind = CAUSE_HAND});
}

static int look_again(
    struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer, struct person *person)
{
    const struct binding before = person->binding;
    enum cause_kind cause = transfer->kind == QUANYU__TRANSFER__KIND__RULES ? CAUSE_RULE : CAUSE_ORGANISATION;
    int error = tagging_pass_binding(tagging, batch, person);
    bool moved =
        before.unit != person->binding.unit || binding_guide(&before) != binding_guide(&person->binding);
    transfer->moved += moved;
    return error || !moved ? error
                           : tagging_evaluate_all(tagging, batch, person, &(struct cause){.kind = cause});
}

/* The binding is as it was; what the unit lies below is not. */
static int look_from_elsewhere(struct tagging *tagging, struct batch *batch, struct person *person)
{
    uint64_t mask[DEFINITION_WORDS];
    memcpy(mask, tagging->registry->units, tagging->registry->words * sizeof(*mask));
    return tagging_evaluate(tagging, batch, person, mask, &(struct cause){.kind = CAUSE_ORGANISATION});
}

static int look_at(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer, uint32_t number,
    struct person *person)
{
    switch (transfer->kind) {
    case QUANYU__TRANSFER__KIND__PEOPLE:
        return hand_over(tagging, batch, transfer, number, person);
    case QUANYU__TRANSFER__KIND__MOVE:
        return look_from_elsewhere(tagging, batch, person);
    default:
        return look_again(tagging, batch, transfer, person);
    }
}

static int take_person(
    struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer, uint32_t number)
{
    struct person *person = people_person(&tagging->people, number);
    if (!person)
        return tagging->people.error;
    transfer->next = number;
    transfer->done++;
    int error = 0;
    if (person->node_count > 0)
        error = look_at(tagging, batch, transfer, number, person);
    return error ? error : tagging_flush_when_large(tagging, batch);
}

/* -- steps -- */

static int step_all(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer)
{
    int error = 0;
    for (uint32_t i = 0; !error && i < PERSONS_A_STEP && transfer->next < tagging->state.highest; i++)
        error = take_person(tagging, batch, transfer, transfer->next + 1);
    if (!error && transfer->next >= tagging->state.highest)
        end_transfer(tagging, batch, transfer);
    return error;
}

static int step_found(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer)
{
    _cleanup_(question_close) struct question question = {0};
    struct audience_answer answer;
    int error = tagging_flush(tagging, batch); /* the index tells who is meant */
    if (!error)
        error = ask(tagging, batch, transfer, PERSONS_A_STEP, &question, &answer);
    if (error == -QY_EINVAL) { /* the rule refers to what has been removed meanwhile */
        end_transfer(tagging, batch, transfer);
        return 0;
    }
    if (error)
        return error;
    if (transfer->next == 0)
        transfer->found = answer.count;
    for (size_t i = 0; !error && i < answer.listed; i++)
        error = take_person(tagging, batch, transfer, answer.persons[i]);
    if (!error && answer.listed < PERSONS_A_STEP)
        end_transfer(tagging, batch, transfer);
    return error;
}

static int step(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer)
{
    int error = transfer->kind == QUANYU__TRANSFER__KIND__RULES ? step_all(tagging, batch, transfer)
                                                                : step_found(tagging, batch, transfer);
    if (!error && (is_by_hand(transfer) || transfer->ended_ms == 0))
        error = put_row(batch->txn, transfer);
    return error ? error : store_error(batch->txn);
}

int tagging_begin_transfer(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer)
{
    transfer->number = tagging->binding_state.next_transfer++;
    transfer->started_ms = batch->now_ms;
    int error = number_list_add(&tagging->transfers, transfer->number);
    return error ? error : step(tagging, batch, transfer);
}

int tagging_transfer_step(struct tagging *tagging, struct batch *batch)
{
    struct store_key key;
    struct bytes row;
    if (tagging->transfers.count == 0)
        return 0;
    key_transfer(&key, tagging->transfers.numbers[0]);
    if (!store_get(batch->txn, TABLE_TRANSFERS, &key, &row))
        return store_error(batch->txn) ? store_error(batch->txn) : -QY_ECORRUPT;
    Quanyu__Transfer *transfer = quanyu__transfer__unpack(NULL, row.size, row.data);
    if (!transfer)
        return -QY_ECORRUPT;
    int error = step(tagging, batch, transfer);
    quanyu__transfer__free_unpacked(transfer, NULL);
    return error;
}

int tagging_transfer_named(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer,
    const uint32_t *persons, size_t count)
{
    int error = 0;
    transfer->number = tagging->binding_state.next_transfer++;
    transfer->started_ms = batch->now_ms;
    for (size_t i = 0; !error && i < count; i++) {
        struct person *person = people_resolve(&tagging->people, persons[i]);
        transfer->done++;
        error = person ? hand_over(tagging, batch, transfer, persons[i], person) : tagging->people.error;
    }
    end_transfer(tagging, batch, transfer);
    return error ? error : put_row(batch->txn, transfer);
}
