/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unit_store.h"

#include "common/buffer.h"

static void number_key(struct store_key *key, uint32_t number)
{
    key_reset(key);
    key_u32(key, number);
}

void unit_put(struct store_txn *txn, const Quanyu__Unit *unit)
{
    struct store_key place;
    number_key(&place, unit->number);
    uint8_t *room = store_put_room(txn, TABLE_UNITS, &place, quanyu__unit__get_packed_size(unit));
    if (room)
        quanyu__unit__pack(unit, room);
}

static Quanyu__Unit *unpack(struct store_txn *txn, struct bytes value, ProtobufCAllocator *allocator)
{
    Quanyu__Unit *unit = quanyu__unit__unpack(allocator, value.size, value.data);
    if (!unit)
        store_fail(txn, -QY_ECORRUPT);
    return unit;
}

Quanyu__Unit *unit_get(struct store_txn *txn, uint32_t number, ProtobufCAllocator *allocator)
{
    struct store_key place;
    struct bytes value;
    number_key(&place, number);
    return store_get(txn, TABLE_UNITS, &place, &value) ? unpack(txn, value, allocator) : NULL;
}

int unit_walk(struct store_txn *txn, unit_each_fn *each, void *self)
{
    struct store_key all;
    struct bytes place, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    int error = scan_open(txn, TABLE_UNITS, &all, NULL, &scan);
    while (!error && scan_next(scan, &place, &value)) {
        Quanyu__Unit *unit = unpack(txn, value, NULL);
        error = unit ? each(self, unit) : -QY_ECORRUPT;
        if (unit)
            quanyu__unit__free_unpacked(unit, NULL);
    }
    return error ? error : store_error(txn);
}
