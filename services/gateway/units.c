/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/units_private.h"

#include <stdlib.h>
#include <string.h>

/* -- looking -- */

static const struct unit_node *node_of(const struct unit_tree *tree, uint32_t unit)
{
    return unit <= tree->last && tree->nodes[unit].place != NOWHERE ? &tree->nodes[unit] : NULL;
}

bool unit_tree_has(const struct unit_tree *tree, uint32_t unit)
{
    return node_of(tree, unit) != NULL;
}

uint32_t unit_tree_parent(const struct unit_tree *tree, uint32_t unit)
{
    const struct unit_node *node = node_of(tree, unit);
    return node ? node->parent : 0;
}

uint32_t unit_tree_heir(const struct unit_tree *tree, uint32_t unit)
{
    while (unit && !unit_tree_has(tree, unit))
        unit = unit <= tree->last ? tree->nodes[unit].parent : 0;
    return unit;
}

unsigned unit_tree_depth(const struct unit_tree *tree, uint32_t unit)
{
    const struct unit_node *node = node_of(tree, unit);
    return node ? node->depth : 0;
}

bool unit_tree_within(const struct unit_tree *tree, uint32_t unit, uint32_t above)
{
    const struct unit_node *node = node_of(tree, unit), *top = node_of(tree, above);
    return node && top && node->place >= top->place && node->place - top->place <= top->below;
}

uint32_t unit_tree_below(const struct unit_tree *tree, uint32_t unit)
{
    const struct unit_node *node = node_of(tree, unit);
    return node ? node->below : 0;
}

uint32_t unit_tree_count(const struct unit_tree *tree)
{
    return tree->count;
}

uint32_t unit_tree_place(const struct unit_tree *tree, uint32_t unit)
{
    const struct unit_node *node = node_of(tree, unit);
    return node ? node->place : tree->count;
}

uint32_t unit_tree_at(const struct unit_tree *tree, uint32_t place)
{
    return place < tree->count ? tree->order[place] : 0;
}

uint32_t unit_tree_last(const struct unit_tree *tree)
{
    return tree->last;
}

uint64_t unit_tree_moves(const struct unit_tree *tree)
{
    return tree->moves;
}

uint64_t unit_tree_lost(const struct unit_tree *tree, uint32_t unit)
{
    const struct unit_node *node = node_of(tree, unit);
    return node ? node->lost : 0;
}

static const char *code_of(const struct unit_tree *tree, uint32_t unit)
{
    return (const char *)tree->codes.data + tree->nodes[unit].code;
}

static size_t slot_of(const struct unit_tree *tree, const char *code, size_t size)
{
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const uint8_t *)code, size, tree->secret);
    return (size_t)get_be64(hash) & (tree->slot_count - 1);
}

/* Where the code is, or would be. */
static size_t find_slot(const struct unit_tree *tree, const char *code, size_t size)
{
    size_t slot = slot_of(tree, code, size);
    while (tree->slots[slot]) {
        const char *there = code_of(tree, tree->slots[slot]);
        if (strncmp(there, code, size) == 0 && there[size] == '\0')
            break;
        slot = (slot + 1) & (tree->slot_count - 1);
    }
    return slot;
}

uint32_t unit_tree_find(const struct unit_tree *tree, const char *code, size_t size)
{
    return size > 0 && size <= UNIT_CODE_BYTES ? tree->slots[find_slot(tree, code, size)] : 0;
}

/* -- making -- */

static void tree_free(struct snapshot *snapshot)
{
    struct unit_tree *tree = (struct unit_tree *)snapshot;
    free(tree->nodes);
    free(tree->order);
    free(tree->slots);
    buffer_free(&tree->codes);
    free(tree);
}

void unit_tree_release(struct unit_tree **tree)
{
    snapshot_release((struct snapshot *)*tree);
    *tree = NULL;
}

/* While a tree is being made a node that is there has the place 0. */
static void add_node(struct unit_tree *tree, uint32_t unit, uint32_t parent, const char *code)
{
    struct unit_node *node = &tree->nodes[unit];
    *node = (struct unit_node){.parent = parent};
    if (*code) {
        node->code = (uint32_t)tree->codes.size;
        buffer_append(&tree->codes, code, strlen(code) + 1);
    }
}

/* Of what `base` had below a unit and the tree has not. A unit that is removed leaves its people to the one above it: nobody has lost them. */
static void note_lost(struct unit_tree *tree, const struct unit_tree *base, const Quanyu__Unit *row)
{
    const struct unit_node *before = base ? node_of(base, row->number) : NULL;
    if (!before || row->removed_ms || before->parent == row->parent)
        return;
    tree->moves = base->moves + 1;
    for (uint32_t above = before->parent; above; above = unit_tree_parent(base, above))
        if (!unit_tree_within(tree, row->number, above) && above <= tree->last)
            tree->nodes[above].lost = tree->moves;
}

static int copy_nodes(struct unit_tree *tree, const struct unit_tree *base)
{
    tree->nodes = calloc((size_t)tree->last + 1, sizeof(*tree->nodes));
    tree->order = calloc((size_t)tree->last + 1, sizeof(*tree->order));
    if (!tree->nodes || !tree->order)
        return -QY_ENOMEM;
    buffer_byte(&tree->codes, 0);
    for (uint32_t unit = 0; unit <= tree->last; unit++) {
        tree->nodes[unit].place = NOWHERE;
        const struct unit_node *node = base ? node_of(base, unit) : NULL;
        if (node) {
            add_node(tree, unit, node->parent, node->code ? code_of(base, unit) : "");
            tree->nodes[unit].lost = node->lost;
        } else if (base && unit <= base->last)
            tree->nodes[unit].parent = base->nodes[unit].parent;
    }
    return 0;
}

static int index_codes(struct unit_tree *tree, uint32_t *ret_taken)
{
    size_t codes = 1;
    for (uint32_t unit = 1; unit <= tree->last; unit++)
        codes += tree->nodes[unit].place != NOWHERE && tree->nodes[unit].code;
    tree->slot_count = 16;
    while (tree->slot_count <= codes * 2)
        tree->slot_count *= 2;
    tree->slots = calloc(tree->slot_count, sizeof(*tree->slots));
    if (!tree->slots)
        return -QY_ENOMEM;
    for (uint32_t unit = 1; unit <= tree->last; unit++) {
        if (tree->nodes[unit].place == NOWHERE || !tree->nodes[unit].code)
            continue;
        const char *code = code_of(tree, unit);
        size_t slot = find_slot(tree, code, strlen(code));
        if (tree->slots[slot])
            *ret_taken = unit;
        else
            tree->slots[slot] = unit;
    }
    return 0;
}

/* What a walk needs: the children of each unit as lists, the lowest number first. */
struct walk {
    uint32_t *first, *next;
};

static void walk_free(struct walk *walk)
{
    free(walk->first);
    free(walk->next);
}

static int link_children(struct unit_tree *tree, struct walk *walk)
{
    walk->first = calloc((size_t)tree->last + 1, sizeof(*walk->first));
    walk->next = calloc((size_t)tree->last + 1, sizeof(*walk->next));
    if (!walk->first || !walk->next)
        return -QY_ENOMEM;
    for (uint32_t unit = tree->last; unit > UNIT_ROOT; unit--) {
        if (tree->nodes[unit].place == NOWHERE)
            continue;
        walk->next[unit] = walk->first[tree->nodes[unit].parent];
        walk->first[tree->nodes[unit].parent] = unit;
    }
    return 0;
}

static uint32_t close_node(struct unit_tree *tree, uint32_t unit)
{
    tree->nodes[unit].below = tree->count - tree->nodes[unit].place - 1;
    return tree->nodes[unit].parent;
}

/* Gives each unit its place, without recursion; units on a cycle are not met. */
static void place_all(struct unit_tree *tree, struct walk *walk)
{
    uint32_t unit = UNIT_ROOT;
    for (;;) {
        struct unit_node *node = &tree->nodes[unit];
        node->place = tree->count;
        node->depth = (uint8_t)(unit == UNIT_ROOT ? 0 : tree->nodes[node->parent].depth + 1);
        tree->order[tree->count++] = unit;
        bool deep = node->depth >= UNIT_DEPTH_MAX;
        uint32_t child = deep ? 0 : walk->first[unit];
        while (!child && unit) {
            child = walk->next[unit];
            unit = close_node(tree, unit);
        }
        if (!child)
            return;
        unit = child;
    }
}

static enum unit_fault fault_of_row(const struct unit_tree *tree, const Quanyu__Unit *row)
{
    if (row->removed_ms)
        return UNIT_GOOD;
    if (row->number == UNIT_ROOT)
        return row->parent == 0 ? UNIT_GOOD : UNIT_CYCLE;
    bool there = row->parent > 0 && row->parent <= tree->last && tree->nodes[row->parent].place != NOWHERE;
    return there ? UNIT_GOOD : UNIT_NO_PARENT;
}

/* A unit that no longer is may have nothing below it. */
static bool lost_its_parent(const struct unit_tree *tree, uint32_t *ret_parent)
{
    for (uint32_t unit = UNIT_ROOT + 1; unit <= tree->last; unit++)
        if (tree->nodes[unit].place != NOWHERE && tree->nodes[tree->nodes[unit].parent].place == NOWHERE) {
            *ret_parent = tree->nodes[unit].parent;
            return true;
        }
    return false;
}

static size_t row_of(Quanyu__Unit *const *rows, size_t count, uint32_t unit)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i]->number == unit)
            return i;
    return 0;
}

/* Of the units that the walk did not meet: whoever goes up from one comes round again, or has come too deep. */
static enum unit_fault fault_of_unmet(const struct unit_tree *tree, uint32_t unit)
{
    for (uint32_t at = unit, steps = 0; at && steps <= tree->last; at = tree->nodes[at].parent, steps++)
        if (at == UNIT_ROOT)
            return UNIT_DEEP;
    return UNIT_CYCLE;
}

static enum unit_fault find_unmet(
    const struct unit_tree *tree, Quanyu__Unit *const *rows, size_t count, size_t *ret_row)
{
    for (size_t i = 0; i < count; i++)
        if (!rows[i]->removed_ms && (rows[i]->number > UNIT_ROOT) &&
            tree->order[tree->nodes[rows[i]->number].place] != rows[i]->number) {
            *ret_row = i;
            return fault_of_unmet(tree, rows[i]->number);
        }
    *ret_row = 0;
    return UNIT_DEEP;
}

static uint32_t count_there(const struct unit_tree *tree)
{
    uint32_t there = 0;
    for (uint32_t unit = 1; unit <= tree->last; unit++)
        there += tree->nodes[unit].place != NOWHERE;
    return there;
}

static enum unit_fault apply_rows(
    struct unit_tree *tree, Quanyu__Unit *const *rows, size_t count, size_t *ret_row)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t lost = tree->nodes[rows[i]->number].lost;
        tree->nodes[rows[i]->number] = (struct unit_node){.parent = rows[i]->parent, .place = NOWHERE};
        if (!rows[i]->removed_ms)
            add_node(tree, rows[i]->number, rows[i]->parent, rows[i]->code);
        tree->nodes[rows[i]->number].lost = lost;
    }
    for (size_t i = 0; i < count; i++) {
        enum unit_fault fault = fault_of_row(tree, rows[i]);
        *ret_row = i;
        if (fault)
            return fault;
    }
    uint32_t parent;
    if (!lost_its_parent(tree, &parent))
        return UNIT_GOOD;
    *ret_row = row_of(rows, count, parent);
    return UNIT_HAS_UNITS;
}

static int shape(struct unit_tree *tree, Quanyu__Unit *const *rows, size_t count, enum unit_fault *ret_fault,
    size_t *ret_row)
{
    _cleanup_(walk_free) struct walk walk = {0};
    uint32_t taken = 0;
    *ret_fault = apply_rows(tree, rows, count, ret_row);
    if (*ret_fault)
        return -QY_EINVAL;
    int error = buffer_error(&tree->codes);
    if (!error)
        error = index_codes(tree, &taken);
    if (!error && taken) {
        *ret_fault = UNIT_CODE_TAKEN;
        *ret_row = row_of(rows, count, taken);
        return -QY_EINVAL;
    }
    if (!error)
        error = link_children(tree, &walk);
    uint32_t there = count_there(tree);
    if (error || there == 0)
        return error;
    place_all(tree, &walk);
    if (tree->count == there)
        return 0;
    *ret_fault = find_unmet(tree, rows, count, ret_row);
    return -QY_EINVAL;
}

int unit_tree_make(const struct unit_tree *base, Quanyu__Unit *const *rows, size_t count,
    struct unit_tree **ret_tree, enum unit_fault *ret_fault, size_t *ret_row)
{
    _cleanup_(unit_tree_release) struct unit_tree *tree = calloc(1, sizeof(*tree));
    if (!tree)
        return -QY_ENOMEM;
    snapshot_init(&tree->snapshot, tree_free);
    crypto_shorthash_keygen(tree->secret);
    tree->last = base ? base->last : 0;
    tree->moves = base ? base->moves : 0;
    *ret_fault = UNIT_GOOD;
    for (size_t i = 0; i < count; i++)
        if (rows[i]->number > tree->last)
            tree->last = rows[i]->number;
    if (tree->last > UNITS_MAX) {
        *ret_fault = UNIT_MANY;
        return -QY_EINVAL;
    }
    int error = copy_nodes(tree, base);
    if (!error)
        error = shape(tree, rows, count, ret_fault, ret_row);
    for (size_t i = 0; !error && i < count; i++)
        note_lost(tree, base, rows[i]);
    if (!error)
        *ret_tree = TAKE(tree);
    return error;
}
