/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/link_view.h"

#include "services/identity/decision_store.h"
#include "services/identity/view.h"

#include <string.h>

int link_viewer_open(struct rpc_context *context, bool personal, struct link_viewer *ret_viewer)
{
    const struct identity *identity = context->self;
    *ret_viewer = (struct link_viewer){.context = context, .personal = personal};
    return rules_load(context->txn, &identity->kinds, &ret_viewer->rules);
}

void link_viewer_close(struct link_viewer *viewer)
{
    rules_free(&viewer->rules);
}

static bool joins_nothing(struct link_viewer *viewer, uint32_t node)
{
    struct node_place place;
    return !identity_store_place(viewer->context->txn, node, &place) || place.flags & NODE_OUT ||
           !viewer->rules.kinds[place.kind].joins;
}

bool link_joins(struct link_viewer *viewer, uint32_t node, uint32_t other, const struct link *link)
{
    if (link->same || link->joined > link->cut)
        return true;
    return link->has_evidence && !joins_nothing(viewer, node) && !joins_nothing(viewer, other);
}

static char *text(struct link_viewer *viewer, const char *words)
{
    return arena_text(viewer->context->arena, words, strlen(words));
}

static unsigned kind_of(const void *self, uint32_t node)
{
    const struct link_viewer *viewer = self;
    struct node_place place;
    return identity_store_place(viewer->context->txn, node, &place) ? place.kind : 0;
}

int link_view_busy(struct link_viewer *viewer, uint32_t node, const char **ret_reason)
{
    const struct identity *identity = viewer->context->self;
    const struct busy_view view = {.rules = &viewer->rules,
        .txn = viewer->context->txn,
        .vault = identity->vault,
        .kind_of = kind_of,
        .self = viewer};
    enum busy_reason reason;
    int error = busy_find(&view, node, &reason);
    if (!error) /* other rules are being applied where it is not busy by these */
        *ret_reason = busy_reason_name(reason ? reason : BUSY_MANY);
    return error;
}

static int reason_of_node(
    struct link_viewer *viewer, uint32_t node, const struct node_place *place, const char **reason)
{
    if (*reason)
        return 0;
    if (place->flags & NODE_NOBODY)
        *reason = "blocked";
    else if (place->flags & NODE_BUSY)
        return link_view_busy(viewer, node, reason);
    else if (!viewer->rules.kinds[place->kind].joins)
        *reason = "kind";
    return 0;
}

/* Why the link of two that are not one person joins nothing. */
static int explain_refusal(struct link_viewer *viewer, const struct node_place *one,
    const struct node_place *other, uint32_t node, uint32_t other_node, const struct link *link,
    Quanyu__LinkView *view)
{
    const struct identity *identity = viewer->context->self;
    struct conflict conflict;
    const char *reason = link->apart && link->apart > link->joined ? "apart" : NULL;
    uint32_t low = node < other_node ? node : other_node;
    int error = reason_of_node(viewer, node, one, &reason);
    if (!error)
        error = reason_of_node(viewer, other_node, other, &reason);
    if (error)
        return error;
    if (!reason && identity_store_conflict(viewer->context->txn, low, node + other_node - low, &conflict)) {
        const struct kind *kind = kind_numbered(&identity->kinds, conflict.verdict.kind);
        reason = refusal_name(conflict.verdict.refusal);
        view->since_ms = conflict.since_ms;
        view->kind = text(viewer, kind ? kind->name : "");
        view->limit = conflict.verdict.refusal == REFUSED_LIMIT && kind
                          ? viewer->rules.kinds[kind->number].limits[LIMIT_EVER]
                          : 0;
    }
    if (!reason) /* it leads to what somebody keeps apart */
        reason = link->cut >= link->joined && link->cut ? "cut" : "apart";
    view->refusal = text(viewer, reason);
    return view->refusal && view->kind ? 0 : -QY_ENOMEM;
}

static void put_evidence(struct link_viewer *viewer, const struct link *link, Quanyu__LinkView *view)
{
    bool by_hand = link->joined > link->cut;
    const char *seen = link->verified ? "verified" : "claimed";
    view->rank = text(viewer, link->same ? "hash" : by_hand ? "hand" : seen);
    view->decision = by_hand ? link->joined : link->apart;
    if (link->has_evidence) {
        view->evidence = link->evidence;
        view->event_ms = link->event_ms;
        view->source = link->source;
    }
}

/* Who the two are. */
static int view_ends(struct link_viewer *viewer, uint32_t node, uint32_t other, Quanyu__LinkView **ret_view)
{
    const struct identity *identity = viewer->context->self;
    struct store_txn *txn = viewer->context->txn;
    struct arena *arena = viewer->context->arena;
    Quanyu__LinkView *view = arena_alloc(arena, sizeof(*view));
    if (!view)
        return -QY_ENOMEM;
    quanyu__link_view__init(view);
    view->one = view_identifier(identity, txn, node, viewer->personal, arena);
    view->other = view_identifier(identity, txn, other, viewer->personal, arena);
    view->one_person = person_of(txn, node);
    view->other_person = person_of(txn, other);
    view->one_one_id = view_one_id(identity, view->one_person, arena);
    view->other_one_id = view_one_id(identity, view->other_person, arena);
    if (!view->one || !view->other || !view->one_one_id || !view->other_one_id)
        return store_error(txn) ? store_error(txn) : -QY_ENOMEM;
    *ret_view = view;
    return 0;
}

int link_view_owners(struct link_viewer *viewer, uint32_t node, uint32_t other, Quanyu__LinkView **ret_view)
{
    int error = view_ends(viewer, node, other, ret_view);
    if (error)
        return error;
    Quanyu__LinkView *view = *ret_view;
    const Quanyu__Identifier *later = view->one->since_ms > view->other->since_ms ? view->one : view->other;
    bool parted = view->one_person != view->other_person;
    view->rank = text(viewer, "value");
    view->refusal = text(viewer, parted ? "reassigned" : "");
    view->since_ms = later->since_ms;
    view->decision = later->n_decisions ? later->decisions[0] : 0;
    return view->rank && view->refusal ? 0 : -QY_ENOMEM;
}

int link_view(struct link_viewer *viewer, uint32_t node, uint32_t other, const struct link *link,
    Quanyu__LinkView **ret_view)
{
    struct store_txn *txn = viewer->context->txn;
    struct node_place one_place, other_place;
    if (!identity_store_place(txn, node, &one_place) || !identity_store_place(txn, other, &other_place))
        return store_fail(txn, -QY_ECORRUPT);
    int error = view_ends(viewer, node, other, ret_view);
    if (error)
        return error;
    Quanyu__LinkView *view = *ret_view;
    put_evidence(viewer, link, view);
    if (!view->rank)
        return -QY_ENOMEM;
    if (one_place.person == other_place.person)
        return 0;
    return explain_refusal(viewer, &one_place, &other_place, node, other, link, view);
}
