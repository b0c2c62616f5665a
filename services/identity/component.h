/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who among identifiers that links connect: a pure function of the links and the rules, whenever and in whatever pieces
 * they came.
 *
 * Links are taken in the order in which they count (of the same, by hand, verified, claimed; each in the gateway's order); one that would
 * break a rule joins nothing. It is Kruskal's algorithm with conditions: what is admitted depends on what was before, so the
 * order is part of the rules. */
#ifndef QY_IDENTITY_COMPONENT_H
#define QY_IDENTITY_COMPONENT_H

#include "services/identity/admission.h"

struct component_node {
    uint32_t node;
    uint8_t kind;     /* its number */
    uint8_t strength; /* of the kind: 0 is the strongest */
    bool verified;
    bool same;        /* a digest of one that is known: counts for nothing, and follows it */
    int64_t first_ms; /* when it came, by event time; for windows */
    /* the outcome */
    uint32_t person; /* the lowest node of its part */
    bool refused;    /* some link of it was */
};

struct component_link {
    uint32_t low, high; /* indexes of nodes */
    enum rank rank;
    uint64_t order; /* within the rank: the evidence's offset, or the decision's number */
    uint8_t alias_kind;
    bool apart; /* says that the two are not one person; joins nothing */
    uint16_t
        strength; /* the solver's: of one event's links the stronger come first, then those whose stronger end came first */
    uint32_t strong, weak; /* the solver's: the ends again */
    /* the outcome; REFUSED_NOT as well where the two are one person by other links */
    struct verdict verdict;
};

/* `nodes` ascend by number; the links get sorted. -QY_ENOMEM. */
int component_solve(const struct identity_rules *rules, struct component_node *nodes, size_t node_count,
    struct component_link *links, size_t link_count);

#endif
