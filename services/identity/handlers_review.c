/* SPDX-License-Identifier: Apache-2.0 */
/* What people look at: how a person came to be, links that join nothing, identifiers that are seen with too many. */
#include "services/identity/decision_store.h"
#include "services/identity/link_view.h"
#include "services/identity/node_set.h"
#include "services/identity/view.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* -- history -- */

/* Something that happened, by which it is put in order: what came with an event before what the event changed. */
struct happening {
    uint64_t evidence;
    uint64_t number; /* of the move; 0: an identifier came */
    uint32_t node;
    uint32_t person; /* under which the move is kept */
};

static int compare_happenings(const void *left, const void *right)
{
    const struct happening *one = left, *other = right;
    if (one->evidence != other->evidence)
        return one->evidence < other->evidence ? -1 : 1;
    if (one->number != other->number)
        return one->number < other->number ? -1 : 1;
    return (one->node > other->node) - (one->node < other->node);
}

static int gather_moves(struct store_txn *txn, uint32_t person, struct buffer *happenings)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_moves(txn, person, &scan);
    struct move move;
    while (!error && identity_store_next_move(txn, scan, &move)) {
        struct happening one = {.evidence = move.cause.evidence, .number = move.number, .person = person};
        buffer_append(happenings, &one, sizeof(one));
    }
    return error ? error : store_error(txn);
}

/* Of its identifiers, and of the persons that these founded. */
static int gather_happenings(struct store_txn *txn, uint32_t person, struct buffer *happenings)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, person, &scan);
    uint32_t node;
    while (!error && identity_store_next_member(scan, &node)) {
        struct node_row row;
        struct node_place place;
        if (!identity_store_node(txn, node, &row) || !identity_store_place(txn, node, &place))
            return store_fail(txn, -QY_ECORRUPT);
        struct happening one = {.evidence = row.evidence, .node = node};
        buffer_append(happenings, &one, sizeof(one));
        if (place.flags & NODE_FOUNDER)
            error = gather_moves(txn, node, happenings);
    }
    return error ? error : buffer_error(happenings);
}

static Quanyu__HistoryReply__Entry *make_entry(
    struct rpc_context *context, const char *what, size_t identifiers)
{
    Quanyu__HistoryReply__Entry *entry = arena_alloc(context->arena, sizeof(*entry));
    if (!entry)
        return NULL;
    quanyu__history_reply__entry__init(entry);
    entry->what = arena_text(context->arena, what, strlen(what));
    entry->identifiers = arena_alloc(context->arena, (identifiers + 1) * sizeof(void *));
    return entry->what && entry->identifiers ? entry : NULL;
}

static int add_identifier(
    struct rpc_context *context, uint32_t node, bool personal, Quanyu__HistoryReply__Entry *entry)
{
    Quanyu__Identifier *identifier =
        view_identifier(context->self, context->txn, node, personal, context->arena);
    if (!identifier)
        return store_error(context->txn) ? store_error(context->txn) : -QY_ENOMEM;
    entry->identifiers[entry->n_identifiers++] = identifier;
    return 0;
}

static int view_arrival(struct rpc_context *context, const struct happening *happening, bool personal,
    Quanyu__HistoryReply__Entry **ret_entry)
{
    struct node_row row;
    Quanyu__HistoryReply__Entry *entry = make_entry(context, "identifier", 1);
    if (!entry || !identity_store_node(context->txn, happening->node, &row))
        return entry ? -QY_ECORRUPT : -QY_ENOMEM;
    entry->at_ms = row.event_ms;
    entry->evidence = row.evidence;
    *ret_entry = entry;
    return add_identifier(context, happening->node, personal, entry);
}

static int find_move(struct store_txn *txn, const struct happening *happening, struct store_scan **ret_scan,
    struct move *ret_move)
{
    int error = identity_store_scan_moves(txn, happening->person, ret_scan);
    while (!error && identity_store_next_move(txn, *ret_scan, ret_move))
        if (ret_move->number == happening->number)
            return 0;
    return error ? error : store_fail(txn, -QY_ECORRUPT);
}

/* What came to the lower number joined it; what left for a higher one was split off. */
static int view_move(struct rpc_context *context, const struct happening *happening, bool personal,
    Quanyu__HistoryReply__Entry **ret_entry)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct move move;
    int error = find_move(context->txn, happening, &scan, &move);
    if (error)
        return error;
    Quanyu__HistoryReply__Entry *entry =
        make_entry(context, move.to < move.from ? "join" : "split", move.count);
    if (!entry)
        return -QY_ENOMEM;
    entry->at_ms = move.at_ms;
    entry->evidence = move.cause.decision ? 0 : move.cause.evidence;
    entry->decision = move.cause.decision;
    entry->from_one_id = view_one_id(context->self, move.from, context->arena);
    entry->to_one_id = view_one_id(context->self, move.to, context->arena);
    for (size_t i = 0; !error && i < move.count; i++)
        error = add_identifier(context, get_be32(move.nodes + 4 * i), personal, entry);
    Quanyu__Decision *decision =
        move.cause.decision ? identity_store_decision(context->txn, move.cause.decision, context->arena)
                            : NULL;
    if (decision) {
        entry->actor = move.cause.undone ? decision->undone_by : decision->actor;
        entry->reason = move.cause.undone ? decision->undone_reason : decision->reason;
    }
    *ret_entry = entry;
    return error ? error : entry->from_one_id && entry->to_one_id ? 0 : -QY_ENOMEM;
}

/* A move between two persons that are one now is kept under both. */
static size_t drop_doubles(struct happening *happenings, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !happenings[i].number || happenings[i].number != happenings[kept - 1].number)
            happenings[kept++] = happenings[i];
    return kept;
}

static int view_history(struct rpc_context *context, const Quanyu__HistoryRequest *asked, uint32_t person,
    Quanyu__HistoryReply *answer)
{
    _cleanup_(buffer_free) struct buffer list = BUFFER_INIT;
    size_t limit = page_of(asked->limit);
    int error = gather_happenings(context->txn, person, &list);
    struct happening *happenings = (struct happening *)(void *)list.data;
    size_t count = list.size / sizeof(*happenings);
    answer->entries = arena_alloc(context->arena, limit * sizeof(void *));
    if (error || !answer->entries)
        return error ? error : -QY_ENOMEM;
    if (count > 0)
        qsort(happenings, count, sizeof(*happenings), compare_happenings);
    count = drop_doubles(happenings, count);
    for (size_t i = asked->after; !error && i < count; i++) {
        if (answer->n_entries == limit) {
            answer->next = i;
            break;
        }
        Quanyu__HistoryReply__Entry **place = &answer->entries[answer->n_entries];
        error = happenings[i].number ? view_move(context, &happenings[i], asked->personal, place)
                                     : view_arrival(context, &happenings[i], asked->personal, place);
        answer->n_entries += !error;
    }
    return error ? error : store_error(context->txn);
}

int handle_history(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__HistoryRequest *asked = request_of(request)->history;
    uint32_t person = present_person(context->txn, asked->person);
    if (!person)
        return rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
    Quanyu__HistoryReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__history_reply__init(answer);
    int error = view_history(context, asked, person, answer);
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_HISTORY;
    reply_of(reply)->history = answer;
    return error;
}

/* -- conflicts -- */

static int list_conflicts(
    struct rpc_context *context, const Quanyu__ConflictsRequest *asked, Quanyu__ConflictsReply *answer)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    _cleanup_(link_viewer_close) struct link_viewer viewer = {0};
    size_t limit = page_of(asked->limit);
    uint32_t low, high;
    struct conflict conflict;
    struct link link;
    int error = link_viewer_open(context, asked->personal, &viewer);
    answer->conflicts = arena_alloc(context->arena, limit * sizeof(void *));
    if (error || !answer->conflicts)
        return error ? error : -QY_ENOMEM;
    error = identity_store_scan_conflicts(
        context->txn, (uint32_t)(asked->after >> 32), (uint32_t)asked->after, &scan);
    while (!error && identity_store_next_conflict(context->txn, scan, &low, &high, &conflict)) {
        if (answer->n_conflicts == limit) {
            answer->next = (uint64_t)low << 32 | high;
            break;
        }
        if (!identity_store_link(context->txn, low, high, &link))
            return store_fail(context->txn, -QY_ECORRUPT);
        error = link_view(&viewer, low, high, &link, &answer->conflicts[answer->n_conflicts]);
        answer->n_conflicts += !error;
    }
    return error ? error : store_error(context->txn);
}

int handle_conflicts(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    struct identity_counters counters;
    Quanyu__ConflictsReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__conflicts_reply__init(answer);
    identity_store_counters(context->txn, &counters);
    answer->count = counters.conflicts;
    int error = list_conflicts(context, request_of(request)->conflicts, answer);
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_CONFLICTS;
    reply_of(reply)->conflicts = answer;
    return error;
}

/* -- busy identifiers -- */

/* With how many of which stronger kind it was seen most: the strongest of those with as many. */
static int count_seen(struct link_viewer *viewer, uint32_t node, unsigned own, Quanyu__BusyReply__Row *row)
{
    struct rpc_context *context = viewer->context;
    const struct identity *identity = context->self;
    const struct kind_rule *kinds = viewer->rules.kinds;
    const struct kind *most = NULL;
    unsigned strongest = UINT_MAX; /* the less, the stronger */
    uint32_t seen[KINDS_MAX + 1] = {0}, other;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(context->txn, node, &scan);
    struct link link;
    struct node_place place;
    while (!error && identity_store_next_link_of(context->txn, scan, node, &other, &link))
        if (link.has_evidence && identity_store_place(context->txn, other, &place))
            seen[place.kind]++;
    for (unsigned number = 1; number <= KINDS_MAX; number++) {
        const struct kind *strong = kind_numbered(&identity->kinds, number);
        unsigned strength = kinds[number].strength;
        if (!strong || strength >= kinds[own].strength || seen[number] == 0 || seen[number] < row->seen ||
            (seen[number] == row->seen && strength > strongest))
            continue;
        row->seen = seen[number];
        strongest = strength;
        most = strong;
    }
    row->kind = arena_text(context->arena, most ? most->name : "", most ? most->name_size : 0);
    return error ? error : row->kind ? store_error(context->txn) : -QY_ENOMEM;
}

static int view_busy(struct link_viewer *viewer, uint32_t node, const struct node_place *place,
    Quanyu__BusyReply__Row **ret_row)
{
    struct rpc_context *context = viewer->context;
    Quanyu__BusyReply__Row *row = arena_alloc(context->arena, sizeof(*row));
    if (!row)
        return -QY_ENOMEM;
    quanyu__busy_reply__row__init(row);
    row->identifier = view_identifier(context->self, context->txn, node, viewer->personal, context->arena);
    row->person = place->person;
    row->one_id = view_one_id(context->self, place->person, context->arena);
    *ret_row = row;
    if (!row->identifier || !row->one_id)
        return store_error(context->txn) ? store_error(context->txn) : -QY_ENOMEM;
    const char *reason = "";
    int error = link_view_busy(viewer, node, &reason);
    row->reason = arena_text(context->arena, reason, strlen(reason));
    if (!error && !row->reason)
        error = -QY_ENOMEM;
    return error ? error : count_seen(viewer, node, place->kind, row);
}

static int list_busy(struct rpc_context *context, const Quanyu__BusyRequest *asked, Quanyu__BusyReply *answer)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    _cleanup_(link_viewer_close) struct link_viewer viewer = {0};
    size_t limit = page_of(asked->limit);
    uint32_t node;
    int error = link_viewer_open(context, asked->personal, &viewer);
    answer->rows = arena_alloc(context->arena, limit * sizeof(void *));
    if (error || !answer->rows)
        return error ? error : -QY_ENOMEM;
    error = identity_store_scan_busy(context->txn, (uint32_t)asked->after, &scan);
    while (!error && identity_store_next_busy(scan, &node)) {
        struct node_place place;
        if (answer->n_rows == limit) {
            answer->next = node;
            break;
        }
        if (!identity_store_place(context->txn, node, &place))
            return store_fail(context->txn, -QY_ECORRUPT);
        error = view_busy(&viewer, node, &place, &answer->rows[answer->n_rows]);
        answer->n_rows += !error;
    }
    return error ? error : store_error(context->txn);
}

int handle_busy(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    Quanyu__BusyReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__busy_reply__init(answer);
    int error = list_busy(context, request_of(request)->busy, answer);
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_BUSY;
    reply_of(reply)->busy = answer;
    return error;
}
