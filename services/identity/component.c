/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/component.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* A part is a tree of parents and a list of its nodes; its root is its lowest node. */
struct solver {
    const struct identity_rules *rules;
    struct component_node *nodes;
    size_t node_count;
    uint32_t *parent;
    uint32_t *next, *last; /* the list; `last` of roots alone */
    struct group *groups;  /* of roots */
    const struct component_link **apart;
    size_t apart_count;
    int64_t *times; /* room for one kind's */
};

static uint32_t root_of(struct solver *solver, uint32_t index)
{
    while (solver->parent[index] != index) {
        solver->parent[index] = solver->parent[solver->parent[index]];
        index = solver->parent[index];
    }
    return index;
}

/* -- order -- */

static void set_strength(const struct component_node *nodes, struct component_link *link)
{
    unsigned one = nodes[link->low].strength, other = nodes[link->high].strength;
    link->strength = (uint16_t)(one < other ? one << 8 | other : other << 8 | one);
    link->strong = other < one ? link->high : link->low;
    link->weak = other < one ? link->low : link->high;
}

#define COMPARE(one, other)                                                                                  \
    if ((one) != (other))                                                                                    \
    return (one) < (other) ? -1 : 1

static int compare_links(const void *left, const void *right)
{
    const struct component_link *one = left, *other = right;
    COMPARE(one->apart, other->apart);
    COMPARE(one->rank, other->rank);
    COMPARE(one->order, other->order);
    COMPARE(one->strength, other->strength);
    COMPARE(one->strong, other->strong);
    COMPARE(one->weak, other->weak);
    return 0;
}

/* -- what speaks against a union -- */

static bool is_apart(struct solver *solver, uint32_t one, uint32_t other)
{
    for (size_t i = 0; i < solver->apart_count; i++) {
        uint32_t low = root_of(solver, solver->apart[i]->low), high = root_of(solver, solver->apart[i]->high);
        if ((low == one && high == other) || (low == other && high == one))
            return true;
    }
    return false;
}

static size_t gather_times(struct solver *solver, uint32_t root, unsigned kind, size_t count)
{
    for (uint32_t index = root; index != NONE; index = solver->next[index])
        if (solver->nodes[index].kind == kind && !solver->nodes[index].same)
            solver->times[count++] = solver->nodes[index].first_ms;
    return count;
}

static struct verdict check_windows(struct solver *solver, uint32_t one, uint32_t other, unsigned alias_kind)
{
    for (unsigned kind = 1; kind <= KINDS_MAX; kind++) {
        const struct kind_rule *rule = &solver->rules->kinds[kind];
        bool both = solver->groups[one].counts[kind] && solver->groups[other].counts[kind];
        if (!both || kind == alias_kind || !rules_has_window(rule))
            continue;
        size_t count = gather_times(solver, other, kind, gather_times(solver, one, kind, 0));
        if (!admission_fits_windows(rule, solver->times, count))
            return (struct verdict){.refusal = REFUSED_WINDOW, .kind = (uint8_t)kind};
    }
    return (struct verdict){.refusal = REFUSED_NOT};
}

static struct verdict check(
    struct solver *solver, uint32_t one, uint32_t other, const struct component_link *link)
{
    if (link->rank != RANK_SAME && is_apart(solver, one, other))
        return (struct verdict){.refusal = REFUSED_APART};
    struct verdict verdict = admission_check(
        solver->rules, &solver->groups[one], &solver->groups[other], link->rank, link->alias_kind);
    if (verdict.refusal || link->rank == RANK_SAME || link->rank == RANK_HAND)
        return verdict;
    return check_windows(solver, one, other, link->alias_kind);
}

/* -- unions -- */

static void unite(struct solver *solver, uint32_t one, uint32_t other)
{
    uint32_t root = one < other ? one : other, child = one < other ? other : one;
    solver->parent[child] = root;
    solver->next[solver->last[root]] = child;
    solver->last[root] = solver->last[child];
    group_merge(&solver->groups[root], &solver->groups[child]);
}

static void take(struct solver *solver, struct component_link *link)
{
    uint32_t one = root_of(solver, link->low), other = root_of(solver, link->high);
    link->verdict = (struct verdict){.refusal = REFUSED_NOT};
    if (one == other)
        return;
    link->verdict = check(solver, one, other, link);
    if (!link->verdict.refusal)
        unite(solver, one, other);
}

static int make_room(struct solver *solver, size_t link_count)
{
    size_t count = solver->node_count;
    solver->parent = malloc(count * sizeof(*solver->parent));
    solver->next = malloc(count * sizeof(*solver->next));
    solver->last = malloc(count * sizeof(*solver->last));
    solver->groups = calloc(count, sizeof(*solver->groups));
    solver->times = malloc(count * sizeof(*solver->times));
    solver->apart = malloc((link_count + 1) * sizeof(*solver->apart));
    bool whole = solver->parent && solver->next && solver->last && solver->groups && solver->times;
    return whole && solver->apart ? 0 : -QY_ENOMEM;
}

static void free_room(struct solver *solver)
{
    free(solver->parent);
    free(solver->next);
    free(solver->last);
    free(solver->groups);
    free(solver->times);
    free(solver->apart);
}

static void begin(struct solver *solver, const struct component_link *links, size_t link_count)
{
    for (uint32_t i = 0; i < solver->node_count; i++) {
        solver->parent[i] = solver->last[i] = i;
        solver->next[i] = NONE;
        if (!solver->nodes[i].same)
            group_add(&solver->groups[i], solver->nodes[i].kind, solver->nodes[i].verified);
        solver->nodes[i].refused = false;
    }
    for (size_t i = 0; i < link_count; i++)
        if (links[i].apart)
            solver->apart[solver->apart_count++] = &links[i];
}

/* A link that was refused may be needless by now: its ends came together by others. */
static void finish(struct solver *solver, struct component_link *links, size_t link_count)
{
    for (uint32_t i = 0; i < solver->node_count; i++)
        solver->nodes[i].person = solver->nodes[root_of(solver, i)].node;
    for (size_t i = 0; i < link_count; i++) {
        struct component_link *link = &links[i];
        bool one = root_of(solver, link->low) == root_of(solver, link->high);
        if (one || link->apart)
            link->verdict = (struct verdict){.refusal = REFUSED_NOT};
        else
            solver->nodes[link->low].refused = solver->nodes[link->high].refused = true;
    }
}

int component_solve(const struct identity_rules *rules, struct component_node *nodes, size_t node_count,
    struct component_link *links, size_t link_count)
{
    struct solver solver = {.rules = rules, .nodes = nodes, .node_count = node_count};
    int error = node_count < NONE ? make_room(&solver, link_count) : -QY_EFULL;
    if (!error && node_count > 0) {
        for (size_t i = 0; i < link_count; i++)
            set_strength(nodes, &links[i]);
        if (link_count > 0)
            qsort(links, link_count, sizeof(*links), compare_links);
        begin(&solver, links, link_count);
        for (size_t i = 0; i < link_count && !links[i].apart; i++)
            take(&solver, &links[i]);
        finish(&solver, links, link_count);
    }
    free_room(&solver);
    return error;
}
