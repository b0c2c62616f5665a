/* SPDX-License-Identifier: Apache-2.0 */
/* From one version of the gateway's tables to the next. */
#include "common/buffer.h"
#include "services/gateway/staff_roster.h"
#include "services/gateway/write_key_store.h"

#include <string.h>

/* As the first version stored it, under the hash of its one secret. */
struct first_write_key {
    uint32_t source;
    char name[64];
};

#define FIRST_ROW_BYTES (SECRET_HASH_BYTES + sizeof(struct first_write_key))

static int take_first_rows(struct store_txn *txn, struct buffer *rows)
{
    struct store_key all;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    int error = scan_open(txn, TABLE_WRITE_KEYS, &all, NULL, &scan);
    while (!error && scan_next(scan, &key, &value)) {
        if (key.size != SECRET_HASH_BYTES || value.size != sizeof(struct first_write_key))
            return -QY_ECORRUPT;
        buffer_append(rows, key.data, key.size);
        buffer_append(rows, value.data, value.size);
        scan_delete(scan);
    }
    if (!error)
        error = buffer_error(rows);
    return error ? error : store_error(txn);
}

/* What it could do it still can: send everything, from everywhere. */
static void put_number(struct store_txn *txn, uint8_t *row)
{
    struct first_write_key first;
    Quanyu__WriteKey key = QUANYU__WRITE_KEY__INIT;
    Quanyu__WriteKey__Secret secret = QUANYU__WRITE_KEY__SECRET__INIT;
    Quanyu__WriteKey__Secret *secrets[] = {&secret};
    memcpy(&first, row + SECRET_HASH_BYTES, sizeof(first));
    first.name[sizeof(first.name) - 1] = '\0';
    secret.number = 1;
    secret.hash = (ProtobufCBinaryData){.data = row, .len = SECRET_HASH_BYTES};
    key.source = first.source;
    key.version = 1;
    key.name = first.name;
    key.platform = QUANYU__WRITE_KEY__PLATFORM__ANY;
    key.may_import = true;
    key.n_secrets = 1;
    key.secrets = secrets;
    write_key_put(txn, &key);
}

/* Write keys stood under the hash of their secret; now they stand under their number, and may have several. */
static int number_write_keys(struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer rows = BUFFER_INIT;
    int error = take_first_rows(txn, &rows);
    for (size_t at = 0; !error && at < rows.size; at += FIRST_ROW_BYTES)
        put_number(txn, rows.data + at);
    return error ? error : store_error(txn);
}

/* Runs of message ids are written in chunks now; those that are there are read as they are (hash_tiers.c). The version says so to a
 * program that would not know the chunks. */
static int keep_runs(struct store_txn *txn)
{
    return store_error(txn);
}

/* Members of staff stood nowhere side by side. */
static int call_the_roll(struct store_txn *txn)
{
    Quanyu__Staff *staff;
    for (uint32_t at = 0; (staff = staff_next(txn, at, NULL)); quanyu__staff__free_unpacked(staff, NULL)) {
        at = staff->number;
        staff_roster_put(txn, staff);
    }
    return store_error(txn);
}

/* What logins look like, and who made a token for whom, is noted from here on; of logins that are there staff_begin.c does it, which can
 * open them. */
static int note_looks(struct store_txn *txn)
{
    return store_error(txn);
}

const struct store_migration gateway_migrations[GATEWAY_MIGRATIONS] = {
    {.from = 1, .migrate = number_write_keys},
    {.from = 2, .migrate = keep_runs},
    {.from = 3, .migrate = call_the_roll},
    {.from = 4, .migrate = note_looks},
};
