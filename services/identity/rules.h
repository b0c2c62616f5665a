/* SPDX-License-Identifier: Apache-2.0 */
/* What the graph goes by: which identifiers join people, how many of a kind one person has, what counts as verified, and who
 * may say so. Kinds are named by their numbers, which never change. */
#ifndef QY_IDENTITY_RULES_H
#define QY_IDENTITY_RULES_H

#include "common/buffer.h"
#include "services/identity/identifier.h"

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
    bool joins;
    uint8_t verification;
    uint16_t limits[LIMIT_COUNT]; /* 0: any number */
    uint16_t
        busy_after; /* seen with more than so many of one stronger kind it is busy, and joins nothing; 0: never */
    bool one_owner; /* verified with two of one stronger kind it is several people's, and as busy */
};

struct source_rule {
    char name[RULE_SOURCE_BYTES]; /* context.source */
    bool joins;
    bool verifies;
};

struct identity_rules {
    struct kind_rule kinds[KINDS_MAX + 1]; /* by number */
    uint32_t identifiers_max;              /* of one person */
    unsigned source_count;
    struct source_rule sources[RULE_SOURCES_MAX];
};

/* The defaults, for the kinds that there are. */
void rules_reset(struct identity_rules *rules, const struct kinds *kinds);
/* What holds for a source; NULL or unknown ones may all. */
struct source_rule rules_source(const struct identity_rules *rules, const char *name, size_t size);
/* Whether a kind has a limit within days: times matter then. */
bool rules_has_window(const struct kind_rule *rule);

#endif
