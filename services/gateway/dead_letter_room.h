/* SPDX-License-Identifier: Apache-2.0 */
/* How much room the dead-letter list has: what it holds, in all and of each source, against the limits; and which slots of the key file are
 * free. One thread; the totals are for any. */
#ifndef QY_GATEWAY_DEAD_LETTER_ROOM_H
#define QY_GATEWAY_DEAD_LETTER_ROOM_H

#include "services/gateway/dead_letters.h"

#include <stdatomic.h>

struct slot_list {
    uint32_t *slots;
    size_t count, capacity;
};

struct source_total {
    uint32_t source;
    uint64_t count, bytes;
};

struct letter_room {
    struct dead_letter_limits limits;
    struct slot_list free;        /* may be given to letters */
    struct slot_list spent;       /* of letters that are gone, in this batch or before a crash */
    struct slot_list clean;       /* spent, and overwritten: the state does not know yet */
    struct source_total *sources; /* in order of appearance */
    size_t source_count, source_capacity;
    atomic_uint_fast64_t count, bytes;
};

/* Keeps the limits and the memory. */
void room_clear(struct letter_room *room);
void room_free(struct letter_room *room);

/* False when memory is out. */
bool slot_list_add(struct slot_list *list, uint32_t slot);

/* Whether one more letter of this source and size may be kept. -QY_EFULL, -QY_ENOMEM. */
int room_check(struct letter_room *room, uint32_t source, size_t size);
/* False when memory is out. */
bool room_count_in(struct letter_room *room, const struct letter_row *row);
void room_count_out(struct letter_room *room, const struct letter_row *row);

#endif
