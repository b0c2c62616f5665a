/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's side: adding, committing, taking back. */
#include "common/journal_private.h"

#include "common/directory.h"
#include "common/disk.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_BYTES_DEFAULT (UINT64_C(256) << 20)
#define SPARE_BYTES_MIN (UINT64_C(1) << 20)
#define SPARE_BYTES_MAX (UINT64_C(64) << 20)

int journal_open(const struct journal_options *options, const struct journal_position *committed,
    struct journal **ret_journal)
{
    static const struct journal_position beginning;
    int code = directory_make(options->path);
    if (code)
        return code;
    _cleanup_(journal_close) struct journal *journal = calloc(1, sizeof(*journal));
    if (!journal || sodium_init() < 0)
        return -QY_ENOMEM;
    pthread_mutex_init(&journal->mutex, NULL);
    journal->segment_bytes = options->segment_bytes ? options->segment_bytes : SEGMENT_BYTES_DEFAULT;
    journal->segment_ms = options->segment_ms;
    if (options->key) {
        memcpy(journal->key_bytes, options->key, CHUNK_KEY_BYTES);
        journal->key = journal->key_bytes;
    }
    journal->path = strdup(options->path);
    code = journal->path ? tail_open(&journal->tail) : -QY_ENOMEM;
    if (!code)
        code = journal_spare_open(journal->path, &journal->spare);
    if (!code)
        code = chunk_builder_open(options->compression, &journal->builder);
    if (!code)
        code = journal_recover(journal, committed ? committed : &beginning);
    if (code)
        return code;
    *ret_journal = TAKE(journal);
    return 0;
}

void journal_close(struct journal **journal_pointer)
{
    struct journal *journal = TAKE(*journal_pointer);
    if (!journal)
        return;
    journal_release_current(journal);
    segments_close(journal);
    journal_spare_close(&journal->spare);
    tail_close(&journal->tail);
    while (journal->idle_reader_count > 0)
        chunk_reader_close(&journal->idle_readers[--journal->idle_reader_count]);
    chunk_builder_close(&journal->builder);
    buffer_free(&journal->wire);
    buffer_free(&journal->stored);
    pthread_mutex_destroy(&journal->mutex);
    sodium_memzero(journal->key_bytes, sizeof(journal->key_bytes));
    free(journal->path);
    free(journal);
}

/* What is in the current segment from the end on was committed here and then not by the state. */
static int begin(struct journal *journal)
{
    int code = segment_file_begin(journal->current->file, journal->sealed.next);
    journal->writing = !code;
    journal->current_bytes = segment_file_size(journal->current->file);
    return code;
}

static int commit_current(struct journal *journal)
{
    if (!journal->writing)
        return 0;
    journal->writing = false;
    return segment_file_commit(journal->current->file);
}

/* What comes next goes into a file that is there rather than making this one grow. */
static bool is_used_up(const struct journal *journal)
{
    return journal->current_bytes + disk_piece(journal->current_bytes) >
               segment_file_written(journal->current->file) &&
           journal_spare_is_ready(journal->spare);
}

static bool current_is_full(const struct journal *journal, int64_t base_ms)
{
    return journal->current_bytes >= journal->segment_bytes ||
           (journal->segment_ms > 0 && base_ms - journal->current_base_ms >= journal->segment_ms);
}

/* A segment may be committed before the batch is complete: only the state's commit makes it count. */
static int roll(struct journal *journal, int64_t base_ms)
{
    int code = commit_current(journal);
    if (code)
        return code;
    if (journal->current) {
        segment_file_complete(journal->current->file);
        segment_measure(journal, journal->current);
    }
    journal_release_current(journal);
    code = segment_make(journal, journal->sealed.next, &journal->current);
    if (code)
        return code;
    journal->current_bytes = 0;
    journal->current_base_ms = base_ms;
    return 0;
}

/* Twice as large as the last one, so that little data needs little room; made when half of what is there is used. */
static void order_spare(struct journal *journal)
{
    uint64_t written = segment_file_written(journal->current->file), bytes = 2 * written;
    if (journal->current_bytes < SPARE_BYTES_MIN / 2 || journal->current_bytes < written / 2)
        return;
    bytes = bytes < SPARE_BYTES_MIN ? SPARE_BYTES_MIN : bytes > SPARE_BYTES_MAX ? SPARE_BYTES_MAX : bytes;
    if (bytes < journal->segment_bytes)
        journal_spare_order(journal->spare, bytes);
}

/* Before the first chunk of a commit. */
static int start(struct journal *journal, int64_t base_ms)
{
    /* What was taken back is gone before anything follows, in the next segment, too. */
    int code = journal->current ? begin(journal) : 0;
    if (!code && (!journal->current || current_is_full(journal, base_ms) || is_used_up(journal)))
        code = roll(journal, base_ms);
    if (!code && !journal->writing)
        code = begin(journal);
    if (code)
        return code;
    order_spare(journal);
    segment_file_write_ahead(journal->current->file);
    return 0;
}

static int prepare(struct journal *journal, int64_t base_ms)
{
    if (!journal->writing)
        return start(journal, base_ms);
    if (!current_is_full(journal, base_ms))
        return 0;
    int code = roll(journal, base_ms);
    return code ? code : begin(journal);
}

/* Finishes the chunk that is being built and adds it to the segment. */
static int seal(struct journal *journal)
{
    int code = prepare(journal, chunk_builder_base_ms(journal->builder));
    if (code)
        return code;
    struct journal_position before = journal->sealed;
    code = chunk_builder_finish(journal->builder, &journal->sealed, &journal->wire);
    if (code)
        return code;
    struct bytes wire = {journal->wire.data, journal->wire.size};
    buffer_clear(&journal->stored);
    code = chunk_store(journal->key, before.next, wire, &journal->stored);
    if (code)
        return code;
    segment_file_add(journal->current->file, before.next, (uint32_t)(journal->sealed.next - before.next),
        (struct bytes){journal->stored.data, journal->stored.size});
    journal->current_bytes += FRAME_HEAD_BYTES + journal->stored.size;
    tail_push(&journal->tail, &before, &journal->sealed, wire);
    return 0;
}

/* Room for one more record; NULL once something went wrong. */
static uint8_t *add(struct journal *journal, unsigned record_class, int64_t time_ms, size_t size)
{
    uint8_t *room = NULL;
    if (!journal->error && chunk_builder_is_full(journal->builder, size))
        journal->error = seal(journal);
    if (!journal->error)
        journal->error = chunk_builder_add(journal->builder, record_class, time_ms, size, &room);
    return journal->error ? NULL : room;
}

uint64_t journal_next(const struct journal *journal)
{
    return journal->sealed.next + chunk_builder_count(journal->builder);
}

uint64_t journal_add(
    struct journal *journal, unsigned record_class, int64_t time_ms, const void *data, size_t size)
{
    uint8_t *room = add(journal, record_class, time_ms, size);
    if (!room)
        return journal_next(journal);
    if (size > 0)
        memcpy(room, data, size);
    return journal_next(journal) - 1;
}

uint64_t journal_add_message(
    struct journal *journal, unsigned record_class, int64_t time_ms, const ProtobufCMessage *message)
{
    uint8_t *room = add(journal, record_class, time_ms, protobuf_c_message_get_packed_size(message));
    if (!room)
        return journal_next(journal);
    protobuf_c_message_pack(message, room);
    return journal_next(journal) - 1;
}

static int commit(struct journal *journal, bool alone, struct journal_position *ret_position)
{
    int code = journal->error;
    if (!code && chunk_builder_count(journal->builder) > 0)
        code = seal(journal);
    if (!code && journal->writing && alone)
        segment_file_add(journal->current->file, journal->sealed.next, 0,
            (struct bytes){journal->sealed.chain, JOURNAL_CHAIN_BYTES});
    if (!code)
        code = commit_current(journal);
    if (code) {
        journal_revert(journal);
        return code;
    }
    *ret_position = journal->sealed;
    return 0;
}

int journal_commit(struct journal *journal, struct journal_position *ret_position)
{
    return commit(journal, false, ret_position);
}

int journal_commit_alone(struct journal *journal, struct journal_position *ret_position)
{
    return commit(journal, true, ret_position);
}

void journal_publish(struct journal *journal, uint64_t origin, int64_t time_ms)
{
    assert(!journal->writing && chunk_builder_count(journal->builder) == 0);
    bool grown = journal->sealed.next > journal->published.next;
    if (grown)
        segment_measure(journal, journal->current);
    pthread_mutex_lock(&journal->mutex);
    journal->published = journal->sealed;
    journal->origin = origin;
    journal->time_ms = time_ms;
    pthread_mutex_unlock(&journal->mutex);
}

int journal_revert(struct journal *journal)
{
    if (journal->current)
        segment_file_abort(journal->current->file);
    journal->writing = false;
    chunk_builder_reset(journal->builder);
    journal->error = 0;
    journal->sealed = journal->published;
    tail_cut(&journal->tail, journal->published.next);
    journal_release_current(journal);
    int code = segments_cut(journal, journal->published.next);
    int selected = journal_select_current(journal);
    return code ? code : selected;
}
