/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_view.h"

#include "common/deadline.h"
#include "common/error.h"
#include "services/audit/audit_store.h"

void audit_view_open(struct audit_tails *tails, struct store_txn *txn, struct audit_view *ret_view)
{
    *ret_view = (struct audit_view){.txn = txn, .tails = tails};
    if (tails)
        audit_tails_hold(tails, &ret_view->held);
    ret_view->size = audit_store_size(txn);
}

void audit_view_close(struct audit_view *view)
{
    if (view->tails)
        audit_tails_release(view->tails, &view->held);
    for (size_t i = 0; i < view->own.count; i++)
        audit_tail_close(&view->own.tails[i]);
    view->own.count = 0;
}

static const struct audit_tail *find_tail(const struct tails_held *held, uint64_t number, unsigned count)
{
    for (size_t i = 0; i < held->count; i++)
        if (held->tails[i]->segment == number &&
            atomic_load_explicit(&held->tails[i]->published, memory_order_acquire) >= count)
            return held->tails[i];
    return NULL;
}

/* What is in memory may be of a moment that this transaction does not see, or gone: then its own records tell. */
static int read_tail(struct audit_view *view, uint64_t number, struct view_segment *segment)
{
    struct audit_tail *tail;
    segment->tail = find_tail(&view->held, number, segment->count);
    if (!segment->tail)
        segment->tail = find_tail(&view->own, number, segment->count);
    if (segment->tail)
        return 0;
    if (view->own.count == TAILS_MAX)
        return -QY_ECORRUPT;
    int error = audit_tail_read(view->txn, number, view->size, &tail);
    if (error)
        return error;
    view->own.tails[view->own.count++] = tail;
    segment->tail = tail;
    return 0;
}

static int open_stored(
    struct audit_view *view, uint64_t number, struct bytes stored, struct view_segment *segment)
{
    segment->kept = audit_store_kept(view->txn, number);
    segment->is_empty = segment->kept && place_set_is_empty(segment->kept);
    if (segment->is_empty)
        return 0;
    int error = audit_index_open(stored, &segment->index);
    return !error && segment->index.records != segment->count ? -QY_ECORRUPT : error;
}

int view_check(const struct audit_view *view)
{
    if (view->stopping && atomic_load_explicit(view->stopping, memory_order_relaxed))
        return -QY_ESTOPPED;
    return view->until_ms && monotonic_ms() > view->until_ms ? -QY_ETIMEOUT : 0;
}

int view_segment(struct audit_view *view, uint64_t number, struct view_segment *ret_segment)
{
    int stopped = view_check(view);
    if (stopped)
        return stopped;
    uint64_t first = number << SEGMENT_BITS, left = view->size > first ? view->size - first : 0;
    struct view_segment segment = {
        .first = first, .count = (unsigned)(left < SEGMENT_RECORDS ? left : SEGMENT_RECORDS)};
    struct bytes stored;
    int error;
    if (audit_store_segment(view->txn, number, &stored)) {
        segment.is_stored = true;
        error = open_stored(view, number, stored, &segment);
    } else {
        error = store_error(view->txn) ? store_error(view->txn) : read_tail(view, number, &segment);
    }
    if (!error)
        *ret_segment = segment;
    return error;
}

int64_t view_time(const struct view_segment *segment, unsigned place)
{
    return segment->is_stored ? audit_index_time(&segment->index, place) : segment->tail->times[place];
}

unsigned view_place_at(const struct view_segment *segment, int64_t ms)
{
    unsigned low = 0, high = segment->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (view_time(segment, middle) < ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first segment from `number` on, below `end`, that has times; `end`: there is none. */
static int next_with_times(struct audit_view *view, uint64_t number, uint64_t end, uint64_t *ret_number,
    struct view_segment *segment)
{
    int error = 0;
    for (; number < end; number++) {
        error = view_segment(view, number, segment);
        if (error || !segment->is_empty)
            break;
    }
    *ret_number = number;
    return error;
}

/* In the last segment that begins before `ms`; what comes behind it up to the next one that has times was pruned. */
int view_index_at(struct audit_view *view, int64_t ms, uint64_t *ret_index)
{
    uint64_t low = 0, high = view_segments(view), found;
    struct view_segment segment, last = {.count = 0};
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int error = next_with_times(view, middle, high, &found, &segment);
        if (error)
            return error;
        if (found == high || view_time(&segment, 0) >= ms) {
            high = middle;
        } else {
            last = segment;
            low = found + 1;
        }
    }
    *ret_index = last.count ? last.first + view_place_at(&last, ms) : 0;
    return 0;
}

int view_find(const struct view_segment *segment, const struct term_values *values, struct place_set *places)
{
    if (segment->is_empty)
        return 0;
    return segment->is_stored ? audit_index_find(&segment->index, values, places)
                              : audit_tail_find(segment->tail, segment->count, values, places);
}

int view_each(const struct view_segment *segment, enum term_kind kind, const struct place_set *among,
    term_count_fn *visit, void *context)
{
    if (segment->is_empty)
        return 0;
    return segment->is_stored ? audit_index_each(&segment->index, kind, among, visit, context)
                              : audit_tail_each(segment->tail, segment->count, kind, among, visit, context);
}
