/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/tagging_store.h"

const char *const tagging_tables[TAGGING_TABLES] = {
    [TABLE_PEOPLE] = "people",
    [TABLE_DEFINITIONS] = "definitions",
    [TABLE_COUNTS] = "counts",
    [TABLE_CHANGES] = "changes",
    [TABLE_TIMERS] = "timers",
    [TABLE_META] = "meta",
    [TABLE_INDEX] = "index",
    [TABLE_INDEX_LOG] = "index_log",
    [TABLE_EVENTS] = "events",
    [TABLE_NAMES] = "names",
    [TABLE_ORGANISATION] = "organisation",
    [TABLE_TRANSFERS] = "transfers",
    [TABLE_QUESTIONS] = "questions",
};

void key_part(struct store_key *key, uint32_t number, enum people_part part)
{
    key_reset(key);
    key_u32(key, number);
    key_u8(key, (uint8_t)part);
}

void key_chunk(struct store_key *key, uint32_t node, uint32_t chunk)
{
    key_part(key, node, PART_EVENT);
    key_u32(key, UINT32_MAX - chunk);
}

void key_event(struct store_key *key, uint64_t sequence)
{
    key_reset(key);
    key_u64(key, sequence);
}

enum name_direction { NUMBER_TO_NAME, NAME_TO_NUMBER };

void key_name(struct store_key *key, const char *name)
{
    key_reset(key);
    key_u8(key, NAME_TO_NUMBER);
    key_text(key, name);
}

void key_name_number(struct store_key *key, uint32_t number)
{
    key_reset(key);
    key_u8(key, NUMBER_TO_NAME);
    key_u32(key, number);
}

void key_organisation(struct store_key *key, enum organisation_kind kind, uint32_t number)
{
    key_reset(key);
    key_u8(key, (uint8_t)kind);
    key_u32(key, number);
}

void key_transfer(struct store_key *key, uint32_t number)
{
    key_reset(key);
    key_u32(key, number);
}

void key_definition(struct store_key *key, uint32_t number)
{
    key_reset(key);
    key_u32(key, number);
}

void key_change(struct store_key *key, uint32_t definition, uint64_t sequence)
{
    key_reset(key);
    key_u32(key, definition);
    key_u64(key, sequence);
}

void key_meta(struct store_key *key, const char *name)
{
    key_reset(key);
    key_text(key, name);
}

void key_question(struct store_key *key, enum question_part part)
{
    key_reset(key);
    key_u8(key, (uint8_t)part);
}

void store_delete_prefix(struct store_txn *txn, unsigned table, const struct store_key *prefix)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(txn, table, prefix, NULL, &scan);
    if (error) {
        store_fail(txn, error);
        return;
    }
    struct bytes key, value;
    while (scan_next(scan, &key, &value))
        scan_delete(scan);
}
