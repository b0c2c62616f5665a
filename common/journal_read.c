/* SPDX-License-Identifier: Apache-2.0 */
/* The readers' side: feeds, lookups, retention. */
#include "common/journal_private.h"

#include <string.h>

static uint64_t first_held(const struct journal *journal)
{
    return journal->segments.count > 0 && journal->segments.items[0]->first < journal->published.next
               ? journal->segments.items[0]->first
               : journal->published.next;
}

void journal_state(struct journal *journal, struct journal_state *ret_state)
{
    pthread_mutex_lock(&journal->mutex);
    struct journal_state state = {
        .end = journal->published,
        .first = first_held(journal),
        .origin = journal->origin,
        .time_ms = journal->time_ms,
    };
    for (size_t i = 0; i < journal->segments.count; i++)
        state.bytes += journal->segments.items[i]->bytes;
    pthread_mutex_unlock(&journal->mutex);
    *ret_state = state;
}

/* A read of several chunks under way. */
struct passage {
    struct journal *journal;
    struct journal_position position;
    struct journal_position end;
    uint64_t classes;
    size_t limit; /* of out->size and of what is passed over */
    struct buffer *out;
    size_t passed_bytes; /* passed over in all */
    bool passed;         /* the latest chunks were, and it is not written yet */
    bool at_start; /* nothing found yet: what does not fit is the follower's history, afterwards it is ours */
};

static bool is_complete(const struct passage *passage)
{
    return passage->position.next >= passage->end.next ||
           passage->out->size + passage->passed_bytes > passage->limit;
}

static int misfit(const struct passage *passage)
{
    return passage->at_start ? -QY_EDIVERGED : -QY_ECORRUPT;
}

static int take_chunk(struct passage *passage, const struct frame *frame)
{
    if (frame->first != passage->position.next)
        return misfit(passage);
    struct bytes wire;
    struct chunk_header header;
    struct journal_position before = passage->position;
    size_t start = passage->out->size;
    if (passage->passed) /* taken back where this one is passed over too */
        journal_passed(passage->out, &before);
    int code = chunk_unstore(
        passage->journal->key, passage->position.next, frame->content, true, passage->out, &wire);
    if (!code)
        code = chunk_header_read(wire, &header);
    if (code)
        return code;
    if (header.first != passage->position.next)
        return -QY_ECORRUPT;
    if (memcmp(header.previous, passage->position.chain, JOURNAL_CHAIN_BYTES) != 0)
        return misfit(passage);
    passage->position.next += header.count;
    chunk_chain(passage->position.chain, wire, passage->position.chain);
    passage->at_start = false;
    passage->passed = !(header.classes & passage->classes);
    if (passage->passed) {
        passage->passed_bytes += wire.size;
        passage->out->size = start;
    }
    return 0;
}

static int read_segment(struct passage *passage, struct segment *segment)
{
    _cleanup_(frame_scan_close) struct frame_scan scan;
    struct frame frame;
    uint64_t from = passage->position.next;
    int code = 0;
    frame_scan_open(segment->file, from, &scan);
    while (!code && !is_complete(passage) && frame_scan_next(&scan, &frame))
        if (frame.count > 0 && frame.first >= from)
            code = take_chunk(passage, &frame);
    return code ? code : scan.error;
}

static int read_segments(struct passage *passage)
{
    while (!is_complete(passage)) {
        uint64_t before = passage->position.next;
        struct segment *segment;
        int code = segment_pin(passage->journal, before, &segment);
        if (code)
            return code;
        code = read_segment(passage, segment);
        segment_unpin(passage->journal, segment);
        if (code)
            return code;
        if (passage->position.next == before)
            return misfit(passage);
    }
    return 0;
}

static int check_start(
    const struct journal_position *from, const struct journal_position *end, uint64_t first)
{
    if (from->next > end->next)
        return -QY_EAHEAD;
    if (from->next == end->next)
        return memcmp(from->chain, end->chain, JOURNAL_CHAIN_BYTES) ? -QY_EDIVERGED : 0;
    return from->next < first ? -QY_ETRIMMED : 0;
}

int journal_read(struct journal *journal, const struct journal_position *from, size_t max_bytes,
    struct buffer *out, struct journal_position *ret_after)
{
    return journal_read_classes(journal, from, UINT64_MAX, max_bytes, out, ret_after);
}

int journal_read_classes(struct journal *journal, const struct journal_position *from, uint64_t classes,
    size_t max_bytes, struct buffer *out, struct journal_position *ret_after)
{
    struct journal_state state;
    journal_state(journal, &state);
    int code = check_start(from, &state.end, state.first);
    if (code)
        return code;
    size_t start = out->size;
    struct passage passage = {
        .journal = journal,
        .position = *from,
        .end = state.end,
        .classes = classes,
        .limit = max_bytes < SIZE_MAX - start ? start + max_bytes : SIZE_MAX,
        .out = out,
        .at_start = true,
    };
    tail_read(&journal->tail, &passage.position, state.end.next, classes, max_bytes, out);
    /* The tail ends where the journal ends: it gave either all or, from before it, nothing. */
    if (passage.position.next == from->next)
        code = read_segments(&passage);
    if (!code && passage.passed)
        journal_passed(out, &passage.position);
    if (!code)
        code = buffer_error(out);
    if (code) {
        out->size = start;
        return code;
    }
    *ret_after = passage.position;
    return 0;
}

static int find_latest(struct journal *journal, struct segment *segment, int64_t *ret_latest_ms)
{
    struct buffer buffer = BUFFER_INIT;
    struct bytes wire;
    struct chunk_header header;
    int code = segment_read_chunk(journal, segment, UINT64_MAX, &buffer, &wire);
    if (!code)
        code = chunk_header_read(wire, &header);
    if (!code)
        *ret_latest_ms = header.latest_ms;
    buffer_free(&buffer);
    return code;
}

/* Sees to it that the oldest segment's latest time is known, where it is complete: a later one holds
 * something published. */
static int know_oldest(struct journal *journal)
{
    pthread_mutex_lock(&journal->mutex);
    const struct segments *segments = &journal->segments;
    bool wanted = segments->count > 1 && segments->items[1]->first < journal->published.next &&
                  !segments->items[0]->latest_known;
    uint64_t first = wanted ? segments->items[0]->first : 0;
    pthread_mutex_unlock(&journal->mutex);
    struct segment *segment;
    int code = wanted ? segment_pin(journal, first, &segment) : 0;
    if (code || !wanted)
        return code;
    int64_t latest_ms = 0;
    code = find_latest(journal, segment, &latest_ms);
    if (!code) {
        pthread_mutex_lock(&journal->mutex);
        segment->latest_ms = latest_ms;
        segment->latest_known = true;
        pthread_mutex_unlock(&journal->mutex);
    }
    segment_unpin(journal, segment);
    return code;
}

int journal_trim(struct journal *journal, uint64_t offset, int64_t before_ms)
{
    bool removed = true;
    int code = 0;
    while (removed && !code) {
        code = know_oldest(journal);
        if (!code)
            code = segment_trim(journal, offset, before_ms, &removed);
    }
    return code;
}

static int take_reader(struct journal *journal, struct chunk_reader **ret_reader)
{
    pthread_mutex_lock(&journal->mutex);
    struct chunk_reader *reader =
        journal->idle_reader_count > 0 ? journal->idle_readers[--journal->idle_reader_count] : NULL;
    pthread_mutex_unlock(&journal->mutex);
    if (!reader)
        return chunk_reader_open(ret_reader);
    *ret_reader = reader;
    return 0;
}

static void give_reader(struct journal *journal, struct chunk_reader *reader)
{
    pthread_mutex_lock(&journal->mutex);
    if (journal->idle_reader_count < JOURNAL_READERS_KEPT)
        journal->idle_readers[journal->idle_reader_count++] = TAKE(reader);
    pthread_mutex_unlock(&journal->mutex);
    chunk_reader_close(&reader);
}

/* The first chunk of a segment says what came before it. */
static int find_start(struct journal *journal, uint64_t first, struct journal_position *ret_start)
{
    struct segment *segment;
    _cleanup_(buffer_free) struct buffer scratch = BUFFER_INIT;
    int code = segment_pin(journal, first, &segment);
    if (code)
        return code;
    struct bytes wire;
    struct chunk_header header;
    code = segment_read_chunk(journal, segment, first, &scratch, &wire);
    segment_unpin(journal, segment);
    if (!code)
        code = chunk_header_read(wire, &header);
    if (code)
        return code;
    ret_start->next = header.first;
    memcpy(ret_start->chain, header.previous, JOURNAL_CHAIN_BYTES);
    return 0;
}

int journal_pass_trimmed(struct journal *journal, struct buffer *out, struct journal_position *ret_oldest)
{
    struct journal_state state;
    struct journal_position oldest;
    journal_state(journal, &state);
    oldest = state.end;
    int code = state.first < state.end.next ? find_start(journal, state.first, &oldest) : 0;
    if (code)
        return code;
    journal_passed(out, &oldest);
    *ret_oldest = oldest;
    return buffer_error(out);
}

/* Reads the chunk that holds `offset` into the reader. */
static int load_chunk(
    struct journal *journal, struct chunk_reader *reader, uint64_t offset, struct buffer *scratch)
{
    struct segment *segment;
    int code = segment_pin(journal, offset, &segment);
    if (code)
        return code;
    struct bytes wire;
    struct chunk_header header;
    code = segment_read_chunk(journal, segment, offset, scratch, &wire);
    segment_unpin(journal, segment);
    if (!code)
        code = chunk_header_read(wire, &header);
    if (code)
        return code == -QY_ENOTFOUND ? -QY_ECORRUPT : code;
    struct journal_position position = {.next = header.first};
    memcpy(position.chain, header.previous, JOURNAL_CHAIN_BYTES);
    return chunk_read(reader, wire, &position);
}

static int get(struct journal *journal, struct chunk_reader *reader, uint64_t offset, struct buffer *out,
    struct journal_record *ret_record)
{
    struct buffer scratch = BUFFER_INIT;
    int code = chunk_is_ahead(reader, offset) ? 0 : load_chunk(journal, reader, offset, &scratch);
    buffer_free(&scratch);
    if (code)
        return code;
    struct journal_record record;
    do {
        if (!chunk_next(reader, &record))
            return -QY_ECORRUPT;
    } while (record.offset != offset);
    size_t start = out->size;
    buffer_append(out, record.data.data, record.data.size);
    if (buffer_error(out))
        return -QY_ENOMEM;
    record.data.data = out->data + start;
    *ret_record = record;
    return 0;
}

int journal_get(
    struct journal *journal, uint64_t offset, struct buffer *out, struct journal_record *ret_record)
{
    struct journal_state state;
    journal_state(journal, &state);
    if (offset >= state.end.next)
        return -QY_ENOTFOUND;
    if (offset < state.first)
        return -QY_ETRIMMED;
    struct chunk_reader *reader;
    int code = take_reader(journal, &reader);
    if (code)
        return code;
    code = get(journal, reader, offset, out, ret_record);
    give_reader(journal, reader);
    return code;
}
