/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/keeper.h"

#include "services/identity/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define RECALLED_MAX 256 /* identifiers of one person that digests are compared with */

struct keeper {
    const struct identity *identity;
    struct pseudonymiser *pseudonymiser;
    struct memory *memory;
    uint8_t key[crypto_shorthash_siphash24_KEYBYTES]; /* of this process: for telling statements apart */
    struct profile profile;
    uint32_t profile_node; /* whose `profile` is; 0: nobody's */
    struct sketch_key sketch_key;
    struct known known;
    struct store_txn *txn; /* of the person at hand */
    uint32_t person;
    struct buffer plain, merged, sealed, texts, stated, value;
};

static int recall_forms(void *self, struct forms *forms);

int keeper_open(
    const struct identity *identity, struct pseudonymiser *pseudonymiser, struct keeper **ret_keeper)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    if (!keeper)
        return -QY_ENOMEM;
    keeper->identity = identity;
    keeper->pseudonymiser = pseudonymiser;
    randombytes_buf(keeper->key, sizeof(keeper->key));
    sketch_key_make(&keeper->sketch_key);
    pseudonym_recall_from(pseudonymiser, recall_forms, keeper);
    int error = memory_open(&keeper->memory);
    if (error)
        keeper_close(&keeper);
    *ret_keeper = keeper;
    return error;
}

void keeper_close(struct keeper **keeper)
{
    struct keeper *own = *keeper;
    if (!own)
        return;
    struct buffer *buffers[] = {
        &own->plain, &own->merged, &own->sealed, &own->texts, &own->stated, &own->value};
    for (size_t i = 0; i < COUNT_OF(buffers); i++) {
        if (buffers[i]->data)
            sodium_memzero(buffers[i]->data, buffers[i]->capacity);
        buffer_free(buffers[i]);
    }
    memory_close(&own->memory);
    sodium_memzero(own, sizeof(*own));
    free(own);
    *keeper = NULL;
}

void keeper_changed(struct keeper *keeper, uint32_t person)
{
    memory_drop(keeper->memory, person);
}

void keeper_forget(struct keeper *keeper)
{
    memory_clear(keeper->memory);
}

static int read_profile(struct keeper *keeper, uint32_t node, const struct sealed_traits *sealed)
{
    keeper->profile_node = 0;
    buffer_clear(&keeper->plain);
    int error = identity_open_traits(keeper->identity, node, sealed, &keeper->plain);
    if (!error)
        error = profile_read((struct bytes){keeper->plain.data, keeper->plain.size}, &keeper->profile);
    if (!error)
        keeper->profile_node = node;
    return error;
}

/* -- what is known of a person -- */

static void gather_profile(struct keeper *keeper, const struct gathering *gathering)
{
    for (unsigned i = 0; i < keeper->profile.count; i++) {
        const struct profile_entry *entry = &keeper->profile.entries[i];
        if (entry->json)
            pseudonym_gather(
                keeper->pseudonymiser, entry->key, entry->key_size, entry->json, entry->json_size, gathering);
    }
}

static int gather(
    struct keeper *keeper, struct store_txn *txn, uint32_t person, const struct gathering *gathering)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_traits(txn, person, &scan);
    uint32_t node;
    struct sealed_traits sealed;
    while (!error && identity_store_next_traits(txn, scan, &node, &sealed)) {
        error = read_profile(keeper, node, &sealed);
        if (!error)
            gather_profile(keeper, gathering);
    }
    return error ? error : store_error(txn);
}

static int gather_known(struct keeper *keeper)
{
    known_reset(&keeper->known);
    return gather(keeper, keeper->txn, keeper->person, &(struct gathering){.known = &keeper->known});
}

static int open_known(void *self, struct known *known)
{
    struct keeper *keeper = self;
    int error = gather_known(keeper);
    known_take(known, &keeper->known);
    return error;
}

void keeper_expect(const struct keeper *keeper, uint32_t person)
{
    memory_prefetch(keeper->memory, person);
}

int keeper_recall(struct keeper *keeper, struct store_txn *txn, uint32_t person)
{
    keeper->profile_node = 0;
    keeper->txn = txn;
    keeper->person = person;
    const struct sketch *stored = memory_find(keeper->memory, person);
    if (stored) {
        pseudonym_suspect(keeper->pseudonymiser, stored, &keeper->sketch_key, open_known, keeper);
        return 0;
    }
    int error = gather_known(keeper);
    if (error)
        return error;
    struct sketch sketch = {0};
    sketch_add(&sketch, &keeper->sketch_key, &keeper->known);
    memory_keep(keeper->memory, person, &sketch);
    pseudonym_know(keeper->pseudonymiser, &keeper->known);
    return 0;
}

/* Phone numbers, addresses and ids that earlier events gave. */
static int recall_identifiers(struct keeper *keeper, struct store_txn *txn, struct forms *forms)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, keeper->person, &scan);
    uint32_t node;
    struct node_row row;
    for (unsigned i = 0; !error && i < RECALLED_MAX && identity_store_next_member(scan, &node); i++) {
        const struct kind *kind = NULL;
        buffer_clear(&keeper->value);
        if (identity_store_node(txn, node, &row))
            kind = kind_find(&keeper->identity->kinds, row.kind, strlen(row.kind));
        if (kind)
            error = identity_node_value(keeper->identity, node, &row, &keeper->value);
        if (kind && !error)
            forms_add_identifier(forms, kind, (const char *)keeper->value.data, keeper->value.size);
    }
    return error ? error : store_error(txn);
}

static int recall_forms(void *self, struct forms *forms)
{
    struct keeper *keeper = self;
    int error = gather(keeper, keeper->txn, keeper->person, &(struct gathering){.forms = forms});
    return error ? error : recall_identifiers(keeper, keeper->txn, forms);
}

/* -- what events state -- */

/* A hash of who states what, 0 where a list or an object is stated. */
static uint64_t hash_stated(struct keeper *keeper, uint32_t node, const struct personal_trait *trait)
{
    struct buffer *stated = &keeper->stated;
    if (yyjson_is_ctn(trait->value))
        return 0;
    const char *text =
        yyjson_is_raw(trait->value) ? yyjson_get_raw(trait->value) : yyjson_get_str(trait->value);
    buffer_clear(stated);
    buffer_append(stated, &node, sizeof(node));
    buffer_varint(stated, trait->key_size);
    buffer_append(stated, trait->key, trait->key_size);
    buffer_byte(stated, yyjson_get_tag(trait->value));
    buffer_append(stated, text, text ? yyjson_get_len(trait->value) : 0);
    if (buffer_error(stated))
        return 0;
    uint8_t hash[crypto_shorthash_siphash24_BYTES];
    crypto_shorthash_siphash24(hash, stated->data, stated->size, keeper->key);
    return get_be64(hash);
}

/* False: it has to be looked at each time. */
static bool hash_statement(
    struct keeper *keeper, const struct statement *statement, uint64_t hashes[PERSONAL_TRAITS_MAX])
{
    for (unsigned i = 0; i < statement->count; i++) {
        hashes[i] = hash_stated(keeper, statement->node, &statement->traits[i]);
        if (!hashes[i])
            return false;
    }
    return true;
}

static int seal(struct keeper *keeper, const uint8_t wrapped[VAULT_WRAPPED_BYTES], uint32_t node)
{
    struct vault_key key;
    int error = vault_unwrap(keeper->identity->vault, node, wrapped, &key);
    if (error)
        return error;
    buffer_clear(&keeper->merged);
    buffer_clear(&keeper->sealed);
    profile_write(&keeper->profile, &keeper->merged);
    vault_seal(&key, VAULT_TRAITS, node, keeper->merged.data, keeper->merged.size, &keeper->sealed);
    sodium_memzero(&key, sizeof(key));
    error = buffer_error(&keeper->merged);
    return error ? error : buffer_error(&keeper->sealed);
}

static int put(struct keeper *keeper, struct store_txn *txn, const struct statement *statement)
{
    struct node_row row;
    if (!identity_store_node(txn, statement->node, &row))
        return store_fail(txn, -QY_ECORRUPT);
    int error = seal(keeper, row.wrapped, statement->node);
    if (!error)
        identity_store_put_traits(txn, statement->person, statement->node, row.wrapped,
            (struct bytes){keeper->sealed.data, keeper->sealed.size});
    return error;
}

/* The node's profile, empty where it has none. */
static int load(struct keeper *keeper, struct store_txn *txn, const struct statement *statement)
{
    struct sealed_traits sealed;
    if (keeper->profile_node == statement->node)
        return 0;
    if (identity_store_traits(txn, statement->person, statement->node, &sealed))
        return read_profile(keeper, statement->node, &sealed);
    keeper->profile.count = 0;
    return store_error(txn);
}

/* What is remembered of a person with the node's new values: of former ones too, which cannot harm. */
static void remember_new(struct keeper *keeper, uint32_t person)
{
    const struct sketch *stored = memory_find(keeper->memory, person);
    if (!stored)
        return;
    struct sketch sketch = *stored;
    known_reset(&keeper->known);
    gather_profile(keeper, &(struct gathering){.known = &keeper->known});
    sketch_add(&sketch, &keeper->sketch_key, &keeper->known);
    memory_keep(keeper->memory, person, &sketch);
}

int keeper_take(struct keeper *keeper, struct store_txn *txn, const struct statement *statement)
{
    if (statement->count == 0)
        return 0;
    uint64_t stated[PERSONAL_TRAITS_MAX];
    bool told = hash_statement(keeper, statement, stated);
    if (told && memory_holds(keeper->memory, statement->person, stated, statement->count))
        return 0;
    int error = load(keeper, txn, statement);
    if (error)
        return error;
    unsigned change = profile_merge(&keeper->profile, statement->traits, statement->count,
        statement->event_ms, statement->offset, &keeper->texts);
    keeper->profile_node = 0;
    if (buffer_error(&keeper->texts))
        return buffer_error(&keeper->texts);
    if (change & PROFILE_CHANGED)
        remember_new(keeper, statement->person);
    if (!(change & PROFILE_OLDER) && told)
        memory_hold(keeper->memory, statement->person, stated, statement->count);
    return change & PROFILE_CHANGED ? put(keeper, txn, statement) : 0;
}

/* -- events that turn out to be others' -- */

struct moving {
    struct keeper *keeper;
    struct store_txn *txn;
    const struct attributed *moved;
    size_t count;
    struct profile left; /* of who had them */
};

static const struct attributed *find_moved(const struct moving *own, uint64_t offset)
{
    size_t low = 0, high = own->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (own->moved[middle].evidence < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < own->count && own->moved[low].evidence == offset ? &own->moved[low] : NULL;
}

/* The node's profile, and where it is put. */
static int load_of(struct moving *own, uint32_t node, struct statement *ret_where)
{
    struct node_place place;
    if (!identity_store_place(own->txn, node, &place))
        return store_fail(own->txn, -QY_ECORRUPT);
    *ret_where = (struct statement){.node = node, .person = place.person};
    own->keeper->profile_node = 0;
    return load(own->keeper, own->txn, ret_where);
}

static int put_back(struct moving *own, const struct statement *where)
{
    memory_drop(own->keeper->memory, where->person);
    int error = put(own->keeper, own->txn, where);
    own->keeper->profile_node = 0;
    return error;
}

/* It holds there, where nothing later does. */
static int hand_over(struct moving *own, const struct profile_entry *entry, uint32_t to)
{
    struct statement where = {0};
    const struct profile single = {.entries = {*entry}, .count = 1};
    int error = load_of(own, to, &where);
    if (error)
        return error;
    profile_fold(&own->keeper->profile, &single);
    return put_back(own, &where);
}

static int hand_over_all(struct moving *own)
{
    int error = 0;
    unsigned stay = 0;
    for (unsigned i = 0; !error && i < own->left.count; i++) {
        const struct profile_entry entry = own->left.entries[i];
        const struct attributed *moved = find_moved(own, entry.offset);
        if (moved)
            error = hand_over(own, &entry, moved->to);
        else
            own->left.entries[stay++] = entry;
    }
    own->left.count = stay;
    return error;
}

int keeper_move(struct keeper *keeper, struct store_txn *txn, const struct attributed *moved, size_t count)
{
    struct moving own = {.keeper = keeper, .txn = txn, .moved = moved, .count = count};
    struct statement where = {0};
    int error = load_of(&own, moved->from, &where);
    if (error || keeper->profile.count == 0)
        return error;
    unsigned before = keeper->profile.count;
    own.left = keeper->profile;
    _cleanup_(buffer_free) struct buffer plain = keeper->plain; /* what it points into */
    keeper->plain = (struct buffer)BUFFER_INIT;
    error = hand_over_all(&own);
    if (!error && own.left.count < before) {
        keeper->profile = own.left;
        error = put_back(&own, &where);
    }
    sodium_memzero(plain.data, plain.capacity);
    return error;
}
