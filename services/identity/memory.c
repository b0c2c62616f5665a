/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/memory.h"

#include "common/error.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BITS 18 /* 18 MiB, of which only what is used takes memory */
#define SLOTS (1u << SLOT_BITS)
#define PACKED_MAX 51 /* a name, a number and an email; who has more is read each time */

struct slot {
    uint64_t statement;
    uint32_t person; /* 0: free */
    uint8_t size;
    uint8_t packed[PACKED_MAX];
};

struct memory {
    struct slot slots[SLOTS];
};

int memory_open(struct memory **ret_memory)
{
    *ret_memory = calloc(1, sizeof(**ret_memory));
    return *ret_memory ? 0 : -QY_ENOMEM;
}

void memory_close(struct memory **memory)
{
    if (!*memory)
        return;
    sodium_memzero(*memory, sizeof(**memory));
    free(*memory);
    *memory = NULL;
}

static struct slot *slot_of(struct memory *memory, uint32_t person)
{
    return &memory->slots[(person * 2654435761u) >> (32 - SLOT_BITS)];
}

bool memory_find(struct memory *memory, uint32_t person, struct bytes *ret_packed)
{
    struct slot *slot = slot_of(memory, person);
    if (slot->person != person)
        return false;
    *ret_packed = (struct bytes){slot->packed, slot->size};
    return true;
}

void memory_keep(struct memory *memory, uint32_t person, struct bytes packed)
{
    if (packed.size > PACKED_MAX)
        return;
    struct slot *slot = slot_of(memory, person);
    slot->person = person;
    slot->statement = 0;
    slot->size = (uint8_t)packed.size;
    if (packed.size > 0)
        memcpy(slot->packed, packed.data, packed.size);
}

void memory_hold(struct memory *memory, uint32_t person, uint64_t statement)
{
    struct slot *slot = slot_of(memory, person);
    if (slot->person == person)
        slot->statement = statement;
}

bool memory_holds(struct memory *memory, uint32_t person, uint64_t statement)
{
    struct slot *slot = slot_of(memory, person);
    return slot->person == person && slot->statement == statement;
}

void memory_drop(struct memory *memory, uint32_t person)
{
    struct slot *slot = slot_of(memory, person);
    if (slot->person == person)
        slot->person = 0;
}

void memory_clear(struct memory *memory)
{
    sodium_memzero(memory->slots, sizeof(memory->slots));
}
