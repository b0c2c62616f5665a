/* SPDX-License-Identifier: Apache-2.0 */
/* Whose people somebody is: a home unit and, where there is one, a guide, who alone has the person.
 *
 * What a person's binding is follows from facts alone, taken in the order of their moments:
 * - contacts: events of the person's nodes that bear a unit or a member of staff, imported ones too, each by its own
 *   time; a purchase is a contact by EVENT_ORDER;
 * - what was set by hand, kept with the node that founded the One ID which was used;
 * - what the organisation was at that moment (who had left, which unit had been removed), and which rules held then.
 * So folding all facts anew, after a join, a split or a late event, gives what folding them as they came gives.
 *
 * One fact changes a binding so:
 * - A unit that had been removed stands for the next one above it; a member of staff who had left for nobody.
 * - Who has no home unit gets the contact's unit; who has no guide gets the contact's member of staff. Where the rules say
 *   "purchase", only a purchase does that.
 * - Where the rules say that a purchase outranks, the first purchase with a unit (a member of staff) takes the place of a home
 *   unit (a guide) that a mere contact had given.
 * - Any other purchase in a unit that is not the home unit does what the rules say: nothing, or the home unit becomes
 *   that unit, or that and the guide becomes the purchase's member of staff (nobody where it bears none).
 * - By hand both are set to what was said, also to no guide.
 * In between, time goes on:
 * - The guide who has had no contact with the person for as long as the rules say is the person's guide no longer.
 * - The guide who leaves is not shown and guides nobody; the number is kept (vacant) until somebody else comes, so that
 *   those who need someone new can be listed.
 * - A home unit that is removed becomes the one above it. */
#ifndef QY_TAGGING_BINDING_H
#define QY_TAGGING_BINDING_H

#include "common/buffer.h"
#include "services/tagging/organisation.h"

/* Why a binding is as it is. */
enum binding_cause {
    BINDING_NONE,
    BINDING_CONTACT,
    BINDING_PURCHASE,
    BINDING_EXPIRY,
    BINDING_HAND,
    BINDING_TRANSFER,
    BINDING_HANDOVER,
    BINDING_JOIN, /* a fact of somebody who has turned out to be this person */
    BINDING_LEAVING,
    BINDING_REMOVAL,
    BINDING_CAUSES
};
const char *binding_cause_name(enum binding_cause cause);

enum binding_rank { RANK_NONE, RANK_CONTACT, RANK_PURCHASE, RANK_HAND };

struct binding {
    uint32_t unit;  /* 0: none */
    uint32_t guide; /* 0: none */
    bool vacant;    /* the guide has left, and nobody has come since */
    enum binding_rank unit_rank, guide_rank;
    struct moment unit_since, guide_since;
    int64_t touched_ms; /* the guide's last contact */
    struct moment
        last; /* of the facts that are folded, and of what time has changed; MOMENT_FIRST: nothing has */
};
/* Of somebody of whom no fact is known. */
static inline struct binding binding_none(void)
{
    return (struct binding){.last = MOMENT_FIRST};
}

static inline uint32_t binding_guide(const struct binding *binding)
{
    return binding->vacant ? 0 : binding->guide;
}

/* A contact or a purchase, or what was set by hand. */
struct binding_fact {
    struct moment at; /* with a step: by hand */
    uint32_t unit, guide;
    uint32_t person; /* whom the node was then */
    enum binding_cause cause;
};

enum elsewhere { ELSEWHERE_KEEP, ELSEWHERE_MOVE_UNIT, ELSEWHERE_MOVE_BOTH, ELSEWHERE_COUNT };

/* What holds from a moment until the next ones do. */
struct binding_rules {
    uint64_t version;
    struct moment since; /* of the first: before all */
    bool unit_by_purchase, guide_by_purchase;
    bool purchase_outranks;
    enum elsewhere elsewhere; /* what a purchase in another unit changes */
    int64_t guide_keeps_ms;   /* without contact; 0: for ever */
};
#define BINDING_RULES_MAX 500u /* then the oldest are forgotten, and the next ones hold for their time too */

struct rule_book {
    struct binding_rules *versions; /* in order; never empty */
    size_t count;
};

/* All that a fold looks at. */
struct binding_laws {
    struct store_txn *txn; /* for the organisation */
    const struct rule_book *book;
};

/* One change, as history shows it. */
struct binding_change {
    int64_t from_ms;
    uint32_t unit, guide;
    enum binding_cause cause;
};
struct binding_log {
    struct arena *arena;
    uint32_t person; /* facts of others are told as joins */
    struct binding_change *changes;
    size_t count, capacity;
    bool failed; /* memory is out */
};

/* Facts in their order; time goes on up to each. `log` may be NULL. */
void binding_fold(struct binding *binding, const struct binding_laws *laws, const struct binding_fact *fact,
    struct binding_log *log);
/* Time goes on up to `until`. */
void binding_pass(
    struct binding *binding, const struct binding_laws *laws, struct moment until, struct binding_log *log);
/* When time alone changes it next, as things stand; INT64_MAX: never. */
int64_t binding_due(const struct binding *binding, const struct binding_laws *laws);
/* Orders facts. */
int binding_fact_compare(const void *a, const void *b);
/* Whether a fact comes after all that is folded: else all must be folded anew. */
static inline bool binding_is_next(const struct binding *binding, const struct binding_fact *fact)
{
    return moment_is_after(fact->at, binding->last);
}

const struct binding_rules *rule_book_at(const struct rule_book *book, struct moment at);
static inline const struct binding_rules *rule_book_last(const struct rule_book *book)
{
    return &book->versions[book->count - 1];
}
/* The standard ones where there is no row yet. The arena's. */
int rule_book_read(struct store_txn *txn, struct arena *arena, struct rule_book *ret_book);
/* Adds a version, and writes all. Into the arena. */
int rule_book_add(
    struct store_txn *txn, struct arena *arena, struct rule_book *book, const struct binding_rules *rules);

#endif
