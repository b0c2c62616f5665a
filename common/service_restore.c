/* SPDX-License-Identifier: Apache-2.0 */
/* Where the journal decides (service_spec.journal_decides), the state may be behind it: at the start the fold takes back what it
 * wrote itself. */
#include "common/service_internal.h"

#define READ_BYTES ((size_t)4 * 1024 * 1024)

static int restore_chunks(
    struct service *service, struct batch *batch, struct journal_position *position, struct bytes chunks)
{
    uint64_t size;
    int error = 0;
    while (!error && bytes_varint(&chunks, &size)) {
        struct journal_record record;
        error = chunk_read(service->reader, (struct bytes){chunks.data, size}, position);
        chunks.data += size;
        chunks.size -= size;
        while (!error && chunk_next(service->reader, &record)) {
            error = batch_time(batch, record.time_ms);
            if (!error)
                error = service->spec->fold->restore(service->spec->self, batch, &record);
        }
    }
    return error;
}

int restore_run(struct service *service, struct batch *batch, struct journal_position from)
{
    struct journal_state state;
    _cleanup_(buffer_free) struct buffer chunks = BUFFER_INIT;
    int error = 0;
    journal_state(service->journal, &state);
    while (!error && from.next < state.end.next) {
        struct journal_position after;
        buffer_clear(&chunks);
        error = journal_read(service->journal, &from, READ_BYTES, &chunks, &after);
        if (!error)
            error = restore_chunks(service, batch, &from, (struct bytes){chunks.data, chunks.size});
    }
    return error;
}
