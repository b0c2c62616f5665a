/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_messages.h"

#include <stdlib.h>
#include <string.h>

#define GONE UINT64_MAX
#define CAPACITY_LEAST 256u

uint64_t letter_message_tag(const uint8_t hash[16])
{
    uint64_t tag;
    memcpy(&tag, hash, sizeof(tag));
    return tag;
}

void letter_messages_clear(struct letter_messages *messages)
{
    if (messages->capacity)
        memset(messages->slots, 0, messages->capacity * sizeof(*messages->slots));
    messages->used = messages->gone = 0;
}

void letter_messages_free(struct letter_messages *messages)
{
    free(messages->slots);
    *messages = (struct letter_messages){0};
}

static void put(struct letter_messages *messages, struct letter_message message)
{
    size_t at = message.tag & (messages->capacity - 1);
    while (messages->slots[at].number)
        at = (at + 1) & (messages->capacity - 1);
    messages->slots[at] = message;
    messages->used++;
}

/* Twice what is there, without what is gone. */
static bool grow(struct letter_messages *messages)
{
    size_t capacity = CAPACITY_LEAST;
    while (capacity < (messages->used - messages->gone + 1) * 4)
        capacity *= 2;
    struct letter_messages fresh = {
        .slots = calloc(capacity, sizeof(struct letter_message)), .capacity = capacity};
    if (!fresh.slots)
        return false;
    for (size_t i = 0; i < messages->capacity; i++)
        if (messages->slots[i].number && messages->slots[i].number != GONE)
            put(&fresh, messages->slots[i]);
    free(messages->slots);
    *messages = fresh;
    return true;
}

bool letter_messages_add(struct letter_messages *messages, uint64_t tag, uint64_t number)
{
    if ((messages->used + 1) * 2 > messages->capacity && !grow(messages))
        return false;
    put(messages, (struct letter_message){.tag = tag, .number = number});
    return true;
}

void letter_messages_remove(struct letter_messages *messages, uint64_t tag, uint64_t number)
{
    if (!messages->capacity)
        return;
    for (size_t at = tag & (messages->capacity - 1); messages->slots[at].number;
        at = (at + 1) & (messages->capacity - 1))
        if (messages->slots[at].tag == tag && messages->slots[at].number == number) {
            messages->slots[at].number = GONE;
            messages->gone++;
            return;
        }
}

uint64_t letter_messages_next(const struct letter_messages *messages, uint64_t tag, size_t *cursor)
{
    if (messages->used == messages->gone)
        return 0;
    for (;; (*cursor)++) {
        const struct letter_message *slot = &messages->slots[(tag + *cursor) & (messages->capacity - 1)];
        if (!slot->number)
            return 0;
        if (slot->tag == tag && slot->number != GONE) {
            (*cursor)++;
            return slot->number;
        }
    }
}
