/* SPDX-License-Identifier: Apache-2.0 */
/* New and changed definitions, evaluated for everybody: at once where there are few people, else in steps of
 * their own, while what happens meanwhile is folded in between. */
#include "services/tagging/tagging.h"

#include <string.h>

#define PERSONS_AT_ONCE 50000u
#define PERSONS_A_STEP 20000u

static void ready(struct batch *batch, const struct definition *definition)
{
    if (definition->kind != DEFINITION_WATCH && definition->kind != DEFINITION_TRIGGER)
        return;
    Quanyu__WatchReady message = QUANYU__WATCH_READY__INIT;
    message.watch = definition->id;
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_WATCH, &message.base);
}

static int build_person(
    struct tagging *tagging, struct batch *batch, const struct definition *definition, uint32_t number)
{
    struct person *person = people_person(&tagging->people, number);
    if (!person || person->node_count == 0)
        return tagging->people.error;
    uint64_t mask[DEFINITION_WORDS] = {0};
    mask_set(mask, definition->slot);
    return tagging_evaluate(
        tagging, batch, person, mask, &(struct cause){.kind = CAUSE_RULE, .built = definition});
}

/* Goes on for at most `limit` persons. */
static int build(struct tagging *tagging, struct batch *batch, struct definition *definition, uint32_t limit)
{
    int error = 0;
    uint32_t number = definition->build_next;
    for (uint32_t done = 0; !error && done < limit && number <= tagging->state.highest; done++) {
        error = build_person(tagging, batch, definition, number++);
        if (!error)
            error = tagging_flush_when_large(tagging, batch);
    }
    definition->build_next = number <= tagging->state.highest ? number : 0;
    if (!error && definition->build_next == 0)
        ready(batch, definition);
    definition_save(batch->txn, definition);
    return error;
}

int tagging_rebuild(struct tagging *tagging, struct batch *batch, struct definition *definition)
{
    definition->build_next = 1;
    if (definition->kind == DEFINITION_TRIGGER || definition->paused)
        return build(tagging, batch, definition, 0);
    if (tagging->state.highest <= PERSONS_AT_ONCE)
        return build(tagging, batch, definition, PERSONS_AT_ONCE);
    definition_save(batch->txn, definition);
    return 0;
}

int tagging_define(
    struct tagging *tagging, struct batch *batch, struct definition *definition, struct rule_problem *problem)
{
    _cleanup_(definition_free) struct definition *former = NULL;
    int error = registry_put(tagging->registry, definition, &former, problem);
    if (error)
        return error;
    definition->changed_ms = batch->now_ms;
    if (former) {
        definition->number = former->number;
        definition->version = former->version + 1;
        definition->created_ms = former->created_ms;
        definition->count = former->count;
        definition->entered = former->entered;
        definition->left = former->left;
        definition->changes = former->changes;
    } else {
        definition->number = tagging->state.next_definition++;
        definition->version = 1;
        definition->created_ms = batch->now_ms;
    }
    definition->counts_dirty = true;
    error = registry_arrange(tagging->registry); /* the number is known now */
    return error ? error : tagging_rebuild(tagging, batch, definition);
}

/* Its number comes never again: what persons hold of it is nobody's. */
static void forget_members(struct store_txn *txn, const struct definition *definition)
{
    struct store_key key;
    if (definition->kind == DEFINITION_SEGMENT) {
        index_class_key(&(struct index_class){SORT_BITS, BITS_SEGMENT, ""}, &key);
        key_text(&key, definition->id);
        store_delete_prefix(txn, TABLE_INDEX, &key);
    }
}

int tagging_drop(
    struct tagging *tagging, struct batch *batch, struct definition *definition, struct rule_problem *problem)
{
    int error = registry_remove(tagging->registry, definition, problem);
    if (error)
        return error;
    definition_delete(batch->txn, definition);
    forget_members(batch->txn, definition);
    definition_free(&definition);
    return 0;
}

int tagging_build_step(struct tagging *tagging, struct batch *batch)
{
    int error = tagging_begin(tagging, batch);
    for (size_t i = 0; !error && i < tagging->registry->count; i++)
        if (tagging->registry->slots[i]->build_next != 0)
            return build(tagging, batch, tagging->registry->slots[i], PERSONS_A_STEP);
    return error ? error : tagging_transfer_step(tagging, batch);
}

/* -- steps as work of the writer's own -- */

static int apply_step(struct work *work, struct batch *batch)
{
    struct tagging *tagging = (struct tagging *)(void *)((char *)work - offsetof(struct tagging, step));
    int error = tagging_build_step(tagging, batch);
    return error ? store_fail(batch->txn, error) : 0; /* half a step must not be committed */
}

static void step_done(struct work *work, int result)
{
    struct tagging *tagging = (struct tagging *)(void *)((char *)work - offsetof(struct tagging, step));
    (void)result;
    tagging->working = false;
}

void tagging_queue_step(struct tagging *tagging, struct service *service)
{
    if (tagging->working)
        return;
    tagging->step = (struct work){.apply = apply_step, .done = step_done};
    tagging->working = service_submit(service, &tagging->step) == 0;
}
