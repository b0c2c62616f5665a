/* SPDX-License-Identifier: Apache-2.0 */
/* The start of the writer: journal and state are opened, and come to agree. Where the journal decides (service_spec.journal_decides),
 * the state may be behind it: then the fold takes back what it wrote itself. */
#include "common/service_internal.h"

#include "common/clock.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

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

static int restore_run(struct service *service, struct batch *batch, struct journal_position from)
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

static int open_journal(struct service *service, const struct journal_position *end)
{
    uint8_t secret[32];
    struct journal_options options = {
        .path = service->journal_path,
        .compression = service->spec->journal_compression,
        .segment_ms = DAY_MS,
    };
    int error = 0;
    if (service->spec->journal_encrypted) {
        char path[700];
        snprintf(path, sizeof(path), "%s/journal.key", service->data_path);
        error = keys_secret(path, secret);
        options.key = secret;
    }
    if (!error)
        error = journal_open(&options, end, &service->journal);
    explicit_bzero(secret, sizeof(secret));
    return error ? error : chunk_reader_open(&service->reader);
}

static int commit_opening(struct round *round, const struct journal_position *known)
{
    const struct service_spec *spec = round->batch.service->spec;
    int error = 0;
    /* The state changes here, so all that fold.finish kept in memory goes with it. */
    rows_put(round, known);
    if (spec->journal_decides && spec->fold->finish)
        error = spec->fold->finish(spec->self, &round->batch);
    return error ? error : round_commit_both(round);
}

/* The first batch: the fold's own opening, and what the state has not seen of the journal. */
static int open_fold(struct service *service, const struct journal_position *known)
{
    const struct service_spec *spec = service->spec;
    struct round round = {.batch = {.service = service, .journal = service->journal}};
    round.batch.now_ms = atomic_load(&service->now_ms);
    for (unsigned i = 0; i < spec->input_count; i++) {
        round.reached[i] = service->inputs[i].committed;
        round.stopped[i] = service->inputs[i].stopped;
    }
    int error = store_begin(service->store, STORE_WRITE, &round.batch.txn);
    if (error)
        return error;
    round.begun_at = journal_next(service->journal);
    lasting_put(service, round.batch.txn);
    error = spec->fold->open(spec->self, &round.batch);
    if (!error)
        error = restore_run(service, &round.batch, *known);
    if (!error)
        error = store_error(round.batch.txn);
    /* A start that changes nothing writes nothing: a full disk does not keep a service from it. */
    if (!error && (store_changed(round.batch.txn) || journal_next(service->journal) != round.begun_at))
        error = commit_opening(&round, known);
    store_abort(&round.batch.txn);
    if (error)
        return error;
    if (spec->journal_decides && spec->fold->committed)
        spec->fold->committed(spec->self, service);
    uint64_t origin = round_origin(&round);
    atomic_store(&service->origin, origin);
    atomic_store(&service->now_ms, round.batch.now_ms);
    journal_publish(service->journal, origin, round.batch.now_ms);
    return 0;
}

/* Segments are named by their first offset. */
static bool has_segments(const char *path)
{
    DIR *directory = opendir(path);
    bool found = false;
    if (!directory)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(directory));)
        found = strspn(entry->d_name, "0123456789") == strlen(entry->d_name);
    closedir(directory);
    return found;
}

int writer_open(struct service *service)
{
    struct journal_position known;
    int error = lasting_check(service);
    if (!error)
        error = rows_read(service, &known);
    if (error)
        return error;
    /* What nobody follows is begun anew where it is gone: a copy of the state comes without it. */
    if (!service->spec->followers && !has_segments(service->journal_path))
        known = (struct journal_position){0};
    service->checkpoint = known.next;
    error = open_journal(service, &known);
    return error ? error : open_fold(service, &known);
}
