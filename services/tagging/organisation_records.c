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

/* Marks or unmarks the people of a block for those units of `chain` that are not in `other`. */
static void mark_block(struct index_writer *index, const struct chain *chain, const struct chain *other,
    uint32_t block, const uint64_t *people, bool on)
{
    for (size_t i = 0; i < chain->count; i++) {
        char term[16];
        snprintf(term, sizeof(term), "%u", chain->units[i]);
        for (uint32_t place = 0; !chain_has(other, chain->units[i]) && place < BLOCK_PERSONS; place++)
            if (bit_get(people, place))
                index_bit(index, BITS_UNIT, "", term, block * BLOCK_PERSONS + place, on);
    }
}

static int read_people(
    struct tagging *tagging, struct store_txn *txn, uint32_t unit, size_t blocks, uint64_t *people)
{
    const struct scope scope = {.bounded = true, .unit = unit};
    struct scope_reader reader;
    int error = scope_open(txn, &scope, blocks, tagging->scratch, &reader);
    if (error)
        return error;
    memset(people, 0xff, blocks * BLOCK_WORDS * sizeof(*people));
    for (uint32_t block = 0; !error && block < blocks; block++)
        error = scope_read(&reader, block, people + (size_t)block * BLOCK_WORDS);
    scope_close(&reader);
    return error;
}

/* The index is read as a whole before it is written; then block by block, so that memory holds few changes. */
static int move_people(struct tagging *tagging, struct batch *batch, uint32_t unit, const struct chain *from,
    const struct chain *to)
{
    size_t blocks = tagging->state.highest / BLOCK_PERSONS + 1;
    _cleanup_(free_pointer) uint64_t *people = malloc(blocks * BLOCK_WORDS * sizeof(*people));
    int error = people ? read_people(tagging, batch->txn, unit, blocks, people) : -QY_ENOMEM;
    for (uint32_t block = 0; !error && block < blocks; block++) {
        const uint64_t *some = people + (size_t)block * BLOCK_WORDS;
        if (bits_count(some, BLOCK_WORDS) == 0)
            continue;
        mark_block(tagging->index, from, to, block, some, false);
        mark_block(tagging->index, to, from, block, some, true);
        error = index_flush(tagging->index, batch->txn, tagging->state.persons);
    }
    return error;
}

/* -- units -- */

static int put_unit(struct tagging *tagging, struct batch *batch, uint32_t unit,
    const struct unit_row *former, const struct unit_row *row)
{
    struct chain from, to;
    if (!former || former->parent == row->parent) {
        organisation_put_unit(batch->txn, unit, row);
        return 0;
    }
    int error = tagging_flush(tagging, batch); /* persons that have changed are noted by the tree as it was */
    from.count = organisation_chain(batch->txn, former->parent, from.units);
    to.count = organisation_chain(batch->txn, row->parent, to.units);
    organisation_put_unit(batch->txn, unit, row);
    return error ? error : move_people(tagging, batch, unit, &from, &to);
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
static int take_place(
    struct tagging *tagging, struct batch *batch, const Quanyu__OrganisationChanged__Place *place)
{
    struct unit_row former, row = {.parent = place->parent, .removed = place->removed};
    bool known = organisation_unit(batch->txn, place->unit, &former);
    bool cycle = organisation_is_below(batch->txn, place->parent, place->unit);
    if (place->unit == 0 || cycle || (known && former.removed)) {
        tagging->state.ignored += !(known && former.removed && place->removed);
        return 0;
    }
    row.removed_at = place->removed ? tagging_moment(tagging, batch) : MOMENT_FIRST;
    bool moved = known && former.parent != row.parent;
    int error = put_unit(tagging, batch, place->unit, known ? &former : NULL, &row);
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
    int error = 0;
    for (size_t i = 0; !error && i < record->n_places; i++)
        error = take_place(tagging, batch, record->places[i]);
    for (size_t i = 0; !error && i < record->n_members; i++)
        error = take_member(tagging, batch, record->members[i]);
    return error ? error : store_error(batch->txn);
}
