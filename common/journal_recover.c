/* SPDX-License-Identifier: Apache-2.0 */
/* Where a journal ends when it is opened: where the state says or, behind that, where the journal says that it decided alone. */
#include "common/journal_private.h"

#include <string.h>

static bool same_position(const struct journal_position *a, const struct journal_position *b)
{
    return a->next == b->next && memcmp(a->chain, b->chain, JOURNAL_CHAIN_BYTES) == 0;
}

/* -- what the journal decided alone -- */

/* Chunks are followed behind what the state knows, as long as each fits the one before: what a crash left half-written does not. A
 * decision counts that says where they have led. */
struct walk {
    struct journal *journal;
    struct journal_position at;
    struct journal_position end; /* at the last decision */
    bool broken;                 /* nothing behind it counts */
};

static void follow_chunk(struct walk *walk, const struct frame *frame)
{
    struct journal *journal = walk->journal;
    struct chunk_header header;
    struct bytes wire;
    buffer_clear(&journal->wire);
    walk->broken =
        frame->first != walk->at.next ||
        chunk_unstore(journal->key, frame->first, frame->content, false, &journal->wire, &wire) != 0 ||
        chunk_header_read(wire, &header) != 0 || header.first != frame->first ||
        header.count != frame->count || memcmp(header.previous, walk->at.chain, JOURNAL_CHAIN_BYTES) != 0;
    if (walk->broken)
        return;
    walk->at.next += header.count;
    chunk_chain(walk->at.chain, wire, walk->at.chain);
}

static void follow_frame(struct walk *walk, const struct frame *frame)
{
    if (frame->count > 0 && frame->first >= walk->at.next)
        follow_chunk(walk, frame);
    else if (frame->count == 0 && frame->first == walk->at.next &&
             frame->content.size == JOURNAL_CHAIN_BYTES &&
             memcmp(frame->content.data, walk->at.chain, JOURNAL_CHAIN_BYTES) == 0)
        walk->end = walk->at;
}

static int walk_segment(struct walk *walk, uint64_t first)
{
    _cleanup_(frame_scan_close) struct frame_scan scan;
    struct segment *segment;
    struct frame frame;
    int code = segment_pin(walk->journal, first, &segment);
    if (code)
        return code;
    frame_scan_open(segment->file, walk->at.next, &scan);
    while (!walk->broken && frame_scan_next(&scan, &frame))
        follow_frame(walk, &frame);
    segment_unpin(walk->journal, segment);
    return scan.error;
}

/* Moves `end` on to what the journal decided alone behind it. */
static int find_decided(struct journal *journal, struct journal_position *end)
{
    const struct segments *segments = &journal->segments;
    struct walk walk = {.journal = journal, .at = *end, .end = *end};
    size_t i = segments_find(segments, end->next);
    int code = 0;
    for (i = i < segments->count ? i : 0; i < segments->count && !code && !walk.broken; i++)
        code = walk_segment(&walk, segments->items[i]->first);
    *end = walk.end;
    return code;
}

/* -- the end -- */

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

int journal_select_current(struct journal *journal)
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
    journal->current_base_ms = header.base_ms;
    return 0;
}

void journal_release_current(struct journal *journal)
{
    if (journal->current)
        segment_unpin(journal, TAKE(journal->current));
}

int journal_recover(struct journal *journal, const struct journal_position *committed)
{
    struct journal_position end = *committed;
    int code = segments_load(journal);
    if (!code)
        code = find_decided(journal, &end);
    if (!code)
        code = segments_cut(journal, end.next);
    if (code)
        return code;
    journal->sealed = journal->published = end;
    code = journal_select_current(journal);
    if (code || end.next == 0)
        return code;
    return journal->current ? check_end(journal, journal->current, &end) : -QY_ECORRUPT;
}
