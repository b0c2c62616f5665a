/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/reweighed.h"

#include "common/table_memory.h"
#include "services/identity/reverify.h"
#include "services/identity/span_store.h"

#include <stdlib.h>

#define SLOTS_MIN 4096u
#define WORTH_BITS 2

struct slot {
    uint64_t pair;  /* the lower node above; 0: free */
    uint64_t shown; /* the event's offset, and below it what it is worth */
    int64_t event_ms;
};

struct reweighed {
    const struct identity_rules *rules;
    bool asked[KINDS_MAX + 1]; /* kinds that something else verifies */
    uint64_t next;             /* offset of an event */
    struct slot *slots;
    uint64_t slot_count, used;
};

static size_t bytes_of(const struct reweighed *own)
{
    return own->slot_count * sizeof(struct slot);
}

int reweighed_open(
    const struct identity_rules *former, const struct identity_rules *rules, struct reweighed **ret_reweighed)
{
    struct reweighed *own = calloc(1, sizeof(*own));
    if (!own)
        return -QY_ENOMEM;
    own->rules = rules;
    for (unsigned kind = 0; kind <= KINDS_MAX; kind++)
        own->asked[kind] = former->kinds[kind].verification != rules->kinds[kind].verification;
    own->slot_count = SLOTS_MIN;
    own->slots = table_memory_take(bytes_of(own));
    if (!own->slots)
        reweighed_close(&own);
    *ret_reweighed = own;
    return own ? 0 : -QY_ENOMEM;
}

void reweighed_close(struct reweighed **reweighed)
{
    if (!*reweighed)
        return;
    table_memory_free((*reweighed)->slots, bytes_of(*reweighed));
    free(*reweighed);
    *reweighed = NULL;
}

/* -- the table -- */

static uint64_t pair_of(uint32_t node, uint32_t other)
{
    return node < other ? (uint64_t)node << 32 | other : (uint64_t)other << 32 | node;
}

static struct slot *find(const struct reweighed *own, uint64_t pair)
{
    uint64_t hash = pair * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t place = ((hash >> 32) * own->slot_count) >> 32;
    while (own->slots[place].pair && own->slots[place].pair != pair)
        place = place + 1 == own->slot_count ? 0 : place + 1;
    return &own->slots[place];
}

static int grow(struct reweighed *own)
{
    struct reweighed larger = *own;
    larger.slot_count = own->slot_count + own->slot_count / 2;
    larger.slots = table_memory_take(bytes_of(&larger));
    if (!larger.slots)
        return -QY_ENOMEM;
    for (uint64_t i = 0; i < own->slot_count; i++)
        if (own->slots[i].pair)
            *find(&larger, own->slots[i].pair) = own->slots[i];
    table_memory_free(own->slots, bytes_of(own));
    *own = larger;
    return 0;
}

/* Events come in their order: of what is worth as much the first one stays. */
static int show(struct reweighed *own, uint64_t pair, enum worth worth, const struct evidence *evidence)
{
    int error = own->used >= own->slot_count / 4 * 3 ? grow(own) : 0;
    struct slot *slot = error ? NULL : find(own, pair);
    if (error || (slot->pair && (slot->shown & ((1u << WORTH_BITS) - 1)) >= worth))
        return error;
    own->used += slot->pair == 0;
    *slot = (struct slot){pair, evidence->offset << WORTH_BITS | worth, evidence->event_ms};
    return 0;
}

/* -- events -- */

/* Each with whoever has what it shows, and what follows of it. */
static bool take_items(struct reweighed *own, struct store_txn *txn, struct evidence *evidence, bool *asked)
{
    for (unsigned i = 0; i < evidence->count; i++) {
        struct node_place place;
        uint32_t *node = &evidence->items[i].node;
        if (!identity_store_place(txn, *node, &place))
            return false;
        evidence->items[i].verified = rules_verify(
            &own->rules->kinds[place.kind], evidence->items[i].trusted, evidence->items[i].stated);
        if (place.flags & (NODE_SAME | NODE_SPANNED))
            *node = identity_store_carried(txn, *node, evidence->event_ms);
        asked[i] = own->asked[place.kind];
    }
    return true;
}

/* Two forms of one identifier are as good as the better one of them. */
static void merge_items(struct evidence *evidence, bool *asked)
{
    for (unsigned i = 0; i < evidence->count; i++)
        for (unsigned k = 0; k < evidence->count; k++)
            if (evidence->items[i].node == evidence->items[k].node && evidence->items[i].verified) {
                evidence->items[k].verified = true;
                asked[k] |= asked[i];
            }
}

static int take_event(struct reweighed *own, struct store_txn *txn, struct evidence *evidence)
{
    bool asked[IDENTIFIERS_MAX];
    int error = 0;
    if (evidence->withdrawn || evidence->count < 2 || !take_items(own, txn, evidence, asked))
        return store_error(txn);
    merge_items(evidence, asked);
    for (unsigned i = 0; i < evidence->count; i++)
        for (unsigned k = 0; !error && k < i; k++) {
            uint32_t node = evidence->items[i].node, other = evidence->items[k].node;
            if (node != other && (asked[i] || asked[k]))
                error = show(own, pair_of(node, other), evidence_worth(evidence, i, k), evidence);
        }
    return error;
}

int reweighed_read(struct reweighed *reweighed, struct store_txn *txn, unsigned events, bool *ret_more)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct evidence evidence;
    int error = identity_store_scan_evidence(txn, reweighed->next, &scan);
    unsigned count = 0;
    while (!error && count < events && identity_store_next_evidence(txn, scan, &evidence)) {
        reweighed->next = evidence.offset + 1;
        error = take_event(reweighed, txn, &evidence);
        count++;
    }
    *ret_more = count == events;
    return error ? error : store_error(txn);
}

void reweighed_look(const struct reweighed *reweighed, uint32_t node, uint32_t other, struct link *link)
{
    const struct slot *slot = find(reweighed, pair_of(node, other));
    if (!slot->pair || !link->has_evidence || link->evidence >= reweighed->next)
        return;
    enum worth worth = (enum worth)(slot->shown & ((1u << WORTH_BITS) - 1));
    link->evidence = slot->shown >> WORTH_BITS;
    link->event_ms = slot->event_ms;
    link->verified = worth >= WORTH_VERIFIED;
    link->alias = worth == WORTH_ALIAS;
}
