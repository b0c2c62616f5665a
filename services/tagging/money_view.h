/* SPDX-License-Identifier: Apache-2.0 */
/* Which definitions ask for money, by themselves or through others that they refer to. Who may not see money finds out neither who is in
 * them nor how many are. */
#ifndef QY_TAGGING_MONEY_VIEW_H
#define QY_TAGGING_MONEY_VIEW_H

#include "services/tagging/registry.h"

struct money_view {
    const struct registry *registry;
    uint64_t *asks; /* a set of definitions */
    size_t stages;  /* so many of the first stages do not ask: who is in a later one is none of an earlier */
};

/* The registry must hold its rules, and outlive it, as must the arena. */
int money_view_make(const struct registry *registry, struct arena *arena, struct money_view *ret_view);
bool money_view_asks(const struct money_view *view, const struct definition *definition);
/* "" for those who are in no stage. */
bool money_view_stage_asks(const struct money_view *view, const char *stage);
/* With where, for the refusal; may be NULL. */
bool money_view_rule_asks(
    const struct money_view *view, const struct rule *rule, struct rule_problem *ret_where);

#endif
