/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the persons seen last (known_pack()), so that not every event has to be answered from
 * sealed rows. Bounded; the writer thread's. */
#ifndef QY_IDENTITY_MEMORY_H
#define QY_IDENTITY_MEMORY_H

#include "common/mem.h"
#include <stdbool.h>

struct memory;
int memory_open(struct memory **ret_memory);
void memory_close(struct memory **memory); /* wipes it */
/* Borrowed until the next call. */
bool memory_find(struct memory *memory, uint32_t person, struct bytes *ret_packed);
/* May decide not to. */
void memory_keep(struct memory *memory, uint32_t person, struct bytes packed);
/* A statement about the person, by a hash that is not 0, is the last one that was seen and holds. */
void memory_hold(struct memory *memory, uint32_t person, uint64_t statement);
bool memory_holds(struct memory *memory, uint32_t person, uint64_t statement);
void memory_drop(struct memory *memory, uint32_t person);
void memory_clear(struct memory *memory);

#endif
