/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of nodes and persons. */
#include "services/tagging/codec.h"
#include "services/tagging/people.h"

/* The first version did not say which names events bear, and where purchases are: then any, and anywhere. The
 * third has sums of more than 64 bits, the fourth a binding. */
#define PERSON_VERSION 4
/* The fourth of a node refers to its events; until then the third field was how many there are, each in a row. The fifth
 * has what bindings follow from. */
#define NODE_VERSION 5
#define ANY_NAMES UINT64_MAX

static bool read_version(struct row_reader *row, uint64_t newest, uint64_t *ret_version)
{
    *ret_version = read_unsigned(row);
    return *ret_version >= 1 && *ret_version <= newest;
}

/* -- references: each by what it differs in from the one before it -- */

/* Two bits, the name's sixteen, and one above, for it came later. */
enum reference_flag {
    REFERENCE_DELIVERY = 1,
    REFERENCE_TRAITS = 2,
    REFERENCE_FLAGS = 2,
    REFERENCE_CONTACT = 1 << 18
};

static void encode_references(const struct event_reference *references, size_t count, struct buffer *out)
{
    struct event_reference former = {0};
    buffer_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        const struct event_reference *reference = &references[i];
        buffer_varint(out, reference->sequence - former.sequence);
        put_signed(out, (int64_t)((uint64_t)reference->time_ms - (uint64_t)former.time_ms));
        buffer_varint(out, (uint64_t)reference->name << REFERENCE_FLAGS |
                               (reference->contact ? REFERENCE_CONTACT : 0u) |
                               (reference->traits ? REFERENCE_TRAITS : 0u) |
                               (reference->delivery ? REFERENCE_DELIVERY : 0u));
        former = *reference;
    }
}

static void decode_references(struct row_reader *row, struct event_reference *references, size_t count)
{
    struct event_reference former = {0};
    for (size_t i = 0; i < count; i++) {
        struct event_reference *reference = &references[i];
        reference->sequence = former.sequence + read_unsigned(row);
        reference->time_ms = (int64_t)((uint64_t)former.time_ms + (uint64_t)read_signed(row));
        uint64_t name = read_unsigned(row);
        reference->name = (uint16_t)(name >> REFERENCE_FLAGS);
        reference->traits = (name & REFERENCE_TRAITS) != 0;
        reference->delivery = (name & REFERENCE_DELIVERY) != 0;
        reference->contact = (name & REFERENCE_CONTACT) != 0;
        former = *reference;
    }
}

void chunk_encode(
    const struct event_reference *references, size_t count, int64_t latest_ms, struct buffer *out)
{
    put_signed(out, latest_ms);
    encode_references(references, count, out);
}

bool chunk_decode(struct bytes stored, struct event_reference ret_references[REFERENCES_CHUNK],
    size_t *ret_count, int64_t *ret_latest_ms)
{
    struct row_reader row = {.rest = stored};
    *ret_latest_ms = read_signed(&row);
    *ret_count = read_count(&row);
    if (row.failed || *ret_count > REFERENCES_CHUNK)
        return false;
    decode_references(&row, ret_references, *ret_count);
    return !row.failed;
}

/* -- nodes and persons -- */

/* Room for the items that a row announces, and for a few more. */
static void *room_for(
    struct row_reader *row, struct arena *arena, size_t item_size, size_t *ret_count, size_t *ret_capacity)
{
    size_t count = read_count(row);
    if (row->failed || count == 0)
        return NULL;
    void *items = arena_alloc(arena, (count + 2) * item_size);
    if (!items) {
        row->failed = true;
        return NULL;
    }
    *ret_count = count;
    *ret_capacity = count + 2;
    return items;
}

/* -- bindings -- */

static void encode_hands(const struct node *node, struct buffer *out)
{
    buffer_varint(out, node->hand_count);
    for (size_t i = 0; i < node->hand_count; i++) {
        const struct binding_fact *hand = &node->hands[i];
        moment_encode(out, hand->at);
        buffer_varint(out, hand->unit);
        buffer_varint(out, hand->guide);
        buffer_varint(out, hand->person);
        buffer_varint(out, hand->cause);
    }
}

static void decode_hands(struct row_reader *row, struct arena *arena, struct node *node)
{
    node->hands = room_for(row, arena, sizeof(*node->hands), &node->hand_count, &node->hand_capacity);
    for (size_t i = 0; i < node->hand_count; i++) {
        struct binding_fact *hand = &node->hands[i];
        hand->at = moment_decode(row);
        hand->unit = (uint32_t)read_unsigned(row);
        hand->guide = (uint32_t)read_unsigned(row);
        hand->person = (uint32_t)read_unsigned(row);
        hand->cause = (enum binding_cause)read_unsigned(row);
    }
}

enum binding_flag { BINDING_ANY = 1, BINDING_VACANT = 2, BINDING_RANKS = 2 /* bits */ };

static void encode_binding(const struct binding *binding, struct buffer *out)
{
    bool any = moment_is_after(binding->last, MOMENT_FIRST);
    buffer_varint(out, (any ? BINDING_ANY : 0u) | (binding->vacant ? BINDING_VACANT : 0u) |
                           (unsigned)binding->unit_rank << BINDING_RANKS |
                           (unsigned)binding->guide_rank << (BINDING_RANKS + 2));
    if (!any)
        return;
    buffer_varint(out, binding->unit);
    buffer_varint(out, binding->guide);
    moment_encode(out, binding->last);
    moment_encode(out, binding->unit_since);
    moment_encode(out, binding->guide_since);
    put_signed(out, binding->touched_ms);
}

static void decode_binding(struct row_reader *row, struct binding *binding)
{
    uint64_t flags = read_unsigned(row);
    if (!(flags & BINDING_ANY))
        return;
    binding->vacant = (flags & BINDING_VACANT) != 0;
    binding->unit_rank = (enum binding_rank)(flags >> BINDING_RANKS & 3);
    binding->guide_rank = (enum binding_rank)(flags >> (BINDING_RANKS + 2) & 3);
    binding->unit = (uint32_t)read_unsigned(row);
    binding->guide = (uint32_t)read_unsigned(row);
    binding->last = moment_decode(row);
    binding->unit_since = moment_decode(row);
    binding->guide_since = moment_decode(row);
    binding->touched_ms = read_signed(row);
}

/* -- nodes and persons -- */

void node_encode(const struct node *node, struct buffer *out)
{
    buffer_byte(out, NODE_VERSION);
    buffer_varint(out, node->person);
    put_text(out, node->kind);
    buffer_varint(out, node->chunks);
    buffer_varint(out, node->events);
    put_signed(out, node->first_seen_ms);
    put_signed(out, node->last_seen_ms);
    put_signed(out, node->latest_ms);
    buffer_varint(out, node->trait_count);
    for (size_t i = 0; i < node->trait_count; i++) {
        const struct trait *trait = &node->traits[i];
        put_text(out, trait->name);
        put_bytes(out, trait->json, trait->size);
        put_signed(out, trait->stated_ms);
        buffer_varint(out, trait->origin);
    }
    buffer_varint(out, node->tag_count);
    for (size_t i = 0; i < node->tag_count; i++) {
        const struct hand_tag *tag = &node->tags[i];
        buffer_varint(out, tag->definition);
        put_text(out, tag->origin);
        put_signed(out, tag->since_ms);
        put_signed(out, tag->expires_ms);
    }
    buffer_varint(out, node->names);
    buffer_byte(out, node->purchases);
    put_signed(out, node->chunks_latest_ms);
    encode_references(node->references, node->reference_count, out);
    buffer_varint(out, node->contacts);
    encode_hands(node, out);
}

bool node_decode(struct bytes stored, struct arena *arena, struct node *node)
{
    struct row_reader row = {.rest = stored};
    uint64_t version;
    if (!read_version(&row, NODE_VERSION, &version))
        return false;
    node->person = (uint32_t)read_unsigned(&row);
    node->kind = read_text(&row);
    uint64_t chunks = read_unsigned(&row);
    node->chunks = version > 3 ? (uint32_t)chunks : 0;
    node->events = read_unsigned(&row);
    node->first_seen_ms = read_signed(&row);
    node->last_seen_ms = read_signed(&row);
    node->latest_ms = read_signed(&row);
    node->traits = room_for(&row, arena, sizeof(*node->traits), &node->trait_count, &node->trait_capacity);
    for (size_t i = 0; i < node->trait_count; i++) {
        struct trait *trait = &node->traits[i];
        trait->name = read_text(&row);
        struct bytes json = read_bytes(&row);
        trait->json = (const char *)json.data;
        trait->size = json.size;
        trait->stated_ms = read_signed(&row);
        trait->origin = read_unsigned(&row);
    }
    node->tags = room_for(&row, arena, sizeof(*node->tags), &node->tag_count, &node->tag_capacity);
    for (size_t i = 0; i < node->tag_count; i++) {
        struct hand_tag *tag = &node->tags[i];
        tag->definition = (uint32_t)read_unsigned(&row);
        tag->origin = read_text(&row);
        tag->since_ms = read_signed(&row);
        tag->expires_ms = read_signed(&row);
    }
    node->names = version > 1 ? read_unsigned(&row) : ANY_NAMES;
    node->purchases = version > 1 ? read_unsigned(&row) != 0 : true;
    if (version < 4)
        return !row.failed;
    node->chunks_latest_ms = read_signed(&row);
    node->references =
        room_for(&row, arena, sizeof(*node->references), &node->reference_count, &node->reference_capacity);
    decode_references(&row, node->references, node->reference_count);
    if (version > 4) {
        node->contacts = read_unsigned(&row);
        decode_hands(&row, arena, node);
    }
    return !row.failed;
}

static void encode_totals(const struct totals *totals, struct buffer *out)
{
    buffer_varint(out, totals->events);
    put_signed(out, totals->first_seen_ms);
    put_signed(out, totals->last_seen_ms);
    buffer_varint(out, totals->orders);
    buffer_varint(out, totals->own_orders);
    put_signed(out, (int64_t)totals->gross);
    put_signed(out, totals->first_order_ms);
    put_signed(out, totals->last_order_ms);
    buffer_varint(out, totals->refunds);
    put_signed(out, (int64_t)totals->refunded);
}

/* What the lower 64 bits do not say. */
static void encode_upper(const struct totals *totals, struct buffer *out)
{
    put_signed(out, (int64_t)(totals->gross >> 64));
    put_signed(out, (int64_t)(totals->refunded >> 64));
}

static __int128 read_upper(struct row_reader *row, __int128 lower)
{
    __int128 upper = read_signed(row);
    return upper * ((__int128)1 << 64) + (uint64_t)lower;
}

static void decode_upper(struct row_reader *row, struct totals *totals)
{
    totals->gross = read_upper(row, totals->gross);
    totals->refunded = read_upper(row, totals->refunded);
}

static void decode_totals(struct row_reader *row, struct totals *totals)
{
    totals->events = read_unsigned(row);
    totals->first_seen_ms = read_signed(row);
    totals->last_seen_ms = read_signed(row);
    totals->orders = read_unsigned(row);
    totals->own_orders = read_unsigned(row);
    totals->gross = read_signed(row);
    totals->first_order_ms = read_signed(row);
    totals->last_order_ms = read_signed(row);
    totals->refunds = read_unsigned(row);
    totals->refunded = read_signed(row);
}

void person_encode(const struct person *person, struct buffer *out)
{
    buffer_byte(out, PERSON_VERSION);
    encode_totals(&person->totals, out);
    put_text(out, person->stage);
    put_signed(out, person->stage_since_ms);
    put_signed(out, person->due_ms);
    buffer_varint(out, person->node_count);
    for (size_t i = 0; i < person->node_count; i++) {
        buffer_varint(out, person->nodes[i].node);
        put_text(out, person->nodes[i].kind);
    }
    buffer_varint(out, person->membership_count);
    for (size_t i = 0; i < person->membership_count; i++) {
        buffer_varint(out, person->memberships[i].definition);
        put_signed(out, person->memberships[i].since_ms);
    }
    buffer_varint(out, person->names);
    encode_upper(&person->totals, out);
    encode_binding(&person->binding, out);
}

bool person_decode(struct bytes stored, struct arena *arena, struct person *person)
{
    struct row_reader row = {.rest = stored};
    uint64_t version;
    if (!read_version(&row, PERSON_VERSION, &version))
        return false;
    decode_totals(&row, &person->totals);
    person->stage = read_text(&row);
    person->stage_since_ms = read_signed(&row);
    person->due_ms = read_signed(&row);
    person->nodes =
        room_for(&row, arena, sizeof(*person->nodes), &person->node_count, &person->node_capacity);
    for (size_t i = 0; i < person->node_count; i++) {
        person->nodes[i].node = (uint32_t)read_unsigned(&row);
        person->nodes[i].kind = read_text(&row);
    }
    person->memberships = room_for(
        &row, arena, sizeof(*person->memberships), &person->membership_count, &person->membership_capacity);
    for (size_t i = 0; i < person->membership_count; i++) {
        person->memberships[i].definition = (uint32_t)read_unsigned(&row);
        person->memberships[i].since_ms = read_signed(&row);
    }
    person->names = version > 1 ? read_unsigned(&row) : ANY_NAMES;
    if (version > 2)
        decode_upper(&row, &person->totals);
    person->binding = binding_none();
    if (version > 3)
        decode_binding(&row, &person->binding);
    return !row.failed;
}
