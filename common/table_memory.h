/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of large tables that are looked into at random: in huge pages where the system has them, since with small ones nearly every look
 * also costs a walk through the page tables. Zeroed; takes memory only where it is written. */
#ifndef QY_COMMON_TABLE_MEMORY_H
#define QY_COMMON_TABLE_MEMORY_H

#include <stddef.h>

/* NULL: there is none. `bytes` > 0. */
void *table_memory_take(size_t bytes);
/* Moves it where it must; what is new is zeroed. NULL: there is none, and `memory` is as it was. */
void *table_memory_grow(void *memory, size_t bytes, size_t new_bytes);
void table_memory_free(void *memory, size_t bytes); /* safe on NULL */

#endif
