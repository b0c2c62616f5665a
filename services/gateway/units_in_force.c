/* SPDX-License-Identifier: Apache-2.0 */
/* Which tree holds: read at the start, and followed by the one that a commit has made. */
#include "services/gateway/staff_store.h"
#include "services/gateway/units_private.h"

#include <stdlib.h>
#include <string.h>

struct units {
    struct snapshot_slot slot; /* trees */
    struct unit_tree *staged;  /* the writer's; NULL: none */
};

struct reading {
    struct arena *arena;
    struct buffer rows; /* pointers */
};

static int read_row(void *self, const Quanyu__Unit *unit)
{
    struct reading *reading = self;
    Quanyu__Unit *copy = arena_alloc(reading->arena, sizeof(*copy));
    char *code = arena_text(reading->arena, unit->code, strlen(unit->code));
    if (!copy || !code)
        return -QY_ENOMEM;
    *copy = *unit;
    copy->code = code;
    buffer_append(&reading->rows, &copy, sizeof(Quanyu__Unit *));
    return buffer_error(&reading->rows);
}

static int read_tree(struct store_txn *txn, struct unit_tree **ret_tree)
{
    struct reading reading = {0};
    enum unit_fault fault;
    size_t row;
    int error = arena_open(&reading.arena);
    if (!error)
        error = unit_walk(txn, read_row, &reading);
    if (!error)
        error = unit_tree_make(NULL, (Quanyu__Unit *const *)(const void *)reading.rows.data,
            reading.rows.size / sizeof(Quanyu__Unit *), ret_tree, &fault, &row);
    buffer_free(&reading.rows);
    arena_close(&reading.arena);
    return error == -QY_EINVAL ? -QY_ECORRUPT : error;
}

/* Which move took what from whom is not kept: everybody may have lost by the last one. */
static void lose_all(struct unit_tree *tree, uint64_t moves)
{
    tree->moves = moves;
    for (uint32_t place = 0; place < tree->count; place++)
        tree->nodes[tree->order[place]].lost = moves;
}

int units_open(struct store_txn *txn, struct units **ret_units)
{
    struct units *units = calloc(1, sizeof(*units));
    struct unit_tree *tree = NULL;
    if (!units)
        return -QY_ENOMEM;
    snapshot_slot_open(&units->slot);
    int error = read_tree(txn, &tree);
    if (error) {
        units_close(&units);
        return error;
    }
    lose_all(tree, staff_number_last(txn, MOVE_NUMBER));
    units_install(units, &tree);
    *ret_units = units;
    return 0;
}

void units_close(struct units **units)
{
    if (!*units)
        return;
    snapshot_slot_close(&(*units)->slot);
    unit_tree_release(&(*units)->staged);
    free(*units);
    *units = NULL;
}

const struct unit_tree *units_ahead(const struct units *units)
{
    return units->staged ? units->staged : (const struct unit_tree *)units->slot.current;
}

void units_stage(struct units *units, struct unit_tree *tree)
{
    units_unstage(units);
    snapshot_hold(&tree->snapshot);
    units->staged = tree;
}

void units_unstage(struct units *units)
{
    unit_tree_release(&units->staged);
}

void units_install(struct units *units, struct unit_tree **tree)
{
    snapshot_release(snapshot_install(&units->slot, &TAKE(*tree)->snapshot));
}

struct unit_tree *units_hold(struct units *units)
{
    return (struct unit_tree *)snapshot_take(&units->slot);
}

void units_update(struct units *units, struct unit_tree **tree)
{
    *tree = (struct unit_tree *)snapshot_update(&units->slot, (struct snapshot *)*tree);
}
