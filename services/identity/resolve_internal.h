/* SPDX-License-Identifier: Apache-2.0 */
/* One event's identifiers while it is looked at what they change. */
#ifndef QY_IDENTITY_RESOLVE_INTERNAL_H
#define QY_IDENTITY_RESOLVE_INTERNAL_H

#include "services/identity/graph_internal.h"

struct found {
    uint32_t node; /* 0: not there yet */
    uint32_t person;
    bool is_new; /* made for this event: not in the store yet */
    bool verified;
    const struct identifier *identifier;
    const struct kind *kind;
    uint8_t hash[VAULT_HASH_BYTES];
};

struct resolving {
    struct graph *graph;
    struct batch *batch;
    const struct sighting *sighting;
    struct found found[IDENTIFIERS_MAX];
    unsigned count;
    unsigned lead; /* the strongest that is somebody's: the event is attributed to it */
    struct person_group parties[IDENTIFIERS_MAX]; /* the persons that it is about */
    unsigned party_count;
    struct {
        uint32_t from, to;
    } unions[IDENTIFIERS_MAX]; /* of persons; nobody has moved yet */
    unsigned union_count;
    bool joins;     /* the source may */
    bool unsettled; /* it may change what other links are worth */
    bool moved;
};

/* resolve_find.c: the usable ones, the strongest first, and which of them the event is attributed to; none where all are nobody's. Marks
 * those that are blocked. */
void resolving_find(struct resolving *own, struct identifiers *identifiers);
const struct kind_rule *found_rule(const struct resolving *own, const struct found *found);
unsigned found_flags(const struct resolving *own, const struct found *found);
uint8_t found_strength(const struct resolving *own, const struct found *found);
bool found_is_nobodys(const struct resolving *own, const struct found *found);

#endif
