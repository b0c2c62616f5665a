/* SPDX-License-Identifier: Apache-2.0 */
/* Personal fields in the clear, for a stated purpose. */
#include "services/identity/view.h"

#include <string.h>

struct unmasking {
    const struct identity *identity;
    struct store_txn *txn;
    uint32_t person;
    const struct profile *profile;
    struct arena *arena;
    Quanyu__UnmaskReply *reply;
};

/* The person's values of a kind, in the order in which they came, as a JSON list; nothing where there are none. */
static int write_values(const struct unmasking *unmasking, const struct kind *kind, struct buffer *out)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint32_t node;
    struct node_row row;
    int error = identity_store_scan_members(unmasking->txn, unmasking->person, &scan);
    while (!error && identity_store_next_member(scan, &node)) {
        _cleanup_(buffer_free) struct buffer value = BUFFER_INIT;
        if (!identity_store_node(unmasking->txn, node, &row) || strcmp(row.kind, kind->name) != 0)
            continue;
        error = identity_node_value(unmasking->identity, node, &row, &value);
        buffer_byte(out, out->size ? ',' : '[');
        buffer_json_string(out, (const char *)value.data, value.size);
    }
    if (out->size)
        buffer_byte(out, ']');
    return error ? error : store_error(unmasking->txn);
}

/* A kind of identifier by its own name; where the person has none, a trait of that name. */
static int write_field(const struct unmasking *unmasking, const char *name, struct buffer *out)
{
    const struct kind *kind = kind_find(&unmasking->identity->kinds, name, strlen(name));
    int error = kind && strcmp(kind->name, name) == 0 ? write_values(unmasking, kind, out) : 0;
    if (error || out->size)
        return error;
    const struct profile_entry *entry = profile_find(unmasking->profile, name, strlen(name));
    if (entry && entry->json)
        buffer_append(out, entry->json, entry->json_size);
    return 0;
}

static int add_field(struct unmasking *unmasking, const char *name)
{
    _cleanup_(buffer_free) struct buffer json = BUFFER_INIT;
    Quanyu__UnmaskReply *reply = unmasking->reply;
    int error = write_field(unmasking, name, &json);
    char *copy = arena_text(unmasking->arena, name, strlen(name));
    if (error || !copy || buffer_error(&json))
        return error ? error : -QY_ENOMEM;
    if (json.size == 0) {
        reply->missing[reply->n_missing++] = copy;
        return 0;
    }
    Quanyu__UnmaskReply__Field *field = arena_alloc(unmasking->arena, sizeof(*field));
    if (!field)
        return -QY_ENOMEM;
    quanyu__unmask_reply__field__init(field);
    field->name = copy;
    field->json.data = arena_copy(unmasking->arena, json.data, json.size);
    field->json.len = json.size;
    reply->fields[reply->n_fields++] = field;
    return field->json.data ? 0 : -QY_ENOMEM;
}

int view_unmasked(const struct identity *identity, struct store_txn *txn, const Quanyu__UnmaskRequest *asked,
    uint32_t person, struct arena *arena, Quanyu__UnmaskReply *reply)
{
    _cleanup_(buffer_free) struct buffer texts = BUFFER_INIT;
    struct profile profile;
    struct unmasking unmasking = {identity, txn, person, &profile, arena, reply};
    int error = identity_person_profile(identity, txn, person, &texts, &profile);
    reply->fields = arena_alloc(arena, (asked->n_fields + 1) * sizeof(*reply->fields));
    reply->missing = arena_alloc(arena, (asked->n_fields + 1) * sizeof(*reply->missing));
    if (!reply->fields || !reply->missing)
        return -QY_ENOMEM;
    for (size_t i = 0; !error && i < asked->n_fields; i++)
        error = add_field(&unmasking, asked->fields[i]);
    return error;
}
