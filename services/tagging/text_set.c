/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/text_set.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const uint8_t *data, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

static uint32_t *slot_of(const struct text_set *set, const void *data, size_t size)
{
    size_t mask = set->slot_count - 1, at = hash_of(data, size) & mask;
    for (; set->slots[at]; at = (at + 1) & mask) {
        const struct bytes *item = &set->items[set->slots[at] - 1];
        if (item->size == size && memcmp(item->data, data, size) == 0)
            break;
    }
    return &set->slots[at];
}

static bool grow(struct text_set *set)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 8;
        struct bytes *items = realloc(set->items, capacity * sizeof(*items));
        if (!items)
            return false;
        set->items = items;
        set->capacity = capacity;
    }
    if (set->count * 2 < set->slot_count)
        return true;
    size_t slot_count = set->slot_count ? set->slot_count * 2 : 16;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    if (!slots)
        return false;
    free(set->slots);
    set->slots = slots;
    set->slot_count = slot_count;
    for (uint32_t i = 0; i < set->count; i++)
        *slot_of(set, set->items[i].data, set->items[i].size) = i + 1;
    return true;
}

int text_set_add(struct text_set *set, const void *data, size_t size, uint32_t *ret_place, bool *ret_new)
{
    if (!grow(set))
        return -QY_ENOMEM;
    uint32_t *slot = slot_of(set, data, size);
    bool new = *slot == 0;
    if (new) {
        uint8_t *copy = arena_copy(set->arena, data, size);
        if (!copy)
            return -QY_ENOMEM;
        set->items[set->count++] = (struct bytes){copy, size};
        *slot = (uint32_t)set->count;
    }
    *ret_place = *slot - 1;
    if (ret_new)
        *ret_new = new;
    return 0;
}

void text_set_close(struct text_set *set)
{
    free(set->items);
    free(set->slots);
    *set = (struct text_set){.arena = set->arena};
}
