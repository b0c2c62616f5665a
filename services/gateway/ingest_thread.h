/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP thread keeps from one ingestion call to the next: memory for JSON, and the write keys that it
 * has seen, so that neither malloc nor the store is asked again for each event. */
#ifndef QY_GATEWAY_INGEST_THREAD_H
#define QY_GATEWAY_INGEST_THREAD_H

#include "services/gateway/gateway_store.h"

#include <yyjson.h>

struct ingest_thread;

/* Of the calling thread; NULL when memory is out. It ends with the thread. */
struct ingest_thread *ingest_thread_here(void);

/* For JSON of that size and what is made of it; NULL, which is malloc, for large ones. All that was taken
 * must be given back on the same thread. */
const yyjson_alc *ingest_thread_memory(const struct ingest_thread *thread, size_t size);

/* The write key that stands in an Authorization header, as it was learnt when the state had this version. */
bool ingest_thread_knows(const struct ingest_thread *thread, const char *authorization, uint64_t version,
    struct write_key *ret_write_key);
void ingest_thread_learn(struct ingest_thread *thread, const char *authorization, uint64_t version,
    const struct write_key *write_key);

#endif
