/* SPDX-License-Identifier: Apache-2.0 */
/* Between found.c (the nodes of an event's identifiers) and resolve.c (what the event says of them). */
#ifndef QY_IDENTITY_RESOLVING_H
#define QY_IDENTITY_RESOLVING_H

#include "services/identity/same.h"

/* An identifier of the event, and its node. */
struct found {
    uint32_t node; /* 0: not there yet */
    uint32_t person;
    bool is_new; /* made for this event: not in the store yet */
    bool verified;
    const struct identifier *identifier;
    const struct kind *kind;
    uint8_t hash[VAULT_HASH_BYTES];
};

/* What of the event goes on: its own identifiers, so that it makes no difference when a digest was found to be somebody's. */
struct carried {
    uint32_t digest; /* its node, where the one that stands for it was found; 0: the found one is meant */
    unsigned found;  /* index */
};

struct resolving {
    struct graph *graph;
    struct batch *batch;
    const struct sighting *sighting;
    struct found found[IDENTIFIERS_MAX];
    unsigned count;
    struct carried carried[IDENTIFIERS_MAX];
    unsigned carried_count;
    struct person_group parties[IDENTIFIERS_MAX]; /* the persons that it is about */
    unsigned party_count;
    bool joins;     /* the source may */
    bool unsettled; /* it may change what other links are worth */
    bool moved;
};

static inline const struct kind_rule *rule_of(const struct resolving *own, const struct found *found)
{
    return &own->graph->rules.kinds[found->kind->number];
}

static inline unsigned flags_of(const struct resolving *own, const struct found *found)
{
    return node_index_flags(own->graph->index, found->node);
}

/* The usable ones, the strongest first. */
int found_gather(struct resolving *own, const struct identifiers *identifiers);
/* Gives it a number, and after that a row. */
int found_number(struct resolving *own, struct found *found);
int found_store(struct resolving *own, struct found *found);

#endif
