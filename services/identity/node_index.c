/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/node_index.h"

#include "common/error.h"
#include "common/table_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 4096u
#define LINKS_REMEMBERED 3 /* of four that come together each knows the older ones */

/* Half of the keyed hash: that two nodes share it, among any number of them that 32 bits can count, does not happen. */
struct slot {
    uint64_t hash;
    uint32_t node; /* 0: free */
    uint32_t person;
};

struct change {
    uint64_t hash;
    uint32_t person; /* before; 0: the node was added */
};

struct flag_change {
    uint32_t node;
    uint16_t flags; /* before */
};

/* What is kept by number. */
struct trait {
    uint32_t linked[LINKS_REMEMBERED]; /* older nodes to which it is known to be linked; 0: none */
    uint16_t flags;
    uint8_t kind;
    uint8_t verified; /* a bit each: that link is */
};

/* Open addressing: a slot's place is its hash scaled to the table, or the next free one behind it. */
struct node_index {
    pthread_rwlock_t lock;
    struct slot *slots;
    uint64_t slot_count;
    uint64_t used;
    struct trait *traits; /* by node */
    uint64_t trait_count;
    struct buffer changes;      /* struct change, in order */
    struct buffer flag_changes; /* struct flag_change, in order */
};

static size_t slot_bytes(uint64_t count)
{
    return count * sizeof(struct slot);
}

static size_t trait_bytes(uint64_t count)
{
    return count * sizeof(struct trait);
}

int node_index_open(struct node_index **ret_index)
{
    struct node_index *index = calloc(1, sizeof(*index));
    if (!index)
        return -QY_ENOMEM;
    pthread_rwlock_init(&index->lock, NULL);
    index->slot_count = SLOTS_MIN;
    index->slots = table_memory_take(slot_bytes(index->slot_count));
    if (!index->slots)
        node_index_close(&index);
    *ret_index = index;
    return index ? 0 : -QY_ENOMEM;
}

void node_index_close(struct node_index **index)
{
    if (!*index)
        return;
    pthread_rwlock_destroy(&(*index)->lock);
    buffer_free(&(*index)->changes);
    buffer_free(&(*index)->flag_changes);
    table_memory_free((*index)->traits, trait_bytes((*index)->trait_count));
    table_memory_free((*index)->slots, slot_bytes((*index)->slot_count));
    free(*index);
    *index = NULL;
}

static uint64_t place_of(const struct node_index *index, uint64_t hash)
{
    return ((hash >> 32) * index->slot_count) >> 32;
}

static uint64_t next_place(const struct node_index *index, uint64_t place)
{
    return place + 1 == index->slot_count ? 0 : place + 1;
}

/* The slot that holds it, or the free one where it belongs. */
static struct slot *find(const struct node_index *index, uint64_t hash)
{
    uint64_t place = place_of(index, hash);
    while (index->slots[place].node && index->slots[place].hash != hash)
        place = next_place(index, place);
    return &index->slots[place];
}

void node_index_prefetch(const struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES])
{
    __builtin_prefetch(&index->slots[place_of(index, get_be64(hash))]);
}

bool node_index_find(const struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES], uint32_t *ret_node,
    uint32_t *ret_person)
{
    const struct slot *slot = find(index, get_be64(hash));
    if (!slot->node)
        return false;
    __builtin_prefetch(&index->traits[slot->node]); /* whoever finds a node asks what it is */
    *ret_node = slot->node;
    *ret_person = slot->person;
    return true;
}

uint32_t node_index_peek(struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES])
{
    pthread_rwlock_rdlock(&index->lock);
    uint32_t node = find(index, get_be64(hash))->node;
    pthread_rwlock_unlock(&index->lock);
    return node;
}

/* -- changes -- */

static int grow_to(struct node_index *index, uint64_t slot_count)
{
    struct node_index larger = {.slot_count = slot_count};
    larger.slots = table_memory_take(slot_bytes(larger.slot_count));
    if (!larger.slots)
        return -QY_ENOMEM;
    for (uint64_t i = 0; i < index->slot_count; i++)
        if (index->slots[i].node)
            *find(&larger, index->slots[i].hash) = index->slots[i];
    pthread_rwlock_wrlock(&index->lock);
    table_memory_free(index->slots, slot_bytes(index->slot_count));
    index->slots = larger.slots;
    index->slot_count = larger.slot_count;
    pthread_rwlock_unlock(&index->lock);
    return 0;
}

static int make_room(struct node_index *index, uint32_t node)
{
    if (node >= index->trait_count) {
        uint64_t count = (uint64_t)node + node / 2 + SLOTS_MIN;
        struct trait *traits =
            table_memory_grow(index->traits, trait_bytes(index->trait_count), trait_bytes(count));
        if (!traits)
            return -QY_ENOMEM;
        index->traits = traits;
        index->trait_count = count;
    }
    return index->used >= index->slot_count / 4 * 3
               ? grow_to(index, index->slot_count + index->slot_count / 2)
               : 0;
}

int node_index_expect(struct node_index *index, uint64_t nodes)
{
    uint64_t slots = nodes + nodes / 2;
    return slots > index->slot_count ? grow_to(index, slots) : 0;
}

static int note(struct node_index *index, uint64_t hash, uint32_t person)
{
    struct change change = {.hash = hash, .person = person};
    buffer_append(&index->changes, &change, sizeof(change));
    return buffer_error(&index->changes);
}

int node_index_add(
    struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES], const struct node_entry *entry)
{
    uint64_t kept = get_be64(hash);
    int error = make_room(index, entry->node);
    if (!error)
        error = note(index, kept, 0);
    if (error)
        return error;
    index->traits[entry->node] = (struct trait){.kind = entry->kind, .flags = entry->flags};
    pthread_rwlock_wrlock(&index->lock);
    *find(index, kept) = (struct slot){.hash = kept, .node = entry->node, .person = entry->person};
    pthread_rwlock_unlock(&index->lock);
    index->used++;
    return 0;
}

int node_index_move(struct node_index *index, const uint8_t hash[VAULT_HASH_BYTES], uint32_t person)
{
    struct slot *slot = find(index, get_be64(hash));
    int error = slot->node ? note(index, slot->hash, slot->person) : -QY_ECORRUPT;
    if (!error)
        slot->person = person; /* others look at the node alone */
    return error;
}

unsigned node_index_kind(const struct node_index *index, uint32_t node)
{
    return index->traits[node].kind;
}

unsigned node_index_flags(const struct node_index *index, uint32_t node)
{
    return index->traits[node].flags;
}

int node_index_set_flags(struct node_index *index, uint32_t node, unsigned flags)
{
    struct flag_change change = {.node = node, .flags = index->traits[node].flags};
    buffer_append(&index->flag_changes, &change, sizeof(change));
    if (!buffer_error(&index->flag_changes))
        index->traits[node].flags = (uint16_t)flags;
    return buffer_error(&index->flag_changes);
}

/* Kept at the younger one: it is the one with fewer links. */
bool node_index_linked(const struct node_index *index, uint32_t node, uint32_t other, bool verified)
{
    const struct trait *trait = &index->traits[node > other ? node : other];
    uint32_t older = node > other ? other : node;
    for (unsigned i = 0; i < LINKS_REMEMBERED; i++)
        if (trait->linked[i] == older)
            return !verified || trait->verified >> i & 1;
    return false;
}

/* Where there is no room, the one that was remembered first makes it. */
void node_index_link(struct node_index *index, uint32_t node, uint32_t other, bool verified)
{
    struct trait *trait = &index->traits[node > other ? node : other];
    uint32_t older = node > other ? other : node;
    unsigned place = 0;
    while (place < LINKS_REMEMBERED && trait->linked[place] && trait->linked[place] != older)
        place++;
    if (place == LINKS_REMEMBERED) {
        place--;
        memmove(trait->linked, trait->linked + 1, place * sizeof(trait->linked[0]));
        trait->verified >>= 1;
    }
    trait->linked[place] = older;
    trait->verified = (uint8_t)((trait->verified & ~(1u << place)) | (unsigned)verified << place);
}

static void forget_links(struct trait *trait)
{
    memset(trait->linked, 0, sizeof(trait->linked));
}

void node_index_unlink(struct node_index *index, uint32_t node, uint32_t other)
{
    struct trait *trait = &index->traits[node > other ? node : other];
    forget_links(trait);
}

/* -- taking back -- */

void node_index_keep(struct node_index *index)
{
    buffer_clear(&index->changes);
    buffer_clear(&index->flag_changes);
}

/* Frees a slot, and moves those behind it up that would else not be found any more. */
static void take_out(struct node_index *index, struct slot *slot)
{
    uint64_t hole = (uint64_t)(slot - index->slots);
    for (uint64_t place = next_place(index, hole); index->slots[place].node;
        place = next_place(index, place)) {
        uint64_t home = place_of(index, index->slots[place].hash);
        bool between = hole < place ? home > hole && home <= place : home > hole || home <= place;
        if (between)
            continue;
        index->slots[hole] = index->slots[place];
        hole = place;
    }
    index->slots[hole] = (struct slot){0};
    index->used--;
}

void node_index_revert(struct node_index *index)
{
    const struct change *changes = (const struct change *)(const void *)index->changes.data;
    pthread_rwlock_wrlock(&index->lock);
    for (size_t i = index->changes.size / sizeof(*changes); i-- > 0;) {
        struct slot *slot = find(index, changes[i].hash);
        if (changes[i].person)
            slot->person = changes[i].person;
        else
            take_out(index, slot);
    }
    pthread_rwlock_unlock(&index->lock);
    const struct flag_change *flags = (const struct flag_change *)(const void *)index->flag_changes.data;
    for (size_t i = index->flag_changes.size / sizeof(*flags); i-- > 0;)
        index->traits[flags[i].node].flags = flags[i].flags;
    for (uint64_t node = 0; node < index->trait_count; node++)
        forget_links(&index->traits[node]); /* links of the batch are not in the store */
    buffer_clear(&index->changes);
    buffer_clear(&index->flag_changes);
}
