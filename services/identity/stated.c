/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/stated.h"

#include "common/glyph.h"
#include "services/identity/known.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#define TEXT_BYTES_MAX 8192u
#define DEPTH_MAX 4u

/* What a trait's name says of its values, by a part of it. */
static const struct {
    const char *part;
    enum known_use use;
} parts[] = {{"name", KNOWN_NAME}, {"姓名", KNOWN_NAME}, {"名字", KNOWN_NAME}, {"phone", KNOWN_DIGITS},
    {"mobile", KNOWN_DIGITS}, {"手机", KNOWN_DIGITS}, {"电话", KNOWN_DIGITS}, {"mail", KNOWN_TEXT},
    {"street", KNOWN_TEXT}, {"address", KNOWN_TEXT}, {"地址", KNOWN_TEXT}};

static void add(struct known *known, enum known_use use, const char *value, size_t size)
{
    if (use == KNOWN_DIGITS)
        known_add_number(known, value, size);
    else
        known_add(known, use, value, size);
}

static void gather(struct known *known, const char *name, yyjson_val *value, unsigned depth)
{
    size_t index, count;
    yyjson_val *key, *member;
    if (depth < DEPTH_MAX && yyjson_is_arr(value))
        yyjson_arr_foreach(value, index, count, member) gather(known, name, member, depth + 1);
    if (depth < DEPTH_MAX && yyjson_is_obj(value))
        yyjson_obj_foreach(value, index, count, key, member)
            gather(known, yyjson_get_str(key), member, depth + 1);
    bool number = yyjson_is_raw(value);
    if (!number && !yyjson_is_str(value))
        return;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (strcasestr(name, parts[i].part))
            add(known, parts[i].use, number ? yyjson_get_raw(value) : yyjson_get_str(value),
                yyjson_get_len(value));
}

static int gather_traits(
    const struct identity *identity, struct store_txn *txn, uint32_t person, struct known *known)
{
    _cleanup_(buffer_free) struct buffer texts = BUFFER_INIT;
    struct profile profile;
    int error = identity_person_profile(identity, txn, person, &texts, &profile);
    for (unsigned i = 0; !error && i < profile.count; i++) {
        const struct profile_entry *entry = &profile.entries[i];
        char name[128];
        if (!entry->json || entry->key_size >= sizeof(name))
            continue;
        memcpy(name, entry->key, entry->key_size);
        name[entry->key_size] = '\0';
        yyjson_doc *doc = yyjson_read(entry->json, entry->json_size, YYJSON_READ_NUMBER_AS_RAW);
        gather(known, name, yyjson_doc_get_root(doc), 0);
        yyjson_doc_free(doc);
    }
    return error;
}

static int gather_identifiers(
    const struct identity *identity, struct store_txn *txn, uint32_t person, struct known *known)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint32_t node;
    struct node_row row;
    int error = identity_store_scan_members(txn, person, &scan);
    while (!error && identity_store_next_member(scan, &node)) {
        _cleanup_(buffer_free) struct buffer value = BUFFER_INIT;
        if (!identity_store_node(txn, node, &row))
            continue;
        error = identity_node_value(identity, node, &row, &value);
        if (!error && value.size)
            add(known, strcmp(row.kind, "phone") == 0 ? KNOWN_DIGITS : KNOWN_TEXT, (const char *)value.data,
                value.size);
    }
    return error ? error : store_error(txn);
}

int stated_is_personal(const struct identity *identity, struct store_txn *txn, uint32_t person,
    const char *text, bool *ret_personal)
{
    char folded[TEXT_BYTES_MAX];
    size_t size = strlen(text);
    *ret_personal = size > sizeof(folded);
    if (*ret_personal || size == 0)
        return 0;
    _cleanup_(free_pointer) struct known *known = malloc(sizeof(*known));
    if (!known)
        return -QY_ENOMEM;
    known_reset(known);
    int error = gather_traits(identity, txn, person, known);
    if (!error)
        error = gather_identifiers(identity, txn, person, known);
    if (error)
        return error;
    size = glyph_fold(text, size, folded);
    *ret_personal = known_matches(known, folded, size, KNOWN_WITHIN | KNOWN_NUMERIC);
    return 0;
}
