/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/organisation.h"

#include "services/tagging/codec.h"

#define ROW_VERSION 1

void moment_encode(struct buffer *out, struct moment moment)
{
    put_signed(out, moment.ms);
    buffer_varint(out, moment.origin);
    buffer_varint(out, moment.step);
}

struct moment moment_decode(struct row_reader *row)
{
    struct moment moment;
    moment.ms = read_signed(row);
    moment.origin = read_unsigned(row);
    moment.step = read_unsigned(row);
    return moment;
}

static bool get_row(
    struct store_txn *txn, enum organisation_kind kind, uint32_t number, struct row_reader *ret_row)
{
    struct store_key key;
    *ret_row = (struct row_reader){0};
    key_organisation(&key, kind, number);
    return store_get(txn, TABLE_ORGANISATION, &key, &ret_row->rest) && read_unsigned(ret_row) == ROW_VERSION;
}

static void put_row(
    struct store_txn *txn, enum organisation_kind kind, uint32_t number, const struct buffer *row)
{
    struct store_key key;
    key_organisation(&key, kind, number);
    if (buffer_error(row))
        store_fail(txn, buffer_error(row));
    else
        store_put(txn, TABLE_ORGANISATION, &key, row->data, row->size);
}

uint64_t organisation_moves(struct store_txn *txn)
{
    struct row_reader row;
    return get_row(txn, ORGANISATION_MOVES, 0, &row) ? read_unsigned(&row) : 0;
}

void organisation_put_moves(struct store_txn *txn, uint64_t moves)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_byte(&row, ROW_VERSION);
    buffer_varint(&row, moves);
    put_row(txn, ORGANISATION_MOVES, 0, &row);
}

bool organisation_unit(struct store_txn *txn, uint32_t unit, struct unit_row *ret_unit)
{
    struct row_reader row;
    if (unit == 0 || !get_row(txn, ORGANISATION_UNIT, unit, &row))
        return false;
    ret_unit->parent = (uint32_t)read_unsigned(&row);
    ret_unit->removed = read_unsigned(&row) != 0;
    ret_unit->removed_at = moment_decode(&row);
    return !row.failed;
}

void organisation_put_unit(struct store_txn *txn, uint32_t unit, const struct unit_row *place)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_varint(&row, ROW_VERSION);
    buffer_varint(&row, place->parent);
    buffer_varint(&row, place->removed);
    moment_encode(&row, place->removed_at);
    put_row(txn, ORGANISATION_UNIT, unit, &row);
}

bool organisation_staff(struct store_txn *txn, uint32_t staff, struct staff_row *ret_staff)
{
    struct row_reader row;
    if (staff == 0 || !get_row(txn, ORGANISATION_STAFF, staff, &row))
        return false;
    ret_staff->unit = (uint32_t)read_unsigned(&row);
    ret_staff->absence_count = read_count(&row);
    if (ret_staff->absence_count > ABSENCES_MAX)
        return false;
    for (size_t i = 0; i < ret_staff->absence_count; i++) {
        ret_staff->absences[i].left = moment_decode(&row);
        ret_staff->absences[i].back = moment_decode(&row);
    }
    return !row.failed;
}

void organisation_put_staff(struct store_txn *txn, uint32_t staff, const struct staff_row *member)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_varint(&row, ROW_VERSION);
    buffer_varint(&row, member->unit);
    buffer_varint(&row, member->absence_count);
    for (size_t i = 0; i < member->absence_count; i++) {
        moment_encode(&row, member->absences[i].left);
        moment_encode(&row, member->absences[i].back);
    }
    put_row(txn, ORGANISATION_STAFF, staff, &row);
}

size_t organisation_chain(struct store_txn *txn, uint32_t unit, uint32_t ret_chain[UNIT_DEPTH_MAX])
{
    struct unit_row row;
    size_t count = 0;
    while (count < UNIT_DEPTH_MAX && organisation_unit(txn, unit, &row)) {
        ret_chain[count++] = unit;
        unit = row.parent;
    }
    return count;
}

bool organisation_is_below(struct store_txn *txn, uint32_t unit, uint32_t above)
{
    struct unit_row row;
    for (size_t depth = 0; depth < UNIT_DEPTH_MAX && organisation_unit(txn, unit, &row); depth++) {
        if (unit == above)
            return true;
        unit = row.parent;
    }
    return false;
}

uint32_t organisation_unit_at(struct store_txn *txn, uint32_t unit, struct moment at)
{
    struct unit_row row;
    for (size_t depth = 0; depth < UNIT_DEPTH_MAX && organisation_unit(txn, unit, &row); depth++) {
        if (!row.removed || !moment_is_after(at, row.removed_at))
            return unit;
        unit = row.parent;
    }
    return 0;
}

bool organisation_staff_at(struct store_txn *txn, uint32_t staff, struct moment at)
{
    struct staff_row row;
    if (!organisation_staff(txn, staff, &row))
        return false;
    for (size_t i = 0; i < row.absence_count; i++)
        if (moment_is_after(at, row.absences[i].left) && !moment_is_after(at, row.absences[i].back))
            return false;
    return true;
}

struct moment organisation_leaving(struct store_txn *txn, uint32_t staff, struct moment from)
{
    struct staff_row row;
    if (organisation_staff(txn, staff, &row))
        for (size_t i = 0; i < row.absence_count; i++)
            if (moment_is_after(row.absences[i].left, from))
                return row.absences[i].left;
    return MOMENT_NEVER;
}
