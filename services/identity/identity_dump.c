/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identity_dump.h"

#include "services/identity/identity.h"
#include "services/identity/link_store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_BYTES ((size_t)256 * 1024)

static void write_hash(struct buffer *lines, const char *name, const uint8_t hash[VAULT_HASH_BYTES])
{
    char text[2 * VAULT_HASH_BYTES + 1];
    sodium_bin2hex(text, sizeof(text), hash, VAULT_HASH_BYTES);
    buffer_printf(lines, ",\"%s\":\"%s\"", name, text);
}

/* Values by their keyed hashes. Times and offsets are left out: they depend on which of equal statements came
 * first. */
static int dump_traits(const struct identity *identity, struct store_txn *txn, uint32_t person, uint32_t node,
    struct buffer *lines)
{
    _cleanup_(buffer_free) struct buffer plain = BUFFER_INIT;
    struct profile profile;
    struct sealed_traits sealed;
    if (!identity_store_traits(txn, person, node, &sealed))
        return 0;
    int error = identity_open_traits(identity, node, &sealed, &plain);
    if (!error)
        error = profile_read((struct bytes){plain.data, plain.size}, &profile);
    for (unsigned i = 0; !error && i < profile.count; i++) {
        const struct profile_entry *entry = &profile.entries[i];
        if (!entry->json)
            continue;
        uint8_t hash[VAULT_HASH_BYTES];
        vault_hash(identity->vault, "trait", entry->json, entry->json_size, hash);
        buffer_printf(lines, "{\"node\":\"n:%u\",\"trait\":", node);
        buffer_json_string(lines, entry->key, entry->key_size);
        write_hash(lines, "hash", hash);
        buffer_text(lines, "}\n");
    }
    return error;
}

static int dump_nodes(const struct identity *identity, struct store_txn *txn, uint32_t from,
    struct buffer *lines, char ret_cursor[128])
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_places(txn, from, &scan);
    uint32_t node;
    struct node_place place;
    struct node_row row;
    while (!error && identity_store_next_place(txn, scan, &node, &place)) {
        if (lines->size > LINES_BYTES) {
            snprintf(ret_cursor, 128, "nodes:%u", node);
            return 0;
        }
        if (!identity_store_node(txn, node, &row))
            return store_fail(txn, -QY_ECORRUPT);
        buffer_printf(lines, "{\"node\":\"n:%u\",\"kind\":\"%s\"", node, row.kind);
        write_hash(lines, "hash", place.hash);
        buffer_printf(lines, ",\"person\":\"p:%u\"}\n", place.person);
        error = dump_traits(identity, txn, place.person, node, lines);
    }
    snprintf(ret_cursor, 128, "links:0:0");
    return error;
}

static int dump_links(
    struct store_txn *txn, uint32_t low, uint32_t high, struct buffer *lines, char ret_cursor[128])
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_links(txn, low, high, &scan);
    struct link link;
    while (!error && identity_store_next_link(txn, scan, &low, &high, &link)) {
        if (lines->size > LINES_BYTES) {
            snprintf(ret_cursor, 128, "links:%u:%u", low, high);
            return 0;
        }
        buffer_printf(lines, "{\"link\":[\"n:%u\",\"n:%u\"]}\n", low, high);
    }
    ret_cursor[0] = '\0';
    return error;
}

/* "nodes:7", "links:7:9": the numbers behind the name. */
static bool read_cursor(const char *cursor, const char *name, uint32_t *numbers, unsigned count)
{
    size_t size = strlen(name);
    if (strncmp(cursor, name, size) != 0)
        return false;
    cursor += size;
    for (unsigned i = 0; i < count; i++) {
        char *end;
        if (*cursor++ != ':')
            return false;
        numbers[i] = (uint32_t)strtoul(cursor, &end, 10);
        if (end == cursor)
            return false;
        cursor = end;
    }
    return *cursor == '\0';
}

int identity_dump(
    void *self, struct store_txn *txn, const char *cursor, struct buffer *lines, char ret_cursor[128])
{
    const struct identity *identity = self;
    uint32_t from[2] = {0};
    int error;
    if (read_cursor(cursor, "links", from, 2))
        error = dump_links(txn, from[0], from[1], lines, ret_cursor);
    else if (!*cursor || read_cursor(cursor, "nodes", from, 1))
        error = dump_nodes(identity, txn, from[0], lines, ret_cursor);
    else
        return -QY_EINVAL;
    if (!error)
        error = store_error(txn);
    return error ? error : buffer_error(lines);
}
