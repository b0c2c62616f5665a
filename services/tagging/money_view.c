/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/money_view.h"

#include <string.h>

bool money_view_asks(const struct money_view *view, const struct definition *definition)
{
    return view->asks[definition->slot / 64] >> definition->slot % 64 & 1;
}

bool money_view_stage_asks(const struct money_view *view, const char *stage)
{
    const struct definition *stages = registry_find(view->registry, DEFINITION_STAGES, STAGES_ID);
    if (!stages || view->stages == stages->stage_count)
        return false;
    for (size_t i = 0; i < view->stages; i++)
        if (strcmp(stages->stages[i].stage, stage) == 0)
            return false;
    return true;
}

static bool named(void *self, enum rule_kind kind, const char *name)
{
    const struct money_view *view = self;
    if (kind == RULE_STAGE)
        return money_view_stage_asks(view, name);
    const struct definition *definition =
        registry_find(view->registry, kind == RULE_TAG ? DEFINITION_TAG : DEFINITION_SEGMENT, name);
    return definition && money_view_asks(view, definition);
}

bool money_view_rule_asks(
    const struct money_view *view, const struct rule *rule, struct rule_problem *ret_where)
{
    const struct rule_money money = {.self = (void *)(uintptr_t)view, .named = named};
    return rule_asks_for_money(rule, &money, ret_where);
}

/* What a definition refers to has a lower slot, so it has been looked at before. */
static void look_at(struct money_view *view, const struct definition *definition)
{
    for (size_t i = 0; i < definition_rule_count(definition); i++) {
        if (!money_view_rule_asks(view, definition_rule(definition, i), NULL))
            continue;
        mask_set(view->asks, definition->slot);
        if (definition->kind == DEFINITION_STAGES)
            view->stages = i;
        return;
    }
}

int money_view_make(const struct registry *registry, struct arena *arena, struct money_view *ret_view)
{
    const struct definition *stages = registry_find(registry, DEFINITION_STAGES, STAGES_ID);
    struct money_view view = {.registry = registry, .stages = stages ? stages->stage_count : 0};
    view.asks = arena_alloc(arena, registry->words * sizeof(*view.asks));
    if (!view.asks)
        return -QY_ENOMEM;
    memset(view.asks, 0, registry->words * sizeof(*view.asks));
    for (size_t slot = 0; slot < registry->count; slot++)
        look_at(&view, registry->slots[slot]);
    *ret_view = view;
    return 0;
}
