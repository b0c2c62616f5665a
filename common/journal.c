/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's side: adding, committing, taking back. */
#include "common/journal_private.h"

#include "common/directory.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_BYTES_DEFAULT (UINT64_C(1) << 30)
#define PAGE_BYTES ((uint64_t)4096)
#define NODE_BYTES 32 /* of LMDB's own and the key, about */

static bool same_position(const struct journal_position *a, const struct journal_position *b)
{
    return a->next == b->next && memcmp(a->chain, b->chain, JOURNAL_CHAIN_BYTES) == 0;
}

/* Looks at the chunk before `end`, in the pinned segment: it must end there, with the chain that the state
 * remembers. */
static int check_end(struct journal *journal, struct segment *segment, const struct journal_position *end)
{
    struct chunk_header header;
    struct bytes wire;
    buffer_clear(&journal->wire);
    int code = segment_read_chunk(journal, segment, end->next - 1, &journal->wire, &wire);
    if (!code)
        code = chunk_header_read(wire, &header);
    if (code)
        return code == -QY_ENOTFOUND ? -QY_ECORRUPT : code;
    struct journal_position after = {.next = header.first + header.count};
    chunk_chain(header.previous, wire, after.chain);
    return same_position(&after, end) ? 0 : -QY_ECORRUPT;
}

/* Makes the last segment the one that is written to. */
static int select_current(struct journal *journal)
{
    struct chunk_header header = {.base_ms = 0};
    struct bytes wire;
    struct segment *segment;
    int code = segment_pin(journal, UINT64_MAX, &segment);
    if (code)
        return code == -QY_ETRIMMED ? 0 : code; /* there is none yet */
    buffer_clear(&journal->wire);
    code = segment_read_chunk(journal, segment, segment->first, &journal->wire, &wire);
    if (!code)
        code = chunk_header_read(wire, &header);
    if (code) {
        segment_unpin(journal, segment);
        return code == -QY_ENOTFOUND ? -QY_ECORRUPT : code;
    }
    journal->current = segment;
    journal->current_bytes = store_used_bytes(segment->store);
    journal->current_base_ms = header.base_ms;
    return 0;
}

static void release_current(struct journal *journal)
{
    if (journal->current)
        segment_unpin(journal, TAKE(journal->current));
}

static int recover(struct journal *journal, const struct journal_position *committed)
{
    struct journal_position end = *committed;
    int code = segments_load(journal);
    if (!code)
        code = segments_decided(journal, &end);
    if (!code)
        code = segments_cut(journal, end.next);
    if (code)
        return code;
    journal->sealed = journal->published = end;
    code = select_current(journal);
    if (code || end.next == 0)
        return code;
    return journal->current ? check_end(journal, journal->current, &end) : -QY_ECORRUPT;
}

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
        code = chunk_builder_open(options->compression, &journal->builder);
    if (!code)
        code = recover(journal, committed ? committed : &beginning);
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
    store_abort(&journal->txn);
    release_current(journal);
    segments_close(journal);
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
    int code = store_begin(journal->current->store, STORE_WRITE, &journal->txn);
    if (code)
        return code;
    struct store_key all, end = segment_key(journal->sealed.next);
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    code = scan_open(journal->txn, TABLE_CHUNKS, &all, &end, &scan);
    if (code)
        return code;
    struct bytes key, value;
    while (scan_next(scan, &key, &value))
        scan_delete(scan);
    return store_error(journal->txn);
}

static bool current_is_full(const struct journal *journal, int64_t base_ms)
{
    return journal->current_bytes >= journal->segment_bytes ||
           (journal->segment_ms > 0 && base_ms - journal->current_base_ms >= journal->segment_ms);
}

/* A segment may be committed before the batch is complete: only the state's commit makes it count. */
static int roll(struct journal *journal, int64_t base_ms)
{
    if (journal->txn) {
        int code = store_commit(&journal->txn);
        if (code)
            return code;
    }
    if (journal->current)
        segment_measure(journal, journal->current);
    release_current(journal);
    int code = segment_make(journal, journal->sealed.next, &journal->current);
    if (code)
        return code;
    journal->current_bytes = 0;
    journal->current_base_ms = base_ms;
    return 0;
}

static int prepare(struct journal *journal, int64_t base_ms)
{
    if (!journal->current || current_is_full(journal, base_ms)) {
        int code = roll(journal, base_ms);
        if (code)
            return code;
    }
    return journal->txn ? 0 : begin(journal);
}

/* LMDB gives a value of half a page or more whole pages of its own. */
static uint64_t disk_bytes(size_t size)
{
    return size < PAGE_BYTES / 2 - NODE_BYTES ? size + NODE_BYTES
                                              : (size + PAGE_BYTES) / PAGE_BYTES * PAGE_BYTES;
}

/* Finishes the chunk that is being built and writes it into the transaction. */
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
    struct store_key key = segment_key(before.next);
    store_append(journal->txn, TABLE_CHUNKS, &key, journal->stored.data, journal->stored.size);
    journal->current_bytes += disk_bytes(journal->stored.size);
    tail_push(&journal->tail, &before, &journal->sealed, wire);
    return store_error(journal->txn);
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

static void put_decided(struct journal *journal)
{
    uint8_t value[8 + JOURNAL_CHAIN_BYTES];
    struct store_key key = segment_key(0);
    put_be64(value, journal->sealed.next);
    memcpy(value + 8, journal->sealed.chain, JOURNAL_CHAIN_BYTES);
    store_put(journal->txn, TABLE_DECIDED, &key, value, sizeof(value));
}

static int commit(struct journal *journal, bool alone, struct journal_position *ret_position)
{
    int code = journal->error;
    if (!code && chunk_builder_count(journal->builder) > 0)
        code = seal(journal);
    if (!code && journal->txn && alone)
        put_decided(journal);
    if (!code && journal->txn)
        code = store_commit(&journal->txn);
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
    assert(!journal->txn && chunk_builder_count(journal->builder) == 0);
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
    store_abort(&journal->txn);
    chunk_builder_reset(journal->builder);
    journal->error = 0;
    journal->sealed = journal->published;
    tail_cut(&journal->tail, journal->published.next);
    release_current(journal);
    int code = segments_cut(journal, journal->published.next);
    int selected = select_current(journal);
    return code ? code : selected;
}
