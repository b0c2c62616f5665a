/* SPDX-License-Identifier: Apache-2.0 */
/* What the name of a JSON member says about its value. */
#ifndef QY_IDENTITY_KEYWORD_H
#define QY_IDENTITY_KEYWORD_H

#include "common/key_class.h"

struct kind;
struct kinds;

/* A member's name as a text that may be personal itself. */
enum key_looks {
    KEY_LOOKS_PLAIN,
    KEY_LOOKS_PERSONAL, /* a number or an address, whoever's */
    KEY_LOOKS_ODD,      /* may be one of the person's values in another form: looked at as a value is */
};

/* What else is known of a name. */
struct key_info {
    enum key_class class;
    enum key_looks looks;
    bool is_thing;           /* objects below it are things: their names are no person's */
    bool is_amounts;         /* below it there are amounts */
    bool is_part;            /* of a number that is divided */
    const struct kind *kind; /* as a trait, it is an identifier of this kind; NULL */
};

/* Events bear the same names again and again: what was found out of one is kept. One thread. */
struct key_cache;
int key_cache_open(const struct kinds *kinds, struct key_cache **ret_cache);
void key_cache_close(struct key_cache **cache);
/* There are other kinds now. */
void key_cache_clear(struct key_cache *cache);
/* Valid until the next call. */
const struct key_info *key_info(struct key_cache *cache, const char *key, size_t size);

#endif
