/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps definitions evaluated for one person: event by event, so that what enters and leaves does not depend
 * on how records happen to be batched. */
#include "services/tagging/subject.h"
#include "services/tagging/tagging.h"

#include <string.h>

#define CHANGES_KEPT 10000u /* per segment */

struct evaluation {
    struct tagging *tagging;
    struct batch *batch;
    struct person *person;
    struct subject subject;
    const struct cause *cause;
    uint64_t *mask;
    int64_t change_ms; /* the earliest time at which what was evaluated can change by itself */
};

/* -- what comes out -- */

static void note_change(const struct evaluation *evaluation, struct definition *definition, bool entered)
{
    struct store_txn *txn = evaluation->batch->txn;
    uint8_t row[14];
    put_be32(row, evaluation->person->number);
    row[4] = entered;
    row[5] = (uint8_t)evaluation->cause->kind;
    put_be64(row + 6, (uint64_t)evaluation->batch->now_ms);
    struct store_key key;
    key_change(&key, definition->number, definition->changes++);
    store_put(txn, TABLE_CHANGES, &key, row, sizeof(row));
    if (definition->changes > CHANGES_KEPT) {
        key_change(&key, definition->number, definition->changes - CHANGES_KEPT - 1);
        store_delete(txn, TABLE_CHANGES, &key);
    }
}

static void emit_membership(
    const struct evaluation *evaluation, const struct definition *definition, bool entered)
{
    Quanyu__MembershipChanged changed = QUANYU__MEMBERSHIP_CHANGED__INIT;
    changed.set = definition->id;
    changed.person = evaluation->person->number;
    changed.entered = entered;
    changed.history = evaluation->cause->kind == CAUSE_IMPORT;
    changed.origin = evaluation->cause->origin;
    changed.initial = evaluation->cause->built == definition;
    batch_emit(evaluation->batch, QUANYU__TAGGING_RECORD__RECORD_MEMBERSHIP, &changed.base);
}

static void emit_tag(const struct evaluation *evaluation, const struct definition *definition, bool added)
{
    Quanyu__TagChanged changed = QUANYU__TAG_CHANGED__INIT;
    changed.person = evaluation->person->number;
    changed.tag = definition->id;
    changed.added = added;
    changed.origin = (char *)"rule";
    batch_emit(evaluation->batch, QUANYU__TAGGING_RECORD__RECORD_TAG, &changed.base);
}

static void emit_stage(const struct evaluation *evaluation, const char *from, const char *to)
{
    Quanyu__StageChanged changed = QUANYU__STAGE_CHANGED__INIT;
    changed.person = evaluation->person->number;
    changed.from = (char *)from;
    changed.to = (char *)to;
    changed.history = evaluation->cause->kind == CAUSE_IMPORT;
    batch_emit(evaluation->batch, QUANYU__TAGGING_RECORD__RECORD_STAGE, &changed.base);
}

/* The person's own row says so already, or goes. */
static void tell_change(const struct evaluation *evaluation, struct definition *definition, bool member)
{
    if (definition->kind != DEFINITION_TAG) /* a tag may be set by hand too: noting.c counts it */
        definition->count += member ? 1 : (uint64_t)-1;
    definition->entered += member;
    definition->left += !member;
    definition->counts_dirty = true;
    if (definition->kind == DEFINITION_SEGMENT)
        note_change(evaluation, definition, member);
    if (definition->kind == DEFINITION_TAG)
        emit_tag(evaluation, definition, member);
    else
        emit_membership(evaluation, definition, member);
}

/* -- one definition -- */

static void look_at_dependents(const struct evaluation *evaluation, const struct definition *definition)
{
    for (size_t i = 0; i < evaluation->tagging->registry->words; i++)
        evaluation->mask[i] |= definition->dependents[i];
}

static void evaluate_stage(struct evaluation *evaluation, struct definition *definition)
{
    struct person *person = evaluation->person;
    int64_t change_ms;
    const char *stage = subject_stage(definition, &evaluation->subject.rule, &change_ms);
    stage = stage ? stage : "";
    if (change_ms < evaluation->change_ms)
        evaluation->change_ms = change_ms;
    if (strcmp(stage, person->stage) == 0)
        return;
    char *kept = arena_text(evaluation->tagging->people.arena, stage, strlen(stage));
    if (!kept) {
        evaluation->tagging->people.error = -QY_ENOMEM;
        return;
    }
    emit_stage(evaluation, person->stage, kept);
    person->stage = kept;
    person->stage_since_ms = evaluation->batch->now_ms;
    person->dirty = true;
    definition->entered++;
    definition->counts_dirty = true;
    look_at_dependents(evaluation, definition);
}

static void evaluate_set(struct evaluation *evaluation, struct definition *definition)
{
    const struct rule_subject *subject = &evaluation->subject.rule;
    bool member = definition->rule && rule_matches(definition->rule, subject);
    if (definition->rule && rule_dependencies(definition->rule)->time) {
        int64_t change_ms = rule_next_change(definition->rule, subject);
        if (change_ms < evaluation->change_ms)
            evaluation->change_ms = change_ms;
    }
    struct tagging *tagging = evaluation->tagging;
    if (!person_set(
            &tagging->people, evaluation->person, definition->number, member, evaluation->batch->now_ms))
        return;
    tell_change(evaluation, definition, member);
    look_at_dependents(evaluation, definition);
}

static void evaluate_definition(struct evaluation *evaluation, struct definition *definition)
{
    if (definition->paused || definition->kind == DEFINITION_TRIGGER)
        return;
    if (definition->kind == DEFINITION_STAGES)
        evaluate_stage(evaluation, definition);
    else
        evaluate_set(evaluation, definition);
}

/* In the order of slots; what changes can only mark higher ones. */
static void evaluate_mask(struct evaluation *evaluation)
{
    struct registry *registry = evaluation->tagging->registry;
    for (size_t word = 0; word < registry->words; word++)
        while (evaluation->mask[word] != 0) {
            unsigned bit = (unsigned)__builtin_ctzll(evaluation->mask[word]);
            evaluation->mask[word] &= ~(UINT64_C(1) << bit);
            evaluate_definition(evaluation, registry->slots[word * 64 + bit]);
        }
}

/* -- timers: one a person, never later than what can change -- */

static void set_timer(struct tagging *tagging, struct batch *batch, struct person *person, int64_t due_ms)
{
    if (person->due_ms == due_ms)
        return;
    uint8_t payload[4];
    put_be32(payload, person->number);
    if (person->due_ms != TIME_NEVER)
        timers_unset(&tagging->timers, batch->txn, person->due_ms, payload, sizeof(payload));
    if (due_ms != TIME_NEVER)
        timers_set(&tagging->timers, batch->txn, due_ms, payload, sizeof(payload));
    person->due_ms = due_ms;
    person->dirty = true;
}

void tagging_due_by(struct tagging *tagging, struct batch *batch, struct person *person, int64_t due_ms)
{
    if (due_ms < person->due_ms)
        set_timer(tagging, batch, person, due_ms);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void evaluation_init(struct evaluation *evaluation, struct tagging *tagging, struct batch *batch,
    struct person *person, uint64_t *mask, const struct cause *cause)
{
    *evaluation = (struct evaluation){.tagging = tagging,
        .batch = batch,
        .person = person,
        .cause = cause,
        .mask = mask,
        .change_ms = TIME_NEVER};
    subject_init(&evaluation->subject, &tagging->people, person, tagging->registry, &tagging->state.borders,
        batch->now_ms);
}

int tagging_evaluate(struct tagging *tagging, struct batch *batch, struct person *person, uint64_t *mask,
    const struct cause *cause)
{
    struct evaluation evaluation;
    evaluation_init(&evaluation, tagging, batch, person, mask, cause);
    evaluate_mask(&evaluation);
    /* What was not looked at may be due earlier; its timer stands, and finds out. */
    tagging_due_by(tagging, batch, person, evaluation.change_ms);
    return tagging->people.error;
}

static int evaluate_anew(struct tagging *tagging, struct batch *batch, struct person *person, uint64_t *mask,
    const struct cause *cause)
{
    struct evaluation evaluation;
    const struct binding before = person->binding;
    int64_t expiry_ms = tagging_expire_tags(tagging, batch, person, mask);
    int error = tagging_pass_binding(tagging, batch, person);
    if (error)
        return error;
    tagging_mark_binding(tagging, &before, person, mask);
    evaluation_init(&evaluation, tagging, batch, person, mask, cause);
    evaluate_mask(&evaluation);
    const struct binding_laws laws = {batch->txn, &tagging->rules};
    int64_t due_ms = earlier(evaluation.change_ms, expiry_ms);
    set_timer(tagging, batch, person, earlier(due_ms, binding_due(&person->binding, &laws)));
    return tagging->people.error;
}

int tagging_evaluate_all(
    struct tagging *tagging, struct batch *batch, struct person *person, const struct cause *cause)
{
    uint64_t mask[DEFINITION_WORDS];
    memcpy(mask, tagging->registry->all, tagging->registry->words * sizeof(*mask));
    return evaluate_anew(tagging, batch, person, mask, cause);
}

int tagging_evaluate_due(struct tagging *tagging, struct batch *batch, struct person *person)
{
    uint64_t mask[DEFINITION_WORDS];
    memcpy(mask, tagging->registry->time, tagging->registry->words * sizeof(*mask));
    person->due_ms = TIME_NEVER;
    person->dirty = true;
    return evaluate_anew(tagging, batch, person, mask, &(struct cause){.kind = CAUSE_TIME});
}

void tagging_vanish(struct tagging *tagging, struct batch *batch, struct person *person, enum cause_kind why)
{
    const struct cause cause = {.kind = why};
    const struct evaluation evaluation = {
        .tagging = tagging, .batch = batch, .person = person, .cause = &cause};
    for (size_t i = 0; i < person->membership_count; i++) {
        struct definition *definition =
            registry_by_number(tagging->registry, person->memberships[i].definition);
        if (definition)
            tell_change(&evaluation, definition, false);
    }
    set_timer(tagging, batch, person, TIME_NEVER);
}

/* -- triggers -- */

static const struct rule_node *trigger_event(const struct rule_node *root)
{
    if (root->kind == RULE_EVENT)
        return root;
    for (size_t i = 0; i < root->child_count; i++)
        if (root->children[i]->kind == RULE_EVENT)
            return root->children[i];
    return NULL;
}

static bool trigger_matches(const struct definition *definition, const struct rule_subject *subject,
    const struct stored_event *event, yyjson_val *properties)
{
    const struct rule_node *node = trigger_event(rule_root(definition->rule));
    if (!node || strcmp(node->name, event->name) != 0)
        return false;
    int64_t from_ms, to_ms;
    rule_window(node, subject->now_ms, &from_ms, &to_ms);
    return event->time_ms >= from_ms && event->time_ms < to_ms &&
           rule_where_matches(node, properties, subject->now_ms) && rule_matches(definition->rule, subject);
}

static void emit_fired(struct batch *batch, const struct definition *definition, const struct person *person,
    const struct stored_event *event)
{
    Quanyu__WatchFired fired = QUANYU__WATCH_FIRED__INIT;
    fired.watch = definition->id;
    fired.person = person->number;
    fired.node = event->node;
    fired.origin = event->origin;
    fired.name = (char *)event->name;
    fired.event_ms = event->time_ms;
    fired.properties.data = (uint8_t *)event->properties.data;
    fired.properties.len = event->properties.size;
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_FIRED, &fired.base);
}

int tagging_fire(struct tagging *tagging, struct batch *batch, const struct person *person,
    const struct stored_event *event, yyjson_val *properties)
{
    const uint64_t *mask = name_masks_find(&tagging->registry->triggers, event->name);
    if (!mask || event->history)
        return 0;
    struct subject subject;
    subject_init(
        &subject, &tagging->people, person, tagging->registry, &tagging->state.borders, batch->now_ms);
    for (size_t slot = 0; slot < tagging->registry->count; slot++) {
        const struct definition *definition = tagging->registry->slots[slot];
        if ((mask[slot / 64] >> slot % 64 & 1) &&
            trigger_matches(definition, &subject.rule, event, properties))
            emit_fired(batch, definition, person, event);
    }
    return tagging->people.error;
}
