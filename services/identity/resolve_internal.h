/* SPDX-License-Identifier: Apache-2.0 */
/* One event's identifiers while it is looked at what they change. */
#ifndef QY_IDENTITY_RESOLVE_INTERNAL_H
#define QY_IDENTITY_RESOLVE_INTERNAL_H

#include "services/identity/same.h"

struct found {
    uint32_t node;  /* 0: not there yet */
    uint32_t first; /* the value's first node, where the event is of a later owner's time; else 0 */
    uint32_t person;
    bool is_new; /* made for this event: not in the store yet */
    bool verified;
    unsigned
        facts; /* NODE_TRUSTED and NODE_STATED, as far as the event tells them, and NODE_VERIFIED as it follows */
    struct identifier *identifier;
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
    struct carried carried[IDENTIFIERS_MAX]; /* the strongest first */
    unsigned carried_count;
    unsigned lead; /* the strongest of these that is somebody's: the event is attributed to it */
    struct person_group parties[IDENTIFIERS_MAX]; /* the persons that it is about */
    unsigned party_count;
    struct {
        uint32_t from, to;
    } unions[IDENTIFIERS_MAX]; /* of persons; nobody has moved yet */
    unsigned union_count;
    bool all_new;        /* resolving_is_new() */
    unsigned link_count; /* of the graph's new links */
    bool joins;          /* the source may */
    bool trusted;        /* it may verify, and say what somebody is called */
    uint64_t name;       /* the hash of what it says; 0: nothing */
    bool unsettled;      /* it may change what other links are worth */
    bool moved;
};

/* resolve_find.c: the usable ones, the strongest first, and which of them the event is attributed to; none where all are nobody's. Marks
 * those that are blocked. Digests of somebody who is known get their nodes, which emits NodeCreated and NodesMoved. */
int resolving_find(struct resolving *own, struct identifiers *identifiers);
/* Gives it a number, and after that a row; emits NodeCreated. */
int found_number(struct resolving *own, struct found *found);
int found_store(struct resolving *own, struct found *found);
const struct kind_rule *found_rule(const struct resolving *own, const struct found *found);
unsigned found_flags(const struct resolving *own, const struct found *found);
uint8_t found_strength(const struct resolving *own, const struct found *found);
bool found_is_nobodys(const struct resolving *own, const struct found *found);
/* Whether the event is kept as evidence: of several identifiers, or of one that may go to somebody else. */
bool resolving_is_kept(const struct resolving *own);

/* resolve_name.c: the name that the event states. True: it is new to some of the identifiers. */
bool resolving_name(struct resolving *own);
/* With whom it is new: those that have nodes by now. */
void resolving_note_name(struct resolving *own);
/* Keeps it, once these are in the store. */
int resolving_keep_name(struct resolving *own);

/* resolve_watch.c */
/* Sets flags, also of one that is new, and of its party. */
int resolving_set_flags(struct resolving *own, const struct found *found, unsigned flags);
/* Whoever may be busy, or is not any more, now that the event shows more of two identifiers, of which `one` is the stronger, than was
 * known. */
int resolving_watch_link(
    struct resolving *own, const struct found *one, const struct found *other, enum worth before);
/* The same, now that a name is new. */
int resolving_watch_name(struct resolving *own);
/* Nothing of the event was seen before, and it is too little for anybody to be looked at for it: its links are not read before it is
 * through, and are put all together. */
bool resolving_is_new(const struct resolving *own);
struct person_group *resolving_party(struct resolving *own, const struct found *found);

#endif
