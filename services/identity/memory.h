/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of every person seen since the start, so that an event about somebody known opens no sealed row: a sketch of the
 * stored values (sketch.h), and the last statements about the person that hold, by keyed hashes of a trait and its value. No value lies
 * in it. A cache line a person, in a table that is half full at least; the writer thread's. */
#ifndef QY_IDENTITY_MEMORY_H
#define QY_IDENTITY_MEMORY_H

#include "services/identity/sketch.h"

/* Of a hash so many bits count: that a change of a value is taken for what holds, does not happen. */
#define MEMORY_STATED_BITS 40

struct memory;
int memory_open(struct memory **ret_memory);
void memory_close(struct memory **memory);
/* Brings what is remembered near, before it is looked at. */
void memory_prefetch(const struct memory *memory, uint32_t person);
/* Borrowed until the next call; NULL: nothing is remembered. */
const struct sketch *memory_find(const struct memory *memory, uint32_t person);
/* Where there is memory; forgets the statements. */
void memory_keep(struct memory *memory, uint32_t person, const struct sketch *sketch);
/* All of this was stated about the person, of whom something is remembered, and holds. */
void memory_hold(struct memory *memory, uint32_t person, const uint64_t *stated, unsigned count);
bool memory_holds(const struct memory *memory, uint32_t person, const uint64_t *stated, unsigned count);
void memory_drop(struct memory *memory, uint32_t person);
void memory_clear(struct memory *memory);

#endif
