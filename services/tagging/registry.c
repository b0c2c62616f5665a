/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int registry_open(unsigned amount_scale, struct registry **ret_registry)
{
    struct registry *registry = calloc(1, sizeof(*registry));
    if (!registry)
        return -QY_ENOMEM;
    registry->amount_scale = amount_scale;
    registry->slots = calloc(DEFINITIONS_MAX + 1, sizeof(struct definition *));
    registry->by_id = calloc(DEFINITIONS_MAX + 1, sizeof(struct definition *));
    registry->by_number = calloc(DEFINITIONS_MAX + 1, sizeof(struct definition *));
    if (!registry->slots || !registry->by_id || !registry->by_number || arena_open(&registry->arena)) {
        registry_close(&registry);
        return -QY_ENOMEM;
    }
    int error = registry_arrange(registry);
    if (error) {
        registry_close(&registry);
        return error;
    }
    *ret_registry = registry;
    return 0;
}

void registry_close(struct registry **registry)
{
    struct registry *closed = *registry;
    *registry = NULL;
    if (!closed)
        return;
    for (size_t i = 0; i < closed->count; i++)
        definition_free(&closed->slots[i]);
    free(closed->slots);
    free(closed->by_id);
    free(closed->by_number);
    arena_close(&closed->arena);
    free(closed);
}

static int compare_id(enum definition_kind kind, const char *id, const struct definition *definition)
{
    if (kind != definition->kind)
        return kind < definition->kind ? -1 : 1;
    return strcmp(id, definition->id);
}

struct definition *registry_find(const struct registry *registry, enum definition_kind kind, const char *id)
{
    size_t low = 0, high = registry->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_id(kind, id, registry->by_id[middle]);
        if (order == 0)
            return registry->by_id[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct definition *registry_by_number(const struct registry *registry, uint32_t number)
{
    size_t low = 0, high = registry->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct definition *definition = registry->by_number[middle];
        if (definition->number == number)
            return definition;
        if (number < definition->number)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* -- names -- */

static bool knows_tag(void *self, const char *name)
{
    return registry_find(self, DEFINITION_TAG, name) != NULL;
}

static bool knows_segment(void *self, const char *name)
{
    return registry_find(self, DEFINITION_SEGMENT, name) != NULL;
}

static bool knows_stage(void *self, const char *name)
{
    const struct definition *stages = registry_find(self, DEFINITION_STAGES, STAGES_ID);
    for (size_t i = 0; stages && i < stages->stage_count; i++)
        if (strcmp(stages->stages[i].stage, name) == 0)
            return true;
    return false;
}

/* Nobody has a tier yet. */
static int tier_rank(void *self, const char *name)
{
    (void)self;
    (void)name;
    return -1;
}

struct rule_names registry_names(struct registry *registry)
{
    return (struct rule_names){
        .self = registry,
        .tag = knows_tag,
        .segment = knows_segment,
        .stage = knows_stage,
        .tier_rank = tier_rank,
        .amount_scale = registry->amount_scale,
    };
}

/* -- change -- */

const char *definition_name(const struct definition *definition, char ret_name[DEFINITION_NAME_BYTES])
{
    static const char *const kinds[] = {"segment", "tag", "stage list", "journey", "journey"};
    bool watch = definition->kind == DEFINITION_WATCH || definition->kind == DEFINITION_TRIGGER;
    int size = watch ? (int)strcspn(definition->id, ":") : 120;
    snprintf(ret_name, DEFINITION_NAME_BYTES, "%s \"%.*s\"", kinds[definition->kind], size, definition->id);
    return ret_name;
}

static int conflict(struct rule_problem *problem, const struct definition *referrer, const char *what)
{
    char name[DEFINITION_NAME_BYTES];
    problem->pointer[0] = 0;
    snprintf(problem->message, sizeof(problem->message), "%.60s is referred to by the %s", what,
        definition_name(referrer, name));
    return -QY_ECONFLICT;
}

static bool has_stage(const struct definition *stages, const char *name)
{
    for (size_t i = 0; i < stages->stage_count; i++)
        if (strcmp(stages->stages[i].stage, name) == 0)
            return true;
    return false;
}

/* A stage that rules refer to must not vanish from the list. */
static int check_stages(const struct registry *registry, const struct definition *former,
    const struct definition *definition, struct rule_problem *problem)
{
    for (size_t i = 0; i < former->stage_count; i++) {
        const char *name = former->stages[i].stage;
        if (has_stage(definition, name))
            continue;
        const struct definition *referrer = registry_referrer(registry, DEFINITION_STAGES, name);
        if (referrer)
            return conflict(problem, referrer, name);
    }
    return 0;
}

static size_t place_of(const struct registry *registry, const struct definition *definition)
{
    for (size_t i = 0; i < registry->count; i++)
        if (registry->slots[i] == definition)
            return i;
    return registry->count;
}

int registry_put(struct registry *registry, struct definition *definition, struct definition **ret_former,
    struct rule_problem *problem)
{
    struct definition *former = registry_find(registry, definition->kind, definition->id);
    int error = 0;
    if (former && definition->kind == DEFINITION_STAGES)
        error = check_stages(registry, former, definition, problem);
    if (error)
        return error;
    if (!former && registry->count == DEFINITIONS_MAX) {
        problem->pointer[0] = 0;
        snprintf(
            problem->message, sizeof(problem->message), "there are %u definitions already", DEFINITIONS_MAX);
        return -QY_ETOOLARGE;
    }
    size_t place = former ? place_of(registry, former) : registry->count;
    registry->slots[place] = definition;
    registry->count += !former;
    error = registry_arrange(registry);
    if (error) {
        registry->slots[place] = former;
        registry->count -= !former;
        int again = registry_arrange(registry); /* as it was: no cycle in it */
        error = again ? again : error;
        problem->pointer[0] = 0;
        snprintf(problem->message, sizeof(problem->message), "the rule refers back to itself through others");
        return error == -QY_ECONFLICT ? -QY_EINVAL : error;
    }
    *ret_former = former;
    return 0;
}

int registry_remove(struct registry *registry, struct definition *definition, struct rule_problem *problem)
{
    const struct definition *referrer = registry_referrer(registry, definition->kind, definition->id);
    if (referrer)
        return conflict(problem, referrer, definition->id);
    size_t place = place_of(registry, definition);
    registry->slots[place] = registry->slots[registry->count - 1];
    registry->count--;
    return registry_arrange(registry);
}
