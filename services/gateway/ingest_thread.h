/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP thread keeps from one ingestion call to the next: memory for JSON, and the write keys as it saw
 * them last, so that neither malloc nor a lock nor a hash is needed for each event. */
#ifndef QY_GATEWAY_INGEST_THREAD_H
#define QY_GATEWAY_INGEST_THREAD_H

#include "services/gateway/staff_roll.h"
#include "services/gateway/units.h"
#include "services/gateway/write_keys.h"

#include <yyjson.h>

struct ingest_thread;

/* Of the calling thread; NULL when memory is out. It ends with the thread. */
struct ingest_thread *ingest_thread_here(void);

/* For JSON of that size and what is made of it; NULL, which is malloc, for large ones. All that was taken
 * must be given back on the same thread. */
const yyjson_alc *ingest_thread_memory(const struct ingest_thread *thread, size_t size);

/* Takes the write keys that are in force. What was found in earlier ones is not valid any more. */
void ingest_thread_update(struct ingest_thread *thread, struct write_keys *keys);
/* The tree of units and the roll of the staff that are in force, until the next call. */
const struct unit_tree *ingest_thread_units(struct ingest_thread *thread, struct units *units);
const struct staff_roll *ingest_thread_staff(struct ingest_thread *thread, struct staff_rolls *rolls);
/* The secret of an Authorization header, where it was learnt from the keys that the thread has. */
const struct write_key_secret *ingest_thread_known(
    const struct ingest_thread *thread, const char *authorization);
/* The secret with that text, NULL where there is none; learns it, where `authorization` is not NULL. */
const struct write_key_secret *ingest_thread_find(
    struct ingest_thread *thread, const char *text, const char *authorization);

#endif
