/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/memory.h"

#include "common/buffer.h"
#include "common/error.h"
#include "common/table_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 4096u
#define STATED_MAX 8
#define STATED_BYTES (MEMORY_STATED_BITS / 8)

struct slot {
    uint32_t person; /* 0: free */
    struct sketch sketch;
    uint8_t stated[STATED_MAX][STATED_BYTES]; /* the last one first; zeros: none */
};
static_assert(sizeof(struct slot) == 64, "a cache line");

/* Open addressing: a slot's place is a hash of the person's number, or the next free one behind it. Whoever is dropped leaves a slot that
 * stays the person's: numbers are never used again, and the person mostly comes back. */
struct memory {
    struct slot *slots;
    uint64_t slot_count;
    uint64_t used;
};

static size_t bytes_of(const struct memory *memory)
{
    return memory->slot_count * sizeof(struct slot);
}

int memory_open(struct memory **ret_memory)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        return -QY_ENOMEM;
    memory->slot_count = SLOTS_MIN;
    memory->slots = table_memory_take(bytes_of(memory));
    if (!memory->slots)
        memory_close(&memory);
    *ret_memory = memory;
    return memory ? 0 : -QY_ENOMEM;
}

void memory_close(struct memory **memory)
{
    if (!*memory)
        return;
    table_memory_free((*memory)->slots, bytes_of(*memory));
    free(*memory);
    *memory = NULL;
}

static uint64_t place_of(const struct memory *memory, uint32_t person)
{
    uint64_t hash = person * UINT64_C(0x9e3779b97f4a7c15);
    return ((hash >> 32) * memory->slot_count) >> 32;
}

void memory_prefetch(const struct memory *memory, uint32_t person)
{
    __builtin_prefetch(&memory->slots[place_of(memory, person)]);
}

/* The person's slot, or the free one where it belongs. */
static struct slot *slot_of(const struct memory *memory, uint32_t person)
{
    uint64_t place = place_of(memory, person);
    while (memory->slots[place].person && memory->slots[place].person != person)
        place = place + 1 == memory->slot_count ? 0 : place + 1;
    return &memory->slots[place];
}

static struct slot *find(const struct memory *memory, uint32_t person)
{
    struct slot *slot = slot_of(memory, person);
    return slot->person && slot->sketch.count != SKETCH_NONE ? slot : NULL;
}

static bool grow(struct memory *memory)
{
    struct memory larger = {.slot_count = memory->slot_count + memory->slot_count / 2, .used = memory->used};
    larger.slots = table_memory_take(bytes_of(&larger));
    if (!larger.slots)
        return false;
    for (uint64_t i = 0; i < memory->slot_count; i++)
        if (memory->slots[i].person)
            *slot_of(&larger, memory->slots[i].person) = memory->slots[i];
    table_memory_free(memory->slots, bytes_of(memory));
    *memory = larger;
    return true;
}

const struct sketch *memory_find(const struct memory *memory, uint32_t person)
{
    const struct slot *slot = find(memory, person);
    return slot ? &slot->sketch : NULL;
}

void memory_keep(struct memory *memory, uint32_t person, const struct sketch *sketch)
{
    if (memory->used >= memory->slot_count / 4 * 3 && !grow(memory))
        return;
    struct slot *slot = slot_of(memory, person);
    memory->used += slot->person == 0;
    *slot = (struct slot){.person = person, .sketch = *sketch};
}

static int find_stated(const struct slot *slot, const uint8_t hash[STATED_BYTES])
{
    for (int i = 0; i < STATED_MAX; i++)
        if (memcmp(slot->stated[i], hash, STATED_BYTES) == 0)
            return i;
    return -1;
}

static void write_hash(uint64_t hash, uint8_t written[STATED_BYTES])
{
    uint8_t whole[sizeof(hash)];
    put_be64(whole, hash);
    memcpy(written, whole, STATED_BYTES);
}

void memory_hold(struct memory *memory, uint32_t person, const uint64_t *stated, unsigned count)
{
    struct slot *slot = find(memory, person);
    for (unsigned i = 0; slot && i < count; i++) {
        uint8_t hash[STATED_BYTES];
        write_hash(stated[i], hash);
        int place = find_stated(slot, hash);
        memmove(
            slot->stated[1], slot->stated[0], (size_t)(place < 0 ? STATED_MAX - 1 : place) * STATED_BYTES);
        memcpy(slot->stated[0], hash, STATED_BYTES);
    }
}

bool memory_holds(const struct memory *memory, uint32_t person, const uint64_t *stated, unsigned count)
{
    const struct slot *slot = find(memory, person);
    for (unsigned i = 0; slot && i < count; i++) {
        uint8_t hash[STATED_BYTES];
        write_hash(stated[i], hash);
        if (find_stated(slot, hash) < 0)
            return false;
    }
    return slot;
}

void memory_drop(struct memory *memory, uint32_t person)
{
    struct slot *slot = find(memory, person);
    if (slot)
        slot->sketch.count = SKETCH_NONE;
}

void memory_clear(struct memory *memory)
{
    for (uint64_t i = 0; i < memory->slot_count; i++)
        memory->slots[i].sketch.count = SKETCH_NONE;
}
