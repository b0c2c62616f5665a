/* SPDX-License-Identifier: Apache-2.0 */
/* What the graph goes by: which identifiers join people, how many of a kind one person has, what counts as verified, and who
 * may say so. Kinds are named by their numbers, which never change. */
#ifndef QY_IDENTITY_RULES_H
#define QY_IDENTITY_RULES_H

#include "common/buffer.h"
#include "services/identity/blocklist.h"
#include "services/identity/identifier.h"

#include <yyjson.h>

#define RULE_SOURCES_MAX 64
#define RULE_SOURCE_BYTES 65
#define IDENTIFIERS_OF_PERSON 1000 /* where nothing is said */

/* When an identifier of a kind counts as verified, in an event of a source that may verify. */
enum verification {
    VERIFICATION_NEVER,
    VERIFICATION_STATED, /* where the event says so: context.verified, or `verified` of an external id */
    VERIFICATION_ISSUED, /* always: the brand or a platform gave it */
};

/* Of how many of a kind one person has: ever, and that come within any so many days of event time. */
enum limit_span { LIMIT_EVER, LIMIT_MONTH, LIMIT_WEEK, LIMIT_COUNT };
extern const unsigned limit_days[LIMIT_COUNT]; /* 0: ever */

struct kind_rule {
    uint8_t strength; /* 0 is the strongest; KINDS_MAX: not configured */
    bool joins;
    uint8_t verification;
    uint16_t limits[LIMIT_COUNT]; /* 0: any number */
    uint16_t
        busy_after; /* seen with more than so many of one stronger kind it is busy, and joins nothing; 0: never */
    bool one_owner; /* verified with two of one stronger kind it is several people's, and as busy */
    bool
        one_name; /* so it is where two names were stated with it, or with stronger ones that it was verified with */
    bool
        handed_on; /* so it is where somebody was seen with it outside of the time for which another one had it (busy.h) */
};

struct source_rule {
    char name[RULE_SOURCE_BYTES]; /* context.source */
    bool joins;
    bool verifies;
};

struct identity_rules {
    uint64_t version;                      /* 0: the defaults, which nobody has changed */
    struct kind_rule kinds[KINDS_MAX + 1]; /* by number */
    uint32_t identifiers_max;              /* of one person */
    unsigned source_count;
    struct source_rule sources[RULE_SOURCES_MAX];
    struct blocklist *blocked; /* NULL: none but the defaults */
};

/* The defaults, for the kinds that there are. */
void rules_reset(struct identity_rules *rules, const struct kinds *kinds);
/* Gives kinds of digests the rules that follow from those of what they are digests of, and a place among the others, whose strengths are
 * their places without them. */
void rules_follow(struct identity_rules *rules, const struct kinds *kinds);
void rules_free(struct identity_rules *rules); /* for _cleanup_ */

/* rules_json.c */
struct rules_problem {
    char field[64]; /* "kinds/2/limit" */
    char detail[160];
};
/* Reads the document in which HQ states them. Kinds that are new are added to `kinds`; those that are there must all be named where
 * `whole` is asked for, and else go behind the others with the defaults; of digests nothing is stated (rules_follow()). -QY_EINVAL with what is wrong; -QY_ENOMEM. */
int rules_read(yyjson_val *document, bool whole, struct kinds *kinds, struct identity_rules *ret_rules,
    struct rules_problem *ret_problem);
/* The same document. */
void rules_write(const struct identity_rules *rules, const struct kinds *kinds, struct buffer *out);
/* What holds for a source; NULL or unknown ones may all. */
struct source_rule rules_source(const struct identity_rules *rules, const char *name, size_t size);
/* Whether it verifies an identifier that somebody's event carries who may verify (`trusted`), and perhaps says so (`stated`). */
bool rules_verify(const struct kind_rule *rule, bool trusted, bool stated);
/* The same, of a node by its flags. */
bool rules_verify_node(const struct kind_rule *rule, unsigned flags);
/* Whether a kind has a limit within days: times matter then. */
bool rules_has_window(const struct kind_rule *rule);

/* rules_store.c: what is kept of them, and how far a change has come. */
struct store_txn;
/* Those that hold. -QY_ECORRUPT. */
int rules_load(struct store_txn *txn, const struct kinds *kinds, struct identity_rules *ret_rules);
void rules_save(struct store_txn *txn, const struct kinds *kinds, const struct identity_rules *rules);

enum sweep_phase { SWEEP_NONE, SWEEP_FLAGS, SWEEP_PERSONS, SWEEP_EVIDENCE };
struct sweep_place {
    enum sweep_phase phase;
    uint64_t next; /* node, or offset of an event */
    bool events;   /* they are asked again first */
};
/* How far it has come, of how much. */
struct identity_counters;
void sweep_progress(const struct sweep_place *place, const struct identity_counters *counters,
    uint64_t *ret_done, uint64_t *ret_all);
void sweep_load(struct store_txn *txn, struct sweep_place *ret_place);
void sweep_save(struct store_txn *txn, const struct sweep_place *place);

#endif
