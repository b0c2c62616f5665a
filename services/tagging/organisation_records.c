/* SPDX-License-Identifier: Apache-2.0 */
/* What is new of units and members of staff, and what it means for the people who are theirs. */
#include "services/tagging/scope.h"
#include "services/tagging/tagging.h"

#include <stdio.h>
#include <stdlib.h>

/* -- a unit goes elsewhere, and all of its people with it -- */

struct chain {
    uint32_t units[UNIT_DEPTH_MAX];
    size_t count;
};

static bool chain_has(const struct chain *chain, uint32_t unit)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->units[i] == unit)
            return true;
    return false;
}

#define GATHERED_MAX 500000u
#define TOUCHED_MAX (4 * UNIT_DEPTH_MAX)

/* What a record changes in the tree. */
struct tree_change {
    struct tagging *tagging;
    struct batch *batch;
    uint32_t touched[TOUCHED_MAX]; /* units for which marks are gathered in the index */
    size_t touched_count;
    uint64_t gathered; /* marks */
};

/* Afterwards the index holds all that was said so far. */
static int change_flush(struct tree_change *change)
{
    change->touched_count = 0;
    change->gathered = 0;
    return tagging_flush(change->tagging, change->batch);
}

/* Before the people of a unit are read, and the tree changes: persons that have changed are noted by the tree as it was. */
static int change_flush_for(struct tree_change *change, uint32_t unit)
{
    bool needed =
        change->tagging->people.persons.count > 0 || change->touched_count + 2 * UNIT_DEPTH_MAX > TOUCHED_MAX;
    for (size_t i = 0; !needed && i < change->touched_count; i++)
        needed = change->touched[i] == unit;
    return needed || change->gathered > GATHERED_MAX ? change_flush(change) : 0;
}

static void change_touch(struct tree_change *change, uint32_t unit)
{
    for (size_t i = 0; i < change->touched_count; i++)
        if (change->touched[i] == unit)
            return;
    change->touched[change->touched_count++] = unit;
}

/* Marks or unmarks the people of a block for those units of `chain` that are not in `other`. */
static int mark_block(struct store_txn *txn, const struct chain *chain, const struct chain *other,
    uint32_t block, const uint64_t *people, bool on)
{
    int error = 0;
    for (size_t i = 0; !error && i < chain->count; i++) {
        char term[16];
        snprintf(term, sizeof(term), "%u", chain->units[i]);
        if (!chain_has(other, chain->units[i]))
            error = index_put_block(txn, BITS_UNIT, term, block, people, on);
    }
    return error;
}

/* The same for few, gathered in the index. */
static void mark_few(struct tree_change *change, const struct chain *chain, const struct chain *other,
    size_t blocks, const uint64_t *people, bool on)
{
    struct index_writer *index = change->tagging->index;
    for (size_t i = 0; i < chain->count; i++) {
        char term[16];
        snprintf(term, sizeof(term), "%u", chain->units[i]);
        if (chain_has(other, chain->units[i]))
            continue;
        change_touch(change, chain->units[i]);
        for (size_t word = 0; word < blocks * BLOCK_WORDS; word++)
            for (uint64_t rest = people[word]; rest != 0; rest &= rest - 1, change->gathered++)
                index_bit(
                    index, BITS_UNIT, "", term, (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(rest), on);
    }
}

static int read_people(struct store_txn *txn, uint32_t unit, size_t blocks, uint64_t *people)
{
    const struct scope scope = {.bounded = true, .unit = unit};
    _cleanup_(arena_close) struct arena *arena = NULL;
    struct scope_reader reader;
    int error = arena_open(&arena);
    if (!error)
        error = scope_open(txn, &scope, blocks, arena, &reader);
    if (error)
        return error;
    memset(people, 0xff, blocks * BLOCK_WORDS * sizeof(*people));
    for (uint32_t block = 0; !error && block < blocks; block++)
        error = scope_read(&reader, block, people + (size_t)block * BLOCK_WORDS);
    scope_close(&reader);
    return error;
}

/* In whole blocks, not person by person: the people of a large region must not keep the writer. */
static int move_many(struct tree_change *change, const struct chain *from, const struct chain *to,
    size_t blocks, const uint64_t *people)
{
    struct store_txn *txn = change->batch->txn;
    int error = change->touched_count > 0 ? change_flush(change) : 0;
    if (!error)
        error = index_settle(txn, BITS_UNIT);
    for (uint32_t block = 0; !error && block < blocks; block++) {
        const uint64_t *some = people + (size_t)block * BLOCK_WORDS;
        if (bits_count(some, BLOCK_WORDS) == 0)
            continue;
        error = mark_block(txn, from, to, block, some, false);
        if (!error)
            error = mark_block(txn, to, from, block, some, true);
    }
    return error;
}

static int move_people(
    struct tree_change *change, uint32_t unit, const struct chain *from, const struct chain *to)
{
    struct tagging *tagging = change->tagging;
    size_t blocks = tagging->state.highest / BLOCK_PERSONS + 1;
    _cleanup_(free_pointer) uint64_t *people = malloc(blocks * BLOCK_WORDS * sizeof(*people));
    int error = people ? read_people(change->batch->txn, unit, blocks, people) : -QY_ENOMEM;
    if (error)
        return error;
    size_t count = bits_count(people, blocks * BLOCK_WORDS);
    if (count > tagging->few_people)
        return move_many(change, from, to, blocks, people);
    if (count > 0) {
        mark_few(change, from, to, blocks, people, false);
        mark_few(change, to, from, blocks, people, true);
    }
    return 0;
}

/* -- units -- */

static int put_unit(
    struct tree_change *change, uint32_t unit, const struct unit_row *former, const struct unit_row *row)
{
    struct store_txn *txn = change->batch->txn;
    struct chain from, to;
    if (!former || former->parent == row->parent) {
        organisation_put_unit(txn, unit, row);
        return 0;
    }
    int error = change_flush_for(change, unit);
    from.count = organisation_chain(txn, former->parent, from.units);
    to.count = organisation_chain(txn, row->parent, to.units);
    organisation_put_unit(txn, unit, row);
    return error ? error : move_people(change, unit, &from, &to);
}

static int begin(struct tagging *tagging, struct batch *batch, Quanyu__Transfer__Kind kind, uint32_t unit)
{
    Quanyu__Transfer transfer = QUANYU__TRANSFER__INIT;
    transfer.kind = kind;
    transfer.from_unit = unit;
    return tagging_begin_transfer(tagging, batch, &transfer);
}

static bool anything_looks_at_units(const struct registry *registry)
{
    for (size_t i = 0; i < registry->words; i++)
        if (registry->units[i])
            return true;
    return false;
}

/* One that has been removed stays where it was: that is where its people have gone. */
static int take_place(struct tree_change *change, const Quanyu__OrganisationChanged__Place *place)
{
    struct tagging *tagging = change->tagging;
    struct batch *batch = change->batch;
    struct unit_row former, row = {.parent = place->parent, .removed = place->removed};
    bool known = organisation_unit(batch->txn, place->unit, &former);
    bool cycle = organisation_is_below(batch->txn, place->parent, place->unit);
    if (place->unit == 0 || cycle || (known && former.removed)) {
        tagging->state.ignored += !(known && former.removed && place->removed);
        return 0;
    }
    row.removed_at = place->removed ? tagging_moment(tagging, batch) : MOMENT_FIRST;
    bool moved = known && former.parent != row.parent;
    int error = put_unit(change, place->unit, known ? &former : NULL, &row);
    if (!error && moved && anything_looks_at_units(tagging->registry))
        error = begin(tagging, batch, QUANYU__TRANSFER__KIND__MOVE, place->unit);
    if (!error && known && place->removed)
        error = begin(tagging, batch, QUANYU__TRANSFER__KIND__REMOVAL, place->unit);
    return error;
}

/* -- members of staff -- */

static void leave(struct staff_row *row, struct moment at)
{
    if (row->absence_count == ABSENCES_MAX) {
        row->absence_count--;
        memmove(row->absences, row->absences + 1, row->absence_count * sizeof(*row->absences));
    }
    row->absences[row->absence_count++] = (struct absence){at, MOMENT_NEVER};
}

static int take_member(
    struct tagging *tagging, struct batch *batch, const Quanyu__OrganisationChanged__Member *member)
{
    struct staff_row row = {0};
    if (member->staff == 0) {
        tagging->state.ignored++;
        return 0;
    }
    (void)organisation_staff(batch->txn, member->staff, &row);
    bool absent = staff_is_absent(&row), leaves = member->left && !absent;
    row.unit = member->unit;
    if (leaves)
        leave(&row, tagging_moment(tagging, batch));
    else if (absent && !member->left)
        row.absences[row.absence_count - 1].back = tagging_moment(tagging, batch);
    organisation_put_staff(batch->txn, member->staff, &row);
    if (!leaves)
        return 0;
    Quanyu__Transfer transfer = QUANYU__TRANSFER__INIT;
    transfer.kind = QUANYU__TRANSFER__KIND__LEAVING;
    transfer.from_guide = member->staff;
    return tagging_begin_transfer(tagging, batch, &transfer);
}

int tagging_take_organisation(
    struct tagging *tagging, struct batch *batch, const Quanyu__OrganisationChanged *record)
{
    struct tree_change change = {.tagging = tagging, .batch = batch};
    int error = 0;
    for (size_t i = 0; !error && i < record->n_places; i++)
        error = take_place(&change, record->places[i]);
    if (!error && change.touched_count > 0)
        error = change_flush(&change);
    if (!error && record->moves)
        organisation_put_moves(batch->txn, record->moves);
    for (size_t i = 0; !error && i < record->n_members; i++)
        error = take_member(tagging, batch, record->members[i]);
    return error ? error : store_error(batch->txn);
}
