/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/decision_prepare.h"

#include "services/identity/decision_store.h"
#include "services/identity/link_store.h"
#include "services/identity/rules.h"
#include "services/identity/span_store.h"
#include "services/identity/worker.h"

#include <string.h>

#define IDENTIFIERS_ASKED_MAX IDENTIFIERS_OF_PERSON

/* -- what is there already -- */

static bool has_node(const uint32_t *nodes, size_t count, uint32_t node)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i] == node)
            return true;
    return false;
}

/* What was decided of a digest is decided of the identifier, once that is known. */
static bool names_node(const struct asked *asked, const uint32_t *nodes, size_t count, uint32_t node)
{
    for (size_t i = 0; i < count; i++)
        if (identity_store_plain(asked->context->txn, nodes[i]) == node)
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
        [QUANYU__DECIDE_REQUEST__WHAT__REASSIGN] = QUANYU__DECISION__KIND__REASSIGN,
    };
    if (decision->undone_ms || decision->kind != kinds[asked->request->what])
        return false;
    if (asked->request->what == QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW)
        return decision->evidence == asked->request->evidence;
    if (asked->request->what == QUANYU__DECIDE_REQUEST__WHAT__REASSIGN)
        return decision->since_ms == asked->request->since_ms;
    if (asked->request->what == QUANYU__DECIDE_REQUEST__WHAT__MOVE)
        return names_node(asked, decision->nodes, 1, asked->nodes[0]) &&
               (person_of(asked->context->txn, decision->nodes[1]) == asked->person ||
                   present_person(asked->context->txn, decision->person) == asked->person);
    bool join = asked->request->what == QUANYU__DECIDE_REQUEST__WHAT__JOIN; /* of those that were named */
    const uint32_t *nodes = join ? decision->others : decision->nodes;
    size_t count = join ? decision->n_others : decision->n_nodes;
    for (size_t i = 0; i < asked->count; i++)
        if (count != asked->count || !names_node(asked, nodes, count, asked->nodes[i]))
            return false;
    return true;
}

/* One of the identifiers that it would be about. */
static uint32_t node_at_hand(const struct asked *asked)
{
    struct evidence evidence;
    if (asked->count > 0)
        return asked->nodes[0];
    return identity_store_evidence(asked->context->txn, asked->request->evidence, &evidence)
               ? identity_store_carried(asked->context->txn, evidence.items[0].node, evidence.event_ms)
               : 0;
}

int decision_find(const struct asked *asked, Quanyu__Decision **ret_decision)
{
    struct store_txn *txn = asked->context->txn;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_decided(txn, node_at_hand(asked), &scan);
    uint64_t number;
    *ret_decision = NULL;
    while (!error && !*ret_decision && identity_store_next_decided(scan, &number)) {
        Quanyu__Decision *decision = identity_store_decision(txn, number, asked->context->arena);
        if (decision && says_the_same(asked, decision))
            *ret_decision = decision;
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
    while (!error && identity_store_next_link_of(txn, scan, node, &other, &link))
        if (link.apart && person_of(txn, other) == person)
            *ret_number = link.apart;
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
        if (identity_store_place(txn, node, &place) && place.flags & NODE_DECIDED)
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

static int check_size(const struct asked *asked, size_t count)
{
    const struct identity *identity = asked->context->self;
    uint32_t most = worker_rules(identity->worker)->identifiers_max;
    if (count <= most)
        return 0;
    return rpc_refuse(asked->context, -QY_ECONFLICT, "identifiers",
        "together they would have more than %u identifiers", most);
}

static const struct kind_rule *rule_of(const struct asked *asked, const struct node_place *place)
{
    const struct identity *identity = asked->context->self;
    return &worker_rules(identity->worker)->kinds[place->kind];
}

static unsigned strength_of(const struct asked *asked, uint32_t node)
{
    struct node_place place;
    return identity_store_place(asked->context->txn, node, &place) ? rule_of(asked, &place)->strength
                                                                   : KINDS_MAX;
}

/* One that joins nothing comes last: what is tied to it would leave the person with it. */
static unsigned tie_strength(const struct asked *asked, uint32_t node)
{
    struct node_place place;
    if (!identity_store_place(asked->context->txn, node, &place))
        return 2 * KINDS_MAX;
    const struct kind_rule *rule = rule_of(asked, &place);
    return rule->strength + (!rule->joins || place.flags & NODE_OUT ? KINDS_MAX + 1u : 0);
}

/* The persons are meant, whichever of their identifiers were named: a weak one alone could be drawn over. */
static int find_strongest(const struct asked *asked, uint32_t person, uint32_t *ret_node)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(asked->context->txn, person, &scan);
    uint32_t node;
    unsigned best = UINT32_MAX;
    while (!error && identity_store_next_member(scan, &node)) {
        unsigned strength = tie_strength(asked, node);
        if (strength >= best || identity_store_plain(asked->context->txn, node) != node)
            continue;
        best = strength;
        *ret_node = node;
    }
    return error ? error : store_error(asked->context->txn);
}

static int prepare_join(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    struct store_txn *txn = asked->context->txn;
    if (asked->count != 2 || asked->nodes[0] == asked->nodes[1])
        return refuse_identifiers(asked, "must be two, and not the same");
    uint32_t one = person_of(txn, asked->nodes[0]), other = person_of(txn, asked->nodes[1]);
    Quanyu__Decision *before;
    int error = decision_find(asked, &before);
    *ret_unchanged = before || one == other;
    if (error || *ret_unchanged)
        return error;
    error = check_blocked(asked);
    if (!error)
        error = check_apart(asked, one, other);
    if (!error)
        error = check_size(asked, count_members(txn, one) + count_members(txn, other));
    uint32_t *nodes = arena_alloc(asked->context->arena, 2 * sizeof(*nodes));
    if (error || !nodes)
        return error ? error : -QY_ENOMEM;
    decision->others = asked->nodes;
    decision->n_others = asked->count;
    decision->nodes = nodes;
    error = find_strongest(asked, one, &nodes[0]);
    if (!error)
        error = find_strongest(asked, other, &nodes[1]);
    decision->kind = QUANYU__DECISION__KIND__JOIN;
    return error;
}

/* The strongest one speaks for them: it is kept apart from the others. */
static void put_strongest_first(const struct asked *asked)
{
    size_t best = 0;
    for (size_t i = 1; i < asked->count; i++)
        if (strength_of(asked, asked->nodes[i]) < strength_of(asked, asked->nodes[best]))
            best = i;
    uint32_t first = asked->nodes[0];
    asked->nodes[0] = asked->nodes[best];
    asked->nodes[best] = first;
}

static int prepare_split(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    struct rpc_context *context = asked->context;
    Quanyu__Decision *before = NULL;
    int error = decision_find(asked, &before);
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
    Quanyu__Decision *before;
    int error = decision_find(asked, &before);
    decision->kind = QUANYU__DECISION__KIND__MOVE;
    *ret_unchanged = before || from == asked->person;
    if (error || *ret_unchanged)
        return error;
    error = check_blocked(asked);
    uint64_t number = 0;
    if (!error)
        error = keeps_apart(txn, asked->nodes[0], asked->person, &number);
    if (!error && number)
        return rpc_refuse(asked->context, -QY_ECONFLICT, "identifiers",
            "decision d_%llu keeps it apart from this person: undo it first", (unsigned long long)number);
    if (!error)
        error = check_size(asked, 1 + count_members(txn, asked->person));
    uint32_t *nodes = arena_alloc(asked->context->arena, 2 * sizeof(*nodes));
    if (error || !nodes)
        return error ? error : -QY_ENOMEM;
    nodes[0] = asked->nodes[0];
    decision->person = asked->request->person;
    decision->nodes = nodes;
    decision->n_nodes = 2;
    error = find_strongest(asked, asked->person, &nodes[1]);
    return error ? error : put_others(asked, from, decision);
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
    if (!identity_store_evidence(context->txn, asked->request->evidence, &evidence) || evidence.count < 2)
        return rpc_refuse(context, -QY_ENOTFOUND, "position",
            "no event at this position showed several identifiers together");
    decision->kind = QUANYU__DECISION__KIND__WITHDRAW;
    decision->evidence = evidence.offset;
    decision->nodes = arena_alloc(context->arena, evidence.count * sizeof(uint32_t));
    if (!decision->nodes)
        return -QY_ENOMEM;
    for (unsigned i = 0; i < evidence.count; i++)
        decision->nodes[decision->n_nodes++] =
            identity_store_carried(context->txn, evidence.items[i].node, evidence.event_ms);
    *ret_unchanged = evidence.withdrawn;
    return 0;
}

/* An owner's time may be cut short anywhere, but not where another one's begins. */
static int prepare_reassign(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
{
    struct rpc_context *context = asked->context;
    const struct identity *identity = context->self;
    struct node_place place;
    if (asked->count != 1)
        return refuse_identifiers(asked, "must be one");
    if (!identity_store_place(context->txn, asked->nodes[0], &place))
        return -QY_ECORRUPT;
    const struct kind *kind = kind_numbered(&identity->kinds, place.kind);
    if (!kind || (kind->form != FORM_PHONE && kind->form != FORM_EMAIL))
        return rpc_refuse(context, -QY_EINVAL, "identifiers/0",
            "is no phone and no email: nothing else goes from one person to another");
    uint32_t first = identity_store_first(context->txn, asked->nodes[0]);
    uint32_t owner = identity_store_owner(context->txn, first, asked->request->since_ms);
    Quanyu__Decision *before;
    asked->nodes[0] = owner;
    int error = decision_find(asked, &before);
    *ret_unchanged = before;
    decision->kind = QUANYU__DECISION__KIND__REASSIGN;
    decision->since_ms = asked->request->since_ms;
    decision->others = arena_alloc(context->arena, sizeof(uint32_t));
    if (!decision->others)
        return -QY_ENOMEM;
    decision->n_others = before ? 0 : 1;
    return error;
}

int decision_read(struct asked *asked)
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

int decision_prepare(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged)
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
    case QUANYU__DECIDE_REQUEST__WHAT__REASSIGN:
        return prepare_reassign(asked, decision, ret_unchanged);
    default:
        return rpc_refuse(asked->context, -QY_EINVAL, "what", "is nothing that can be decided");
    }
}
