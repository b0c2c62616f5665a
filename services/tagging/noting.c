/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of a person means for everything that is kept about everybody: the index, and the counts. A
 * person is compared with its row, so that whatever happened in between (a join, a split, an erasure) comes
 * out the same. */
#include "services/tagging/events.h"
#include "services/tagging/tagging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A person before or after. */
struct shape {
    const struct person *person;
    const struct node **nodes;
    size_t node_count;
    struct held_tag *tags; /* sorted, each once */
    size_t tag_count;
    const struct trait **traits; /* sorted by name: the latest of each, no removed ones */
    size_t trait_count;
};

struct held_tag {
    uint32_t definition;
    const char *origin;
};

struct noting {
    struct tagging *tagging;
    uint32_t number;
    struct shape before, after;
};

static bool fail(struct noting *noting, int error)
{
    if (!noting->tagging->people.error)
        noting->tagging->people.error = error;
    return false;
}

static void *allocate(struct noting *noting, size_t count, size_t size)
{
    void *memory = arena_alloc(noting->tagging->people.arena, (count + 1) * size);
    if (!memory)
        fail(noting, -QY_ENOMEM);
    return memory;
}

/* -- shapes -- */

/* The node as it was read; the node itself where it has not changed. */
static const struct node *node_before(struct noting *noting, const struct node *node)
{
    if (!node->dirty && node->row.size > 0 && node->person != 0)
        return node;
    struct node *before = allocate(noting, 1, sizeof(*before));
    if (!before)
        return NULL;
    *before = (struct node){.number = node->number, .kind = ""};
    if (node->row.size > 0 && !node_decode(node->row, noting->tagging->people.arena, before))
        fail(noting, -QY_ECORRUPT);
    return before;
}

static bool find_nodes(struct noting *noting, struct shape *shape, bool before)
{
    shape->nodes = allocate(noting, shape->person->node_count, sizeof(*shape->nodes));
    for (size_t i = 0; shape->nodes && i < shape->person->node_count; i++) {
        const struct node *node = people_node(&noting->tagging->people, shape->person->nodes[i].node);
        if (node && before)
            node = node_before(noting, node);
        if (!node)
            return false;
        shape->nodes[shape->node_count++] = node;
    }
    return shape->nodes != NULL;
}

static int compare_tags(const void *a, const void *b)
{
    const struct held_tag *left = a, *right = b;
    if (left->definition != right->definition)
        return left->definition < right->definition ? -1 : 1;
    return strcmp(left->origin, right->origin);
}

static bool find_tags(struct noting *noting, struct shape *shape)
{
    const struct person *person = shape->person;
    size_t room = person->membership_count, count = 0;
    for (size_t i = 0; i < shape->node_count; i++)
        room += shape->nodes[i]->tag_count;
    shape->tags = allocate(noting, room, sizeof(*shape->tags));
    if (!shape->tags)
        return false;
    for (size_t i = 0; i < person->membership_count; i++) {
        const struct definition *definition =
            registry_by_number(noting->tagging->registry, person->memberships[i].definition);
        if (definition && definition->kind == DEFINITION_TAG)
            shape->tags[count++] = (struct held_tag){definition->number, "rule"};
    }
    for (size_t i = 0; i < shape->node_count; i++)
        for (size_t j = 0; j < shape->nodes[i]->tag_count; j++)
            shape->tags[count++] =
                (struct held_tag){shape->nodes[i]->tags[j].definition, shape->nodes[i]->tags[j].origin};
    if (count > 0)
        qsort(shape->tags, count, sizeof(*shape->tags), compare_tags);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare_tags(&shape->tags[i - 1], &shape->tags[i]) != 0)
            shape->tags[shape->tag_count++] = shape->tags[i];
    return true;
}

static int compare_traits(const void *a, const void *b)
{
    const struct trait *const *left = a, *const *right = b;
    int order = strcmp((*left)->name, (*right)->name);
    if (order != 0)
        return order;
    if ((*left)->stated_ms != (*right)->stated_ms)
        return (*left)->stated_ms > (*right)->stated_ms ? -1 : 1;
    return (*left)->origin > (*right)->origin ? -1 : (*left)->origin < (*right)->origin;
}

static bool find_traits(struct noting *noting, struct shape *shape)
{
    size_t room = 0, count = 0;
    for (size_t i = 0; i < shape->node_count; i++)
        room += shape->nodes[i]->trait_count;
    const struct trait **all = allocate(noting, room, sizeof(*all));
    shape->traits = allocate(noting, room, sizeof(*shape->traits));
    if (!all || !shape->traits)
        return false;
    for (size_t i = 0; i < shape->node_count; i++)
        for (size_t j = 0; j < shape->nodes[i]->trait_count; j++)
            all[count++] = &shape->nodes[i]->traits[j];
    if (count > 0)
        qsort(all, count, sizeof(*all), compare_traits);
    for (size_t i = 0; i < count; i++) {
        bool latest = i == 0 || strcmp(all[i - 1]->name, all[i]->name) != 0;
        if (latest && strcmp(all[i]->json, "null") != 0)
            shape->traits[shape->trait_count++] = all[i];
    }
    return true;
}

/* -- differences -- */

static void note_columns(struct noting *noting)
{
    static const struct totals none;
    static const uint32_t zero_when_absent = 1u << METRIC_ORDERS | 1u << METRIC_REFUNDS | 1u << METRIC_GROSS |
                                             1u << METRIC_REVENUE | 1u << METRIC_EVENTS;
    static const struct score_borders no_borders;
    const struct totals *before = noting->before.person ? &noting->before.person->totals : &none;
    const struct totals *after = &noting->after.person->totals;
    struct index_writer *index = noting->tagging->index;
    uint32_t changed = totals_difference(before, after);
    for (unsigned metric = 0; metric < METRIC_RECENCY_SCORE; metric++) {
        int64_t value = 0;
        if (!(changed & 1u << metric))
            continue;
        bool present = totals_metric(after, &no_borders, metric, &value);
        if (zero_when_absent & 1u << metric)
            present = value != 0;
        index_value(index, metric, noting->number, present, value);
    }
    if (changed & SCORES_MASK) {
        noting->tagging->state.borders_stale = true;
        index_value(index, METRIC_MONETARY_SCORE, noting->number, after->orders > 0, totals_revenue(after));
    }
    noting->tagging->state.orders += after->orders - before->orders;
}

static void note_existence(struct noting *noting)
{
    struct tagging *tagging = noting->tagging;
    bool was = noting->before.person != NULL, is = noting->after.person->node_count > 0;
    const char *former = was ? noting->before.person->stage : "", *stage = noting->after.person->stage;
    if (was != is) {
        index_bit(tagging->index, BITS_PERSON, "", "", noting->number, is);
        tagging->state.persons += (uint64_t)is - (uint64_t)was;
    } else if (strcmp(former, stage) == 0) {
        return;
    }
    if (was)
        tagging_count_stage(tagging, former, -1);
    if (is)
        tagging_count_stage(tagging, stage, 1);
    if (was && *former)
        index_bit(tagging->index, BITS_STAGE, "", former, noting->number, false);
    if (is && *stage)
        index_bit(tagging->index, BITS_STAGE, "", stage, noting->number, true);
}

/* -- whose people -- */

static void note_unit(struct noting *noting, uint32_t unit, bool on)
{
    char term[16];
    snprintf(term, sizeof(term), "%u", unit);
    index_bit(noting->tagging->index, BITS_UNIT, "", term, noting->number, on);
}

static bool is_in(const uint32_t *chain, size_t count, uint32_t unit)
{
    for (size_t i = 0; i < count; i++)
        if (chain[i] == unit)
            return true;
    return false;
}

/* All that stand above both stay. */
static void note_home(struct noting *noting, uint32_t from, uint32_t to)
{
    struct store_txn *txn = noting->tagging->people.txn;
    uint32_t left[UNIT_DEPTH_MAX], come[UNIT_DEPTH_MAX];
    size_t left_count = organisation_chain(txn, from, left), come_count = organisation_chain(txn, to, come);
    for (size_t i = 0; i < left_count; i++)
        if (!is_in(come, come_count, left[i]))
            note_unit(noting, left[i], false);
    for (size_t i = 0; i < come_count; i++)
        if (!is_in(left, left_count, come[i]))
            note_unit(noting, come[i], true);
}

static void note_guide(struct noting *noting, uint32_t guide, bool on)
{
    char term[16];
    snprintf(term, sizeof(term), "%u", guide);
    if (guide)
        index_bit(noting->tagging->index, BITS_GUIDE, "", term, noting->number, on);
}

static void note_binding(struct noting *noting)
{
    const struct binding none = {0}, *after = &noting->after.person->binding;
    const struct binding *before = noting->before.person ? &noting->before.person->binding : &none;
    struct index_writer *index = noting->tagging->index;
    bool had = binding_guide(before) != 0, has = binding_guide(after) != 0;
    if (before->unit != after->unit)
        note_home(noting, before->unit, after->unit);
    if ((before->unit != 0) != (after->unit != 0))
        index_bit(index, BITS_UNIT, "", "", noting->number, after->unit != 0);
    if (had != has)
        index_bit(index, BITS_GUIDE, "", "", noting->number, has);
    if (before->guide != after->guide) {
        note_guide(noting, before->guide, false);
        note_guide(noting, after->guide, true);
    }
}

static void note_membership(struct noting *noting, uint32_t number, bool member)
{
    const struct definition *definition = registry_by_number(noting->tagging->registry, number);
    if (definition && definition->kind == DEFINITION_SEGMENT)
        index_bit(noting->tagging->index, BITS_SEGMENT, "", definition->id, noting->number, member);
}

/* Both lists are in the order of definitions. Returns whether they differ. */
static bool note_memberships(struct noting *noting)
{
    static const struct person nobody;
    const struct person *before = noting->before.person ? noting->before.person : &nobody;
    const struct person *after = noting->after.person;
    bool differ = false;
    for (size_t i = 0, j = 0; i < before->membership_count || j < after->membership_count;) {
        uint32_t old = i < before->membership_count ? before->memberships[i].definition : UINT32_MAX;
        uint32_t new = j < after->membership_count ? after->memberships[j].definition : UINT32_MAX;
        if (old != new) {
            note_membership(noting, old < new ? old : new, new < old);
            differ = true;
        }
        i += old <= new;
        j += new <= old;
    }
    return differ;
}

static void note_tag(struct noting *noting, const struct held_tag *tag, bool has)
{
    char term[INDEX_TERM_MAX + 1];
    snprintf(term, sizeof(term), "%s\x1f%u", tag->origin, tag->definition);
    index_bit(noting->tagging->index, BITS_TAG_ORIGIN, "", term, noting->number, has);
}

static bool holds(const struct shape *shape, uint32_t definition)
{
    for (size_t i = 0; i < shape->tag_count; i++)
        if (shape->tags[i].definition == definition)
            return true;
    return false;
}

/* Of any origin: noted once, at the first of a tag's origins. */
static void note_any_origin(
    struct noting *noting, const struct shape *shape, const struct shape *other, bool has)
{
    for (size_t i = 0; i < shape->tag_count; i++) {
        uint32_t number = shape->tags[i].definition;
        if ((i > 0 && shape->tags[i - 1].definition == number) || holds(other, number))
            continue;
        char term[16];
        snprintf(term, sizeof(term), "%u", number);
        index_bit(noting->tagging->index, BITS_TAG, "", term, noting->number, has);
        struct definition *definition = registry_by_number(noting->tagging->registry, number);
        if (!definition)
            continue;
        definition->count += has ? 1 : (uint64_t)-1;
        definition->counts_dirty = true;
    }
}

static void note_tags(struct noting *noting)
{
    const struct shape *before = &noting->before, *after = &noting->after;
    for (size_t i = 0, j = 0; i < before->tag_count || j < after->tag_count;) {
        int order = i == before->tag_count  ? 1
                    : j == after->tag_count ? -1
                                            : compare_tags(&before->tags[i], &after->tags[j]);
        if (order != 0)
            note_tag(noting, order < 0 ? &before->tags[i] : &after->tags[j], order > 0);
        i += order <= 0;
        j += order >= 0;
    }
    note_any_origin(noting, before, after, false);
    note_any_origin(noting, after, before, true);
}

static bool has_kind(const struct shape *shape, const char *kind)
{
    for (size_t i = 0; shape->person && i < shape->person->node_count; i++)
        if (strcmp(shape->person->nodes[i].kind, kind) == 0)
            return true;
    return false;
}

static void note_kinds(struct noting *noting, const struct shape *shape, const struct shape *other, bool has)
{
    for (size_t i = 0; shape->person && i < shape->person->node_count; i++)
        if (!has_kind(other, shape->person->nodes[i].kind))
            index_bit(noting->tagging->index, BITS_IDENTIFIER, "", shape->person->nodes[i].kind,
                noting->number, has);
}

static void note_value(struct noting *noting, const struct trait *trait, bool has)
{
    bool complex = trait->json[0] == '{' || trait->json[0] == '[' || trait->size > VALUE_TERM_MAX;
    if (complex)
        index_bit(noting->tagging->index, BITS_TRAIT_COMPLEX, "", trait->name, noting->number, has);
    else
        index_bit(noting->tagging->index, BITS_TRAIT_VALUE, trait->name, trait->json, noting->number, has);
}

/* Of one trait; NULL: no value. */
static void note_trait(struct noting *noting, const struct trait *old, const struct trait *new)
{
    if (old && new && old->size == new->size && memcmp(old->json, new->json, old->size) == 0)
        return;
    if (old)
        note_value(noting, old, false);
    if (new)
        note_value(noting, new, true);
    if (!old != !new)
        index_bit(
            noting->tagging->index, BITS_TRAIT, "", new ? new->name : old->name, noting->number, new != NULL);
}

static void note_traits(struct noting *noting)
{
    const struct shape *before = &noting->before, *after = &noting->after;
    for (size_t i = 0, j = 0; i < before->trait_count || j < after->trait_count;) {
        const struct trait *old = i < before->trait_count ? before->traits[i] : NULL;
        const struct trait *new = j < after->trait_count ? after->traits[j] : NULL;
        int order = !old ? 1 : !new ? -1 : strcmp(old->name, new->name);
        note_trait(noting, order <= 0 ? old : NULL, order >= 0 ? new : NULL);
        i += order <= 0;
        j += order >= 0;
    }
}

static void note_facts(struct noting *noting)
{
    if (noting->before.person && !find_nodes(noting, &noting->before, true))
        return;
    if (!find_nodes(noting, &noting->after, false))
        return;
    if ((noting->before.person && !find_tags(noting, &noting->before)) || !find_tags(noting, &noting->after))
        return;
    note_tags(noting);
    if (!noting->after.person->facts_dirty)
        return;
    note_kinds(noting, &noting->before, &noting->after, false);
    note_kinds(noting, &noting->after, &noting->before, true);
    if ((noting->before.person && !find_traits(noting, &noting->before)) ||
        !find_traits(noting, &noting->after))
        return;
    note_traits(noting);
}

static void note_person(struct tagging *tagging, const struct person *person)
{
    struct noting noting = {.tagging = tagging, .number = person->number, .after.person = person};
    struct person before = {.number = person->number, .stage = ""};
    if (person->row.size > 0) {
        if (!person_decode(person->row, tagging->people.arena, &before)) {
            fail(&noting, -QY_ECORRUPT);
            return;
        }
        noting.before.person = &before;
    }
    if (!noting.before.person && person->node_count == 0)
        return;
    note_existence(&noting);
    note_columns(&noting);
    note_binding(&noting);
    if (note_memberships(&noting) || person->facts_dirty)
        note_facts(&noting);
}

void tagging_note_persons(struct tagging *tagging)
{
    struct number_map *persons = &tagging->people.persons;
    for (size_t i = 0; i < persons->capacity; i++) {
        const struct person *person = persons->values[i];
        if (person && person->dirty)
            note_person(tagging, person);
    }
}

/* -- events, when they come, move and go -- */

struct event_noting {
    struct tagging *tagging;
    uint32_t from, to;
};

static bool note_event(void *context, uint32_t node, const struct event_reference *reference)
{
    struct event_noting *noting = context;
    struct index_writer *index = noting->tagging->index;
    const char *name = event_name(&noting->tagging->people, node, reference);
    if (name && noting->from)
        index_time(index, name, noting->from, reference->time_ms, false);
    if (name && noting->to)
        index_time(index, name, noting->to, reference->time_ms, true);
    return name != NULL;
}

void tagging_note_events(struct tagging *tagging, const struct node *node, uint32_t from, uint32_t to)
{
    struct event_noting noting = {tagging, from, to};
    node_walk_events(&tagging->people, node, note_event, &noting);
}
