/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of bindings, all versions that ever held: what happened in a rule's time is judged by it. */
#include "services/tagging/binding.h"

#include "services/tagging/codec.h"

#include <string.h>

#define ROW_VERSION 1

/* Who meets somebody first keeps them, but for a purchase; for ever. */
static const struct binding_rules standard = {
    .version = 1, .since = MOMENT_FIRST, .purchase_outranks = true, .elsewhere = ELSEWHERE_KEEP};

static void rules_key(struct store_key *key)
{
    key_meta(key, "binding_rules");
}

static void rules_encode(struct buffer *row, const struct binding_rules *rules)
{
    buffer_varint(row, rules->version);
    moment_encode(row, rules->since);
    buffer_varint(row, rules->unit_by_purchase);
    buffer_varint(row, rules->guide_by_purchase);
    buffer_varint(row, rules->purchase_outranks);
    buffer_varint(row, rules->elsewhere);
    put_signed(row, rules->guide_keeps_ms);
}

static struct binding_rules rules_decode(struct row_reader *row)
{
    struct binding_rules rules = {.version = read_unsigned(row)};
    rules.since = moment_decode(row);
    rules.unit_by_purchase = read_unsigned(row) != 0;
    rules.guide_by_purchase = read_unsigned(row) != 0;
    rules.purchase_outranks = read_unsigned(row) != 0;
    rules.elsewhere = (enum elsewhere)(read_unsigned(row) % ELSEWHERE_COUNT);
    rules.guide_keeps_ms = read_signed(row);
    return rules;
}

int rule_book_read(struct store_txn *txn, struct arena *arena, struct rule_book *ret_book)
{
    struct store_key key;
    struct row_reader row = {0};
    rules_key(&key);
    bool stored = store_get(txn, TABLE_META, &key, &row.rest);
    size_t count = stored && read_unsigned(&row) == ROW_VERSION ? read_count(&row) : 0;
    if (stored && (row.failed || count == 0))
        return -QY_ECORRUPT;
    struct binding_rules *versions = arena_alloc(arena, (count + 1) * sizeof(*versions));
    if (!versions)
        return -QY_ENOMEM;
    versions[0] = standard;
    for (size_t i = 0; i < count; i++)
        versions[i] = rules_decode(&row);
    if (row.failed)
        return -QY_ECORRUPT;
    *ret_book = (struct rule_book){versions, count ? count : 1};
    return store_error(txn);
}

int rule_book_add(
    struct store_txn *txn, struct arena *arena, struct rule_book *book, const struct binding_rules *rules)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    struct store_key key;
    size_t dropped = book->count >= BINDING_RULES_MAX, kept = book->count - dropped;
    struct binding_rules *versions = arena_alloc(arena, (kept + 1) * sizeof(*versions));
    if (!versions)
        return -QY_ENOMEM;
    memcpy(versions, book->versions + dropped, kept * sizeof(*versions));
    versions[kept] = *rules;
    versions[0].since = MOMENT_FIRST;
    *book = (struct rule_book){versions, kept + 1};
    buffer_varint(&row, ROW_VERSION);
    buffer_varint(&row, book->count);
    for (size_t i = 0; i < book->count; i++)
        rules_encode(&row, &book->versions[i]);
    if (buffer_error(&row))
        return buffer_error(&row);
    rules_key(&key);
    store_put(txn, TABLE_META, &key, row.data, row.size);
    return store_error(txn);
}
