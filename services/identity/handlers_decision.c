/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions by hand: taken, undone, listed. */
#include "services/identity/handlers.h"
#include "services/identity/link_store.h"
#include "services/identity/rules.h"
#include "services/identity/worker.h"

#include <stdlib.h>
#include <string.h>

#define IDENTIFIERS_ASKED_MAX IDENTIFIERS_OF_PERSON
#define PAGE_MAX 100

/* What is being decided. */
struct asked {
    struct rpc_context *context;
    const Quanyu__DecideRequest *request;
    uint32_t *nodes; /* the identifiers that are named */
    size_t count;
    uint32_t person; /* the one that is named; 0: none */
};

static uint32_t person_of(struct store_txn *txn, uint32_t node)
{
    struct node_place place;
    return identity_store_place(txn, node, &place) ? place.person : 0;
}

/* -- what is there already -- */

static bool has_node(const uint32_t *nodes, size_t count, uint32_t node)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i] == node)
            return true;
    return false;
}

static bool says_the_same(const struct asked *asked, const Quanyu__Decision *decision)
{
    static const Quanyu__Decision__Kind kinds[] = {
        [QUANYU__DECIDE_REQUEST__WHAT__JOIN] = QUANYU__DECISION__KIND__JOIN,
        [QUANYU__DECIDE_REQUEST__WHAT__SPLIT] = QUANYU__DECISION__KIND__SPLIT,
        [QUANYU__DECIDE_REQUEST__WHAT__MOVE] = QUANYU__DECISION__KIND__MOVE,
        [QUANYU__DECIDE_REQUEST__WHAT__BLOCK] = QUANYU__DECISION__KIND__BLOCK,
        [QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW] = QUANYU__DECISION__KIND__WITHDRAW,
    };
    if (decision->undone_ms || decision->kind != kinds[asked->request->what])
        return false;
    if (asked->request->what == QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW)
        return decision->evidence == asked->request->evidence;
    if (asked->request->what == QUANYU__DECIDE_REQUEST__WHAT__MOVE)
        return decision->nodes[0] == asked->nodes[0] &&
               person_of(asked->context->txn, decision->nodes[1]) == asked->person;
    if (decision->n_nodes != asked->count)
        return false;
    for (size_t i = 0; i < asked->count; i++)
        if (!has_node(decision->nodes, decision->n_nodes, asked->nodes[i]))
            return false;
    return true;
}

/* The newest decision that says so and holds; NULL: none. */
static int find_decision(const struct asked *asked, Quanyu__Decision **ret_decision)
{
    struct store_txn *txn = asked->context->txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_decisions(txn, UINT64_MAX, &scan);
    *ret_decision = NULL;
    while (!error) {
        Quanyu__Decision *decision = identity_store_next_decision(txn, scan, asked->context->arena);
        if (!decision)
            break;
        if (!says_the_same(asked, decision))
            continue;
        *ret_decision = decision;
        break;
    }
    return error ? error : store_error(txn);
}

/* -- checks, and what is decided in the end -- */

static int refuse_identifiers(const struct asked *asked, const char *detail)
{
    return rpc_refuse(asked->context, -QY_EINVAL, "identifiers", "%s", detail);
}

static int put_others(const struct asked *asked, uint32_t person, Quanyu__Decision *decision)
{
    struct store_txn *txn = asked->context->txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, person, &scan);
    uint32_t node;
    size_t room = 0;
    while (!error && identity_store_next_member(scan, &node)) {
        bool same =
            identity_store_plain(txn, node) != node; /* it goes where the one goes whose digest it is */
        if (same || has_node(asked->nodes, asked->count, node))
            continue;
        if (decision->n_others == room) {
            room = 2 * room + 16;
            uint32_t *more = arena_alloc(asked->context->arena, room * sizeof(*more));
            if (!more)
                return -QY_ENOMEM;
            if (decision->n_others)
                memcpy(more, decision->others, decision->n_others * sizeof(*more));
            decision->others = more;
        }
        decision->others[decision->n_others++] = node;
    }
    return error ? error : store_error(txn);
}

/* The decision that keeps a node apart from a person; 0: none. */
static int keeps_apart(struct store_txn *txn, uint32_t node, uint32_t person, uint64_t *ret_number)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(txn, node, &scan);
    uint32_t other;
    struct link link;
    while (!error && identity_store_next_neighbour(txn, scan, node, &other, &link)) {
        if (other < node && !identity_store_link(txn, other, node, &link))
            return store_fail(txn, -QY_ECORRUPT);
        if (link.apart && person_of(txn, other) == person)
            *ret_number = link.apart;
    }
    return error ? error : store_error(txn);
}

/* Of two persons. */
static int check_apart(const struct asked *asked, uint32_t one, uint32_t other)
{
    struct store_txn *txn = asked->context->txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, one, &scan);
    uint32_t node;
    uint64_t number = 0;
    while (!error && !number && identity_store_next_member(scan, &node)) {
        struct node_place place;
        if (identity_store_place(txn, node, &place) && place.flags & NODE_APART)
            error = keeps_apart(txn, node, other, &number);
    }
    if (!error && number)
        return rpc_refuse(asked->context, -QY_ECONFLICT, "identifiers",
            "decision d_%llu keeps these persons apart: undo it first", (unsigned long long)number);
    return error ? error : store_error(txn);
}

static int check_blocked(const struct asked *asked)
{
    for (size_t i = 0; i < asked->count; i++) {
        struct node_place place;
        if (identity_store_place(asked->context->txn, asked->nodes[i], &place) && place.flags & NODE_BLOCKED)
            return rpc_refuse(asked->context, -QY_ECONFLICT,
                arena_printf(asked->context->arena, "identifiers/%zu", i), "is blocked");
    }
    return 0;
}

static size_t count_members(struct store_txn *txn, uint32_t person)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    uint32_t node;
    size_t count = 0;
    if (identity_store_scan_members(txn, person, &scan))
        return 0;
    while (identity_store_next_member(scan, &node))
        count++;
    return count;
}

static int check_size(const struct asked *asked, uint32_t one, uint32_t other)
{
    struct store_txn *txn = asked->context->txn;
    if (count_members(txn, one) + count_members(txn, other) <= IDENTIFIERS_OF_PERSON)
        return 0;
    return rpc_refuse(asked->context, -QY_ECONFLICT, "identifiers",
        "together they would have more than %d identifiers", IDENTIFIERS_OF_PERSON);
}

static int prepare_join(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    struct store_txn *txn = asked->context->txn;
    if (asked->count != 2 || asked->nodes[0] == asked->nodes[1])
        return refuse_identifiers(asked, "must be two, and not the same");
    uint32_t one = person_of(txn, asked->nodes[0]), other = person_of(txn, asked->nodes[1]);
    *ret_unchanged = one == other;
    int error = *ret_unchanged ? 0 : check_blocked(asked);
    if (!error && !*ret_unchanged)
        error = check_apart(asked, one, other);
    if (!error && !*ret_unchanged)
        error = check_size(asked, one, other);
    decision->kind = QUANYU__DECISION__KIND__JOIN;
    return error;
}

/* The strongest one speaks for them: it is kept apart from the others. */
static void put_strongest_first(const struct asked *asked)
{
    const struct identity *identity = asked->context->self;
    size_t best = 0;
    unsigned strength = UINT32_MAX;
    for (size_t i = 0; i < asked->count; i++) {
        struct node_place place;
        const struct kind *kind = NULL;
        if (identity_store_place(asked->context->txn, asked->nodes[i], &place))
            kind = kind_numbered(&identity->kinds, place.kind);
        if (!kind || kind->priority >= strength)
            continue;
        strength = kind->priority;
        best = i;
    }
    uint32_t first = asked->nodes[0];
    asked->nodes[0] = asked->nodes[best];
    asked->nodes[best] = first;
}

static int prepare_split(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    struct rpc_context *context = asked->context;
    Quanyu__Decision *before = NULL;
    int error = find_decision(asked, &before);
    if (error)
        return error;
    *ret_unchanged = before;
    for (size_t i = 0; !before && i < asked->count; i++)
        if (person_of(context->txn, asked->nodes[i]) != asked->person)
            return rpc_refuse(context, -QY_ECONFLICT, arena_printf(context->arena, "identifiers/%zu", i),
                "is not of this person");
    decision->kind = QUANYU__DECISION__KIND__SPLIT;
    if (asked->count == 0)
        return refuse_identifiers(asked, "must name at least one");
    if (!before)
        error = put_others(asked, asked->person, decision);
    if (!error && !before && decision->n_others == 0)
        return refuse_identifiers(asked, "are all that the person has: there is nothing to split");
    put_strongest_first(asked);
    return error;
}

static int prepare_move(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    struct store_txn *txn = asked->context->txn;
    if (asked->count != 1)
        return refuse_identifiers(asked, "must be one");
    uint32_t from = person_of(txn, asked->nodes[0]);
    decision->kind = QUANYU__DECISION__KIND__MOVE;
    *ret_unchanged = from == asked->person;
    if (*ret_unchanged)
        return 0;
    int error = check_blocked(asked);
    uint64_t number = 0;
    if (!error)
        error = keeps_apart(txn, asked->nodes[0], asked->person, &number);
    if (!error && number)
        return rpc_refuse(asked->context, -QY_ECONFLICT, "identifiers",
            "decision d_%llu keeps it apart from this person: undo it first", (unsigned long long)number);
    if (!error)
        error = check_size(asked, asked->nodes[0], asked->person);
    uint32_t *nodes = arena_alloc(asked->context->arena, 2 * sizeof(*nodes));
    if (error || !nodes)
        return error ? error : -QY_ENOMEM;
    nodes[0] = asked->nodes[0];
    nodes[1] = asked->person; /* the node that founded it */
    decision->nodes = nodes;
    decision->n_nodes = 2;
    return put_others(asked, from, decision);
}

static int prepare_block(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    struct node_place place;
    if (asked->count != 1)
        return refuse_identifiers(asked, "must be one");
    decision->kind = QUANYU__DECISION__KIND__BLOCK;
    if (!identity_store_place(asked->context->txn, asked->nodes[0], &place))
        return -QY_ECORRUPT;
    *ret_unchanged = place.flags & NODE_BLOCKED;
    return 0;
}

static int prepare_withdraw(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    struct evidence evidence;
    struct rpc_context *context = asked->context;
    if (!identity_store_evidence(context->txn, asked->request->evidence, &evidence))
        return rpc_refuse(context, -QY_ENOTFOUND, "position",
            "no event at this position showed several identifiers together");
    decision->kind = QUANYU__DECISION__KIND__WITHDRAW;
    decision->evidence = evidence.offset;
    decision->nodes = arena_alloc(context->arena, evidence.count * sizeof(uint32_t));
    if (!decision->nodes)
        return -QY_ENOMEM;
    for (unsigned i = 0; i < evidence.count; i++)
        decision->nodes[decision->n_nodes++] = evidence.items[i].node;
    *ret_unchanged = evidence.withdrawn;
    return 0;
}

/* -- handlers -- */

static int find_asked(struct asked *asked)
{
    struct rpc_context *context = asked->context;
    const Quanyu__DecideRequest *request = asked->request;
    if (request->n_identifiers > IDENTIFIERS_ASKED_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "identifiers", "holds more than %d", IDENTIFIERS_ASKED_MAX);
    asked->nodes = arena_alloc(context->arena, (request->n_identifiers + 1) * sizeof(uint32_t));
    int error = asked->nodes ? 0 : -QY_ENOMEM;
    for (size_t i = 0; !error && i < request->n_identifiers; i++) {
        const char *field = arena_printf(context->arena, "identifiers/%zu", i);
        uint32_t node;
        error = reference_find(context, request->identifiers[i], field, &node);
        node = error ? 0 : identity_store_plain(context->txn, node);
        if (!error && !has_node(asked->nodes, asked->count, node))
            asked->nodes[asked->count++] = node;
    }
    if (error || !request->person)
        return error;
    asked->person = present_person(context->txn, request->person);
    return asked->person ? 0 : rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
}

static int prepare(struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    decision->nodes = asked->nodes;
    decision->n_nodes = asked->count;
    switch (asked->request->what) {
    case QUANYU__DECIDE_REQUEST__WHAT__JOIN:
        return prepare_join(asked, decision, ret_unchanged);
    case QUANYU__DECIDE_REQUEST__WHAT__SPLIT:
        return prepare_split(asked, decision, ret_unchanged);
    case QUANYU__DECIDE_REQUEST__WHAT__MOVE:
        return prepare_move(asked, decision, ret_unchanged);
    case QUANYU__DECIDE_REQUEST__WHAT__BLOCK:
        return prepare_block(asked, decision, ret_unchanged);
    case QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW:
        return prepare_withdraw(asked, decision, ret_unchanged);
    default:
        return rpc_refuse(asked->context, -QY_EINVAL, "what", "is nothing that can be decided");
    }
}

/* What was decided before, or nothing: what is asked for is so already. */
static int answer_unchanged(struct asked *asked, Quanyu__Decision *decision, Quanyu__IdentityReply *reply)
{
    Quanyu__Decision *before;
    int error = find_decision(asked, &before);
    if (!error)
        error = decision_view(asked->context, before ? before : decision, true, &reply->decide);
    if (!error)
        reply->decide->unchanged = true;
    return error;
}

int handle_decide(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    struct asked asked = {.context = context, .request = request_of(request)->decide};
    Quanyu__Decision *decision = arena_alloc(context->arena, sizeof(*decision));
    bool unchanged = false;
    if (!decision)
        return -QY_ENOMEM;
    quanyu__decision__init(decision);
    int error = find_asked(&asked);
    if (!error)
        error = prepare(&asked, decision, &unchanged);
    if (error)
        return error;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DECIDE;
    if (unchanged)
        return answer_unchanged(&asked, decision, reply_of(reply));
    decision->reason = asked.request->reason;
    decision->actor = context->header->actor;
    decision->at_ms = asked.request->at_ms ? asked.request->at_ms : context->batch->now_ms;
    error = worker_decide(identity->worker, context->batch, decision);
    return error ? error : decision_view(context, decision, true, &reply_of(reply)->decide);
}

int handle_undo(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    const Quanyu__UndoRequest *asked = request_of(request)->undo;
    Quanyu__Decision *decision = identity_store_decision(context->txn, asked->number, context->arena);
    if (!decision)
        return store_error(context->txn)
                   ? store_error(context->txn)
                   : rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such decision");
    bool unchanged = decision->undone_ms != 0;
    int error = 0;
    if (!unchanged) {
        decision->undone_ms = asked->at_ms ? asked->at_ms : context->batch->now_ms;
        decision->undone_by = context->header->actor;
        decision->undone_reason = asked->reason;
        error = worker_undo(identity->worker, context->batch, decision, context->arena);
    }
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_UNDO;
    if (!error)
        error = decision_view(context, decision, true, &reply_of(reply)->undo);
    if (!error)
        reply_of(reply)->undo->unchanged = unchanged;
    return error;
}

static int list_decisions(
    struct rpc_context *context, const Quanyu__DecisionsRequest *asked, Quanyu__DecisionsReply *answer)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    size_t limit = asked->limit && asked->limit < PAGE_MAX ? asked->limit : PAGE_MAX;
    uint64_t from = asked->number ? asked->number : asked->before ? asked->before - 1 : UINT64_MAX;
    int error = identity_store_scan_decisions(context->txn, from, &scan);
    answer->decisions = arena_alloc(context->arena, limit * sizeof(void *));
    while (!error && answer->decisions) {
        Quanyu__Decision *decision = identity_store_next_decision(context->txn, scan, context->arena);
        if (!decision || (asked->number && decision->number != asked->number))
            break;
        if (answer->n_decisions == limit) {
            answer->next = decision->number + 1;
            break;
        }
        error = decision_view(context, decision, asked->personal, &answer->decisions[answer->n_decisions]);
        answer->n_decisions += !error;
    }
    return error ? error : answer->decisions ? store_error(context->txn) : -QY_ENOMEM;
}

int handle_decisions(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__DecisionsRequest *asked = request_of(request)->decisions;
    Quanyu__DecisionsReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__decisions_reply__init(answer);
    int error = list_decisions(context, asked, answer);
    if (!error && asked->number && answer->n_decisions == 0)
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such decision");
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DECISIONS;
    reply_of(reply)->decisions = answer;
    return error;
}
