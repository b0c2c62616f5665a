/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/busy.h"

#define OWNERS_MAX 8 /* names that one account has had; with more it is not one */
#define STRONG_MAX                                                                                           \
    32 /* that an identifier was verified with, and whose names and numbers are looked at: the first ones */

struct owners {
    uint32_t nodes[OWNERS_MAX];
    unsigned count;
};

/* A node, and the link with it. */
struct tie {
    uint32_t node;
    struct link link;
};

struct looking {
    const struct busy_view *view;
    uint32_t node;
    const struct kind_rule *rule;
    unsigned seen[KINDS_MAX + 1];
    struct owners owners[KINDS_MAX + 1];
    struct tie strong[STRONG_MAX]; /* verified */
    unsigned strong_count;
    enum busy_reason reason;
};

const char *busy_reason_name(enum busy_reason reason)
{
    static const char *const names[BUSY_COUNT] = {
        [BUSY_NOT] = "",
        [BUSY_MANY] = "busy",
        [BUSY_OWNERS] = "owners",
        [BUSY_NAMES] = "names",
        [BUSY_HANDED_ON] = "handed_on",
    };
    return names[reason];
}

static bool find_link(const struct busy_view *view, uint32_t node, uint32_t other, struct link *ret_link)
{
    if (!identity_store_link(view->txn, node, other, ret_link))
        return false;
    if (view->reweigh)
        view->reweigh(view->reweigh_self, node, other, ret_link);
    return true;
}

bool busy_asks(const struct kind_rule *rule)
{
    return rule->busy_after || rule->one_owner || rule->one_name || rule->handed_on;
}

/* -- who it was seen with -- */

/* Adds one that it is verified with, and says whether that is somebody else: not one account's former or later name. */
static bool add_owner(const struct busy_view *view, struct owners *owners, uint32_t node)
{
    struct link link;
    for (unsigned i = 0; i < owners->count; i++)
        if (!find_link(view, owners->nodes[i], node, &link) || !link.alias)
            return true;
    if (owners->count == OWNERS_MAX)
        return true;
    owners->nodes[owners->count++] = node;
    return false;
}

static void take_strong(struct looking *own, uint32_t other, unsigned kind, const struct link *link)
{
    if (own->rule->busy_after && ++own->seen[kind] > own->rule->busy_after)
        own->reason = BUSY_MANY;
    if (!link->verified)
        return;
    if (own->rule->one_owner && !own->reason && add_owner(own->view, &own->owners[kind], other))
        own->reason = BUSY_OWNERS;
    if (own->strong_count < STRONG_MAX)
        own->strong[own->strong_count++] = (struct tie){other, *link};
}

static int look_at_links(struct looking *own)
{
    const struct busy_view *view = own->view;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(view->txn, own->node, &scan);
    uint32_t other;
    struct link link;
    while (!error && !own->reason && identity_store_next_neighbour(scan, &other)) {
        unsigned kind = view->kind_of(view->self, other);
        if (view->rules->kinds[kind].strength >= own->rule->strength)
            continue;
        if (!find_link(view, own->node, other, &link))
            return store_fail(view->txn, -QY_ECORRUPT);
        if (link.has_evidence)
            take_strong(own, other, kind, &link);
    }
    return error ? error : store_error(view->txn);
}

/* -- what they are called -- */

static int gather_names(const struct looking *own, struct names *all)
{
    const struct busy_view *view = own->view;
    int error = names_find(view->vault, view->txn, own->node, view->fresh, &all[0]);
    for (unsigned i = 0; !error && i < own->strong_count; i++)
        error = names_find(view->vault, view->txn, own->strong[i].node, view->fresh, &all[i + 1]);
    return error;
}

static int look_at_names(struct looking *own)
{
    struct names all[STRONG_MAX + 1];
    unsigned count = own->strong_count + 1;
    int error = gather_names(own, all);
    bool several = !error && names_are_several(&all[0]);
    for (unsigned i = 0; !error && i < count; i++)
        for (unsigned k = 0; !several && k < i; k++)
            several = names_differ(&all[i], &all[k]);
    for (unsigned i = 0; i < count; i++)
        names_wipe(&all[i]);
    own->reason = several ? BUSY_NAMES : BUSY_NOT;
    return error;
}

/* -- when they had it -- */

/* In the gateway's order and by the events' own times: what is imported later tells of earlier. */
static bool is_before(const struct link *one, const struct link *other)
{
    return one->evidence < other->evidence && one->event_ms < other->event_ms;
}

int busy_numbers(const struct busy_view *view, uint32_t node, unsigned kind, struct buffer *numbers)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(view->txn, node, &scan);
    uint32_t other;
    struct link link;
    unsigned count = 0;
    while (!error && count < NUMBERS_OF_ONE + 2 && identity_store_next_neighbour(scan, &other)) {
        if (view->kind_of(view->self, other) != kind)
            continue;
        if (!find_link(view, node, other, &link))
            return store_fail(view->txn, -QY_ECORRUPT);
        if (!link.has_evidence)
            continue;
        buffer_append(numbers, &other, sizeof(other));
        count++;
    }
    if (!error)
        error = buffer_error(numbers);
    return error ? error : store_error(view->txn);
}

/* Whether it was seen with more than one person has. */
static bool has_many(const struct looking *own, uint32_t node, struct buffer *numbers)
{
    const struct busy_view *view = own->view;
    buffer_clear(numbers);
    return busy_numbers(view, node, view->kind_of(view->self, own->node), numbers) ||
           numbers->size / sizeof(uint32_t) > NUMBERS_OF_ONE;
}

/* Another number of one who had this one. */
struct other_number {
    const struct tie *owner;
    struct tie number;
};

/* `tie` is that of somebody with the number at hand. */
static bool is_outside(const struct other_number *other, const struct link *link)
{
    const struct link *had = &other->owner->link, *has = &other->number.link;
    if (is_before(has, had))
        return is_before(link, had); /* the other number was there first */
    return is_before(had, has) && is_before(has, link) && link->verified;
}

static bool has_number(const struct looking *own, uint32_t node, const struct other_number *other)
{
    struct link link;
    return find_link(own->view, node, other->number.node, &link) && link.has_evidence;
}

static bool is_handed_on(
    const struct looking *own, uint32_t node, const struct link *link, const struct buffer *numbers)
{
    _cleanup_(buffer_free) struct buffer room = BUFFER_INIT;
    const struct other_number *others = (const struct other_number *)(const void *)numbers->data;
    for (size_t i = 0; i < numbers->size / sizeof(*others); i++)
        if (node != others[i].owner->node && is_outside(&others[i], link) &&
            !has_number(own, node, &others[i]))
            return !has_many(own, node, &room);
    return false;
}

static int gather_numbers(const struct looking *own, const struct tie *owner, struct buffer *numbers)
{
    const struct busy_view *view = own->view;
    _cleanup_(buffer_free) struct buffer all = BUFFER_INIT;
    bool many = has_many(own, owner->node, &all);
    const uint32_t *nodes = (const uint32_t *)(const void *)all.data;
    for (size_t i = 0; !many && i < all.size / sizeof(*nodes); i++) {
        struct other_number one = {.owner = owner, .number = {.node = nodes[i]}};
        if (nodes[i] == own->node)
            continue;
        if (!find_link(view, owner->node, nodes[i], &one.number.link))
            return store_fail(view->txn, -QY_ECORRUPT);
        if (one.number.link.verified)
            buffer_append(numbers, &one, sizeof(one));
    }
    return buffer_error(numbers) ? buffer_error(numbers) : store_error(view->txn);
}

static int look_at_times(struct looking *own)
{
    const struct busy_view *view = own->view;
    _cleanup_(buffer_free) struct buffer numbers = BUFFER_INIT;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    unsigned kind = view->kind_of(view->self, own->node);
    uint32_t other;
    struct link link;
    int error = 0;
    for (unsigned i = 0; !error && i < own->strong_count; i++)
        error = gather_numbers(own, &own->strong[i], &numbers);
    if (!error && numbers.size > 0)
        error = identity_store_scan_neighbours(view->txn, own->node, &scan);
    while (!error && scan && !own->reason &&
           identity_store_next_link_of(view->txn, scan, own->node, &other, &link)) {
        if (view->reweigh)
            view->reweigh(view->reweigh_self, own->node, other, &link);
        if (link.has_evidence && view->kind_of(view->self, other) != kind &&
            is_handed_on(own, other, &link, &numbers))
            own->reason = BUSY_HANDED_ON;
    }
    return error ? error : store_error(view->txn);
}

int busy_find(const struct busy_view *view, uint32_t node, enum busy_reason *ret_reason)
{
    struct looking own = {
        .view = view, .node = node, .rule = &view->rules->kinds[view->kind_of(view->self, node)]};
    int error = busy_asks(own.rule) ? look_at_links(&own) : 0;
    if (!error && !own.reason && own.rule->one_name)
        error = look_at_names(&own);
    if (!error && !own.reason && own.rule->handed_on && own.strong_count > 0)
        error = look_at_times(&own);
    *ret_reason = own.reason;
    return error;
}
