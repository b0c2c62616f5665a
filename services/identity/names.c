/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/names.h"

#include "services/identity/duplicate_fields.h"

#include <sodium.h>
#include <string.h>

#define HASH_KIND "stated name" /* no kind of identifier can be called so */
#define CHAR_BYTES sizeof(((struct text *)NULL)->chars[0])

void names_wipe(struct names *names)
{
    sodium_memzero(names, sizeof(*names));
}

void fresh_name_forget(struct fresh_name *fresh)
{
    sodium_memzero(&fresh->text, sizeof(fresh->text));
    fresh->name = 0;
    fresh->count = 0;
}

static int open_row(
    const struct vault *vault, uint32_t node, const struct name_row *row, struct text *ret_text)
{
    struct vault_key key;
    struct buffer plain = BUFFER_INIT;
    int error = vault_unwrap(vault, node, row->wrapped, &key);
    if (!error)
        error = vault_unseal(&key, VAULT_NAME, node, row->sealed, &plain);
    if (!error && (plain.size % CHAR_BYTES || plain.size > sizeof(ret_text->chars)))
        error = -QY_ECORRUPT;
    if (!error) {
        ret_text->size = (uint8_t)(plain.size / CHAR_BYTES);
        memcpy(ret_text->chars, plain.data, plain.size);
    }
    sodium_memzero(&key, sizeof(key));
    if (plain.data)
        sodium_memzero(plain.data, plain.capacity);
    buffer_free(&plain);
    return error;
}

static bool is_fresh(const struct fresh_name *fresh, uint32_t node)
{
    for (unsigned i = 0; fresh && i < fresh->count; i++)
        if (fresh->nodes[i] == node)
            return true;
    return false;
}

int names_find(const struct vault *vault, struct store_txn *txn, uint32_t node,
    const struct fresh_name *fresh, struct names *ret_names)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct name_row row;
    ret_names->count = 0;
    int error = identity_store_scan_names(txn, node, &scan);
    while (!error && ret_names->count < NAMES_OF_NODE && identity_store_next_name(txn, scan, &row))
        if (!row.withdrawn)
            error = open_row(vault, node, &row, &ret_names->texts[ret_names->count++]);
    if (!error && ret_names->count < NAMES_OF_NODE && is_fresh(fresh, node))
        ret_names->texts[ret_names->count++] = fresh->text;
    return error ? error : store_error(txn);
}

bool names_differ(const struct names *one, const struct names *other)
{
    for (unsigned i = 0; i < one->count; i++)
        for (unsigned k = 0; k < other->count; k++)
            if (!duplicate_names_differ(&one->texts[i], &other->texts[k]))
                return false;
    return one->count > 0 && other->count > 0;
}

bool names_are_several(const struct names *names)
{
    for (unsigned i = 0; i < names->count; i++)
        for (unsigned k = 0; k < i; k++)
            if (duplicate_names_differ(&names->texts[i], &names->texts[k]))
                return true;
    return false;
}

uint64_t name_hash(const struct vault *vault, const struct text *text)
{
    uint8_t hash[VAULT_HASH_BYTES];
    vault_hash(vault, HASH_KIND, (const char *)text->chars, text->size * CHAR_BYTES, hash);
    uint64_t name = get_be64(hash);
    return name ? name : 1;
}

static int seal(const struct vault *vault, uint32_t node, const struct node_row *owner,
    const struct text *text, struct buffer *sealed)
{
    struct vault_key key;
    int error = vault_unwrap(vault, node, owner->wrapped, &key);
    if (!error)
        vault_seal(&key, VAULT_NAME, node, text->chars, text->size * CHAR_BYTES, sealed);
    sodium_memzero(&key, sizeof(key));
    return error ? error : buffer_error(sealed);
}

int name_keep(const struct vault *vault, struct store_txn *txn, uint32_t node, const struct text *text,
    const struct name_row *row)
{
    _cleanup_(buffer_free) struct buffer sealed = BUFFER_INIT;
    struct node_row owner;
    struct name_row kept = *row;
    if (!identity_store_node(txn, node, &owner))
        return store_fail(txn, -QY_ECORRUPT);
    int error = seal(vault, node, &owner, text, &sealed);
    if (error)
        return error;
    kept.wrapped = owner.wrapped;
    kept.sealed = (struct bytes){sealed.data, sealed.size};
    identity_store_put_name(txn, node, &kept);
    return store_error(txn);
}

int name_rows_read(
    const struct vault *vault, struct store_txn *txn, uint32_t node, struct name_rows *ret_rows)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    ret_rows->count = 0;
    int error = identity_store_scan_names(txn, node, &scan);
    while (!error && ret_rows->count < NAMES_OF_NODE &&
           identity_store_next_name(txn, scan, &ret_rows->rows[ret_rows->count])) {
        unsigned place = ret_rows->count++;
        error = open_row(vault, node, &ret_rows->rows[place], &ret_rows->texts[place]);
    }
    return error ? error : store_error(txn);
}

void name_rows_wipe(struct name_rows *rows)
{
    sodium_memzero(rows, sizeof(*rows));
}
