/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/binding.h"

#include <string.h>

const char *binding_cause_name(enum binding_cause cause)
{
    static const char *const names[BINDING_CAUSES] = {
        "", "contact", "purchase", "expiry", "hand", "transfer", "handover", "join", "leaving", "removal"};
    return (unsigned)cause < BINDING_CAUSES ? names[cause] : "";
}

int binding_fact_compare(const void *a, const void *b)
{
    const struct binding_fact *left = a, *right = b;
    return moment_is_after(left->at, right->at) ? 1 : moment_is_after(right->at, left->at) ? -1 : 0;
}

const struct binding_rules *rule_book_at(const struct rule_book *book, struct moment at)
{
    size_t place = book->count - 1;
    while (place > 0 && !moment_is_after(at, book->versions[place].since))
        place--;
    return &book->versions[place];
}

/* -- what history shows -- */

static void note(
    struct binding_log *log, const struct binding *binding, int64_t from_ms, enum binding_cause cause)
{
    if (!log || log->failed)
        return;
    if (log->count > 0 && log->changes[log->count - 1].from_ms == from_ms)
        log->count--; /* it never held */
    if (log->count == log->capacity) {
        size_t capacity = log->capacity ? log->capacity * 2 : 16;
        struct binding_change *changes = arena_alloc(log->arena, capacity * sizeof(*changes));
        log->failed = !changes;
        if (!changes)
            return;
        if (log->count > 0)
            memcpy(changes, log->changes, log->count * sizeof(*changes));
        log->changes = changes;
        log->capacity = capacity;
    }
    log->changes[log->count++] =
        (struct binding_change){from_ms, binding->unit, binding_guide(binding), cause};
}

/* -- time -- */

/* When the guide has kept the person without contact for too long, by the rules of each time. */
static struct moment expiry(const struct binding *binding, const struct rule_book *book)
{
    for (size_t i = 0; i < book->count; i++) {
        const struct binding_rules *rules = &book->versions[i];
        if (rules->guide_keeps_ms == 0)
            continue;
        struct moment due = {binding->touched_ms + rules->guide_keeps_ms, 0, 0};
        if (moment_is_after(rules->since, due))
            due = rules->since;
        if (i + 1 == book->count || moment_is_after(book->versions[i + 1].since, due))
            return due;
    }
    return MOMENT_NEVER;
}

static void pass_to(struct binding *binding, struct moment at)
{
    if (moment_is_after(at, binding->last))
        binding->last = at;
}

static void end_guide(struct binding *binding, struct moment at, bool leaves, struct binding_log *log)
{
    binding->vacant = leaves;
    binding->guide_rank = RANK_NONE;
    binding->guide_since = at;
    if (!leaves)
        binding->guide = 0;
    pass_to(binding, at);
    note(log, binding, at.ms, leaves ? BINDING_LEAVING : BINDING_EXPIRY);
}

static bool is_removed(
    const struct binding_laws *laws, uint32_t unit, struct moment until, struct unit_row *ret_row)
{
    return organisation_unit(laws->txn, unit, ret_row) && ret_row->removed &&
           !moment_is_after(ret_row->removed_at, until);
}

static void pass_unit(
    struct binding *binding, const struct binding_laws *laws, struct moment until, struct binding_log *log)
{
    struct unit_row row;
    for (size_t depth = 0; depth < UNIT_DEPTH_MAX && is_removed(laws, binding->unit, until, &row); depth++) {
        if (moment_is_after(row.removed_at, binding->unit_since))
            binding->unit_since = row.removed_at;
        binding->unit = row.parent;
        pass_to(binding, binding->unit_since);
        note(log, binding, binding->unit_since.ms, BINDING_REMOVAL);
    }
}

void binding_pass(
    struct binding *binding, const struct binding_laws *laws, struct moment until, struct binding_log *log)
{
    if (binding_guide(binding)) {
        struct moment leaving = organisation_leaving(laws->txn, binding->guide, binding->guide_since);
        struct moment ends = expiry(binding, laws->book);
        bool leaves = !moment_is_after(leaving, ends);
        ends = leaves ? leaving : ends;
        if (!moment_is_after(ends, until)) {
            pass_unit(binding, laws, ends, log);
            end_guide(binding, ends, leaves, log);
        }
    }
    pass_unit(binding, laws, until, log);
}

int64_t binding_due(const struct binding *binding, const struct binding_laws *laws)
{
    return binding_guide(binding) ? expiry(binding, laws->book).ms : INT64_MAX;
}

/* -- facts -- */

static void set_unit(struct binding *binding, uint32_t unit, enum binding_rank rank, struct moment at)
{
    if (unit != binding->unit)
        binding->unit_since = at;
    binding->unit = unit;
    binding->unit_rank = rank;
}

static void set_guide(struct binding *binding, uint32_t guide, enum binding_rank rank, struct moment at)
{
    if (guide != binding_guide(binding))
        binding->guide_since = at;
    binding->guide = guide;
    binding->vacant = false;
    binding->guide_rank = guide ? rank : RANK_NONE;
    binding->touched_ms = at.ms;
}

/* The purchase moves what is not for it to found or to outrank. */
static void buy_elsewhere(struct binding *binding, const struct binding_rules *rules,
    const struct binding_fact *fact, bool guide_founded)
{
    set_unit(binding, fact->unit, RANK_PURCHASE, fact->at);
    if (rules->elsewhere == ELSEWHERE_MOVE_BOTH && !guide_founded)
        set_guide(binding, fact->guide, RANK_PURCHASE, fact->at);
}

/* Whether a contact gives what is not there, or takes the place of what a mere contact gave. */
static bool gives(
    const struct binding_rules *rules, bool by_purchase, bool purchase, uint32_t held, enum binding_rank rank)
{
    if (held == 0)
        return purchase || !by_purchase;
    return purchase && rules->purchase_outranks && rank == RANK_CONTACT;
}

static void meet(struct binding *binding, const struct binding_rules *rules, const struct binding_fact *fact)
{
    bool purchase = fact->cause == BINDING_PURCHASE;
    enum binding_rank rank = purchase ? RANK_PURCHASE : RANK_CONTACT;
    bool gives_unit =
        fact->unit && gives(rules, rules->unit_by_purchase, purchase, binding->unit, binding->unit_rank);
    bool gives_guide = fact->guide && gives(rules, rules->guide_by_purchase, purchase, binding_guide(binding),
                                          binding->guide_rank);
    bool elsewhere = purchase && rules->elsewhere != ELSEWHERE_KEEP && binding->unit && fact->unit &&
                     fact->unit != binding->unit && !gives_unit;
    if (fact->guide && fact->guide == binding_guide(binding))
        binding->touched_ms = fact->at.ms;
    if (gives_unit)
        set_unit(binding, fact->unit, rank, fact->at);
    if (gives_guide)
        set_guide(binding, fact->guide, rank, fact->at);
    if (elsewhere)
        buy_elsewhere(binding, rules, fact, gives_guide);
}

void binding_fold(struct binding *binding, const struct binding_laws *laws, const struct binding_fact *fact,
    struct binding_log *log)
{
    struct binding_fact meant = *fact;
    binding_pass(binding, laws, fact->at, log);
    uint32_t unit = binding->unit, guide = binding_guide(binding);
    if (fact->at.step == 0) {
        meant.unit = organisation_unit_at(laws->txn, fact->unit, fact->at);
        meant.guide = organisation_staff_at(laws->txn, fact->guide, fact->at) ? fact->guide : 0;
        meet(binding, rule_book_at(laws->book, fact->at), &meant);
    } else {
        set_unit(binding, fact->unit, RANK_HAND, fact->at);
        set_guide(binding, fact->guide, RANK_HAND, fact->at);
    }
    binding->last = fact->at;
    bool joined = log && fact->person != log->person;
    if (binding->unit != unit || binding_guide(binding) != guide)
        note(log, binding, fact->at.ms, joined ? BINDING_JOIN : fact->cause);
}
