/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_search.h"

#include "common/error.h"
#include "services/audit/audit_check.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_store.h"

#define SEGMENTS_LOOKED_AT_MAX 4096u

/* A search while it runs. */
struct run {
    struct audit_view *view;
    const struct audit_search *search;
    struct audit_check *check;
    struct arena *arena;   /* the caller's */
    struct arena *scratch; /* one record's */
    unsigned limit;
    unsigned looked_at;
    uint64_t first; /* what is left to look at: first <= index < end */
    uint64_t end;
    struct audit_found found;
};

/* Takes the record at `index` where it fits, or was altered: what it once said is not known. */
static int look_at(struct run *run, uint64_t index)
{
    struct bytes bytes;
    if (!audit_store_record(run->view->txn, index, &bytes))
        return -QY_ECORRUPT;
    arena_reset(run->scratch);
    bool intact = audit_check_is_intact(run->check, index, bytes);
    const Quanyu__AuditRecord *record = audit_record_unpack(bytes, run->scratch);
    if (!record && intact)
        return -QY_ECORRUPT;
    if (intact && !audit_filter_fits(&run->search->filter, record))
        return 0;
    uint8_t *copy = arena_copy(run->arena, bytes.data, bytes.size);
    if (!copy)
        return -QY_ENOMEM;
    run->found.rows[run->found.count++] = (struct audit_row){index, {copy, bytes.size}, intact};
    return 0;
}

/* The page is full, or this was enough work for one. */
static bool is_done(const struct run *run)
{
    return run->end <= run->first || run->found.count == run->limit ||
           run->looked_at >= SEGMENTS_LOOKED_AT_MAX;
}

/* Down from `end`, within the segment. */
static int walk_down(struct run *run, const struct view_segment *segment, const struct place_set *places)
{
    uint64_t least = segment->first > run->first ? segment->first : run->first;
    int error = 0;
    while (!error && !is_done(run)) {
        unsigned place;
        if (!place_set_below(places, (unsigned)(run->end - segment->first), &place)) {
            run->end = least;
            break;
        }
        run->end = segment->first + place;
        error = look_at(run, run->end);
    }
    return error;
}

/* Up from `first`, likewise. */
static int walk_up(struct run *run, const struct view_segment *segment, const struct place_set *places)
{
    uint64_t behind = segment->first + segment->count, most = behind < run->end ? behind : run->end;
    int error = 0;
    while (!error && !is_done(run)) {
        unsigned place;
        if (!place_set_from(places, (unsigned)(run->first - segment->first), &place)) {
            run->first = most;
            break;
        }
        run->first = segment->first + place + 1;
        error = look_at(run, segment->first + place);
        if (run->first == behind)
            break;
    }
    return error;
}

static int walk(struct run *run)
{
    bool oldest = run->search->oldest;
    int error = 0;
    while (!error && !is_done(run)) {
        struct view_segment segment;
        struct place_set places;
        error = view_segment(run->view, (oldest ? run->first : run->end - 1) >> SEGMENT_BITS, &segment);
        if (!error)
            error = audit_filter_places(&run->search->filter, &segment, run->first, run->end, &places);
        if (!error)
            error = oldest ? walk_up(run, &segment, &places) : walk_down(run, &segment, &places);
        run->looked_at++;
    }
    return error;
}

static int bound(struct run *run)
{
    const struct audit_search *search = run->search;
    int error = audit_filter_range(&search->filter, run->view, &run->first, &run->end);
    if (search->bound && search->oldest && search->bound > run->first)
        run->first = search->bound;
    if (search->bound && !search->oldest && search->bound < run->end)
        run->end = search->bound;
    return error;
}

static int run_search(struct run *run)
{
    run->found.rows = arena_alloc(run->arena, run->limit * sizeof(*run->found.rows));
    if (!run->found.rows)
        return -QY_ENOMEM;
    int error = bound(run);
    if (!error)
        error = walk(run);
    run->found.next = run->end <= run->first ? 0 : run->search->oldest ? run->first : run->end;
    return error ? error : store_error(run->view->txn);
}

int audit_search(
    struct audit_view *view, struct audit_search *search, struct arena *arena, struct audit_found *ret_found)
{
    unsigned limit = search->limit ? search->limit : SEARCH_ROWS_DEFAULT;
    struct run run = {.view = view,
        .search = search,
        .arena = arena,
        .limit = limit < EXPORT_ROWS_MAX ? limit : EXPORT_ROWS_MAX};
    _cleanup_(arena_close) struct arena *scratch = NULL;
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    int error = audit_filter_resolve(&search->filter, view, arena);
    if (!error)
        error = arena_open(&scratch);
    if (!error)
        error = audit_check_open(view->txn, &check);
    run.scratch = scratch;
    run.check = check;
    if (!error)
        error = run_search(&run);
    if (!error)
        *ret_found = run.found;
    return error;
}
