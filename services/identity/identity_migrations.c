/* SPDX-License-Identifier: Apache-2.0 */
/* From one form of identity's tables to the next. */
#include "services/identity/link_store.h"
#include "services/identity/rules.h"

#include "common/buffer.h"

#include <string.h>

#define OLD_PLACE_BYTES (4 + 1 + VAULT_HASH_BYTES)
#define OLD_HEAD_BYTES (VAULT_WRAPPED_BYTES + 1)
#define OLD_LINK_BYTES 16
#define OLD_COUNTERS_BYTES 40
#define STEP                                                                                                 \
    1000 /* rows that are gathered before they are written: a table is not written to while it is scanned */

/* A table's rows, some at a time: what they are to be is written after the scan has ended. */
struct rows {
    struct store_txn *txn;
    unsigned table;
    struct store_key next;
    struct buffer gathered; /* key and value, each behind its size */
};

static void put_sized(struct buffer *out, struct bytes bytes)
{
    buffer_varint(out, bytes.size);
    buffer_append(out, bytes.data, bytes.size);
}

static bool take_sized(struct bytes *from, struct bytes *ret_bytes)
{
    uint64_t size;
    if (from->size == 0 || !bytes_varint(from, &size) || size > from->size)
        return false;
    *ret_bytes = (struct bytes){from->data, (size_t)size};
    from->data += size;
    from->size -= (size_t)size;
    return true;
}

/* False at the end. */
static bool gather_rows(struct rows *rows)
{
    static const struct store_key no_prefix;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, value;
    unsigned count = 0;
    buffer_clear(&rows->gathered);
    if (scan_open(rows->txn, rows->table, &no_prefix, &rows->next, &scan))
        return false;
    while (count < STEP && scan_next(scan, &key, &value)) {
        put_sized(&rows->gathered, key);
        put_sized(&rows->gathered, value);
        key_reset(&rows->next);
        key_raw(&rows->next, key.data, key.size);
        count++;
    }
    key_u8(&rows->next, 0); /* the least key behind the last one */
    if (buffer_error(&rows->gathered))
        store_fail(rows->txn, buffer_error(&rows->gathered));
    return count > 0 && !store_error(rows->txn);
}

typedef int convert_fn(struct store_txn *txn, struct buffer *registry, struct bytes key, struct bytes value);

static int convert_table(struct store_txn *txn, unsigned table, struct buffer *registry, convert_fn *convert)
{
    struct rows rows = {.txn = txn, .table = table};
    int error = 0;
    while (!error && gather_rows(&rows)) {
        struct bytes left = {rows.gathered.data, rows.gathered.size}, key, value;
        while (!error && take_sized(&left, &key) && take_sized(&left, &value))
            error = convert(txn, registry, key, value);
    }
    buffer_free(&rows.gathered);
    return error ? error : store_error(txn);
}

/* -- from version 1 -- */

static unsigned number_of(struct buffer *registry, struct bytes name)
{
    const char *names = buffer_c_str(registry);
    unsigned number = 0;
    for (const char *at = names; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        number++;
        if (size == name.size && memcmp(at, name.data, size) == 0)
            return number;
        at += size;
    }
    if (number)
        buffer_byte(registry, ' ');
    buffer_append(registry, name.data, name.size);
    return number + 1;
}

/* Kinds had no numbers, and when a node came was not kept with it. */
static int convert_node(struct store_txn *txn, struct buffer *registry, struct bytes key, struct bytes value)
{
    struct bytes place;
    struct store_key store_key;
    uint8_t fresh[7 + VAULT_HASH_BYTES];
    size_t kind_size = value.size >= OLD_HEAD_BYTES ? value.data[OLD_HEAD_BYTES - 1] : 0;
    key_reset(&store_key);
    key_raw(&store_key, key.data, key.size);
    if (kind_size == 0 || value.size < OLD_HEAD_BYTES + kind_size ||
        !store_get(txn, TABLE_INDEX, &store_key, &place) || place.size != OLD_PLACE_BYTES)
        return -QY_ECORRUPT;
    unsigned number = number_of(registry, (struct bytes){value.data + OLD_HEAD_BYTES, kind_size});
    if (number > KINDS_MAX)
        return -QY_ECORRUPT;
    memcpy(fresh, place.data, 4);
    fresh[4] = 0;
    fresh[5] = place.data[4];
    fresh[6] = (uint8_t)number;
    memcpy(fresh + 7, place.data + 5, VAULT_HASH_BYTES);
    store_put(txn, TABLE_INDEX, &store_key, fresh, sizeof(fresh));
    uint8_t *room = store_put_room(txn, TABLE_NODES, &store_key, 16 + value.size);
    if (!room)
        return store_error(txn);
    memset(room, 0, 16);
    memcpy(room + 16, value.data, value.size);
    return 0;
}

/* What was stated before there was a difference is claimed. */
static int convert_link(struct store_txn *txn, struct buffer *registry, struct bytes key, struct bytes value)
{
    (void)registry;
    uint32_t low = get_be32(key.data), high = get_be32(key.data + 4);
    if (key.size != 8)
        return -QY_ECORRUPT;
    if (low > high)
        return 0; /* made by this conversion */
    if (value.size != OLD_LINK_BYTES)
        return -QY_ECORRUPT;
    const struct link link = {.has_evidence = true,
        .evidence = get_be64(value.data),
        .event_ms = (int64_t)get_be64(value.data + 8)};
    identity_store_put_link(txn, low, high, &link, true);
    return 0;
}

static int convert_counters(
    struct store_txn *txn, struct buffer *registry, struct bytes key, struct bytes value)
{
    (void)registry;
    if (value.size != OLD_COUNTERS_BYTES)
        return -QY_ECORRUPT;
    struct store_key store_key;
    key_reset(&store_key);
    key_raw(&store_key, key.data, key.size);
    uint8_t *room = store_put_room(txn, TABLE_META, &store_key, OLD_COUNTERS_BYTES + 5 * 8);
    if (!room)
        return store_error(txn);
    memset(room, 0, OLD_COUNTERS_BYTES + 5 * 8);
    memcpy(room, value.data, OLD_COUNTERS_BYTES);
    return 0;
}

static int number_kinds(struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer registry = BUFFER_INIT;
    int error = convert_table(txn, TABLE_META, &registry, convert_counters);
    if (!error)
        error = convert_table(txn, TABLE_NODES, &registry, convert_node);
    if (!error)
        error = convert_table(txn, TABLE_LINKS, &registry, convert_link);
    if (!error && registry.size > 0)
        identity_store_put_kinds(txn, &registry);
    if (!error)
        error = buffer_error(&registry);
    return error ? error : store_error(txn);
}

/* -- from version 2 -- */

/* Other rules are the default: they go through everybody. */
static int sweep_all(struct store_txn *txn)
{
    sweep_save(txn, &(struct sweep_place){.phase = SWEEP_FLAGS, .next = 1});
    return store_error(txn);
}

const struct store_migration identity_migrations[IDENTITY_MIGRATION_COUNT] = {
    {1, number_kinds}, {2, sweep_all}};
