/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_room.h"

#include <assert.h>
#include <stdlib.h>

void room_clear(struct letter_room *room)
{
    room->free.count = room->spent.count = room->clean.count = room->source_count = 0;
    atomic_store(&room->count, 0);
    atomic_store(&room->bytes, 0);
}

void room_free(struct letter_room *room)
{
    free(room->free.slots);
    free(room->spent.slots);
    free(room->clean.slots);
    free(room->sources);
}

bool slot_list_add(struct slot_list *list, uint32_t slot)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 256;
        uint32_t *slots = realloc(list->slots, capacity * sizeof(*slots));
        if (!slots)
            return false;
        list->slots = slots;
        list->capacity = capacity;
    }
    list->slots[list->count++] = slot;
    return true;
}

/* There are as many as write keys: few. */
static struct source_total *source_of(struct letter_room *room, uint32_t source)
{
    for (size_t i = 0; i < room->source_count; i++)
        if (room->sources[i].source == source)
            return &room->sources[i];
    if (room->source_count == room->source_capacity) {
        size_t capacity = room->source_capacity ? room->source_capacity * 2 : 16;
        struct source_total *sources = realloc(room->sources, capacity * sizeof(*sources));
        if (!sources)
            return NULL;
        room->sources = sources;
        room->source_capacity = capacity;
    }
    room->sources[room->source_count] = (struct source_total){.source = source};
    return &room->sources[room->source_count++];
}

int room_check(struct letter_room *room, uint32_t source, size_t size)
{
    const struct dead_letter_limits *limits = &room->limits;
    const struct source_total *own = source_of(room, source);
    if (!own)
        return -QY_ENOMEM;
    bool fits = room->free.count > 0 && atomic_load(&room->count) < limits->count &&
                atomic_load(&room->bytes) + size <= limits->bytes && own->count < limits->source_count &&
                own->bytes + size <= limits->source_bytes;
    return fits ? 0 : -QY_EFULL;
}

bool room_count_in(struct letter_room *room, const struct letter_row *row)
{
    struct source_total *source = source_of(room, row->source);
    if (!source)
        return false;
    source->count++;
    source->bytes += row->size;
    atomic_fetch_add(&room->count, 1);
    atomic_fetch_add(&room->bytes, row->size);
    return true;
}

void room_count_out(struct letter_room *room, const struct letter_row *row)
{
    struct source_total *source = source_of(room, row->source);
    assert(source && source->count > 0 && source->bytes >= row->size);
    source->count--;
    source->bytes -= row->size;
    atomic_fetch_sub(&room->count, 1);
    atomic_fetch_sub(&room->bytes, row->size);
}
