/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/scope.h"

#include <stdio.h>

struct scope scope_of(const Quanyu__Actor *actor)
{
    const Quanyu__Scope *scope = actor ? actor->scope : NULL;
    return scope ? (struct scope){true, scope->unit, scope->staff} : (struct scope){0};
}

bool scope_holds(struct store_txn *txn, const struct scope *scope, const struct binding *binding)
{
    if (!scope->bounded || (scope->staff && binding->guide == scope->staff))
        return true;
    return scope->unit && organisation_is_below(txn, binding->unit, scope->unit);
}

static int open_term(struct store_txn *txn, enum bits_kind kind, const char *term, size_t blocks,
    struct arena *arena, struct bits_reader *ret_reader)
{
    const struct index_class class = {SORT_BITS, (uint8_t)kind, ""};
    _cleanup_(text_set_close) struct text_set terms = {.arena = arena};
    uint32_t place;
    int error = text_set_add(&terms, term, strlen(term), &place, NULL);
    return error ? error : bits_open(txn, &class, &terms, blocks, arena, ret_reader);
}

static int open_number(struct store_txn *txn, enum bits_kind kind, uint32_t number, size_t blocks,
    struct arena *arena, struct bits_reader *ret_reader)
{
    char term[16];
    snprintf(term, sizeof(term), "%u", number);
    return number ? open_term(txn, kind, term, blocks, arena, ret_reader) : 0;
}

int scope_open(struct store_txn *txn, const struct scope *scope, size_t blocks, struct arena *arena,
    struct scope_reader *ret_reader)
{
    *ret_reader = (struct scope_reader){.bounded = scope->bounded};
    int error =
        scope->bounded ? open_number(txn, BITS_UNIT, scope->unit, blocks, arena, &ret_reader->unit) : 0;
    if (!error && scope->bounded)
        error = open_number(txn, BITS_GUIDE, scope->staff, blocks, arena, &ret_reader->guide);
    if (error)
        scope_close(ret_reader);
    return error;
}

void scope_close(struct scope_reader *reader)
{
    bits_close(&reader->unit);
    bits_close(&reader->guide);
}

static int read_number(struct bits_reader *reader, uint32_t block, uint64_t out[BLOCK_WORDS])
{
    if (reader->txn)
        return bits_read(reader, block, out);
    memset(out, 0, BLOCK_WORDS * sizeof(*out));
    return 0;
}

int scope_read(struct scope_reader *reader, uint32_t block, uint64_t persons[BLOCK_WORDS])
{
    uint64_t unit[BLOCK_WORDS], guide[BLOCK_WORDS];
    if (!reader->bounded)
        return 0;
    int error = read_number(&reader->unit, block, unit);
    if (!error)
        error = read_number(&reader->guide, block, guide);
    for (size_t i = 0; !error && i < BLOCK_WORDS; i++)
        persons[i] &= unit[i] | guide[i];
    return error;
}

static int count_blocks(
    struct scope_reader *scope, struct bits_reader *bits, size_t blocks, uint64_t *ret_count)
{
    int error = 0;
    *ret_count = 0;
    for (uint32_t block = 0; !error && block < blocks; block++) {
        uint64_t persons[BLOCK_WORDS];
        error = bits_read(bits, block, persons);
        if (!error)
            error = scope_read(scope, block, persons);
        if (!error)
            *ret_count += bits_count(persons, BLOCK_WORDS);
    }
    return error;
}

int scope_count(struct store_txn *txn, const struct scope *scope, enum bits_kind kind, const char *term,
    uint32_t highest, uint64_t *ret_count)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    struct scope_reader reader;
    struct bits_reader bits = {0};
    size_t blocks = highest / BLOCK_PERSONS + 1;
    int error = arena_open(&arena);
    if (!error)
        error = scope_open(txn, scope, blocks, arena, &reader);
    if (error)
        return error;
    error = open_term(txn, kind, term, blocks, arena, &bits);
    if (!error)
        error = count_blocks(&reader, &bits, blocks, ret_count);
    bits_close(&bits);
    scope_close(&reader);
    return error;
}
