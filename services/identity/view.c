/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/view.h"

#include "common/mask.h"
#include "services/identity/span_store.h"

#include <string.h>

/* -- identifiers -- */

static int gather_nodes(struct store_txn *txn, uint32_t person, struct arena *arena, Quanyu__PersonView *view)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    _cleanup_(buffer_free) struct buffer nodes = BUFFER_INIT;
    int error = identity_store_scan_members(txn, person, &scan);
    if (error)
        return error;
    uint32_t node;
    while (identity_store_next_member(scan, &node))
        buffer_append(&nodes, &node, sizeof(node));
    if (buffer_error(&nodes))
        return buffer_error(&nodes);
    view->n_nodes = nodes.size / sizeof(node);
    view->nodes = (uint32_t *)(void *)arena_copy(arena, nodes.data, nodes.size);
    return view->nodes ? 0 : -QY_ENOMEM;
}

static char *masked_value(const struct identity *identity, struct store_txn *txn, uint32_t node,
    const struct node_row *row, struct arena *arena)
{
    _cleanup_(buffer_free) struct buffer value = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer shown = BUFFER_INIT;
    int error = identity_node_value(identity, node, row, &value);
    if (error) {
        store_fail(txn, error);
        return NULL;
    }
    mask_identifier(row->kind, (const char *)value.data, value.size, &shown);
    const char *text = buffer_c_str(&shown);
    return buffer_error(&shown) ? NULL : arena_text(arena, text, shown.size);
}

/* For which time it has its value, where that went from one owner to another. */
static bool view_span(struct store_txn *txn, uint32_t node, const struct node_place *place,
    struct arena *arena, Quanyu__Identifier *identifier)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct span span;
    bool own = place->flags & NODE_SPANNED;
    if (!(place->flags & (NODE_SPANNED | NODE_LATER)))
        return true;
    identifier->decisions = arena_alloc(arena, 2 * sizeof(uint64_t));
    if (!identifier->decisions || identity_store_scan_spans(txn, identity_store_first(txn, node), &scan))
        return false;
    while (!identifier->until_ms && identity_store_next_span(txn, scan, &span)) {
        bool begins = span.node == node;
        if (begins)
            identifier->since_ms = span.since_ms;
        else if (own)
            identifier->until_ms = span.since_ms;
        if (begins || own)
            identifier->decisions[identifier->n_decisions++] = span.decision;
        own |= begins;
    }
    return true;
}

Quanyu__Identifier *view_identifier(
    const struct identity *identity, struct store_txn *txn, uint32_t node, bool personal, struct arena *arena)
{
    struct node_row row;
    struct node_place place;
    char id[ONE_ID_BYTES];
    Quanyu__Identifier *identifier = arena_alloc(arena, sizeof(*identifier));
    if (!identifier || !identity_store_node(txn, node, &row) || !identity_store_place(txn, node, &place))
        return NULL;
    quanyu__identifier__init(identifier);
    node_id_format(vault_one_id_key(identity->vault), node, id);
    identifier->node = node;
    identifier->verified = place.flags & NODE_VERIFIED;
    identifier->id = arena_text(arena, id, strlen(id));
    identifier->kind = arena_text(arena, row.kind, strlen(row.kind));
    identifier->value = personal ? masked_value(identity, txn, node, &row, arena) : arena_text(arena, "", 0);
    bool told = view_span(txn, node, &place, arena, identifier);
    return told && identifier->kind && identifier->value && identifier->id ? identifier : NULL;
}

char *view_one_id(const struct identity *identity, uint32_t person, struct arena *arena)
{
    char one_id[ONE_ID_BYTES];
    one_id_format(vault_one_id_key(identity->vault), person, one_id);
    return arena_text(arena, one_id, strlen(one_id));
}

/* -- traits -- */

static void write_masked(const struct profile_entry *entry, struct buffer *out)
{
    _cleanup_(buffer_free) struct buffer shown = BUFFER_INIT;
    yyjson_doc *doc = yyjson_read(entry->json, entry->json_size, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *value = yyjson_doc_get_root(doc);
    if (yyjson_is_str(value))
        mask_trait(entry->key, entry->key_size, yyjson_get_str(value), yyjson_get_len(value), &shown);
    else if (yyjson_is_raw(value))
        mask_trait(entry->key, entry->key_size, yyjson_get_raw(value), yyjson_get_len(value), &shown);
    else
        buffer_text(&shown, "***"); /* lists and objects say too much by their shape already */
    yyjson_doc_free(doc);
    if (out->data[out->size - 1] != '{')
        buffer_byte(out, ',');
    buffer_json_string(out, entry->key, entry->key_size);
    buffer_byte(out, ':');
    buffer_json_string(out, buffer_c_str(&shown), shown.size);
}

static int masked_traits(const struct identity *identity, struct store_txn *txn, uint32_t person,
    struct arena *arena, ProtobufCBinaryData *ret_traits)
{
    _cleanup_(buffer_free) struct buffer texts = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    struct profile profile;
    int error = identity_person_profile(identity, txn, person, &texts, &profile);
    if (error)
        return error;
    buffer_byte(&out, '{');
    for (unsigned i = 0; i < profile.count && !buffer_error(&out); i++)
        if (profile.entries[i].json &&
            !pseudonym_keeps_too(profile.entries[i].key, profile.entries[i].key_size))
            write_masked(&profile.entries[i], &out);
    buffer_byte(&out, '}');
    if (buffer_error(&out))
        return buffer_error(&out);
    ret_traits->len = out.size;
    ret_traits->data = arena_copy(arena, out.data, out.size);
    return ret_traits->data ? 0 : -QY_ENOMEM;
}

/* A later owner's node, whose time with the value was undone: the one before has it. */
static bool was_later(const struct identity *identity, struct store_txn *txn, uint32_t node)
{
    struct node_place place;
    if (!identity_store_place(txn, node, &place) || !(place.flags & NODE_SAME))
        return false;
    const struct kind *kind = kind_numbered(&identity->kinds, place.kind);
    return kind && kind->form != FORM_DIGEST;
}

static int masked_identifiers(
    const struct identity *identity, struct store_txn *txn, struct arena *arena, Quanyu__PersonView *view)
{
    view->identifiers = arena_alloc(arena, view->n_nodes * sizeof(void *));
    if (!view->identifiers)
        return -QY_ENOMEM;
    for (size_t i = 0; i < view->n_nodes; i++) {
        if (was_later(identity, txn, view->nodes[i]))
            continue;
        Quanyu__Identifier *identifier = view_identifier(identity, txn, view->nodes[i], true, arena);
        if (!identifier)
            return store_error(txn) ? store_error(txn) : -QY_ENOMEM;
        view->identifiers[view->n_identifiers++] = identifier;
    }
    return store_error(txn);
}

int view_person(const struct identity *identity, struct store_txn *txn, uint32_t person, bool personal,
    struct arena *arena, Quanyu__PersonView *view)
{
    view->person = person;
    view->one_id = view_one_id(identity, person, arena);
    int error = view->one_id ? gather_nodes(txn, person, arena, view) : -QY_ENOMEM;
    if (!error && personal)
        error = masked_traits(identity, txn, person, arena, &view->traits);
    if (!error && personal)
        error = masked_identifiers(identity, txn, arena, view);
    return error ? error : store_error(txn);
}

/* -- one address -- */

static char *text_of(struct arena *arena, const struct profile *profile, const char *key)
{
    const struct profile_entry *entry = profile_find(profile, key, strlen(key));
    yyjson_doc *doc = entry && entry->json ? yyjson_read(entry->json, entry->json_size, 0) : NULL;
    yyjson_val *value = yyjson_doc_get_root(doc);
    char *text =
        yyjson_is_str(value) ? arena_text(arena, yyjson_get_str(value), yyjson_get_len(value)) : NULL;
    yyjson_doc_free(doc);
    return text && *text ? text : NULL;
}

/* For a salutation: the name as a whole, or the parts of one. */
static int name_of(const struct identity *identity, struct store_txn *txn, uint32_t person,
    struct arena *arena, Quanyu__AddressReply *reply)
{
    static const char *const names[] = {
        "name", "full_name", "fullName", "first_name", "firstName", "nickname", "nick_name", "nickName"};
    _cleanup_(buffer_free) struct buffer texts = BUFFER_INIT;
    struct profile profile;
    int error = identity_person_profile(identity, txn, person, &texts, &profile);
    for (size_t i = 0; !error && i < COUNT_OF(names); i++) {
        char *name = text_of(arena, &profile, names[i]);
        if (name) {
            reply->name = name;
            break;
        }
    }
    return error;
}

static int newest_of_kind(struct store_txn *txn, uint32_t person, const char *kind, uint32_t *ret_node)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, person, &scan);
    uint32_t node, newest = 0;
    struct node_row row;
    while (!error && identity_store_next_member(scan, &node))
        if (identity_store_node(txn, node, &row) && strcmp(row.kind, kind) == 0 &&
            identity_store_is_present(txn, node)) /* who had it before does not get what is sent */
            newest = node;
    if (error || store_error(txn))
        return error ? error : store_error(txn);
    *ret_node = newest;
    return newest ? 0 : -QY_ENOTFOUND;
}

int view_address(const struct identity *identity, struct store_txn *txn, uint32_t person, const char *kind,
    struct arena *arena, Quanyu__AddressReply *reply)
{
    const struct kind *known = kind_find(&identity->kinds, kind, strlen(kind));
    uint32_t node = 0;
    struct node_row row;
    _cleanup_(buffer_free) struct buffer value = BUFFER_INIT;
    bool address = known && known->form != FORM_DIGEST; /* nothing can be sent to a digest */
    int error = address ? newest_of_kind(txn, person, known->name, &node) : -QY_ENOTFOUND;
    if (error)
        return error;
    if (!identity_store_node(txn, node, &row))
        return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    error = identity_node_value(identity, node, &row, &value);
    if (error)
        return error;
    reply->value = arena_text(arena, (const char *)value.data, value.size);
    reply->one_id = view_one_id(identity, person, arena);
    if (!reply->value || !reply->one_id)
        return -QY_ENOMEM;
    return name_of(identity, txn, person, arena, reply);
}
