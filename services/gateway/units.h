/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of the units in memory: what is below what, and which code is whose. HTTP threads look into it without a lock and without
 * the store.
 *
 * A tree never changes (common/snapshot.h). The writer makes the next one of the one before and of what it is about to commit, and puts it in force after
 * the commit, before anybody is told. Each unit has a place in the order in which a walk meets it, parents before what is below them
 * and siblings by number; what is below a unit stands right behind it. So "is it below" takes two compares, and all below a unit
 * are one run of places, however deep the tree is. */
#ifndef QY_GATEWAY_UNITS_H
#define QY_GATEWAY_UNITS_H

#include "common/mem.h"
#include "proto/organisation.pb-c.h"
#include "services/gateway/unit_store.h"

#include <stdbool.h>

#define UNITS_MAX 200000u /* numbers that are given away */
#define UNIT_DEPTH_MAX 32u
#define UNIT_CODE_BYTES 64 /* at most */

struct unit_tree;

/* -- looking: numbers that there are not have no parent, no place and nothing below them -- */

bool unit_tree_has(const struct unit_tree *tree, uint32_t unit);
uint32_t unit_tree_parent(const struct unit_tree *tree, uint32_t unit); /* 0 for the root */
/* The unit, or where it has been removed the next one above it that is there: what was the unit's belongs to that. 0: there never was such
 * a unit. */
uint32_t unit_tree_heir(const struct unit_tree *tree, uint32_t unit);
unsigned unit_tree_depth(const struct unit_tree *tree, uint32_t unit); /* 0 for the root */
/* Whether `unit` is `above` or lies below it; both must be there. */
bool unit_tree_within(const struct unit_tree *tree, uint32_t unit, uint32_t above);
/* Units below it, it not counted. */
uint32_t unit_tree_below(const struct unit_tree *tree, uint32_t unit);
/* Units there are, and the one at a place, from 0; the first `unit_tree_below() + 1` places from unit_tree_place() on are the unit and all
 * below it. */
uint32_t unit_tree_count(const struct unit_tree *tree);
uint32_t unit_tree_place(const struct unit_tree *tree, uint32_t unit);
uint32_t unit_tree_at(const struct unit_tree *tree, uint32_t place);
/* The highest number that was given away. */
uint32_t unit_tree_last(const struct unit_tree *tree);
/* How many commits have moved units, and the last of them by which something that was below this unit is so no more; 0: none, or it is not
 * there. */
uint64_t unit_tree_moves(const struct unit_tree *tree);
uint64_t unit_tree_lost(const struct unit_tree *tree, uint32_t unit);
/* 0 where no unit has it. */
uint32_t unit_tree_find(const struct unit_tree *tree, const char *code, size_t size);

/* -- making -- */

enum unit_fault {
    UNIT_GOOD,
    UNIT_NO_PARENT,
    UNIT_CYCLE,
    UNIT_DEEP,
    UNIT_CODE_TAKEN,
    UNIT_HAS_UNITS,
    UNIT_HAS_STAFF, /* unit_change.h tells */
    UNIT_MANY
};

/* The tree with these rows new or in place of what they were; `base` NULL: of nothing. -QY_EINVAL with what is wrong, and with which row:
 * nothing is made. */
int unit_tree_make(const struct unit_tree *base, Quanyu__Unit *const *rows, size_t count,
    struct unit_tree **ret_tree, enum unit_fault *ret_fault, size_t *ret_row);
void unit_tree_release(struct unit_tree **tree); /* safe on NULL */

/* -- in force -- */

struct units;
/* Reads all. */
int units_open(struct store_txn *txn, struct units **ret_units);
/* Trees that are still held stay. */
void units_close(struct units **units);
/* The one in force; the caller gives it back. Any thread. */
struct unit_tree *units_hold(struct units *units);
/* Changes `*tree`, which may be NULL, to the one in force: an atomic load where it is that already. */
void units_update(struct units *units, struct unit_tree **tree);
/* Writer: the tree as the batch has left it so far, which is the one in force where nothing is staged. Borrowed. */
const struct unit_tree *units_ahead(const struct units *units);
/* Writer: `tree` is the batch's last one so far. Another change in the same batch is made of it: both may be new, and neither in force. */
void units_stage(struct units *units, struct unit_tree *tree);
/* Writer: the batch is over, committed or not. */
void units_unstage(struct units *units);
/* Writer, after the commit: puts it in force; takes it over. */
void units_install(struct units *units, struct unit_tree **tree);

#endif
