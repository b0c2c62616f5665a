/* SPDX-License-Identifier: Apache-2.0 */
/* May two groups of identifiers be one person? What of a group decides it, and the rules by which. */
#ifndef QY_IDENTITY_ADMISSION_H
#define QY_IDENTITY_ADMISSION_H

#include "services/identity/rules.h"

/* How much a link counts for: evidence is taken in this order, and within a rank in the gateway's. Two that are the same are one
 * person whatever else holds. */
enum rank { RANK_SAME, RANK_HAND, RANK_VERIFIED, RANK_CLAIMED };

/* Of the identifiers that are one person so far, by kind. */
struct group {
    uint32_t total;
    uint16_t counts[KINDS_MAX + 1];
    uint16_t verified[KINDS_MAX + 1];
};
void group_add(struct group *group, unsigned kind, bool verified);
void group_merge(struct group *group, const struct group *other);
/* Whether of some kind more than one is verified. */
bool group_repeats_verified(const struct group *group);

enum refusal {
    REFUSED_NOT,
    REFUSED_LIMIT,   /* of one kind there would be too many */
    REFUSED_WINDOW,  /* too many of one kind within a month or a week */
    REFUSED_CLAIMED, /* each has a verified one of a kind, and the link is only claimed */
    REFUSED_APART,   /* somebody said that they are two */
    REFUSED_SIZE,    /* too many identifiers in all */
    REFUSED_COUNT
};
/* "limit", …; static storage. */
const char *refusal_name(enum refusal refusal);

struct verdict {
    enum refusal refusal;
    uint8_t kind; /* whose limit, or of which each has a verified one; 0: of none */
};

/* All but windows and what was said by hand. `alias_kind`: the link says that two of this kind are one name's old and new
 * form, so that its limit does not hold; 0: none. */
struct verdict admission_check(const struct identity_rules *rules, const struct group *one,
    const struct group *other, enum rank rank, unsigned alias_kind);
/* `times` of one kind (milliseconds; they get sorted) against the rule's windows. */
bool admission_fits_windows(const struct kind_rule *rule, int64_t *times, size_t count);

#endif
