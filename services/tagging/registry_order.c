/* SPDX-License-Identifier: Apache-2.0 */
/* The order of evaluation, and who must be looked at when something changes. */
#include "services/tagging/registry.h"

#include <stdlib.h>
#include <string.h>

/* -- references -- */

static bool in_list(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool node_names_stage(const struct rule_node *node, const char *stage)
{
    if (node->kind == RULE_STAGE && in_list(node->names, node->name_count, stage))
        return true;
    for (size_t i = 0; i < node->child_count; i++)
        if (node_names_stage(node->children[i], stage))
            return true;
    return false;
}

static bool rule_refers(const struct rule *rule, enum definition_kind kind, const char *id)
{
    const struct rule_dependencies *uses = rule_dependencies(rule);
    switch (kind) {
    case DEFINITION_SEGMENT:
        return in_list(uses->segments, uses->segment_count, id);
    case DEFINITION_TAG:
        return in_list(uses->tags, uses->tag_count, id);
    case DEFINITION_STAGES:
        return uses->stage && node_names_stage(rule_root(rule), id);
    default:
        return false;
    }
}

const struct definition *registry_referrer(
    const struct registry *registry, enum definition_kind kind, const char *id)
{
    for (size_t i = 0; i < registry->count; i++) {
        const struct definition *definition = registry->slots[i];
        for (size_t j = 0; j < definition_rule_count(definition); j++)
            if (rule_refers(definition_rule(definition, j), kind, id))
                return definition;
    }
    return NULL;
}

static bool node_names(const struct rule_node *node, enum rule_kind kind, uint32_t number)
{
    for (size_t i = 0; node->kind == kind && i < node->number_count; i++)
        if (node->numbers[i] == number)
            return true;
    for (size_t i = 0; i < node->child_count; i++)
        if (node_names(node->children[i], kind, number))
            return true;
    return false;
}

bool definition_names(const struct definition *definition, enum rule_kind kind, uint32_t number)
{
    for (size_t i = 0; i < definition_rule_count(definition); i++)
        if (node_names(rule_root(definition_rule(definition, i)), kind, number))
            return true;
    return false;
}

const struct definition *registry_unit_referrer(const struct registry *registry, uint32_t unit)
{
    for (size_t i = 0; i < registry->count; i++)
        if (definition_names(registry->slots[i], RULE_UNIT, unit))
            return registry->slots[i];
    return NULL;
}

/* -- order: depth first over references -- */

static int by_id(const void *a, const void *b)
{
    const struct definition *const *left = a, *const *right = b;
    if ((*left)->kind != (*right)->kind)
        return (*left)->kind < (*right)->kind ? -1 : 1;
    return strcmp((*left)->id, (*right)->id);
}

static int by_number(const void *a, const void *b)
{
    const struct definition *const *left = a, *const *right = b;
    return (*left)->number<(*right)->number ? -1 : (*left)->number>(*right)->number;
}

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct ordering {
    struct registry *registry;
    struct definition **order;
    size_t count;
    uint8_t *marks; /* by place in registry->by_id */
};

static int visit(struct ordering *ordering, size_t place);

static int visit_named(struct ordering *ordering, enum definition_kind kind, const char *id)
{
    const struct registry *registry = ordering->registry;
    struct definition key = {.kind = kind, .id = (char *)id};
    const struct definition *wanted = &key;
    struct definition **found =
        bsearch(&wanted, registry->by_id, registry->count, sizeof(struct definition *), by_id);
    return found ? visit(ordering, (size_t)(found - registry->by_id)) : 0;
}

static int visit_rule(struct ordering *ordering, const struct rule *rule)
{
    const struct rule_dependencies *uses = rule_dependencies(rule);
    int error = 0;
    for (size_t i = 0; !error && i < uses->segment_count; i++)
        error = visit_named(ordering, DEFINITION_SEGMENT, uses->segments[i]);
    for (size_t i = 0; !error && i < uses->tag_count; i++)
        error = visit_named(ordering, DEFINITION_TAG, uses->tags[i]);
    if (!error && uses->stage)
        error = visit_named(ordering, DEFINITION_STAGES, STAGES_ID);
    return error;
}

/* Recursion is as deep as a chain of references: at most DEFINITIONS_MAX, of small frames. */
static int visit(struct ordering *ordering, size_t place)
{
    if (ordering->marks[place] == MARK_DONE)
        return 0;
    if (ordering->marks[place] == MARK_OPEN)
        return -QY_ECONFLICT;
    ordering->marks[place] = MARK_OPEN;
    struct definition *definition = ordering->registry->by_id[place];
    int error = 0;
    for (size_t i = 0; !error && i < definition_rule_count(definition); i++)
        error = visit_rule(ordering, definition_rule(definition, i));
    ordering->marks[place] = MARK_DONE;
    ordering->order[ordering->count++] = definition;
    return error;
}

/* -- masks -- */

static uint64_t *new_mask(struct registry *registry)
{
    return arena_alloc(registry->arena, registry->words * sizeof(uint64_t));
}

const uint64_t *name_masks_find(const struct name_masks *masks, const char *name)
{
    size_t low = 0, high = masks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, masks->items[middle].name);
        if (order == 0)
            return masks->items[middle].mask;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Puts a name in its place; the capacity is the next power of two. */
static uint64_t *mask_for(struct registry *registry, struct name_masks *masks, const char *name)
{
    uint64_t *known = (uint64_t *)name_masks_find(masks, name);
    if (known)
        return known;
    size_t count = masks->count;
    if ((count & (count - 1)) == 0) {
        struct name_mask *items = arena_alloc(registry->arena, (count ? count * 2 : 1) * sizeof(*items));
        if (!items)
            return NULL;
        if (count > 0)
            memcpy(items, masks->items, count * sizeof(*items));
        masks->items = items;
    }
    uint64_t *mask = new_mask(registry);
    if (!mask)
        return NULL;
    size_t at = count;
    for (; at > 0 && strcmp(masks->items[at - 1].name, name) > 0; at--)
        masks->items[at] = masks->items[at - 1];
    masks->items[at] = (struct name_mask){.name = name, .mask = mask};
    masks->count++;
    return mask;
}

static int note_names(struct registry *registry, struct name_masks *masks, const char *const *names,
    size_t count, unsigned slot)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t *mask = mask_for(registry, masks, names[i]);
        if (!mask)
            return -QY_ENOMEM;
        mask_set(mask, slot);
    }
    return 0;
}

static void note_dependent(
    struct registry *registry, enum definition_kind kind, const char *id, unsigned slot)
{
    struct definition *definition = registry_find(registry, kind, id);
    if (definition)
        mask_set(definition->dependents, slot);
}

static int note_rule(struct registry *registry, const struct definition *definition, const struct rule *rule)
{
    const struct rule_dependencies *uses = rule_dependencies(rule);
    unsigned slot = definition->slot;
    if (definition->kind == DEFINITION_TRIGGER)
        return note_names(registry, &registry->triggers, uses->events, uses->event_count, slot);
    for (unsigned metric = 0; metric < RULE_METRIC_COUNT; metric++)
        if (uses->metrics & 1u << metric)
            mask_set(registry->metrics[metric], slot);
    for (size_t i = 0; i < uses->segment_count; i++)
        note_dependent(registry, DEFINITION_SEGMENT, uses->segments[i], slot);
    for (size_t i = 0; i < uses->tag_count; i++)
        note_dependent(registry, DEFINITION_TAG, uses->tags[i], slot);
    if (uses->stage)
        note_dependent(registry, DEFINITION_STAGES, STAGES_ID, slot);
    if (uses->identifiers)
        mask_set(registry->identifiers, slot);
    if (uses->unit)
        mask_set(registry->units, slot);
    if (uses->guide)
        mask_set(registry->guides, slot);
    if (uses->time)
        mask_set(registry->time, slot);
    int error = note_names(registry, &registry->events, uses->events, uses->event_count, slot);
    return error ? error : note_names(registry, &registry->traits, uses->traits, uses->trait_count, slot);
}

static int make_masks(struct registry *registry)
{
    bool made = (registry->identifiers = new_mask(registry)) && (registry->units = new_mask(registry)) &&
                (registry->guides = new_mask(registry)) && (registry->time = new_mask(registry)) &&
                (registry->all = new_mask(registry));
    for (unsigned metric = 0; made && metric < RULE_METRIC_COUNT; metric++)
        made = (registry->metrics[metric] = new_mask(registry)) != NULL;
    for (size_t i = 0; made && i < registry->count; i++)
        made = (registry->slots[i]->dependents = new_mask(registry)) != NULL;
    if (!made)
        return -QY_ENOMEM;
    int error = 0;
    for (size_t i = 0; !error && i < registry->count; i++) {
        const struct definition *definition = registry->slots[i];
        if (definition->kind != DEFINITION_TRIGGER)
            mask_set(registry->all, definition->slot);
        for (size_t j = 0; !error && j < definition_rule_count(definition); j++)
            error = note_rule(registry, definition, definition_rule(definition, j));
    }
    return error;
}

static int sort_definitions(struct registry *registry)
{
    size_t bytes = registry->count * sizeof(struct definition *);
    struct ordering ordering = {.registry = registry};
    ordering.order = arena_alloc(registry->arena, bytes + 1);
    ordering.marks = arena_alloc(registry->arena, registry->count + 1);
    if (!ordering.order || !ordering.marks)
        return -QY_ENOMEM;
    if (bytes > 0)
        memcpy(registry->by_id, registry->slots, bytes);
    qsort(registry->by_id, registry->count, sizeof(struct definition *), by_id);
    for (size_t i = 0; i < registry->count; i++) {
        int error = visit(&ordering, i);
        if (error)
            return error;
    }
    if (bytes > 0) {
        memcpy(registry->slots, ordering.order, bytes);
        memcpy(registry->by_number, ordering.order, bytes);
    }
    qsort(registry->by_number, registry->count, sizeof(struct definition *), by_number);
    for (size_t i = 0; i < registry->count; i++)
        registry->slots[i]->slot = (unsigned)i;
    return 0;
}

int registry_arrange(struct registry *registry)
{
    arena_reset(registry->arena);
    registry->words = registry->count / 64 + 1;
    registry->events = registry->traits = registry->triggers = (struct name_masks){0};
    int error = sort_definitions(registry);
    return error ? error : make_masks(registry);
}
