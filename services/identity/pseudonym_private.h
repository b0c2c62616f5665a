/* SPDX-License-Identifier: Apache-2.0 */
/* Between pseudonym.c (which picks the parts of an event) and scrub.c (which writes JSON without what is
 * personal). */
#ifndef QY_IDENTITY_PSEUDONYM_PRIVATE_H
#define QY_IDENTITY_PSEUDONYM_PRIVATE_H

#include "common/json_check.h"
#include "services/identity/pseudonym.h"

/* The gateway takes nothing that is nested deeper; what is, is dropped. */
#define SCRUB_DEPTH_MAX JSON_DEPTH_MAX

struct pseudonymiser {
    const struct vault *vault;
    struct key_cache *keys;
    const struct event *event;
    struct personal personal;
    personal_recall_fn *recall; /* what is stored; NULL: nothing is */
    void *recall_self;
};

/* Whose "name" a bare name is. */
enum named {
    NAMED_UNSURE, /* a product's where a price or a code stands beside it, else a person's */
    NAMED_PERSON,
    NAMED_THING,
};

/* What the name of a member says, where it stands. */
struct member {
    enum key_class class; /* KEY_BARE_NAME is resolved to KEY_NAME or KEY_PLAIN */
    enum key_looks looks;
    enum named below; /* whose bare names below it are */
    bool is_part;     /* perhaps of a number that is divided */
    const struct kind *kind;
};
/* An object, and what is found out about it once, for all of its members. */
struct surroundings {
    yyjson_val *object;
    enum named named;
    bool looked, product;
};
struct member scrub_look(struct pseudonymiser *pseudonymiser, struct surroundings *around, yyjson_val *key);

/* Appends the value without what is personal. False: all of it is, and `out` is as it was. */
bool scrub_value(struct pseudonymiser *pseudonymiser, enum key_class class, yyjson_val *value,
    enum named named, unsigned depth, struct buffer *out);
/* Appends `"key":value`, with a comma before it unless `out` ends with the opening bracket. */
bool scrub_member(struct pseudonymiser *pseudonymiser, yyjson_val *key, const struct member *member,
    unsigned depth, struct buffer *out);
/* Adds the personal values at and below `value`. */
void scrub_gather(struct pseudonymiser *pseudonymiser, enum key_class class, yyjson_val *value,
    enum named named, unsigned depth, const struct gathering *gathering);

#endif
