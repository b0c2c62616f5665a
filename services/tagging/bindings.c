/* SPDX-License-Identifier: Apache-2.0 */
/* The bindings of persons, kept up to what is folded: a fact that comes after all others changes what is there, any
 * other has all of the person's facts folded anew. */
#include "services/tagging/events.h"
#include "services/tagging/tagging.h"

#include <stdlib.h>
#include <string.h>

struct moment tagging_moment(struct tagging *tagging, const struct batch *batch)
{
    return (struct moment){
        batch->now_ms, tagging->binding_state.last_origin, tagging->binding_state.next_step++};
}

struct binding_fact binding_fact_of(const struct stored_event *contact)
{
    bool purchase =
        contact->type == QUANYU__EVENT_TYPE__EVENT_TRACK && strcmp(contact->name, EVENT_ORDER) == 0;
    return (struct binding_fact){
        .at = {contact->time_ms, contact->origin, 0},
        .unit = contact->unit,
        .guide = contact->staff,
        .person = contact->person,
        .cause = purchase ? BINDING_PURCHASE : BINDING_CONTACT,
    };
}

/* -- all facts -- */

struct fact_list {
    struct people *people;
    struct binding_fact *facts;
    size_t count, capacity;
};

static bool add_fact(struct fact_list *list, const struct binding_fact *fact)
{
    if (!people_grow(list->people, &list->facts, &list->capacity, list->count, sizeof(*list->facts)))
        return false;
    list->facts[list->count++] = *fact;
    return true;
}

static bool add_contact(void *context, uint32_t node, const struct event_reference *reference)
{
    struct fact_list *list = context;
    struct stored_event event;
    if (!reference->contact)
        return true;
    if (!event_load(list->people, node, reference, &event))
        return false;
    const struct binding_fact fact = binding_fact_of(&event);
    return add_fact(list, &fact);
}

static void gather(struct fact_list *list, const struct person *person)
{
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(list->people, person->nodes[i].node);
        if (node && node->contacts > 0)
            node_walk_events(list->people, node, add_contact, list);
        for (size_t j = 0; node && j < node->hand_count; j++)
            add_fact(list, &node->hands[j]);
    }
    if (list->count > 0)
        qsort(list->facts, list->count, sizeof(*list->facts), binding_fact_compare);
}

int people_fold_binding(struct people *people, const struct person *person, const struct rule_book *book,
    int64_t now_ms, struct binding_log *log, struct binding *ret_binding)
{
    const struct binding_laws laws = {people->txn, book};
    struct fact_list list = {.people = people};
    gather(&list, person);
    *ret_binding = binding_none();
    for (size_t i = 0; i < list.count; i++)
        binding_fold(ret_binding, &laws, &list.facts[i], log);
    binding_pass(ret_binding, &laws, moment_end_of(now_ms), log);
    if (log && log->failed && !people->error)
        people->error = -QY_ENOMEM;
    return people->error;
}

/* -- what comes out -- */

struct binding_step {
    struct tagging *tagging;
    struct batch *batch;
    struct person *person;
    struct binding before;
    struct binding_log log;
    struct binding_laws laws;
};

static struct binding_step begin(struct tagging *tagging, struct batch *batch, struct person *person)
{
    return (struct binding_step){
        .tagging = tagging,
        .batch = batch,
        .person = person,
        .before = person->binding,
        .log = {.arena = tagging->people.arena, .person = person->number},
        .laws = {batch->txn, &tagging->rules},
    };
}

static void emit(const struct binding_step *step, enum binding_cause cause, const struct cause *event)
{
    Quanyu__BindingChanged changed = QUANYU__BINDING_CHANGED__INIT;
    changed.person = step->person->number;
    changed.unit_before = step->before.unit;
    changed.guide_before = binding_guide(&step->before);
    changed.unit = step->person->binding.unit;
    changed.guide = binding_guide(&step->person->binding);
    changed.cause = (char *)(uintptr_t)binding_cause_name(cause);
    changed.history = event && event->kind == CAUSE_IMPORT;
    changed.origin = event ? event->origin : 0;
    batch_emit(step->batch, QUANYU__TAGGING_RECORD__RECORD_BINDING, &changed.base);
}

static bool differs(const struct binding *a, const struct binding *b)
{
    return a->unit != b->unit || binding_guide(a) != binding_guide(b);
}

/* `why` BINDING_NONE: what the log says. */
static int end(struct binding_step *step, enum binding_cause why, const struct cause *event)
{
    struct binding *binding = &step->person->binding;
    if (step->log.failed && !step->tagging->people.error)
        step->tagging->people.error = -QY_ENOMEM;
    if (differs(&step->before, binding)) {
        if (why == BINDING_NONE && step->log.count > 0)
            why = step->log.changes[step->log.count - 1].cause;
        emit(step, why, event);
    }
    if (moment_is_after(binding->last, step->before.last) || differs(&step->before, binding))
        step->person->dirty = true;
    tagging_due_by(step->tagging, step->batch, step->person, binding_due(binding, &step->laws));
    return step->tagging->people.error;
}

/* -- facts, and time -- */

static int fold_anew(struct binding_step *step, enum binding_cause why, const struct cause *event)
{
    struct tagging *tagging = step->tagging;
    int error = people_fold_binding(&tagging->people, step->person, &tagging->rules, step->batch->now_ms,
        &step->log, &step->person->binding);
    step->person->dirty = true;
    return error ? error : end(step, why, event);
}

int tagging_bind(struct tagging *tagging, struct batch *batch, struct person *person,
    const struct binding_fact *fact, const struct cause *cause)
{
    struct binding_step step = begin(tagging, batch, person);
    if (!binding_is_next(&person->binding, fact))
        return fold_anew(&step, BINDING_NONE, cause);
    binding_fold(&person->binding, &step.laws, fact, &step.log);
    binding_pass(&person->binding, &step.laws, moment_end_of(batch->now_ms), &step.log);
    return end(&step, BINDING_NONE, cause);
}

int tagging_rebind(struct tagging *tagging, struct batch *batch, struct person *person)
{
    struct binding_step step = begin(tagging, batch, person);
    return fold_anew(&step, BINDING_JOIN, NULL);
}

int tagging_pass_binding(struct tagging *tagging, struct batch *batch, struct person *person)
{
    struct binding_step step = begin(tagging, batch, person);
    if (person->binding.unit == 0 && person->binding.guide == 0)
        return 0;
    binding_pass(&person->binding, &step.laws, moment_end_of(batch->now_ms), &step.log);
    return end(&step, BINDING_NONE, NULL);
}

/* -- by hand -- */

static int keep_hand(struct people *people, struct node *node, const struct binding_fact *fact)
{
    if (node->hand_count >= HANDS_MAX) {
        node->hand_count--;
        memmove(node->hands, node->hands + 1, node->hand_count * sizeof(*node->hands));
    }
    if (!people_grow(people, &node->hands, &node->hand_capacity, node->hand_count, sizeof(*node->hands)))
        return people->error;
    node->hands[node->hand_count++] = *fact;
    node->dirty = true;
    return 0;
}

int tagging_bind_by_hand(struct tagging *tagging, struct batch *batch, uint32_t number, struct person *person,
    const struct binding_fact *fact)
{
    struct node *node = people_node(&tagging->people, number);
    struct binding_fact kept = *fact;
    kept.at = tagging_moment(tagging, batch);
    kept.person = person->number;
    int error = node ? keep_hand(&tagging->people, node, &kept) : tagging->people.error;
    if (!error)
        error = tagging_bind(tagging, batch, person, &kept, &(struct cause){.kind = CAUSE_HAND});
    person->dirty = true;
    return error;
}

/* -- who must look -- */

static void add_mask(uint64_t *mask, const uint64_t *more, size_t words)
{
    for (size_t i = 0; i < words; i++)
        mask[i] |= more[i];
}

void tagging_mark_binding(
    const struct tagging *tagging, const struct binding *before, const struct person *person, uint64_t *mask)
{
    const struct registry *registry = tagging->registry;
    if (before->unit != person->binding.unit)
        add_mask(mask, registry->units, registry->words);
    if (binding_guide(before) != binding_guide(&person->binding))
        add_mask(mask, registry->guides, registry->words);
}

/* -- rules -- */

int tagging_set_rules(struct tagging *tagging, struct batch *batch, struct binding_rules *rules)
{
    const struct binding_rules *former = rule_book_last(&tagging->rules);
    bool expire = rules->guide_keeps_ms != former->guide_keeps_ms;
    rules->version = former->version + 1;
    rules->since = tagging_moment(tagging, batch);
    int error = rule_book_add(batch->txn, tagging->rules_arena, &tagging->rules, rules);
    if (error || !expire || rules->guide_keeps_ms == 0)
        return error;
    Quanyu__Transfer transfer = QUANYU__TRANSFER__INIT;
    transfer.kind = QUANYU__TRANSFER__KIND__RULES;
    return tagging_begin_transfer(tagging, batch, &transfer);
}
